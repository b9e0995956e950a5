//! All outbound requests at once, each within its target's time; what is missing is named, and what
//! does not answer what was asked of whom is dropped before anything else sees it.

use std::sync::Arc;

use futures_util::future::join_all;

use super::Identity;
use super::directory::PeerDirectory;
use super::outbound::{Ask, OutboundRequest};
use super::resolve::About;
use super::target::Target;
use crate::audit::{LegOutcome, LegRecord, Opened};
use crate::model::{
    Answer, Community, Failure, Leg, Outage, Outbound, Outcome, PatientId, PatientIdLookup, RequestContext,
};
use crate::policy::Permit;
use crate::telemetry::Metrics;

/// One outbound request, its ids made before the record.
pub struct Planned<R> {
    target: Arc<Target>,
    request: R,
    leg: Leg,
    lookup: Option<(PatientIdLookup, Leg)>,
}

/// What is to be asked of the permitted targets.
pub fn plan<R: OutboundRequest>(
    identity: &Identity,
    context: &RequestContext,
    request: &R,
    about: &About,
    permit: &Permit,
    directory: &PeerDirectory,
) -> Vec<Planned<R>> {
    let mut planned = Vec::new();
    for target in directory.targets(context.side) {
        if !permit.targets().contains(&target.descriptor().name) {
            continue;
        }
        for ask in request.asks(about, target) {
            let (request, lookup) = match ask {
                Ask::Plain(request) => (request, None),
                Ask::Correlated(request) => {
                    let Some(correlation) = &about.correlation else { continue };
                    let demographics = Some(correlation.demographics.clone());
                    let lookup = PatientIdLookup { known: correlation.known.clone(), demographics };
                    (request, Some((lookup, identity.leg())))
                }
            };
            planned.push(Planned { target: Arc::clone(target), request, leg: identity.leg(), lookup });
        }
    }
    planned
}

impl<R: OutboundRequest> Planned<R> {
    /// What would leave for it: one record a message.
    pub fn records(&self, context: &RequestContext) -> Vec<LegRecord> {
        let lookup = self
            .lookup
            .iter()
            .map(|(lookup, leg)| self.record(context, leg, Outbound::PatientIdLookup(lookup)));
        lookup.chain([self.record(context, &self.leg, self.request.outbound())]).collect()
    }

    fn record(&self, context: &RequestContext, leg: &Leg, outbound: Outbound<'_>) -> LegRecord {
        let descriptor = self.target.descriptor();
        LegRecord {
            target: descriptor.name.clone(),
            community: descriptor.community.clone(),
            transaction: transaction(outbound),
            message: leg.message.clone(),
            query: leg.query.clone(),
            query_element: self.target.describe().query_element(context, leg, outbound),
            url: self.target.describe().url(outbound),
            is_peer: !self.target.is_source(),
        }
    }

    async fn carry(
        &self,
        context: &RequestContext,
        permit: &Permit,
        metrics: &Metrics,
    ) -> (Answer<R::Found>, Vec<LegOutcome>) {
        let mut legs = Vec::new();
        let outcome = self.target.guard(context, self.ask(context, permit, metrics, &mut legs)).await;
        let answer = outcome.unwrap_or_else(|failure| self.missing(&mut legs, failure));
        (answer, legs)
    }

    async fn ask(
        &self,
        context: &RequestContext,
        permit: &Permit,
        metrics: &Metrics,
        legs: &mut Vec<LegOutcome>,
    ) -> Outcome<R::Found> {
        let community = self.target.community(permit)?;
        let Some((lookup, leg)) = &self.lookup else {
            return self.send(context, community, &self.request, &self.leg, metrics, legs).await;
        };
        let ids = self.correlate(context, community, lookup, leg, legs).await?;
        let mut merged = Answer { answered: 1, ..Answer::default() };
        for (index, id) in ids.into_iter().enumerate() {
            // One outbound request a number; the first one's ids stand in the opening record.
            let leg = if index == 0 { self.leg.clone() } else { Identity::another(&self.leg) };
            let request = self.request.about_patient(id);
            merged.merge(self.send(context, community, &request, &leg, metrics, legs).await?);
        }
        merged.answered = 1;
        Ok(merged)
    }

    // Several ids are several numbers of one person; "more attributes" and nobody are no outage.
    async fn correlate(
        &self,
        context: &RequestContext,
        community: &dyn Community,
        lookup: &PatientIdLookup,
        leg: &Leg,
        legs: &mut Vec<LegOutcome>,
    ) -> Result<Vec<PatientId>, Failure> {
        let outcome = community.patient_id_lookup(context, leg, lookup).await;
        let authorities = &self.target.descriptor().authorities;
        let found = match outcome {
            Ok(answer) => answer.found.into_iter().filter(|id| authorities.contains(&id.authority)).collect(),
            Err(Failure::Ambiguous) => Vec::new(),
            Err(failure) => {
                legs.push(self.outcome(leg, Some(failure.clone()), 0, 0));
                return Err(failure);
            }
        };
        legs.push(self.outcome(leg, None, found.len(), 0));
        Ok(found)
    }

    async fn send(
        &self,
        context: &RequestContext,
        community: &dyn Community,
        request: &R,
        leg: &Leg,
        metrics: &Metrics,
        legs: &mut Vec<LegOutcome>,
    ) -> Outcome<R::Found> {
        let mut answer = request.send(context, leg, community).await?;
        let all = answer.found.len();
        answer.found.retain(|found| request.accepts(self.target.descriptor(), found));
        let dropped = all - answer.found.len();
        if dropped > 0 {
            metrics.dropped(
                &self.target.descriptor().name.0,
                "not_asked",
                u64::try_from(dropped).unwrap_or(u64::MAX),
            );
            tracing::warn!(request = %context.id, target = %self.target.descriptor().name, dropped,
                "findings that do not answer what was asked were dropped");
        }
        legs.push(self.outcome(leg, None, answer.found.len(), dropped));
        Ok(answer)
    }

    fn missing(&self, legs: &mut Vec<LegOutcome>, failure: Failure) -> Answer<R::Found> {
        let descriptor = self.target.descriptor();
        if !legs.iter().any(|leg| leg.failure.is_some()) {
            legs.push(self.outcome(&self.leg, Some(failure.clone()), 0, 0));
        }
        let outage = Outage {
            target: descriptor.name.clone(),
            community: descriptor.community.clone(),
            repository: descriptor.repositories.first().cloned(),
            failure,
        };
        Answer { unavailable: vec![outage], ..Answer::default() }
    }

    fn outcome(&self, leg: &Leg, failure: Option<Failure>, found: usize, dropped: usize) -> LegOutcome {
        let target = self.target.descriptor().name.clone();
        LegOutcome {
            target,
            message: leg.message.clone(),
            failure,
            found,
            dropped,
            endpoint: None,
            is_peer: !self.target.is_source(),
        }
    }
}

/// Carries all planned requests at once. Takes the opening record's token: demographics never leave
/// before it. Dropping the future drops the requests.
pub async fn fan_out<R: OutboundRequest>(
    opened: &Opened,
    permit: &Permit,
    context: &RequestContext,
    planned: Vec<Planned<R>>,
    metrics: &Metrics,
) -> (Answer<R::Found>, Vec<LegOutcome>) {
    let named = |p: &Planned<R>| opened.targets().contains(&p.target.descriptor().name);
    let planned: Vec<Planned<R>> = planned.into_iter().filter(named).collect();
    let carried = join_all(planned.iter().map(|p| p.carry(context, permit, metrics))).await;
    let mut merged = Answer::default();
    let mut outcomes = Vec::new();
    for (answer, legs) in carried {
        merged.merge(answer);
        outcomes.extend(legs);
    }
    log_outages(context, &merged.unavailable);
    (merged, outcomes)
}

// The transaction at an XCA peer; a source of ours is asked without a message.
const fn transaction(outbound: Outbound<'_>) -> &'static str {
    match outbound {
        Outbound::DocumentQuery(_) => "ITI-38",
        Outbound::DocumentRetrieve(_) => "ITI-39",
        Outbound::PatientDiscovery(_) | Outbound::PatientIdLookup(_) => "ITI-55",
    }
}

fn log_outages(context: &RequestContext, outages: &[Outage]) {
    for outage in outages {
        tracing::warn!(request = %context.id, target = %outage.target, failure = %outage.failure, "a target gave no answer");
    }
}
