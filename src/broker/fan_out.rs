//! All targets at once: what each is to be asked, with the ids of its messages made before the
//! record, and one answer of what they bring.

use std::sync::Arc;

use futures_util::future::join_all;

use super::Identity;
use super::carry::Carriage;
use super::correlations::Correlations;
use super::directory::PeerDirectory;
use super::home_links::HomeLinks;
use super::outbound::{Ask, OutboundRequest};
use super::resolve::About;
use super::target::Target;
use crate::audit::{LegOutcome, LegRecord, Opened};
use crate::model::{Answer, Leg, Outage, Outbound, PatientIdLookup, RequestContext, Timestamp};
use crate::policy::{Authorizer, Permit};
use crate::telemetry::{self, Metrics};

/// What one target is to be asked.
pub struct Planned<R> {
    pub(super) target: Arc<Target>,
    /// Known beforehand.
    pub(super) messages: Vec<(R, Leg)>,
    /// To be asked about the ids that a look-up brings.
    pub(super) correlated: Option<Correlated<R>>,
    /// Whether it is not asked, as the person's card there cannot be used at the moment.
    pub(super) waits: bool,
}

/// A request that needs the target's ids of the person.
pub(super) struct Correlated<R> {
    pub request: R,
    pub lookup: PatientIdLookup,
    /// The look-up's, where it comes first. The requests behind it get theirs, and a record, when their
    /// ids are known. None where the ids are remembered: they are looked up only if they have gone stale.
    pub leg: Option<Leg>,
    /// Since when the remembered ids have been known.
    pub since: Option<Timestamp>,
}

/// What stands around every request.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub(super) authorizer: &'a Authorizer,
    pub(super) correlations: &'a Correlations,
    pub(super) links: &'a HomeLinks<'a>,
    pub(super) metrics: &'a Metrics,
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
    for target in directory.targets(context) {
        if !permit.targets().contains(&target.descriptor().name) {
            continue;
        }
        let (mut messages, mut correlated, mut waits) = (Vec::new(), None, false);
        for ask in request.asks(about, target) {
            match ask {
                Ask::Plain(request) => messages.push((request, identity.leg())),
                Ask::Correlated(_) if about.waits(target) => waits = true,
                Ask::Correlated(request) => {
                    let remembered = about.remembered_at(target);
                    let leg = remembered.is_empty().then(|| identity.leg());
                    messages
                        .extend(remembered.into_iter().map(|id| (request.about_patient(id), identity.leg())));
                    let since = about.remembered_since(target);
                    correlated =
                        lookup(about, target).map(|lookup| Correlated { request, lookup, leg, since });
                }
            }
        }
        if !messages.is_empty() || correlated.is_some() || waits {
            planned.push(Planned { target: Arc::clone(target), messages, correlated, waits });
        }
    }
    planned
}

fn lookup(about: &About, target: &Target) -> Option<PatientIdLookup> {
    let correlation = about.correlation.as_ref()?;
    let demographics = correlation.demographics(&target.descriptor().community)?.clone();
    Some(PatientIdLookup {
        known: correlation.known.clone(),
        demographics: Some(demographics),
        authorities: Vec::new(),
    })
}

impl<R: OutboundRequest> Planned<R> {
    /// What would leave for it, as far as it is known beforehand: one record a message.
    pub fn records(&self, context: &RequestContext) -> Vec<LegRecord> {
        let lookup = self
            .correlated
            .iter()
            .filter_map(|c| c.leg.as_ref().map(|leg| (leg, &c.lookup)))
            .map(|(leg, lookup)| self.record(context, leg, Outbound::PatientIdLookup(lookup)));
        let known = self.messages.iter().map(|(request, leg)| self.record(context, leg, request.outbound()));
        lookup.chain(known).collect()
    }

    pub(super) fn record(&self, context: &RequestContext, leg: &Leg, outbound: Outbound<'_>) -> LegRecord {
        let descriptor = self.target.descriptor();
        LegRecord {
            target: descriptor.name.clone(),
            community: descriptor.community.clone(),
            transaction: self.target.describe().transaction(outbound),
            leg: leg.clone(),
            query_element: self.target.describe().query_element(context, leg, outbound),
            url: self.target.describe().url(outbound),
            is_peer: !self.target.is_source(),
        }
    }
}

/// Carries everything planned at once. Takes the opening record's token: demographics never leave
/// before it. Dropping the future drops the requests.
pub async fn fan_out<R: OutboundRequest>(
    opened: &Opened,
    permit: &Permit,
    context: &RequestContext,
    planned: Vec<Planned<R>>,
    around: Around<'_>,
) -> (Answer<R::Found>, Vec<LegOutcome>) {
    // Who waits is sent nothing, and stands in no record.
    let named = |p: &Planned<R>| p.waits || opened.permits(&p.target.descriptor().name);
    let planned: Vec<Planned<R>> = planned.into_iter().filter(named).collect();
    // Boxed: each is some ten KiB, and would be moved with all the others.
    let carriages =
        planned.iter().map(|p| Box::pin(Carriage::new(p, opened, permit, context, around).carry()));
    let mut merged = Answer::default();
    let mut outcomes = Vec::new();
    for (answer, legs) in join_all(carriages).await {
        merged.merge(answer);
        outcomes.extend(legs);
    }
    log_outages(context, &merged.unavailable);
    (merged, outcomes)
}

fn log_outages(context: &RequestContext, outages: &[Outage]) {
    for outage in outages {
        tracing::warn!(request = %context.id, target_name = %outage.target, failure = telemetry::failure_detail(&outage.failure), "a target gave no answer");
    }
}
