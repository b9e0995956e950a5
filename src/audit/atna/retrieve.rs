//! Retrieves: ITI-39 and ITI-43. Told when the stream has ended: documents that were handed over
//! whole in one message, all others that were asked for in another.

use super::asked::{AskedDocument, documents};
use super::codes::{Code, HOME, MINOR, SERIOUS, SUCCESS, transaction};
use super::message::{Draft, Object, SYSTEM_OBJECT};
use super::role::{self, PeerLeg};
use super::{AuditSource, Linked};
use crate::audit::event::{Ending, Event, Kind};
use crate::audit::references::{DocumentRef, QueryElement};

/// Toward the asker, then those for each peer asked.
pub fn messages(record: &Linked<'_>, source: &AuditSource) -> Vec<Draft> {
    let event = record.event;
    // A closing record does not repeat the query.
    let element = event.query.as_ref().or_else(|| record.closed.and_then(|closed| closed.query.as_ref()));
    let shown: Vec<&DocumentRef> = event.documents.iter().collect();
    let was_partial = record.closed.is_some_and(|closed| closed.ending == Ending::Partial);
    let split = Split::of(&shown, documents(element));
    let failure = match event.ending {
        Ending::AtMost => event.bytes.map_or_else(
            || Some("how much left is not known".to_owned()),
            |bytes| Some(format!("at most {bytes} bytes left")),
        ),
        Ending::Refused => event.detail.as_ref().map(|detail| detail.reveal().clone()),
        Ending::NothingReleased => Some("nothing was released".to_owned()),
        _ => None,
    };
    let answered = |outcome: u8, description: Option<String>, objects: Vec<Object>| {
        export(event, source, outcome, description, objects, element)
    };
    let mut drafts = split.drafts(failure, was_partial, &answered);
    if !record.peers_told && event.kind != Kind::Refusal {
        for leg in &PeerLeg::of(record) {
            let home = leg.community().unwrap_or_default();
            let theirs: Vec<&DocumentRef> =
                event.documents.iter().filter(|document| document.home == home).collect();
            let failure = leg.outcome.failure.as_ref().map(|failure| failure.reveal().clone());
            let is_failure = failure.is_some();
            let imported = |outcome: u8, description: Option<String>, objects: Vec<Object>| {
                toward_peer(event, leg, source, outcome, description, objects)
            };
            let code = transaction(&leg.transaction(event));
            if !code.is_retrieve {
                let outcome = if is_failure { SERIOUS } else { SUCCESS };
                drafts.push(super::query::toward_peer(event, leg, source, outcome, failure));
                continue;
            }
            let split = Split::of(&theirs, documents(leg.element()));
            drafts.extend(split.drafts(failure, is_failure, &imported));
        }
    }
    drafts
}

/// What arrived whole, and everything else that was asked for.
struct Split {
    whole: Vec<Object>,
    missing: Vec<Object>,
}

impl Split {
    fn of(shown: &[&DocumentRef], asked: Vec<AskedDocument>) -> Self {
        let is_whole = |document: &DocumentRef| document.ending.as_deref() == Some("whole");
        let (whole, broken): (Vec<&DocumentRef>, Vec<&DocumentRef>) =
            shown.iter().copied().partition(|document| is_whole(document));
        let mut missing: Vec<Object> = broken.into_iter().map(shown_document).collect();
        let is_shown = |asked: &AskedDocument| shown.iter().any(|it| *it.unique.reveal() == asked.unique);
        missing.extend(asked.into_iter().filter(|asked| !is_shown(asked)).map(asked_document));
        Self { whole: whole.into_iter().map(shown_document).collect(), missing }
    }

    fn drafts(
        self,
        failure: Option<String>,
        has_failed: bool,
        write: &dyn Fn(u8, Option<String>, Vec<Object>) -> Draft,
    ) -> Vec<Draft> {
        let nothing = self.whole.is_empty();
        let mut drafts = Vec::new();
        if !nothing {
            drafts.push(write(SUCCESS, None, self.whole));
        }
        if nothing || has_failed || failure.is_some() || !self.missing.is_empty() {
            let why = failure.unwrap_or_else(|| "not handed over, or not whole".to_owned());
            drafts.push(write(if nothing { SERIOUS } else { MINOR }, Some(why), self.missing));
        }
        drafts
    }
}

fn export(
    event: &Event,
    source: &AuditSource,
    outcome: u8,
    description: Option<String>,
    documents: Vec<Object>,
    element: Option<&QueryElement>,
) -> Draft {
    let code = transaction(event.transaction.as_deref().unwrap_or_default());
    let mut objects: Vec<Object> = role::patients(event).collect();
    if documents.is_empty() && element.is_some_and(|element| element.bytes.is_none()) {
        objects.push(role::query(String::new(), &code, element, Some(&source.community)));
    }
    objects.extend(documents);
    let (asking, answering) = (role::caller(event), role::called(event, source));
    Draft {
        event: Code::dcm("110106", "Export"),
        action: "R",
        outcome,
        description,
        event_type: code.code(),
        participants: role::participants(event, asking, answering, true),
        objects,
        peer: event.requester.as_ref().map(|requester| requester.system.clone()).or_else(|| event.by.clone()),
    }
}

/// What we fetched from a peer.
pub fn toward_peer(
    event: &Event,
    leg: &PeerLeg<'_>,
    source: &AuditSource,
    outcome: u8,
    description: Option<String>,
    mut objects: Vec<Object>,
) -> Draft {
    if objects.is_empty() {
        objects = documents(leg.element()).into_iter().map(asked_document).collect();
    }
    let mut all: Vec<Object> = role::patients(event).collect();
    all.append(&mut objects);
    Draft {
        event: Code::dcm("110107", "Import"),
        action: "C",
        outcome,
        description,
        event_type: transaction(&leg.transaction(event)).code(),
        participants: role::participants(event, role::ourselves(event, source), leg.machine(), true),
        objects: all,
        peer: Some(leg.outcome.target.clone()),
    }
}

fn shown_document(document: &DocumentRef) -> Object {
    let mut object = object(&document.home, &document.repository, document.unique.reveal());
    object.details.extend(document.bytes_sent.map(|bytes| ("kakehashi:bytes", bytes.to_string())));
    let hash = document.sha256.as_ref().map(|hash| hex::encode(hash.as_slice()));
    object.details.extend(hash.map(|hash| ("kakehashi:sha256", hash)));
    object.details.extend(document.ending.clone().map(|ending| ("kakehashi:ending", ending)));
    object
}

fn asked_document(asked: AskedDocument) -> Object {
    object(&asked.home, &asked.repository, &asked.unique)
}

fn object(home: &str, repository: &str, unique: &str) -> Object {
    let mut details = vec![("Repository Unique Id", repository.to_owned())];
    if !home.is_empty() {
        details.push((HOME, role::urn(home)));
    }
    Object {
        id: unique.to_owned(),
        kind: SYSTEM_OBJECT,
        role: "3",
        id_type: Code::rfc3881("9", "Report Number"),
        query: None,
        details,
    }
}
