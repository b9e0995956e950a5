//! The words that an event of the audit log is found by. A word is a checksum: what has it need not be
//! what was looked for, so the events found are looked at once more. Nothing that has not got it is.

use std::fmt::Write;

use super::audit_index::{AuditQuery, IndexedEvent, id_of};

/// The words of an event: of its request, its patients (the whole CX and the id in it), its documents.
pub(super) fn words_of(event: &IndexedEvent) -> String {
    let documents = event.documents.reveal();
    let mut words = String::with_capacity(WORD_CHARS * (1 + 2 * event.patients.len() + documents.len()));
    if !event.request.is_empty() {
        push(&mut words, REQUEST, &event.request);
    }
    for cx in &event.patients {
        push(&mut words, PATIENT, cx.reveal());
        push(&mut words, PATIENT, &id_of(cx.reveal()));
    }
    for document in documents {
        push(&mut words, DOCUMENT, &document.unique);
    }
    words
}

/// The words that whatever is looked for has, all of them; empty where it need not have any.
pub(super) fn words_wanted(query: &AuditQuery) -> String {
    let mut words = String::new();
    // What has no request has no word of it.
    if let Some(request) = query.request.as_ref().filter(|request| !request.is_empty()) {
        push(&mut words, REQUEST, &request.to_ascii_lowercase());
    }
    if let Some(patient) = &query.patient {
        push(&mut words, PATIENT, patient.reveal());
    }
    if let Some(document) = &query.document {
        push(&mut words, DOCUMENT, document.reveal());
    }
    words
}

fn push(words: &mut String, kind: char, text: &str) {
    // Writing to memory cannot fail.
    let _ = write!(words, "{kind}{:08x} ", crc32c::crc32c(text.as_bytes()));
}

const REQUEST: char = 'r';
const PATIENT: char = 'p';
const DOCUMENT: char = 'd';
/// The letter, eight digits and the space behind them.
const WORD_CHARS: usize = 10;
