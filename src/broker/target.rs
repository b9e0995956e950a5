//! One community with its breaker, timeout, limits and metrics. It opens to a permit only.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Identity;
use super::breaker::{Breaker, BreakerSettings};
use super::outbound::OutboundRequest;
use crate::model::{
    Answer, Community, Descriptor, Failure, FoundPatient, Leg, Outbound, Outcome, PatientDiscovery,
    PatientIdLookup, PatientMatch, RequestContext, Side,
};
use crate::policy::Permit;
use crate::telemetry::{Metrics, SUCCESS, failure_word};

/// What a target's file says about load and time.
#[derive(Debug, Clone, Copy)]
pub struct TargetSettings {
    /// Time for one request, documents' bodies not counted.
    pub timeout: Duration,
    /// Requests on their way at a time.
    pub in_flight: usize,
    /// Requests a second.
    pub per_second: NonZeroU32,
    /// When to stop asking.
    pub breaker: BreakerSettings,
}

/// One community behind its guard.
pub struct Target {
    community: Arc<dyn Community>,
    timeout: Duration,
    in_flight: Semaphore,
    rate: DefaultDirectRateLimiter,
    breaker: Breaker,
    metrics: Arc<Metrics>,
}

impl Target {
    /// Puts a community behind its guard.
    pub fn new(community: Arc<dyn Community>, settings: TargetSettings, metrics: Arc<Metrics>) -> Self {
        Self {
            community,
            timeout: settings.timeout,
            in_flight: Semaphore::new(settings.in_flight),
            rate: RateLimiter::direct(Quota::per_second(settings.per_second)),
            breaker: Breaker::new(settings.breaker),
            metrics,
        }
    }

    /// What the directory says of it.
    pub fn descriptor(&self) -> &Descriptor {
        self.community.descriptor()
    }

    /// Whether it is a source of our own community.
    pub fn is_source(&self) -> bool {
        self.descriptor().side == Side::Home
    }

    /// The community, for a permit that names it.
    ///
    /// # Errors
    /// `NotOffered` when the permit does not name this target.
    pub fn community(&self, permit: &Permit) -> Result<&dyn Community, Failure> {
        let named = permit.targets().contains(&self.descriptor().name);
        named.then_some(&*self.community).ok_or(Failure::NotOffered)
    }

    /// Documents it takes in one retrieve; 0 is no limit.
    pub fn documents_per_retrieve(&self) -> usize {
        self.community.documents_per_retrieve()
    }

    /// The URL this would be sent to; None where nothing leaves the house.
    pub fn url(&self, outbound: Outbound<'_>) -> Option<String> {
        self.community.url(outbound)
    }

    /// What would leave for this request; describes, sends nothing.
    pub(super) fn describe(&self) -> &dyn Community {
        &*self.community
    }

    /// Looks a patient up in our own source, at home, before there is a permit.
    ///
    /// # Errors
    /// `NotOffered` at a peer: nothing leaves the house without a permit.
    pub async fn resolve_at_home(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientDiscovery,
    ) -> Outcome<PatientMatch> {
        if !self.is_source() {
            return Err(Failure::NotOffered);
        }
        self.guard_until(
            self.share(context),
            context,
            self.community.patient_discovery(context, leg, request),
        )
        .await
    }

    /// Asks the network's own PIX manager under which ids a person is known at home, before there is a
    /// permit: the links are judged with, not told.
    ///
    /// # Errors
    /// `NotOffered` at a peer.
    pub async fn links_at_home(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientIdLookup,
    ) -> Outcome<FoundPatient> {
        if !self.is_source() {
            return Err(Failure::NotOffered);
        }
        self.guard(context, self.community.patient_id_lookup(context, leg, request)).await
    }

    /// Reads entries of our own source by their ids, before there is a permit; they are judged next.
    ///
    /// # Errors
    /// `NotOffered` at a peer.
    pub async fn entries_at_home(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &crate::model::DocumentQuery,
    ) -> Outcome<crate::model::RegistryObject> {
        if !self.is_source() {
            return Err(Failure::NotOffered);
        }
        let asking = async {
            let (mut waiting, mut merged) = (vec![request.clone()], Answer::default());
            let mut leg = leg.clone();
            while let Some(piece) = waiting.pop() {
                let mut answer = self.community.document_query(context, &leg, &piece).await?;
                waiting.extend(piece.further(&*self.community, &mut answer));
                merged.merge(answer);
                leg = Identity::another(&leg);
            }
            Ok(merged)
        };
        self.guard_until(self.share(context), context, asking).await
    }

    /// When a request that begins now has to be answered.
    pub fn until(&self, context: &RequestContext) -> Instant {
        context.deadline.min(Instant::now() + self.timeout)
    }

    // What is asked at home before anything else leaves the greater part of the time to what is asked
    // then: a site that is slow must not use up that of everybody else.
    fn share(&self, context: &RequestContext) -> Instant {
        let now = Instant::now();
        self.until(context).min(now + context.deadline.saturating_duration_since(now) / 3)
    }

    /// Carries one outbound request within the target's limits: breaker, load, time. Dropping the
    /// future drops the request.
    ///
    /// # Errors
    /// `BreakerOpen`, `Busy`, `TimedOut`, or what the request itself ends in.
    pub async fn guard<T>(
        &self,
        context: &RequestContext,
        outbound: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.guard_until(self.until(context), context, outbound).await
    }

    async fn guard_until<T>(
        &self,
        until: Instant,
        context: &RequestContext,
        outbound: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let outcome = self.guarded(until, outbound).await;
        let word = outcome.as_ref().err().map_or(SUCCESS, failure_word);
        let name = &self.descriptor().name;
        self.metrics.outbound(&name.0, context.transaction, word, started.elapsed());
        self.metrics.breaker(&name.0, self.breaker.state());
        outcome
    }

    async fn guarded<T>(
        &self,
        until: Instant,
        outbound: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        if self.rate.check().is_err() {
            return Err(Failure::Busy);
        }
        let _permit = self.in_flight.try_acquire().map_err(|_| Failure::Busy)?;
        if !self.breaker.admits(Instant::now()) {
            return Err(Failure::BreakerOpen);
        }
        let given = until.saturating_duration_since(Instant::now());
        let outcome = tokio::time::timeout_at(until, outbound).await.unwrap_or(Err(Failure::TimedOut));
        match &outcome {
            // It was given little of its own time: that says nothing of it.
            Err(Failure::TimedOut) if given < self.timeout / 2 => self.breaker.cut_short(Instant::now()),
            Err(Failure::TimedOut | Failure::Unreachable(_) | Failure::Unreadable(_)) => {
                self.breaker.failed(Instant::now());
            }
            // It answered, if only to refuse (decisions E2).
            Ok(_) | Err(_) => self.breaker.succeeded(),
        }
        outcome
    }
}
