//! Documents: heads first, bodies later and in order, never whole in memory.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use super::{DocumentId, Finding, PassingHash, Subject};

/// Why a body ended before its end. The texts name no patient and no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// The source ended or failed.
    #[error("the source ended before the document did: {0}")]
    Broken(String),
    /// Consent was withdrawn while the document was running.
    #[error("consent was withdrawn")]
    Withdrawn,
    /// No byte for longer than the idle limit.
    #[error("no byte arrived within the idle limit")]
    Idle,
    /// More bytes than the cap.
    #[error("the document exceeds the cap of {0} bytes")]
    TooLarge(u64),
}

/// The bytes of a document.
pub type DocumentStream = Pin<Box<dyn Stream<Item = Result<Bytes, Interrupted>> + Send>>;

/// A document on its way: head known, body unread.
pub struct Document {
    /// What was asked for, echoed byte for byte.
    pub id: DocumentId,
    /// mimeType.
    pub media_type: String,
    /// Size in bytes where it is known before.
    pub size: Option<u64>,
    /// The body. Dropping it skips the rest.
    pub body: DocumentStream,
    /// What whoever hashes the body may take over and make along.
    pub passing: Option<PassingHash>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("id", &self.id).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Finding for Document {
    fn subject(&self) -> Subject<'_> {
        Subject::Document(&self.id)
    }
}
