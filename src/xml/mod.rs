//! Floor 1: elements. One bounded pull reader, one pass over plain markup that copies nothing, small
//! trees, one writer; nothing of the standards.

mod read;
mod scan;
mod tree;
mod write;

pub use read::{Attribute, Element, Event, Limits, Reader, WellFormed};
pub use scan::{NotPlain, PlainAttribute, RawValue, Scanner, Shapes, Tag, Token, Used, resolved};
pub use tree::{Node, Tree};
pub use write::Writer;
