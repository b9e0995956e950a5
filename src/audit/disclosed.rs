//! What each kind of finding puts into the record, and what has to run through a counter.

use smol_str::SmolStr;

use super::documents::Streams;
use super::event::Event;
use super::references::{DocumentRef, ObjectRef};
use crate::model::{
    Document, DocumentEntry, DocumentId, Finding, FoundPatient, PatientId, PatientMatch, RegistryObject,
};
use crate::policy::Permit;

/// A finding that can be released.
pub trait Disclosed: Finding + Sized {
    /// Whether a body follows, so that a closing record has to be written.
    const STREAMS: bool = false;

    /// Adds to the record that this is shown.
    fn describe(&self, permit: &Permit, event: &mut Event);

    /// Lets a body run through the counter; `index` is its place in the answer.
    #[must_use]
    fn stream(self, _index: usize, _streams: &Streams) -> Self {
        self
    }
}

impl Disclosed for PatientMatch {
    fn describe(&self, permit: &Permit, event: &mut Event) {
        match self {
            Self::Found(found) => found.describe(permit, event),
            Self::Graded(record) => event.patients.push(record.id.cx()),
            Self::MoreAttributes { about, .. } => {
                event.more_attributes = true;
                event.patients.extend(about.as_ref().map(PatientId::cx));
            }
        }
    }
}

impl Disclosed for FoundPatient {
    fn describe(&self, _: &Permit, event: &mut Event) {
        event.patients.extend(std::iter::once(&self.id).chain(&self.also).map(PatientId::cx));
    }
}

impl Disclosed for RegistryObject {
    fn describe(&self, _: &Permit, event: &mut Event) {
        let kind = match self {
            Self::Entry(entry) => {
                event.documents.push(document(&entry.id, Some(entry)));
                return;
            }
            Self::Package(package) => {
                event.patients.push(package.patient.cx());
                package.kind.word()
            }
            Self::Association(association) => association.kind.rsplit(':').next().unwrap_or_default(),
        };
        event.objects.get_or_insert_default().push(ObjectRef {
            home: self.community().0.to_string(),
            kind: kind.to_owned(),
            object: self.object().0.clone(),
            unique: self.unique().cloned(),
        });
    }
}

impl Disclosed for Document {
    const STREAMS: bool = true;

    fn describe(&self, permit: &Permit, event: &mut Event) {
        let entry = permit.entry(&self.id);
        event.patients.extend(entry.map(|entry| entry.patient.cx()));
        let size = self.size.or(entry.and_then(|entry| entry.size));
        event.documents.push(DocumentRef { size, ..document(&self.id, entry) });
    }

    fn stream(self, index: usize, streams: &Streams) -> Self {
        let body = streams.wrap(index, self.id.clone(), self.body, self.passing);
        Self { body, passing: None, ..self }
    }
}

fn document(id: &DocumentId, entry: Option<&DocumentEntry>) -> DocumentRef {
    let origin = entry.and_then(|entry| entry.origin.as_ref());
    let kind = origin.map(|origin| SmolStr::new(&origin.kind));
    DocumentRef {
        home: id.community.0.short(),
        repository: id.repository.0.short(),
        unique: id.unique.clone(),
        kind: kind.or_else(|| entry.map(|entry| entry.type_code.value.clone())).unwrap_or_default(),
        facility: origin.map(|origin| SmolStr::new(&origin.facility)).unwrap_or_default(),
        size: entry.and_then(|entry| entry.size),
        bytes_sent: None,
        sha256: None,
        ending: None,
    }
}
