//! What was told of a patient's record, to us or by us.

use super::AuditSource;
use super::codes::{Code, SUCCESS, transaction};
use super::message::Draft;
use super::role::{Machine, called, caller, ourselves, participants, patients};
use crate::audit::event::Event;

/// One message: the record came, changed or went.
pub fn told(event: &Event, source: &AuditSource) -> Vec<Draft> {
    let action = match event.operation.as_deref() {
        Some("added") => "C",
        Some("merged") => "D",
        _ => "U",
    };
    let (asking, answering) = match &event.endpoint {
        Some(_) => (caller(event), called(event, source)),
        None => {
            let url = event.detail.as_ref().map(|url| url.reveal().clone()).unwrap_or_default();
            let network =
                url.split('/').nth(2).and_then(|at| at.rsplit_once(':')).map(|(host, _)| host.to_owned());
            (ourselves(event, source), Machine { user: url, process: None, network })
        }
    };
    vec![Draft {
        event: Code::dcm("110110", "Patient Record"),
        action,
        outcome: SUCCESS,
        description: None,
        event_type: transaction(event.transaction.as_deref().unwrap_or_default()).code(),
        participants: participants(event, asking, answering, false),
        objects: patients(event).collect(),
        peer: event.by.clone(),
    }]
}
