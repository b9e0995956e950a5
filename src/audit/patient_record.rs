//! What is told of patients' records, to us and by us (ITI-44, ITI-46): on record before it counts, or
//! leaves.

use super::event::{Ending, Event, Kind};
use super::references::EndpointRef;
use super::release::AuditLog;
use crate::model::{
    Endpoint, MessageId, PatientId, Phi, RecordChange, Refusal, RequestId, Side, TargetName, Timestamp,
};

/// Something told of a patient's record.
#[derive(Debug, Clone)]
pub struct RecordNote {
    /// The request it belongs to.
    pub request: RequestId,
    /// `ITI-46` and the like.
    pub transaction: &'static str,
    /// What has become of the record.
    pub change: RecordChange,
    /// Every id that is named.
    pub patients: Vec<PatientId>,
    /// Who told it, or is told.
    pub system: TargetName,
    /// wsa:MessageID.
    pub message: MessageId,
    /// Which way it goes.
    pub way: Way,
}

/// Which way something is told.
#[derive(Debug, Clone)]
pub enum Way {
    /// To us.
    Came {
        /// The far end.
        endpoint: Box<Endpoint>,
        /// When it arrived.
        received: Timestamp,
        /// The path that was called.
        service: &'static str,
    },
    /// By us.
    Leaves {
        /// To this URL.
        url: String,
        /// For the so-manieth time.
        attempt: u32,
    },
}

impl AuditLog {
    /// Puts it on record; returns when that is durable.
    ///
    /// # Errors
    /// `AuditUnavailable`.
    pub async fn patient_record(&self, note: RecordNote) -> Result<(), Refusal> {
        let mut event = Event::new(Kind::PatientRecord, Ending::Complete);
        event.request = Some(note.request.0.to_be_bytes().into());
        event.side = Some(Side::Home.word().to_owned());
        event.transaction = Some(note.transaction.to_owned());
        event.operation = Some(change_word(note.change).to_owned());
        event.message = Some(note.message.0);
        event.patients = note.patients.iter().map(PatientId::cx).collect();
        event.by = Some(note.system.to_string());
        match note.way {
            Way::Came { endpoint, received, service } => {
                event.endpoint = Some(EndpointRef::from(&*endpoint));
                event.received_micros = Some(received.micros());
                event.service = Some(service.to_owned());
            }
            Way::Leaves { url, attempt } => {
                event.ending = Ending::Begun;
                event.attempt = attempt;
                event.detail = Some(Phi::new(url));
            }
        }
        self.handle.append(&event, None).await.map(|_| ())
    }
}

const fn change_word(change: RecordChange) -> &'static str {
    match change {
        RecordChange::Added => "added",
        RecordChange::Revised => "revised",
        RecordChange::Merged => "merged",
    }
}
