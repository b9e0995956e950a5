//! One facility's SS-MIX2 storages as a source of documents and patients: an index in memory that
//! follows the trees, originals streamed from disk, readable renditions made from them.

mod by_key;
mod content;
mod criteria;
mod discovery;
mod follow;
mod index;
mod kept;
mod patient;
mod quarantine;
mod related;
mod rendition;
mod retrieve;
mod settings;
mod source;
mod storage;
mod transactions;
mod watch;

#[cfg(test)]
mod tests;

pub use index::{Progress, RescanError};
pub use quarantine::{Quarantined, Report};
pub use settings::{CodeSetting, Settings};
pub use source::Ssmix2;
