//! ITI-45 inside the pipeline: under which ids a person is known, at our sources, as the network's own
//! and at the peers that a consent row of theirs names.

use futures_util::future::BoxFuture;

use super::budgets::Budgets;
use super::entry_cache::EntryCache;
use super::handled::Handled;
use super::ledger::{Seen, Subject};
use super::outbound::{Ask, OutboundRequest};
use super::pipeline::Broker;
use super::resemblance::{IDS_MAX, is_person, speaks_for};
use super::resolve::{About, Resolver};
use super::subjects::{Counted, found};
use super::target::Target;
use crate::model::{
    Answer, Community, Descriptor, Failure, FoundPatient, Leg, Outbound, Outcome, PatientId, PatientIdLookup,
    Refusal, RequestContext,
};
use crate::policy::Permit;

impl OutboundRequest for PatientIdLookup {
    fn outbound(&self) -> Outbound<'_> {
        Outbound::PatientIdLookup(self)
    }

    fn asks(&self, about: &About, to: &Target) -> Vec<Ask<Self>> {
        let descriptor = to.descriptor();
        // Who has no id that is wanted is not asked, and is not told whom it is about.
        if !descriptor.authorities.iter().any(|authority| self.wants(authority)) {
            return Vec::new();
        }
        if to.is_source() {
            let number = |known| Ask::Plain(Self { known, demographics: None, authorities: Vec::new() });
            return about.ids_at(to).into_iter().map(number).collect();
        }
        if self.remembers(about, to) {
            return Vec::new();
        }
        if about.waits(to) {
            return vec![Ask::Correlated(self.clone())];
        }
        let correlation = about.correlation.as_ref().filter(|_| about.correlates(to));
        let ask = correlation.and_then(|correlation| {
            let demographics = correlation.demographics(&descriptor.community)?.clone();
            let (known, demographics) = (correlation.known.clone(), Some(demographics));
            Some(Ask::Plain(Self { known, demographics, authorities: Vec::new() }))
        });
        ask.into_iter().collect()
    }

    // Whose ids are remembered is not asked, and has to be permitted all the same.
    fn concerns(&self, about: &About, to: &Target) -> bool {
        self.remembers(about, to) || !self.asks(about, to).is_empty()
    }

    fn learned(&self, answer: &Answer<FoundPatient>) -> Option<(&PatientIdLookup, Vec<PatientId>)> {
        // By demographics a peer is asked, by its number a hospital of ours.
        self.demographics.as_ref()?;
        Some((self, answer.found.iter().map(|found| found.id.clone()).collect()))
    }

    fn about_patient(&self, known: PatientId) -> Self {
        Self { known, ..self.clone() }
    }

    fn send<'a>(
        &'a self,
        context: &'a RequestContext,
        leg: &'a Leg,
        to: &'a dyn Community,
    ) -> BoxFuture<'a, Outcome<FoundPatient>> {
        Box::pin(async move {
            let mut answer = match to.patient_id_lookup(context, leg, self).await {
                // Not one person: no id of theirs, and no outage.
                Err(Failure::Ambiguous) => return Ok(Answer::found(Vec::new())),
                other => other?,
            };
            if answer.found.len() > IDS_MAX {
                // The look-up named one person; this is a list of candidates or worse.
                answer.set_aside += answer.found.len();
                answer.found.clear();
            }
            Ok(answer)
        })
    }

    fn accepts(&self, from: &Descriptor, found: &FoundPatient) -> bool {
        let is_number = self.demographics.is_none();
        speaks_for(from, found) && if is_number { found.id == self.known } else { is_person(self, found) }
    }
}

impl PatientIdLookup {
    fn remembers(&self, about: &About, to: &Target) -> bool {
        let is_wanted = to.descriptor().authorities.iter().any(|authority| self.wants(authority));
        is_wanted && about.correlates(to) && !about.remembered_at(to).is_empty()
    }
}

impl Handled for PatientIdLookup {
    fn resolve<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<About, Refusal>> {
        Box::pin(resolver.lookup(context, self))
    }

    fn conclude<'a>(
        &'a self,
        broker: &'a Broker,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
        about: &'a About,
        mut answer: Answer<FoundPatient>,
    ) -> BoxFuture<'a, Answer<FoundPatient>> {
        // Whether anybody has the id that was asked by, is not known while the links are not.
        let is_known = !resolver.links.are_silent();
        let own = about.patients.iter().filter(|id| is_known && id.authority == broker.identity.authority);
        let own: Vec<FoundPatient> = own.map(|id| broker.found(id.clone(), None, 100)).collect();
        // The consents were asked too, and answer whatever hospital is silent.
        answer.answered += own.len().min(1);
        answer.found.extend(own);
        // A network whose ids are remembered is not asked again.
        for target in
            resolver.directory.spoken_of(context.side).filter(|target| self.remembers(about, target))
        {
            let descriptor = target.descriptor();
            let ids = about.remembered_at(target);
            resolver.correlations.remembered(&descriptor.name);
            answer.answered += 1;
            answer.found.extend(ids.into_iter().map(|id| FoundPatient {
                community: descriptor.community.clone(),
                id,
                demographics: None,
                confidence: 100,
                also: Vec::new(),
            }));
        }
        answer.found.retain(|found| {
            found.community == broker.identity.community
                || resolver.may_mean(context, about, &found.community, &found.id)
        });
        // The id that was asked by is told again only to who asks for its authority.
        answer.found.retain(|found| {
            let is_asked_by = found.id == self.known && self.authorities.is_empty();
            self.wants(&found.id.authority) && !is_asked_by
        });
        answer.found.sort_by(|one, other| one.id.cmp(&other.id));
        answer.found.dedup_by(|one, other| one.id == other.id);
        Box::pin(std::future::ready(answer))
    }
}

impl Counted for PatientIdLookup {
    fn subjects(&self, budgets: &Budgets, _: &EntryCache, _: &RequestContext) -> Vec<Subject> {
        vec![budgets.id(&self.known)]
    }

    // A patient without other ids is a known one: no miss. An unknown id is refused and counted there.
    fn seen(
        &self,
        budgets: &Budgets,
        asked: &[Subject],
        _: &Permit,
        answer: &Answer<FoundPatient>,
    ) -> Vec<Seen> {
        let also = || answer.found.iter().map(|found| budgets.id(&found.id)).collect();
        asked.iter().map(|subject| Seen { also: also(), ..found(*subject) }).collect()
    }
}
