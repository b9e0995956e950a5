//! Messages that never became a request, and notes of the operator. Each rejection has its record
//! until one far end floods; from then on they are counted and the count is recorded, so that junk
//! cannot fill the disk and none goes unmentioned (decisions D4).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::event::{Ending, Event, Kind};
use super::handle::Handle;
use super::references::EndpointRef;
use super::release::AuditLog;
use crate::model::{Endpoint, MessageId, PatientId, Phi, Refusal, Side, TargetName, Timestamp};

/// A message that was rejected before anybody knew who asks or what.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// The listener's side.
    pub side: Side,
    /// The far end.
    pub endpoint: Endpoint,
    /// The configured peer or portal, where the certificate named one.
    pub system: Option<TargetName>,
    /// The transaction, where the action told it.
    pub transaction: Option<&'static str>,
    /// wsa:MessageID, where it could be read.
    pub message: Option<MessageId>,
    /// When it arrived.
    pub received: Timestamp,
    /// What is answered.
    pub refusal: Refusal,
}

/// What an operator's note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// Settings, policies, peers or certificates changed.
    Configuration,
    /// Consents changed.
    ConsentChange,
}

/// Something that changes what will be released.
#[derive(Debug, Clone)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// Who did it: the account at the console, or the program itself.
    pub by: String,
    /// What changed.
    pub text: Phi<String>,
    /// Whose consents.
    pub patients: Vec<PatientId>,
    /// The consents from now on.
    pub consent_version: Option<u64>,
    /// SHA-256 of the policy set from now on, hex.
    pub policy_set: Option<String>,
}

impl AuditLog {
    /// Records a rejection; returns the refusal when the record is durable (or it was counted).
    pub async fn reject(&self, rejection: Rejection) -> Refusal {
        let Rejection { side, endpoint, system, transaction, message, received, refusal } = rejection;
        let (kind, word) = match &refusal {
            Refusal::Unauthenticated(unauthenticated) => (Kind::AuthenticationFailure, unauthenticated.word),
            Refusal::Malformed(malformed) => (Kind::MalformedMessage, malformed.code),
            Refusal::Unsupported(_) => (Kind::MalformedMessage, "unsupported"),
            Refusal::OverBudget(_) => (Kind::Refusal, "over-budget"),
            Refusal::Throttled(_) => (Kind::Refusal, "throttled"),
            _ => (Kind::Refusal, "refused"),
        };
        let mut event = Event::new(kind, Ending::Refused);
        event.side = Some(side.word().to_owned());
        event.transaction = transaction.map(str::to_owned);
        event.message = message.map(|message| message.0);
        event.received_micros = Some(received.micros());
        event.endpoint = Some(EndpointRef::from(&endpoint));
        event.by = system.map(|system| system.to_string());
        event.detail = Some(Phi::new(refusal.to_string()));
        self.aggregates.record(&self.handle, event, word, refusal).await
    }

    /// Records a change; returns when it is durable. To be called before the change takes effect.
    ///
    /// # Errors
    /// `AuditUnavailable`.
    pub async fn note(&self, note: Note) -> Result<(), Refusal> {
        let kind = match note.kind {
            NoteKind::Configuration => Kind::Configuration,
            NoteKind::ConsentChange => Kind::ConsentChange,
        };
        let mut event = Event::new(kind, Ending::Complete);
        event.by = Some(note.by);
        event.detail = Some(note.text);
        event.patients = note.patients.iter().map(PatientId::cx).collect();
        event.consent_version = note.consent_version;
        event.policy_set = note.policy_set;
        self.handle.append(&event, None).await.map(|_| ())
    }
}

/// Rejections by far end and reason.
#[derive(Debug, Default)]
pub(super) struct Aggregates {
    buckets: Mutex<HashMap<Key, Bucket>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The person where one is known, else the address without port; empty when there are too many far ends to tell apart.
    far: String,
    kind: Kind,
    word: &'static str,
}

#[derive(Debug)]
struct Bucket {
    since: Instant,
    alone: u32,
    /// The last one counted, with its count.
    counted: Option<Event>,
}

impl Aggregates {
    /// Starts the task that writes the counts; it ends with the log.
    pub(super) fn start(handle: &Handle) -> Arc<Self> {
        let aggregates = Arc::new(Self::default());
        let (weak, handle) = (Arc::downgrade(&aggregates), handle.downgrade());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                loop {
                    tokio::time::sleep(FLUSH_EVERY).await;
                    let (Some(aggregates), Some(handle)) = (weak.upgrade(), handle.upgrade()) else { return };
                    aggregates.flush(&handle);
                }
            });
        }
        aggregates
    }

    /// Writes the event alone, or counts it when its far end has had its share of this minute.
    pub(super) async fn record(
        &self,
        handle: &Handle,
        event: Event,
        word: &'static str,
        refusal: Refusal,
    ) -> Refusal {
        if handle.shared.generation().is_none() {
            handle.shared.counters.unavailable.add(1);
            return Refusal::AuditUnavailable;
        }
        match self.count(event, word) {
            Some(event) => handle.append(&event, None).await.map_or(Refusal::AuditUnavailable, |_| refusal),
            None => {
                handle.shared.counters.aggregated.add(1);
                refusal
            }
        }
    }

    /// Gives the event back when it is to stand alone.
    fn count(&self, event: Event, word: &'static str) -> Option<Event> {
        let far = far_end(&event);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = Key { far, kind: event.kind, word };
        if !buckets.contains_key(&key) && buckets.len() >= BUCKETS_MAX {
            key = Key { far: String::new(), kind: event.kind, word: "" };
        }
        let bucket =
            buckets.entry(key).or_insert_with(|| Bucket { since: Instant::now(), alone: 0, counted: None });
        if bucket.alone < ALONE_MAX {
            bucket.alone += 1;
            return Some(event);
        }
        let before = bucket.counted.as_ref().map_or(0, |counted| counted.count);
        bucket.counted = Some(Event { count: before + 1, ..event });
        None
    }

    /// Writes all counts, and forgets far ends that have been quiet for a minute.
    pub(super) fn flush(&self, handle: &Handle) {
        // While the writer is down the counts stay here.
        let Some(generation) = handle.shared.generation() else { return };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for event in buckets.values_mut().filter_map(|bucket| bucket.counted.take()) {
            handle.owe(generation, event);
        }
        buckets.retain(|_, bucket| bucket.since.elapsed() < WINDOW);
    }
}

fn far_end(event: &Event) -> String {
    if let Some(requester) = &event.requester {
        return format!("{} {} {}", requester.system, requester.issuer, requester.person);
    }
    let address = event.endpoint.as_ref().map(|endpoint| endpoint.address.as_str()).unwrap_or_default();
    address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned()
}

/// Rejections of one far end and reason that have their own record within a window.
const ALONE_MAX: u32 = 5;
/// Far ends and reasons told apart; more share one count.
const BUCKETS_MAX: usize = 1024;
const FLUSH_EVERY: Duration = Duration::from_secs(10);
const WINDOW: Duration = Duration::from_secs(60);
