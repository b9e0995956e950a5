//! Changes at the console and the audit log. Changes of consents: each is put on record, and tried again until it is; health
//! and metrics show what is not. Until then it takes away and gives nothing (`policy/consent.rs`).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::background::Running;
use super::control::{BudgetReset, ConsentNote, ControlRoom};
use crate::audit::{Note, NoteKind};
use crate::model::{PatientId, Phi, TargetName, Timestamp};
use crate::store::ConsentChange;
use crate::telemetry::{Needed, Status};

impl Running {
    /// Puts on record what is not, and tells how it went.
    pub(super) async fn note_consents(&self, room: &ControlRoom) {
        let noted = room.note_changes().await;
        let left = room.changes_to_note().await.unwrap_or(1);
        self.metrics.consent_changes_unnoted(left);
        let status = match noted {
            Ok(()) if left == 0 => Status::Ok,
            Ok(()) => Status::Failed(format!("{left} changes of consents are not on record yet")),
            Err(why) => Status::Failed(format!("{left} changes of consents are not on record yet: {why}")),
        };
        let is_failing = status != Status::Ok;
        if self.health.set("consent record", Needed::Shown, status) && is_failing {
            tracing::error!(
                changes = left,
                "changes of consents are not on record: what they grant does not count yet"
            );
        }
    }

    /// Tries again until the end.
    pub(super) async fn keep_noting(&self, room: &ControlRoom) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(TRY_EVERY) => {}
            }
            self.note_consents(room).await;
        }
    }
}

/// Puts changes of consents into the audit log.
pub(super) struct ConsentNotes {
    pub(super) running: Arc<Running>,
}

#[async_trait]
impl ConsentNote for ConsentNotes {
    async fn note(&self, change: &ConsentChange, persons: &[Phi<String>]) -> Result<(), String> {
        let authority = &self.running.settings.broker.authority;
        let patients = persons
            .iter()
            .map(|value| PatientId { authority: authority.clone(), value: value.clone() })
            .collect();
        let note = Note {
            kind: NoteKind::ConsentChange,
            by: change.entered_by.clone(),
            text: Phi::new(format!(
                "{} {}: {} rows, SHA-256 {}",
                change.action, change.source, change.rows, change.sha256
            )),
            patients,
            consent_version: Some(change.version),
            policy_set: None,
        };
        // A disk that hangs must not hold the command; a note that is taken after all is taken twice.
        match tokio::time::timeout(NOTE_WAIT, self.running.audit.note(note)).await {
            Ok(noted) => noted.map_err(|refusal| refusal.to_string()),
            Err(_) => Err("the audit log does not answer".to_owned()),
        }
    }
}

#[async_trait]
impl BudgetReset for ConsentNotes {
    async fn reset(
        &self,
        system: &str,
        person: Option<&str>,
        reason: &str,
        entered_by: &str,
    ) -> Result<u64, String> {
        let whose = person.map_or_else(|| system.to_owned(), |person| format!("{person} of {system}"));
        let note = Note {
            kind: NoteKind::Configuration,
            by: entered_by.to_owned(),
            text: Phi::new(format!("budgets reset for {whose}: {reason}")),
            patients: Vec::new(),
            consent_version: None,
            policy_set: None,
        };
        let noted = tokio::time::timeout(NOTE_WAIT, self.running.audit.note(note)).await;
        noted
            .map_err(|_| "the audit log does not answer".to_owned())?
            .map_err(|refusal| refusal.to_string())?;
        let budgets = self.running.broker.budgets();
        let system = TargetName(system.into());
        let reset = budgets.reset(&self.running.store, &system, person, Timestamp::now()).await;
        reset.map_err(|error| error.to_string())
    }
}

/// How long a note may take.
const NOTE_WAIT: Duration = Duration::from_secs(5);
/// Between two looks for changes that are not on record.
const TRY_EVERY: Duration = Duration::from_secs(2);
