//! What the broker may know of anything found: whom it is about.

use super::{DocumentEntry, DocumentId, PatientId};

/// What a request or a finding is about (FHIR's sense of the word, not SAML's).
#[derive(Debug, Clone)]
pub enum Subject<'a> {
    /// Nobody in particular yet.
    Anyone,
    /// A document; policy looks its entry up among those of the permit.
    Document(&'a DocumentId),
    /// An entry.
    Entry(&'a DocumentEntry),
    /// A patient.
    Patient(&'a PatientId),
    /// Something the broker cannot judge; it is withheld.
    Unknown,
}

/// Anything that can be found and has to pass the filter.
pub trait Finding: Send + 'static {
    /// Whom or what it is about.
    fn subject(&self) -> Subject<'_>;
}
