//! What the broker may know of anything found: whom it is about.

use super::{DocumentEntry, DocumentId, Package, PatientId, RegistryObject};

/// What a request or a finding is about (FHIR's sense of the word, not SAML's).
#[derive(Debug, Clone)]
pub enum Subject<'a> {
    /// Nobody in particular yet.
    Anyone,
    /// A document; policy looks its entry up among those of the permit.
    Document(&'a DocumentId),
    /// An entry.
    Entry(&'a DocumentEntry),
    /// A submission set or folder, by itself.
    Package(&'a Package),
    /// A patient.
    Patient(&'a PatientId),
    /// Something the broker cannot judge; it is withheld.
    Unknown,
}

/// Anything that can be found and has to pass the filter.
pub trait Finding: Send + 'static {
    /// Whom or what it is about.
    fn subject(&self) -> Subject<'_>;

    /// The registry object it is; some of these are shown only with others.
    fn registry_object(&self) -> Option<&RegistryObject> {
        None
    }
}
