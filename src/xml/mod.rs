//! Floor 1: elements. One bounded pull reader, small trees, one writer; nothing of the standards.

mod read;
mod tree;
mod write;

pub use read::{Attribute, Element, Event, Limits, Reader};
pub use tree::{Node, Tree};
pub use write::Writer;
