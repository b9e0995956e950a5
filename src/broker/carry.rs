//! One target's part of a request: its messages at once, each on record before it leaves. What one
//! brings is kept whatever becomes of the others; what does not answer what was asked of whom is
//! dropped before anything else sees it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::time::Instant;

use super::Identity;
use super::correlations::{Learned, SUSPECT_FROM_S};
use super::fan_out::{Around, Correlated, Planned};
use super::outbound::OutboundRequest;
use super::related::ROUNDS;
use super::resemblance::{Taken, ids_of};
use crate::audit::{LegOutcome, Opened, Recorded};
use crate::model::{
    Answer, Community, Descriptor, Failure, FoundPatient, Leg, Outage, Outbound, Outcome, PatientId,
    PatientIdLookup, Phi, RequestContext,
};
use crate::policy::Permit;

/// What one target is asked, and what it has brought so far.
pub(super) struct Carriage<'a, R: OutboundRequest> {
    planned: &'a Planned<R>,
    opened: &'a Opened,
    permit: &'a Permit,
    context: &'a RequestContext,
    around: Around<'a>,
    until: Instant,
    brought: Mutex<Brought<R>>,
}

/// How long a peer that says it is busy is left alone before it is asked once more.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

struct Brought<R: OutboundRequest> {
    /// By the order of the messages.
    answers: BTreeMap<usize, Kept<R>>,
    legs: Vec<LegOutcome>,
    /// Messages that have left and are not answered.
    out: Vec<Leg>,
}

/// What one message has brought, and what was looked up for it.
struct Kept<R: OutboundRequest> {
    request: R,
    leg: Leg,
    answer: Answer<R::Found>,
}

impl<'a, R: OutboundRequest> Carriage<'a, R> {
    pub(super) fn new(
        planned: &'a Planned<R>,
        opened: &'a Opened,
        permit: &'a Permit,
        context: &'a RequestContext,
        around: Around<'a>,
    ) -> Self {
        let brought = Brought { answers: BTreeMap::new(), legs: Vec::new(), out: Vec::new() };
        let until = planned.target.until(context);
        Self { planned, opened, permit, context, around, until, brought: Mutex::new(brought) }
    }

    /// Carries it within the target's limits. When the target fails in the end or runs out of time,
    /// what it brought until then stands beside the outage.
    pub(super) async fn carry(self) -> (Answer<R::Found>, Vec<LegOutcome>) {
        // What is not asked is no failure of the target's own.
        let failed = if self.planned.waits {
            Some(Failure::CardUnread)
        } else {
            self.planned.target.guard(self.context, self.run()).await.err()
        };
        let unanswered = failed.as_ref().map(|failure| self.unanswered(failure)).unwrap_or_default();
        let connected = self.connected();
        let Brought { mut legs, .. } = self.brought.into_inner().unwrap_or_else(PoisonError::into_inner);
        legs.extend(unanswered);
        let mut merged = Answer::default();
        connected.into_iter().for_each(|answer| merged.merge(answer));
        // It is one target, however many messages it answered.
        merged.answered = merged.answered.min(1);
        let descriptor = self.planned.target.descriptor();
        merged.unavailable.extend(failed.map(|failure| Outage {
            target: descriptor.name.clone(),
            community: descriptor.community.clone(),
            repository: descriptor.repositories.first().cloned(),
            failure,
        }));
        (merged, legs)
    }

    async fn run(&self) -> Result<(), Failure> {
        let community = self.planned.target.community(self.permit)?;
        let mut messages = Vec::new();
        for (request, leg) in &self.planned.messages {
            messages.push((request.clone(), self.recorded(leg)?));
        }
        let Some(correlated) = &self.planned.correlated else {
            return self.send_all(community, messages).await;
        };
        if let Some(leg) = &correlated.leg {
            messages.extend(self.correlate(community, correlated, self.recorded(leg)?).await?);
            return self.send_all(community, messages).await;
        }
        let descriptor = self.planned.target.descriptor();
        self.around.correlations.remembered(&descriptor.name);
        let sent = self.send_all(community, messages).await;
        if !self.is_stale(correlated) {
            return sent;
        }
        // A number is given up when records are merged or a card is issued anew: whose it was is asked
        // once more, and what is found replaces what the old number brought.
        let known = &correlated.lookup.known;
        let from = (&descriptor.name, &descriptor.community);
        self.around.correlations.is_stale(self.context, known, from).await;
        let earlier = std::mem::take(&mut self.brought().answers);
        match self.correlate_anew(community, correlated).await {
            Ok(messages) => self.send_all(community, messages).await,
            Err(failure) => {
                self.brought().answers = earlier;
                Err(failure)
            }
        }
    }

    // The target says so, or finds nothing under an id that was learned some time ago: a gateway may answer
    // for an id it has given up as for nobody.
    fn is_stale(&self, correlated: &Correlated<R>) -> bool {
        let brought = self.brought();
        let is_unknown = brought.answers.values().any(|kept| kept.answer.is_patient_unknown);
        let is_empty = brought.answers.values().all(|kept| kept.answer.found.is_empty());
        let suspect_until = self.context.received.plus_seconds(-SUSPECT_FROM_S);
        let is_old = correlated.since.is_some_and(|since| since < suspect_until);
        let is_suspect = is_old && correlated.request.is_suspect_when_empty();
        is_unknown || (is_suspect && is_empty && !brought.answers.is_empty())
    }

    async fn correlate_anew(
        &self,
        community: &dyn Community,
        correlated: &Correlated<R>,
    ) -> Result<Vec<(R, Recorded)>, Failure> {
        let lookup = Outbound::PatientIdLookup(&correlated.lookup);
        let leg = self.planned.messages.first().map(|(_, leg)| Identity::another(leg));
        let leg = leg.ok_or(Failure::Unrecorded)?;
        let record = self.planned.record(self.context, &leg, lookup);
        let mut recorded = self.opened.supplement(vec![record]).await.map_err(|_| Failure::Unrecorded)?;
        let recorded = recorded.pop().ok_or(Failure::Unrecorded)?;
        self.correlate(community, correlated, recorded).await
    }

    async fn send_all(&self, community: &dyn Community, messages: Vec<(R, Recorded)>) -> Result<(), Failure> {
        let messages = messages.into_iter().enumerate();
        let sent = messages.map(|(at, (request, recorded))| self.send(community, at, request, recorded));
        join_all(sent).await.into_iter().collect()
    }

    fn recorded(&self, leg: &Leg) -> Result<Recorded, Failure> {
        self.opened.recorded(leg).ok_or(Failure::Unrecorded)
    }

    /// Asks for the target's ids of the person and puts the requests about them on record: whom they
    /// name was not known when the request was opened. Several ids are several numbers of one
    /// person; "more attributes" and nobody are no outage.
    async fn correlate(
        &self,
        community: &dyn Community,
        Correlated { request, lookup, .. }: &Correlated<R>,
        recorded: Recorded,
    ) -> Result<Vec<(R, Recorded)>, Failure> {
        let ask = |recorded: Recorded| -> BoxFuture<'_, Outcome<FoundPatient>> {
            Box::pin(async move { community.patient_id_lookup(self.context, recorded.leg(), lookup).await })
        };
        let (leg, outcome) = self.patiently(recorded, Outbound::PatientIdLookup(lookup), ask).await;
        let keep_for = outcome.as_ref().ok().and_then(|answer| answer.keep_for);
        let descriptor = self.planned.target.descriptor();
        let Taken { ids, dropped } = match outcome {
            Ok(answer) => ids_of(lookup, descriptor, answer),
            Err(Failure::Ambiguous) => Taken::default(),
            Err(failure) => {
                self.came(&leg, Some(failure.clone()), 0, 0);
                return Err(failure);
            }
        };
        dropped.iter().for_each(|(reason, count)| self.dropped(reason, *count));
        let (all, ids) = (ids.len(), self.theirs(lookup, ids));
        let dropped = all - ids.len() + dropped.iter().map(|(_, count)| *count).sum::<usize>();
        self.came(&leg, None, ids.len(), dropped);
        let keep_for = keep_for.filter(|_| !ids.is_empty());
        self.learned(lookup, &ids, keep_for).await;
        if ids.is_empty() {
            self.keep(0, request.clone(), &leg, Answer::found(Vec::new()));
            return Ok(Vec::new());
        }
        let requests: Vec<R> = ids.into_iter().map(|id| request.about_patient(id)).collect();
        let record =
            |request: &R| self.planned.record(self.context, &Identity::another(&leg), request.outbound());
        let records = requests.iter().map(record).collect();
        let recorded = self.opened.supplement(records).await.map_err(|_| Failure::Unrecorded)?;
        Ok(requests.into_iter().zip(recorded).collect())
    }

    // Without ids that are of a card which is not this person's, or does not count.
    fn theirs(&self, lookup: &PatientIdLookup, mut ids: Vec<PatientId>) -> Vec<PatientId> {
        let (all, book) = (ids.len(), self.around.authorizer.consents().book());
        let community = &self.planned.target.descriptor().community;
        let known = &lookup.known.value;
        ids.retain(|id| book.may_be_called(known, community, id, self.context.received));
        self.dropped("other_card", all - ids.len());
        ids
    }

    async fn learned(&self, lookup: &PatientIdLookup, ids: &[PatientId], keep_for: Option<Duration>) {
        let Descriptor { name, community, .. } = self.planned.target.descriptor();
        let learned = Learned {
            known: &lookup.known,
            from: (name, community),
            ids,
            keep_for,
            sent: lookup.demographics.as_ref().map(Phi::reveal),
            consent_version: self.permit.decision().consent_version,
        };
        self.around.correlations.learned(self.context, self.around.links, learned).await;
    }

    async fn send(
        &self,
        community: &dyn Community,
        at: usize,
        request: R,
        recorded: Recorded,
    ) -> Result<(), Failure> {
        let (leg, mut answer) = self.exchange(community, (&request, &request), recorded).await?;
        let mut waiting: VecDeque<R> = request.further(community, &mut answer).into();
        if let Some((lookup, ids)) = request.learned(&answer) {
            let ids = self.theirs(lookup, ids);
            let keep_for = answer.keep_for.filter(|_| !ids.is_empty());
            self.learned(lookup, &ids, keep_for).await;
        }
        self.keep(at, request.clone(), &leg, answer);
        // One after the other, each on record just before it leaves: whoever finds a list too long is not
        // asked for all of it at once.
        while let Some(piece) = waiting.pop_front() {
            let record = self.planned.record(self.context, &Identity::another(&leg), piece.outbound());
            let recorded = self.opened.supplement(vec![record]).await.ok().and_then(|mut one| one.pop());
            let recorded = recorded.ok_or(Failure::Unrecorded)?;
            let (_, mut answer) = self.exchange(community, (&piece, &request), recorded).await?;
            waiting.extend(piece.further(community, &mut answer));
            if let Some(kept) = self.brought().answers.get_mut(&at) {
                kept.answer.merge(answer);
            }
        }
        self.look_up(community, at, &request).await
    }

    /// One message, and what of its answer answers it and the request that it is a piece of.
    async fn exchange(
        &self,
        community: &dyn Community,
        (request, whole): (&R, &R),
        recorded: Recorded,
    ) -> Result<(Leg, Answer<R::Found>), Failure> {
        let ask = |recorded: Recorded| -> BoxFuture<'_, Outcome<R::Found>> {
            Box::pin(async move { request.send(self.context, recorded.leg(), community).await })
        };
        let (leg, outcome) = self.patiently(recorded, request.outbound(), ask).await;
        let mut answer = match outcome {
            Ok(answer) => answer,
            Err(failure) => {
                self.came(&leg, Some(failure.clone()), 0, 0);
                return Err(failure);
            }
        };
        let all = answer.found.len();
        let from = self.planned.target.descriptor();
        answer.found.retain(|found| request.accepts(from, found) && whole.accepts(from, found));
        let dropped = all - answer.found.len() + std::mem::take(&mut answer.set_aside);
        self.dropped("not_asked", dropped);
        self.came(&leg, None, answer.found.len(), dropped);
        Ok((leg, answer))
    }

    /// Looks up what the findings hang on, each in a message of its own that is on record first. What is
    /// not known in time is withheld with what hangs on it.
    async fn look_up(&self, community: &dyn Community, at: usize, request: &R) -> Result<(), Failure> {
        let descriptor = self.planned.target.descriptor();
        for round in 0..ROUNDS {
            let alone = || self.around.authorizer.shows_packages(self.context, &descriptor.community);
            let (lookups, like) = match self.brought().answers.get(&at) {
                Some(Kept { answer, leg, .. }) => (request.lookups(answer, &alone, round), leg.clone()),
                None => return Ok(()),
            };
            if lookups.is_empty() {
                continue;
            }
            let record =
                |lookup: &R| self.planned.record(self.context, &Identity::another(&like), lookup.outbound());
            let records = lookups.iter().map(record).collect();
            let recorded = self.opened.supplement(records).await.map_err(|_| Failure::Unrecorded)?;
            let asked = lookups.iter().zip(recorded);
            let asked = asked.map(|(lookup, recorded)| self.exchange(community, (lookup, lookup), recorded));
            let mut failed = Ok(());
            for outcome in join_all(asked).await {
                match outcome {
                    Ok((_, brought)) => {
                        if let Some(kept) = self.brought().answers.get_mut(&at) {
                            kept.answer.reported.extend(brought.reported);
                            request.take_in(&mut kept.answer, brought.found);
                        }
                    }
                    Err(failure) => failed = Err(failure),
                }
            }
            failed?;
        }
        Ok(())
    }

    /// All that was brought, without what does not hang together with what was asked.
    fn connected(&self) -> Vec<Answer<R::Found>> {
        let mut answers = Vec::new();
        let kept = std::mem::take(&mut self.brought().answers);
        for Kept { request, leg, mut answer } in kept.into_values() {
            let all = answer.found.len();
            request.connect(&mut answer);
            let dropped = all - answer.found.len();
            self.dropped("not_related", dropped);
            if let Some(told) = self.brought().legs.iter_mut().find(|told| told.message == leg.message) {
                told.found = told.found.saturating_sub(dropped);
                told.dropped += dropped;
            }
            answers.push(answer);
        }
        answers
    }

    /// Sends one message. A peer that says it is busy is asked once more after a moment, if time
    /// remains: in a message of its own, which is on record first (wire.md 22.2). Nothing has been
    /// passed on of what said "busy".
    async fn patiently<'f, T>(
        &self,
        recorded: Recorded,
        outbound: Outbound<'_>,
        send: impl Fn(Recorded) -> BoxFuture<'f, Outcome<T>>,
    ) -> (Leg, Outcome<T>) {
        let leg = recorded.leg().clone();
        self.left(&leg);
        let outcome = send(recorded).await;
        let is_again = matches!(outcome, Err(Failure::Busy))
            && !self.planned.target.is_source()
            && Instant::now() + AGAIN_AFTER < self.until;
        if !is_again {
            return (leg, outcome);
        }
        self.came(&leg, Some(Failure::Busy), 0, 0);
        tokio::time::sleep(AGAIN_AFTER).await;
        let leg = Identity::another(&leg);
        let record = self.planned.record(self.context, &leg, outbound);
        let Some(recorded) = self.opened.supplement(vec![record]).await.ok().and_then(|mut one| one.pop())
        else {
            return (leg, Err(Failure::Unrecorded));
        };
        self.left(&leg);
        let outcome = send(recorded).await;
        (leg, outcome)
    }

    fn dropped(&self, reason: &'static str, count: usize) {
        if count > 0 {
            let target = &self.planned.target.descriptor().name;
            self.around.metrics.dropped(&target.0, reason, u64::try_from(count).unwrap_or(u64::MAX));
            tracing::warn!(request = %self.context.id, target_name = %target, dropped = count, reason,
                "findings that do not answer what was asked were dropped");
        }
    }

    fn brought(&self) -> MutexGuard<'_, Brought<R>> {
        // Each change is one step, so a panic elsewhere leaves it whole.
        self.brought.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, at: usize, request: R, leg: &Leg, answer: Answer<R::Found>) {
        self.brought().answers.insert(at, Kept { request, leg: leg.clone(), answer });
    }

    fn left(&self, leg: &Leg) {
        self.brought().out.push(leg.clone());
    }

    fn came(&self, leg: &Leg, failure: Option<Failure>, found: usize, dropped: usize) {
        let outcome = LegOutcome { found, dropped, ..self.outcome(leg, failure) };
        let mut brought = self.brought();
        brought.out.retain(|out| out.message != leg.message);
        brought.legs.push(outcome);
    }

    /// What failed with the target: the messages that are out, and those that were not sent at all.
    fn unanswered(&self, failure: &Failure) -> Vec<LegOutcome> {
        let brought = self.brought();
        let planned = self.planned.messages.iter().map(|(_, leg)| leg);
        let planned =
            planned.chain(self.planned.correlated.iter().filter_map(|correlated| correlated.leg.as_ref()));
        let mut legs: Vec<&Leg> = planned.chain(&brought.out).collect();
        legs.sort_by(|one, two| one.message.0.cmp(&two.message.0));
        legs.dedup_by(|one, two| one.message == two.message);
        let is_told = |leg: &Leg| brought.legs.iter().any(|told| told.message == leg.message);
        let untold = legs.into_iter().filter(|leg| !is_told(leg));
        untold.map(|leg| self.outcome(leg, Some(failure.clone()))).collect()
    }

    fn outcome(&self, leg: &Leg, failure: Option<Failure>) -> LegOutcome {
        LegOutcome {
            target: self.planned.target.descriptor().name.clone(),
            message: leg.message.clone(),
            failure,
            found: 0,
            dropped: 0,
            endpoint: leg.far_end.get().cloned(),
            is_peer: !self.planned.target.is_source(),
        }
    }
}
