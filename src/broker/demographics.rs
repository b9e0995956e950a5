//! ITI-47 inside the pipeline: the persons who resemble, at our sources and at the peers, and the pages on
//! which they are shown. Every page is judged, counted and put on record when it leaves.

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::budgets::Budgets;
use super::conclude::{Candidate, persons};
use super::entry_cache::EntryCache;
use super::handled::Handled;
use super::ledger::{Seen, Subject};
use super::outbound::{Ask, OutboundRequest};
use super::pipeline::Broker;
use super::resolve::{About, Resolver};
use super::subjects::{Counted, found as seen};
use super::target::Target;
use crate::model::{
    Answer, Community, Demographics, DemographicsQuery, Descriptor, FoundPatient, Grade, Leg, Outbound,
    Outcome, PatientDiscovery, PatientId, PatientMatch, Phi, QueryCancellation, QueryContinuation, Refusal,
    RequestContext,
};
use crate::policy::{Filtered, Permit};

impl OutboundRequest for DemographicsQuery {
    fn outbound(&self) -> Outbound<'_> {
        Outbound::PatientDiscovery(&self.person)
    }

    fn asks(&self, about: &About, to: &Target) -> Vec<Ask<Self>> {
        let (descriptor, typed) = (to.descriptor(), self.person.demographics.reveal());
        let own =
            |id: &&PatientId| descriptor.authorities.contains(&id.authority) && !about.over.contains(id);
        let mut ids: Vec<PatientId> = self.person.ids.iter().filter(own).cloned().collect();
        let is_asked = if to.is_source() {
            ids.extend(about.ids_at(to));
            !typed.is_empty() || !ids.is_empty()
        } else {
            // A gateway looks for a whole name and a birth date, or for its own id.
            let has_name = !typed.names.is_empty() && typed.names.iter().all(|name| !name.family.is_empty());
            let is_enough = has_name && (typed.birth.is_some() || typed.birth_range.is_some());
            let is_wanted = descriptor.authorities.iter().any(|authority| self.wants(authority));
            is_wanted && (is_enough || !ids.is_empty())
        };
        if !is_asked || !about.means(to) {
            return Vec::new();
        }
        let person = PatientDiscovery { demographics: self.person.demographics.clone(), ids };
        vec![Ask::Plain(Self { person, ..self.clone() })]
    }

    fn about_patient(&self, _: PatientId) -> Self {
        self.clone()
    }

    fn send<'a>(
        &'a self,
        context: &'a RequestContext,
        leg: &'a Leg,
        to: &'a dyn Community,
    ) -> BoxFuture<'a, Outcome<PatientMatch>> {
        Box::pin(to.patient_discovery(context, leg, &self.person))
    }

    fn accepts(&self, from: &Descriptor, found: &PatientMatch) -> bool {
        self.person.accepts(from, found)
    }
}

impl Handled for DemographicsQuery {
    fn resolve<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<About, Refusal>> {
        Box::pin(resolver.demographics(context, self))
    }

    fn conclude<'a>(
        &'a self,
        broker: &'a Broker,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
        _: &'a About,
        answer: Answer<PatientMatch>,
    ) -> BoxFuture<'a, Answer<PatientMatch>> {
        Box::pin(async move {
            let (mut candidates, mut others) = (Vec::new(), Vec::new());
            for finding in answer.found {
                match finding {
                    PatientMatch::Graded(record) if record.grade > Grade::None => {
                        candidates.push(broker.candidate(context, record));
                    }
                    PatientMatch::Graded(_) => {}
                    other => others.push(other),
                }
            }
            resolver.links.verify(context, &mut candidates).await;
            let own = persons(candidates).into_iter().filter_map(|records| broker.shown(resolver, records));
            let mut found: Vec<PatientMatch> = own.map(PatientMatch::Found).chain(others).collect();
            resolver.without_persons_over(context, &mut found);
            found.retain_mut(|found| match found {
                PatientMatch::Found(found) => self.is_meant(found) && self.scope(found),
                PatientMatch::MoreAttributes { .. } => true,
                PatientMatch::Graded(_) => false,
            });
            Answer { found, ..answer }
        })
    }

    fn cut(
        &self,
        broker: &Broker,
        context: &RequestContext,
        element: &Phi<Bytes>,
        filtered: &mut Filtered<PatientMatch>,
    ) {
        let Some(shown) = self.page else { return };
        if filtered.answer().found.len() > shown {
            let all = filtered.answer().found.clone();
            filtered.first(shown);
            broker.pages.keep(context, &self.query, shown, all, element.clone());
        }
    }
}

impl DemographicsQuery {
    // Every id that was given must be theirs.
    fn is_meant(&self, found: &FoundPatient) -> bool {
        self.person.ids.iter().all(|id| found.id == *id || found.also.contains(id))
    }

    // Only ids of the wanted domains are told; who has none is not.
    fn scope(&self, found: &mut FoundPatient) -> bool {
        let ids = std::iter::once(found.id.clone()).chain(std::mem::take(&mut found.also));
        let mut ids = ids.filter(|id| self.wants(&id.authority));
        let Some(first) = ids.next() else { return false };
        (found.id, found.also) = (first, ids.collect());
        true
    }
}

impl Broker {
    // One of our own: name, birth date and sex, under the network id and the numbers of all hospitals.
    fn shown(&self, resolver: &Resolver<'_>, records: Vec<Candidate>) -> Option<FoundPatient> {
        let best = records.first()?;
        let known = best.record.demographics.reveal();
        let shown = Demographics {
            names: known.names.clone(),
            birth: known.birth,
            sex: known.sex,
            ..Demographics::default()
        };
        let network_id = records.iter().find_map(|candidate| candidate.network_id.clone());
        let mut ids: Vec<PatientId> = network_id.iter().cloned().collect();
        ids.extend(records.iter().map(|candidate| candidate.record.id.clone()));
        ids.extend(network_id.iter().flat_map(|id| resolver.numbers_of(id)));
        let mut also = Vec::new();
        for id in ids {
            if !also.contains(&id) {
                also.push(id);
            }
        }
        let first = also.remove(0);
        let confidence = confidence(best.record.grade, best.record.score);
        Some(FoundPatient { also, ..self.found(first, Some(Phi::new(shown)), confidence) })
    }
}

// 22 points, the threshold of an automatic link, read as 90, 40 and more as 100; who has to be looked at
// by a person stands between 50 and 89.
fn confidence(grade: Grade, score: f64) -> u8 {
    let (least, most, share) = match grade {
        Grade::Auto => (90.0, 100.0, (score - 22.0) / 18.0),
        Grade::Review | Grade::None => (50.0, 89.0, (score - 12.0) / 10.0),
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let points = (least + (most - least) * share.clamp(0.0, 1.0)).round() as u8;
    points
}

impl Counted for DemographicsQuery {
    fn subjects(&self, budgets: &Budgets, cache: &EntryCache, context: &RequestContext) -> Vec<Subject> {
        self.person.subjects(budgets, cache, context)
    }

    // Several persons may be told of, and each counts. The one that was typed is the first of them.
    fn seen(
        &self,
        budgets: &Budgets,
        asked: &[Subject],
        permit: &Permit,
        answer: &Answer<PatientMatch>,
    ) -> Vec<Seen> {
        let mut told = each(budgets, answer);
        let Some(first) = told.first_mut() else { return self.person.seen(budgets, asked, permit, answer) };
        first.also.extend(asked.iter().copied());
        let typed = self.person.demographics.reveal();
        first.likeness = (!typed.is_empty()).then(|| budgets.person(typed).1);
        told
    }
}

fn each(budgets: &Budgets, answer: &Answer<PatientMatch>) -> Vec<Seen> {
    let told = answer.found.iter().filter_map(|found| match found {
        PatientMatch::Found(found) => Some(found),
        PatientMatch::Graded(_) | PatientMatch::MoreAttributes { .. } => None,
    });
    let also = |found: &FoundPatient| found.also.iter().map(|id| budgets.id(id)).collect();
    told.map(|found| Seen { also: also(found), ..seen(budgets.id(&found.id)) }).collect()
}

impl OutboundRequest for QueryContinuation {
    fn outbound(&self) -> Outbound<'_> {
        Outbound::Nothing
    }

    fn asks(&self, _: &About, _: &Target) -> Vec<Ask<Self>> {
        Vec::new()
    }

    // Nobody is asked again, but whom it may be told of is judged again.
    fn concerns(&self, _: &About, _: &Target) -> bool {
        true
    }

    fn about_patient(&self, _: PatientId) -> Self {
        self.clone()
    }

    fn send<'a>(
        &'a self,
        _: &'a RequestContext,
        _: &'a Leg,
        _: &'a dyn Community,
    ) -> BoxFuture<'a, Outcome<PatientMatch>> {
        Box::pin(std::future::ready(Ok(Answer::default())))
    }

    fn accepts(&self, _: &Descriptor, _: &PatientMatch) -> bool {
        false
    }
}

impl Handled for QueryContinuation {
    fn resolve<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<About, Refusal>> {
        let known = resolver.pages.knows(context, &self.query);
        let about = if known { Ok(About::default()) } else { Err(Refusal::UnknownQuery) };
        Box::pin(std::future::ready(about))
    }

    fn conclude<'a>(
        &'a self,
        broker: &'a Broker,
        _: &'a Resolver<'a>,
        context: &'a RequestContext,
        _: &'a About,
        mut answer: Answer<PatientMatch>,
    ) -> BoxFuture<'a, Answer<PatientMatch>> {
        // Behind it stands the next one only when it has been released.
        if let Some((found, page)) = broker.pages.page(context, &self.query, self.from, self.page) {
            answer = Answer { found, page, answered: 1, ..answer };
        }
        Box::pin(std::future::ready(answer))
    }

    fn released(&self, broker: &Broker, context: &RequestContext) {
        broker.pages.released(context, &self.query);
    }
}

impl Counted for QueryContinuation {
    fn subjects(&self, _: &Budgets, _: &EntryCache, _: &RequestContext) -> Vec<Subject> {
        Vec::new()
    }

    fn seen(&self, budgets: &Budgets, _: &[Subject], _: &Permit, answer: &Answer<PatientMatch>) -> Vec<Seen> {
        each(budgets, answer)
    }
}

impl OutboundRequest for QueryCancellation {
    fn outbound(&self) -> Outbound<'_> {
        Outbound::Nothing
    }

    fn asks(&self, _: &About, _: &Target) -> Vec<Ask<Self>> {
        Vec::new()
    }

    fn about_patient(&self, _: PatientId) -> Self {
        self.clone()
    }

    fn send<'a>(
        &'a self,
        _: &'a RequestContext,
        _: &'a Leg,
        _: &'a dyn Community,
    ) -> BoxFuture<'a, Outcome<PatientMatch>> {
        Box::pin(std::future::ready(Ok(Answer::default())))
    }

    fn accepts(&self, _: &Descriptor, _: &PatientMatch) -> bool {
        false
    }
}

impl Handled for QueryCancellation {
    // One of a query that nothing is kept of has come to what was wanted.
    fn resolve<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<About, Refusal>> {
        resolver.pages.cancel(context, &self.query);
        Box::pin(std::future::ready(Ok(About::default())))
    }

    fn conclude<'a>(
        &'a self,
        _: &'a Broker,
        _: &'a Resolver<'a>,
        _: &'a RequestContext,
        _: &'a About,
        answer: Answer<PatientMatch>,
    ) -> BoxFuture<'a, Answer<PatientMatch>> {
        Box::pin(std::future::ready(answer))
    }
}

impl Counted for QueryCancellation {
    fn subjects(&self, _: &Budgets, _: &EntryCache, _: &RequestContext) -> Vec<Subject> {
        Vec::new()
    }

    fn seen(&self, _: &Budgets, _: &[Subject], _: &Permit, _: &Answer<PatientMatch>) -> Vec<Seen> {
        Vec::new()
    }
}
