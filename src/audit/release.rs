//! Record, then release: the log as a request sees it. `Released` can be made here only, from a
//! `Permit` and a `Filtered`, after the record of it is durable (decisions C3, D1).

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::disclosed::Disclosed;
use super::disk::{Disk, FolderDisk};
use super::documents::{Running, Streams};
use super::event::{Ending, Event, Kind};
use super::handle::{AuditHealth, Durable, Handle, NeverLeft};
use super::judge::Judge;
use super::opened::{LegOutcome, LegRecord, Opened, Unclosed};
use super::references::{LegRef, QueryElement};
use super::reject::Aggregates;
use super::segments::AuditError;
use super::stats::AuditStats;
use super::writer::{AuditOptions, Recovered};
use crate::model::{Answer, Operation, PatientId, Phi, Refusal, Request, RequestContext, TargetName};
use crate::policy::{Authorizer, Decision, Filtered, Permit};

/// The audit log. Clones share it.
#[derive(Clone)]
pub struct AuditLog {
    pub(super) handle: Handle,
    pub(super) aggregates: Arc<Aggregates>,
}

/// An answer that may leave: its record is on the disk.
pub struct Released<R: Request> {
    answer: Answer<R::Found>,
    record: u64,
}

impl<R: Request> Released<R> {
    /// The answer. The bodies of documents count what is read from them; dropping one is noted.
    pub fn into_answer(self) -> Answer<R::Found> {
        self.answer
    }

    /// The answer, to be looked at before it leaves.
    pub const fn answer(&self) -> &Answer<R::Found> {
        &self.answer
    }

    /// How many findings it shows.
    pub fn shown(&self) -> usize {
        self.answer.found.len()
    }

    /// The sequence of its record.
    pub const fn record(&self) -> u64 {
        self.record
    }
}

impl<R: Request> fmt::Debug for Released<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Released").field("record", &self.record).finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Opens the log in a folder, made where it is missing: cuts a torn tail, closes what was left
    /// open, writes the start record. To be called within a runtime.
    ///
    /// # Errors
    /// `Disk`, also when another process writes this log; `Damaged`, `Missing`.
    pub fn start(folder: &Path, options: AuditOptions) -> Result<(Self, Recovered), AuditError> {
        Self::start_on(Box::new(FolderDisk::for_writing(folder)?), options)
    }

    /// As [`AuditLog::start`], on any disk.
    ///
    /// # Errors
    /// As [`AuditLog::start`].
    pub fn start_on(disk: Box<dyn Disk>, options: AuditOptions) -> Result<(Self, Recovered), AuditError> {
        let (handle, recovered) = Handle::start(disk, options)?;
        let aggregates = Aggregates::start(&handle);
        Ok((Self { handle, aggregates }, recovered))
    }

    /// Writes what is counted, then the stop record, and ends the writer. Nothing can be released
    /// afterwards.
    pub async fn stop(&self) {
        self.aggregates.flush(&self.handle);
        self.handle.stop().await;
    }

    /// Brings a writer up that is down: verifies, cuts what nobody was told of, closes what is
    /// open. Streams that ran meanwhile end.
    ///
    /// # Errors
    /// As [`AuditLog::start`]; the writer is down as before then.
    pub async fn reopen(&self) -> Result<Recovered, AuditError> {
        self.handle.reopen().await
    }

    /// Whether anything can be released.
    pub fn health(&self) -> AuditHealth {
        self.handle.shared.health()
    }

    /// How long the oldest record has been waiting for the disk: one that hangs fails nothing and
    /// answers nobody.
    pub fn waiting(&self) -> Duration {
        self.handle.shared.waiting()
    }

    /// The counters of this moment.
    pub fn stats(&self) -> AuditStats {
        self.handle.shared.counters.read()
    }

    /// How many records are durable; changes with each commit.
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.handle.shared.durable.subscribe()
    }

    /// Records what is about to be sent, one leg each; durable before it returns if any leg goes to
    /// another network, else nothing is written. May be cancelled.
    ///
    /// # Errors
    /// `AuditUnavailable`; `Internal` when the permit is another request's or misses a target.
    pub async fn open(
        &self,
        context: &RequestContext,
        permit: &Permit,
        legs: Vec<LegRecord>,
    ) -> Result<Opened, Refusal> {
        belongs(context, permit)?;
        if legs.iter().any(|leg| !permit.targets().contains(&leg.target)) {
            return Err(Refusal::Internal("a leg goes to a target without permit".to_owned()));
        }
        let mut targets: Vec<TargetName> = legs.iter().map(|leg| leg.target.clone()).collect();
        targets.sort();
        targets.dedup();
        let messages = legs.iter().map(|leg| leg.leg.message.clone()).collect();
        if !legs.iter().any(|leg| leg.is_peer) {
            return Ok(Opened { targets, messages, unclosed: None });
        }
        let mut event = Event::about(context, Kind::Open, Ending::Begun);
        event.operation = Some(permit.operation().word().to_owned());
        event.patients = permit.patients().iter().map(PatientId::cx).collect();
        event.legs = legs.iter().map(LegRef::from).collect();
        event.awaits_close = true;
        decided(&mut event, permit.decision());
        let durable = self.handle.append_by(&event, None, until(context)).await?;
        Ok(Opened { targets, messages, unclosed: Some(Unclosed::new(&self.handle, durable, &event)) })
    }

    /// Releases an answer: filters again if consents changed meanwhile, writes the record, returns
    /// when it is durable. Documents are wrapped: bytes and hashes go into a closing record, for
    /// which the end of the last one waits. May be cancelled; nothing is released then.
    ///
    /// # Errors
    /// `AuditUnavailable`; `Internal` when the permit is another request's.
    #[expect(clippy::too_many_arguments, reason = "each is one proof or one part of the record")]
    pub async fn release<R: Request>(
        &self,
        context: &RequestContext,
        permit: &Permit,
        opened: Opened,
        request_element: Phi<Bytes>,
        filtered: Filtered<R::Found>,
        outcomes: Vec<LegOutcome>,
        authorizer: &Arc<Authorizer>,
    ) -> Result<Released<R>, Refusal>
    where
        R::Found: Disclosed,
    {
        let mut event = Event::about(context, Kind::Release, Ending::Complete);
        event.query = Some(QueryElement::new(&request_element));
        event.legs = outcomes.iter().map(LegRef::from).collect();
        self.release_judged(context, permit, opened, event, filtered, authorizer).await
    }

    /// The release proper, with whoever judges.
    pub(super) async fn release_judged<R: Request, J: Judge>(
        &self,
        context: &RequestContext,
        permit: &Permit,
        opened: Opened,
        base: Event,
        filtered: Filtered<R::Found>,
        judge: &Arc<J>,
    ) -> Result<Released<R>, Refusal>
    where
        R::Found: Disclosed,
    {
        belongs(context, permit)?;
        let mut unclosed = opened.unclosed;
        let mut since = unclosed.as_ref().map(|unclosed| unclosed.durable.generation);
        let mut version = filtered.decision().consent_version;
        let (mut filtered, mut withheld) = (filtered, 0);
        // Nothing has left under an earlier round's record: it is replaced, or taken back.
        let mut earlier: Option<NeverLeft> = None;
        for _ in 0..ROUNDS_MAX {
            let present = judge.consent_version();
            if present != version {
                withheld += filtered.withheld();
                filtered = judge.filter(context, permit, filtered.into_answer());
                version = present;
                continue;
            }
            let mut event = released_event::<R>(base.clone(), permit, &filtered, withheld);
            event.consent_version = Some(version);
            event.replaces = earlier.as_ref().map(|earlier| earlier.durable.sequence);
            event.closes = unclosed.as_ref().map(|unclosed| unclosed.durable.sequence);
            let durable = self.handle.append_by(&event, since, until(context)).await?;
            if let Some(replaced) = earlier.take() {
                replaced.settled();
            }
            if let Some(closed) = unclosed.take() {
                closed.settled();
            }
            since = Some(durable.generation);
            unclosed = event.awaits_close.then(|| Unclosed::new(&self.handle, durable, &event));
            if judge.consent_version() == version {
                if let Some(taken_over) = unclosed {
                    taken_over.settled();
                }
                if !event.obligations.is_empty() {
                    self.handle.shared.counters.obligations.add(1);
                    let obligations = event.obligations.join(",");
                    tracing::warn!(request = %context.id, obligations, "released under an obligation");
                }
                let running = || Running::new(context, permit, judge, version);
                return Ok(self.released(running, durable, event, filtered));
            }
            // What is shown in the end gets its own record.
            earlier = Some(NeverLeft::new(&self.handle, durable, &event));
        }
        Err(Refusal::Internal("consents change faster than an answer can be recorded".to_owned()))
    }

    fn released<R: Request>(
        &self,
        running: impl FnOnce() -> Running,
        durable: Durable,
        event: Event,
        filtered: Filtered<R::Found>,
    ) -> Released<R>
    where
        R::Found: Disclosed,
    {
        let mut answer = filtered.into_answer();
        if event.awaits_close {
            let streams = Streams::new(self.handle.clone(), durable, event, running());
            answer.found = answer
                .found
                .into_iter()
                .enumerate()
                .map(|(index, found)| found.stream(index, &streams))
                .collect();
        }
        Released { answer, record: durable.sequence }
    }

    /// Records a refusal; returns it when the record is durable. What was withheld or does not exist
    /// takes the way of a release that shows nothing (decisions A2). Refusals for too many requests in a
    /// time are counted when they flood. Those over a budget are not: the rate comes before them, and who
    /// goes on asking is what somebody will want to see.
    pub async fn refuse(&self, context: &RequestContext, operation: Operation, refusal: Refusal) -> Refusal {
        let (kind, ending) = match &refusal {
            Refusal::Withheld => (Kind::Release, Ending::Withheld),
            Refusal::UnknownPatient(_) => (Kind::Release, Ending::Unknown),
            _ => (Kind::Refusal, Ending::Refused),
        };
        let mut event = Event::about(context, kind, ending);
        event.operation = Some(operation.word().to_owned());
        event.detail = (kind == Kind::Refusal).then(|| Phi::new(refusal.to_string()));
        if let Refusal::UnknownPatient(patient) = &refusal {
            event.patients.push(patient.cx());
        }
        if let Refusal::Throttled(_) = refusal {
            return self.aggregates.record(&self.handle, event, "throttled", refusal).await;
        }
        let recorded = self.handle.append_by(&event, None, until(context)).await;
        recorded.map_or(Refusal::AuditUnavailable, |_| refusal)
    }
}

/// What the record of an answer says.
fn released_event<R: Request>(
    mut event: Event,
    permit: &Permit,
    filtered: &Filtered<R::Found>,
    withheld_before: usize,
) -> Event
where
    R::Found: Disclosed,
{
    let answer = filtered.answer();
    event.operation = Some(R::OPERATION.word().to_owned());
    event.patients = permit.patients().iter().map(PatientId::cx).collect();
    event.shown = answer.found.len() as u64;
    event.withheld = (withheld_before + filtered.withheld()) as u64;
    event.answered = answer.answered as u64;
    event.awaits_close = R::Found::STREAMS && !answer.found.is_empty();
    event.ending = if !answer.unavailable.is_empty() && answer.answered == 0 {
        Ending::Failed
    } else if !answer.unavailable.is_empty() || !answer.reported.is_empty() {
        Ending::Partial
    } else if answer.found.is_empty() && event.withheld > 0 {
        Ending::Withheld
    } else {
        Ending::Complete
    };
    decided(&mut event, permit.decision());
    decided(&mut event, filtered.decision());
    for found in &answer.found {
        found.describe(permit, &mut event);
    }
    event.patients.sort();
    event.patients.dedup();
    event
}

/// Adds why it was decided so.
fn decided(event: &mut Event, decision: &Decision) {
    event.policies.extend(decision.policies.iter().cloned());
    event.policies.sort();
    event.policies.dedup();
    event.obligations.extend(decision.obligations.iter().cloned());
    event.obligations.sort();
    event.obligations.dedup();
    event.policy_set = Some(decision.policy_set.clone());
    event.consent_version = Some(decision.consent_version);
}

/// Until when a record may take. Who is told at the deadline that a target was silent still gets that
/// on record.
fn until(context: &RequestContext) -> Instant {
    context.deadline.max(Instant::now() + GRACE)
}

fn belongs(context: &RequestContext, permit: &Permit) -> Result<(), Refusal> {
    if permit.request() == context.id {
        Ok(())
    } else {
        Err(Refusal::Internal("the permit belongs to another request".to_owned()))
    }
}

/// How long a record may take after the deadline of its request.
const GRACE: Duration = Duration::from_secs(1);
/// How often an answer is filtered and recorded anew because consents change under it.
const ROUNDS_MAX: usize = 8;

#[cfg(test)]
mod tests;
