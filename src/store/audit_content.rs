//! Patients and documents of an event as the audit index keeps them: an answer may show thousands, and
//! what its documents have in common stands there once.

use std::collections::HashMap;

use minicbor::{Decode, Encode};

use super::StoreError;
use super::audit_index::{IndexedDocument, IndexedEvent};
use crate::model::Phi;

#[derive(Encode, Decode)]
struct Content<'a> {
    #[b(0)]
    patients: Vec<&'a str>,
    #[b(1)]
    origins: Vec<Origin<'a>>,
    #[b(2)]
    documents: Vec<Row<'a>>,
}

/// What many documents of one answer share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
struct Origin<'a> {
    #[b(0)]
    home: &'a str,
    #[b(1)]
    repository: &'a str,
    #[b(2)]
    kind: &'a str,
    #[b(3)]
    facility: &'a str,
}

#[derive(Encode, Decode)]
struct Row<'a> {
    /// Counted from 0.
    #[n(0)]
    origin: usize,
    #[b(1)]
    unique: &'a str,
    #[n(2)]
    bytes_sent: Option<u64>,
    #[b(3)]
    sha256: Option<&'a str>,
}

/// The content of an event, to be read by [`read`].
pub(super) fn content_of(event: &IndexedEvent) -> Vec<u8> {
    let documents = event.documents.reveal();
    let mut origins = Vec::new();
    let mut known = HashMap::new();
    let mut latest = None;
    let rows = documents.iter().map(|document| {
        let IndexedDocument { home, repository, unique, kind, facility, bytes_sent, sha256 } = document;
        let origin = Origin { home, repository, kind, facility };
        // Mostly that of the document before.
        let number = latest.filter(|(latest, _)| *latest == origin).map(|(_, number)| number);
        let number = number.unwrap_or_else(|| {
            *known.entry(origin).or_insert_with(|| {
                origins.push(origin);
                origins.len() - 1
            })
        });
        latest = Some((origin, number));
        Row { origin: number, unique, bytes_sent: *bytes_sent, sha256: sha256.as_deref() }
    });
    let documents = rows.collect();
    let patients = event.patients.iter().map(|cx| cx.reveal().as_str()).collect();
    // Writing to memory cannot fail.
    minicbor::to_vec(Content { patients, origins, documents }).unwrap_or_default()
}

/// Patients as CX, and documents.
type Subjects = (Vec<Phi<String>>, Phi<Vec<IndexedDocument>>);

/// The patients and documents of a content.
pub(super) fn read(content: &[u8]) -> Result<Subjects, StoreError> {
    let unreadable = || StoreError::Unreadable("content of the audit index".to_owned());
    let Content { patients, origins, documents } = minicbor::decode(content).map_err(|_| unreadable())?;
    let document = |row: &Row<'_>| -> Option<IndexedDocument> {
        let Origin { home, repository, kind, facility } = origins.get(row.origin)?;
        Some(IndexedDocument {
            home: (*home).into(),
            repository: (*repository).into(),
            unique: row.unique.to_owned(),
            kind: (*kind).into(),
            facility: (*facility).into(),
            bytes_sent: row.bytes_sent,
            sha256: row.sha256.map(str::to_owned),
        })
    };
    let documents: Option<Vec<_>> = documents.iter().map(document).collect();
    let patients = patients.into_iter().map(|cx| Phi::new(cx.to_owned())).collect();
    Ok((patients, Phi::new(documents.ok_or_else(unreadable)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_an_origin_that_does_not_stand_there_is_unreadable() {
        let row = |origin| Row { origin, unique: "2.999.33.1.7", bytes_sent: None, sha256: None };
        let origin = Origin { home: "2.999.33", repository: "2.999.33.1", kind: "OML-11", facility: "" };
        let content = |row| Content { patients: Vec::new(), origins: vec![origin], documents: vec![row] };
        assert!(read(&minicbor::to_vec(content(row(0))).unwrap()).is_ok());
        assert!(matches!(read(&minicbor::to_vec(content(row(1))).unwrap()), Err(StoreError::Unreadable(_))));
        assert!(matches!(read(b"[]"), Err(StoreError::Unreadable(_))));
    }

    #[test]
    fn what_documents_have_in_common_stands_there_once() {
        let document = |n: usize| IndexedDocument {
            home: "2.999.33.4".into(),
            repository: "2.999.33.1".into(),
            unique: format!("2.25.{n:039}"),
            kind: ["OML-11", "OMP-01"][n % 2].into(),
            facility: "3310000001".into(),
            bytes_sent: None,
            sha256: None,
        };
        let documents: Vec<_> = (0..100).map(document).collect();
        let event = IndexedEvent { documents: Phi::new(documents), ..IndexedEvent::default() };
        let content = content_of(&event);
        assert_eq!(memchr::memmem::find_iter(&content, "3310000001").count(), 2);
        assert_eq!(read(&content).unwrap(), (Vec::new(), event.documents));
    }
}
