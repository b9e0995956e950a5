//! Floor 2: are two records one person? Fellegi-Sunter style points with hard vetoes (japan.md 2.2
//! to 2.4). Pure: no I/O, no clock. Keys made here are for comparing only, never shown or stored.

mod candidates;
mod decide;
mod fold;
mod keys;
mod score;

pub use candidates::{Blocks, candidates};
pub use decide::{AUTO_FROM, Graded, REVIEW_FROM, compare, grade};
pub use keys::Prepared;

#[cfg(test)]
mod tests;
