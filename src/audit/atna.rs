//! Records as DICOM audit messages (PS3.15 A.5) for an audit repository (ITI-20, wire.md 20): one
//! message a role, so a request makes one toward the asker and one for every peer that was asked.
//! Pure: the same record gives the same messages, with the same ids, however often it is sent.

mod alert;
mod asked;
mod codes;
mod message;
mod patient_record;
mod query;
mod retrieve;
mod role;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use self::tests::samples;

use self::message::Draft;
pub use self::message::Message;
use super::event::{Event, Kind};
use super::record::Hash;

/// Who we are in audit messages.
#[derive(Debug, Clone)]
pub struct AuditSource {
    /// OID of this broker (AuditSourceID).
    pub device: String,
    /// OID of our home community (AuditEnterpriseSiteID).
    pub community: String,
}

/// A record with those it rests on.
#[derive(Debug)]
pub struct Linked<'a> {
    /// Its number in the log.
    pub sequence: u64,
    /// SHA-256 of it as stored.
    pub hash: &'a Hash,
    /// What it says.
    pub event: &'a Event,
    /// The record it closes.
    pub closed: Option<&'a Event>,
    /// The record of what was about to leave to peers.
    pub opened: Option<&'a Event>,
    /// Whether an earlier record of this request has told of its peers.
    pub peers_told: bool,
}

/// The messages of one record, in an order that never changes. An opening record has none: what
/// became of it is told by the record that closes it.
pub fn messages(record: &Linked<'_>, source: &AuditSource) -> Vec<Message> {
    let event = record.event;
    let drafts = match event.kind {
        Kind::Open => Vec::new(),
        // The stream has only begun: its end tells.
        Kind::Release if event.awaits_close => Vec::new(),
        Kind::Close if !closes_release(record) => query::nothing_released(record, source),
        Kind::Release | Kind::Close | Kind::Refusal | Kind::MalformedMessage
            if event.transaction.is_some() =>
        {
            requested(record, source)
        }
        Kind::Release | Kind::Close | Kind::Refusal | Kind::MalformedMessage => {
            alert::restricted_function(event)
        }
        Kind::AuthenticationFailure => alert::authentication_failure(event),
        Kind::ConsentChange => alert::consent_change(event, source),
        Kind::Configuration => alert::configuration(event, source),
        Kind::PatientRecord => patient_record::told(event, source),
        Kind::Start | Kind::Stop => alert::activity(event, source),
    };
    let finish = |(leg, draft): (u32, Draft)| draft.finish(record, leg, source);
    (0..).zip(drafts).map(finish).collect()
}

fn requested(record: &Linked<'_>, source: &AuditSource) -> Vec<Draft> {
    let is_retrieve =
        record.event.transaction.as_deref().is_some_and(|name| codes::transaction(name).is_retrieve);
    if is_retrieve { retrieve::messages(record, source) } else { query::messages(record, source) }
}

/// Whether a closing record ends an answer, rather than a request that came to none.
fn closes_release(record: &Linked<'_>) -> bool {
    match record.closed {
        Some(closed) => closed.kind == Kind::Release,
        // Its legs tell when the record itself cannot be read any more.
        None => record.event.legs.iter().any(|leg| leg.found.is_some()) || record.event.legs.is_empty(),
    }
}
