//! Queries: ITI-38, ITI-55 and their kin. Success and failure of a partial answer are told apart.

use super::codes::{Code, MINOR, SERIOUS, SUCCESS, TransactionCode, transaction};
use super::message::Draft;
use super::role::{self, PeerLeg};
use super::{AuditSource, Linked, asked};
use crate::audit::event::{Ending, Event};

const DISCOVERY: &str = "ITI-55";

/// Toward the asker, then one for each peer asked.
pub fn messages(record: &Linked<'_>, source: &AuditSource) -> Vec<Draft> {
    let event = record.event;
    let code = transaction(event.transaction.as_deref().unwrap_or_default());
    let detail = || event.detail.as_ref().map(|detail| detail.reveal().clone());
    let outcomes: &[(u8, Option<String>)] = &match event.ending {
        Ending::Begun | Ending::Complete | Ending::Withheld | Ending::Unknown => vec![(SUCCESS, None)],
        Ending::Partial => {
            let missing = "some targets did not answer, or said that something is missing";
            vec![(SUCCESS, None), (MINOR, Some(missing.to_owned()))]
        }
        Ending::Failed => vec![(SERIOUS, Some("no target answered".to_owned()))],
        Ending::Refused => vec![(SERIOUS, detail())],
        Ending::Interrupted | Ending::NothingReleased | Ending::AtMost => {
            vec![(SERIOUS, Some("nothing was released".to_owned()))]
        }
    };
    let answered = |(outcome, description): &(u8, Option<String>)| {
        toward_asker(event, &code, source, *outcome, description.clone())
    };
    let mut drafts: Vec<Draft> = outcomes.iter().map(answered).collect();
    if !record.peers_told {
        drafts.extend(PeerLeg::of(record).iter().map(|leg| {
            let failure = leg.outcome.failure.as_ref().map(|failure| failure.reveal().clone());
            let outcome = if failure.is_some() { SERIOUS } else { SUCCESS };
            toward_peer(event, leg, source, outcome, failure)
        }));
    }
    drafts
}

/// Messages of a request that came to no answer: they may have left.
pub fn nothing_released(record: &Linked<'_>, source: &AuditSource) -> Vec<Draft> {
    let why = || Some("may have been sent; nothing was released".to_owned());
    let legs = PeerLeg::of(record);
    legs.iter().map(|leg| toward_peer(record.event, leg, source, SERIOUS, why())).collect()
}

fn toward_asker(
    event: &Event,
    code: &TransactionCode,
    source: &AuditSource,
    outcome: u8,
    description: Option<String>,
) -> Draft {
    let element = event.query.as_ref();
    let mut objects: Vec<_> = role::patients(event).collect();
    objects.push(role::query(asked::query_id(element), code, element, Some(&source.community)));
    let (asking, answering) = (role::caller(event), role::called(event, source));
    Draft {
        event: Code::dcm("110112", "Query"),
        action: "E",
        outcome,
        description,
        event_type: code.code(),
        participants: role::participants(event, asking, answering, false),
        objects,
        peer: event.requester.as_ref().map(|requester| requester.system.clone()).or_else(|| event.by.clone()),
    }
}

pub fn toward_peer(
    event: &Event,
    leg: &PeerLeg<'_>,
    source: &AuditSource,
    outcome: u8,
    description: Option<String>,
) -> Draft {
    let code = transaction(&leg.transaction(event));
    if code.is_retrieve {
        return super::retrieve::toward_peer(event, leg, source, outcome, description, Vec::new());
    }
    let id = match code.name.as_str() {
        DISCOVERY => leg.query_id(),
        _ => asked::query_id(leg.element()),
    };
    // Whoever asks with demographics has no patient's number to name (wire.md 20.4). A query names the
    // far end's number, which both repositories can then be searched for.
    let mut objects: Vec<_> = match (code.name.as_str(), asked::patient(leg.element())) {
        (DISCOVERY, _) => Vec::new(),
        (_, Some(patient)) => vec![role::patient(patient)],
        (_, None) => role::patients(event).collect(),
    };
    objects.push(role::query(id, &code, leg.element(), leg.community()));
    Draft {
        event: Code::dcm("110112", "Query"),
        action: "E",
        outcome,
        description,
        event_type: code.code(),
        participants: role::participants(event, role::ourselves(event, source), leg.machine(), false),
        objects,
        peer: Some(leg.outcome.target.clone()),
    }
}
