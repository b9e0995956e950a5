//! MTOM/XOP packages (wire.md 4) as bounded-memory streams both ways.

mod head;
mod parts;
mod receive;
mod splitter;
mod under_way;
mod write;

pub use parts::Parts;
pub use receive::{Limits, Unreceived, receive, receive_any, receive_root};
pub use write::{Attachment, package};

#[cfg(test)]
mod bombs;
#[cfg(test)]
mod tests;
