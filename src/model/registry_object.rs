//! What a document query finds.

use super::{DocumentEntry, Finding, ObjectId, Subject, WireBytes};

/// A registry object.
// Nearly all of the thousands in an answer are entries: a box around each would cost an allocation
// and save nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone)]
pub enum RegistryObject {
    /// A document entry.
    Entry(DocumentEntry),
    /// A folder, submission set or association: withheld until the stored queries that return
    /// them are offered.
    Other {
        /// Its id.
        object: ObjectId,
        /// `rim:RegistryPackage`, `rim:Association`.
        element: String,
        /// As it came.
        encoded: WireBytes,
    },
}

impl RegistryObject {
    /// The document entry, where it is one.
    pub const fn entry(&self) -> Option<&DocumentEntry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Other { .. } => None,
        }
    }
}

impl Finding for RegistryObject {
    fn subject(&self) -> Subject<'_> {
        match self {
            Self::Entry(entry) => Subject::Entry(entry),
            Self::Other { .. } => Subject::Unknown,
        }
    }
}
