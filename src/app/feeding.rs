//! Tells the network's own PIX manager what other networks call a person (ITI-44), beside the requests and
//! as long as it takes: what waits stands in the store, each attempt on record before it leaves.

use std::sync::Arc;
use std::time::Duration;

use super::background::Running;
use crate::audit::{RecordNote, Way};
use crate::community::PixManager;
use crate::model::{
    Demographics, Failure, FarEnd, Leg, MessageId, PatientId, PatientRecord, Phi, QueryId, RecordChange,
    RequestId, Timestamp,
};
use crate::store::{FeedChange, FeedRow};
use crate::telemetry::{Needed, SUCCESS, Status, failure_detail, failure_word};

/// Between two looks for what waits.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Told in one go.
const AT_ONCE: u32 = 16;
/// How long a manager that cannot be reached is left alone at most.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long one message that it refuses waits at most.
const REFUSED_MAX_S: i64 = 3_600;
/// What waits longer than this is a reason to look.
const STUCK_S: i64 = 60;

impl Running {
    /// Tells until the end.
    pub(super) async fn keep_feeding(&self, manager: &PixManager) {
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY.max(pause)) => {}
            }
            let was_silent = !pause.is_zero();
            let fed = self.feed(manager).await;
            pause = match fed {
                Err(()) => (pause * 2).clamp(Duration::from_secs(1), PAUSE_MAX),
                Ok(_) => Duration::ZERO,
            };
            if was_silent && fed == Ok(true) {
                // What failed with others need not wait any more.
                drop(self.store.feed_again(Timestamp::now()).await);
            }
            self.observe_feeding(manager).await;
        }
    }

    // Err where the manager cannot be reached; true where it has taken something.
    async fn feed(&self, manager: &PixManager) -> Result<bool, ()> {
        let due = match self.store.feed_due(Timestamp::now(), AT_ONCE).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "what the PIX manager is to be told cannot be read");
                return Ok(false);
            }
        };
        let mut has_taken = false;
        for row in due {
            match self.tell(manager, &row).await {
                Ok(()) => has_taken = true,
                // It has answered; the next may fare better.
                Err(Failure::Rejected(_)) => {}
                Err(_) => return Err(()),
            }
        }
        Ok(has_taken)
    }

    async fn tell(&self, manager: &PixManager, row: &FeedRow) -> Result<(), Failure> {
        let id = RequestId::fresh();
        let query =
            QueryId { root: self.settings.broker.device.to_string(), extension: Some(row.message.clone()) };
        let (message, at) = (MessageId::fresh(), Timestamp::now());
        let leg = Leg { message: message.clone(), query, at, far_end: FarEnd::default() };
        let record = self.record_of(row);
        let note = RecordNote {
            request: id,
            transaction: "ITI-44",
            change: record.change,
            patients: record.all_ids().cloned().collect(),
            system: manager.name().clone(),
            message,
            way: Way::Leaves {
                url: manager.feed().map(ToString::to_string).unwrap_or_default(),
                attempt: row.attempts + 1,
            },
        };
        self.audit.patient_record(note).await.map_err(|_| Failure::Unrecorded)?;
        let wait = 1_i64.checked_shl(row.attempts.min(16)).unwrap_or(REFUSED_MAX_S).min(REFUSED_MAX_S);
        match self.store.feed_sent(row.position, Timestamp::now().plus_seconds(wait)).await {
            Ok(true) => {}
            // Taken back meanwhile.
            Ok(false) => return Ok(()),
            Err(error) => {
                tracing::error!(%error, "the PIX manager is not told: the store does not take note");
                return Err(Failure::Unrecorded);
            }
        }
        let told = manager.tell(id, &leg, &record).await;
        let outcome = told.as_ref().err().map_or(SUCCESS, failure_word);
        self.metrics.pix_feed_told(&manager.name().0, outcome);
        match &told {
            Ok(()) => {
                if let Err(error) = self.store.feed_taken(row.position).await {
                    tracing::error!(request = %id, %error, "the PIX manager will be told once more");
                }
            }
            Err(failure) => {
                let failure = failure_detail(failure);
                tracing::warn!(request = %id, failure, attempts = row.attempts + 1, "the PIX manager was not told");
            }
        }
        told
    }

    fn record_of(&self, row: &FeedRow) -> PatientRecord {
        let authority = self.settings.broker.authority.clone();
        let network_id = PatientId { authority, value: row.network_id.clone() };
        let record = PatientRecord {
            change: RecordChange::Revised,
            ids: vec![row.id.clone()],
            others: vec![network_id],
            subsumed: Vec::new(),
            demographics: row.person.clone(),
        };
        match &row.change {
            FeedChange::Added => PatientRecord { change: RecordChange::Added, ..record },
            FeedChange::Revised => record,
            FeedChange::Merged(old) => {
                PatientRecord { change: RecordChange::Merged, subsumed: vec![old.clone()], ..record }
            }
            // Nobody's any more: without name and other ids.
            FeedChange::Ended => PatientRecord {
                others: Vec::new(),
                demographics: Phi::new(Demographics::default()),
                ..record
            },
        }
    }

    async fn observe_feeding(&self, manager: &PixManager) {
        let Ok(backlog) = self.store.feed_backlog().await else { return };
        let now = Timestamp::now();
        let oldest_us = backlog.since.map_or(0, |since| now.micros().saturating_sub(since.micros()).max(0));
        let oldest = Duration::from_micros(oldest_us.unsigned_abs());
        self.metrics.pix_feed_waiting(&manager.name().0, backlog.waiting, oldest);
        let is_stuck = backlog.attempts > 0 && oldest_us > STUCK_S * 1_000_000;
        let status = if is_stuck {
            let (waiting, seconds) = (backlog.waiting, oldest.as_secs());
            Status::Warning(format!("{waiting} messages wait, the oldest for {seconds} s"))
        } else {
            Status::Ok
        };
        let is_ok = status == Status::Ok;
        if self.health.set("PIX feed", Needed::Shown, status) && !is_ok {
            tracing::warn!(waiting = backlog.waiting, "the PIX manager does not take what it is told");
        }
    }

    /// Begins telling, where there is somebody who wants to be told.
    pub(super) fn start_feeding(self: &Arc<Self>, tasks: &tokio_util::task::TaskTracker) {
        let Some(manager) = self.told.clone().filter(|manager| manager.feed().is_some()) else { return };
        let feeding = Arc::clone(self);
        tasks.spawn(async move { feeding.keep_feeding(&manager).await });
    }
}
