//! Floor 2: are two records one person? Fellegi-Sunter style points with hard vetoes (japan.md 2.2
//! to 2.4). Pure: no I/O, no clock. Keys made here are for comparing only, never shown or stored.

mod address;
mod candidates;
mod decide;
mod fold;
mod keys;
mod names;
mod roman;
mod score;
mod shared;

pub use candidates::{Blocks, Postings};
pub use decide::{AUTO_FROM, Graded, REVIEW_FROM, compare, compare_among, grade, grade_answer};
pub use keys::{Prepared, ToldApart};
pub use shared::{Key, Shared};

#[cfg(test)]
pub(crate) mod tests;
