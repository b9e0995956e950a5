//! What differs between the requests inside the pipeline: how each is resolved, what its
//! answer is concluded to, and what is remembered of it.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::conclude::{Candidate, Conclusion, Standing, conclude};
use super::home_links::HomeLinks;
use super::outbound::OutboundRequest;
use super::pipeline::Broker;
use super::resolve::{About, Resolver};
use super::subjects::Counted;
use crate::audit::Disclosed;
use crate::model::{
    Answer, CommunityId, Criteria, Demographics, Document, DocumentId, DocumentQuery, DocumentRetrieve,
    FoundPatient, Grade, GradedRecord, ObjectId, PatientDiscovery, PatientId, PatientMatch, Phi, QueryKey,
    Refusal, RegistryObject, Reported, Request, RequestContext, ReturnType, Severity, Side,
};
use crate::policy::{Filtered, HospitalNumber, Standing as Consent};

/// A request the pipeline can carry.
pub trait Handled: OutboundRequest + Counted + Request<Found: Disclosed> {
    /// The request with the homes that it leaves open; None where it leaves none open.
    fn placed<'a>(
        &'a self,
        _: &'a Resolver<'a>,
        _: &'a RequestContext,
    ) -> BoxFuture<'a, Result<Option<Self>, Refusal>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Queries that have to be answered before this request can be judged.
    fn prerequisites(&self, _: &Broker, _: &RequestContext) -> Vec<DocumentQuery> {
        Vec::new()
    }

    /// How many documents it asks for.
    fn documents(&self) -> usize {
        0
    }

    /// Whom it is about, as home knows them.
    fn resolve<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<About, Refusal>>;

    /// Makes one answer of what all targets found.
    fn conclude<'a>(
        &'a self,
        broker: &'a Broker,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
        about: &'a About,
        answer: Answer<Self::Found>,
    ) -> BoxFuture<'a, Answer<Self::Found>>;

    /// Keeps for later pages what is not shown on this one.
    fn cut(&self, _: &Broker, _: &RequestContext, _: &Phi<Bytes>, _: &mut Filtered<Self::Found>) {}

    /// Its answer has been released.
    fn released(&self, _: &Broker, _: &RequestContext) {}

    /// The registry objects of an answer, to be remembered when it was released.
    fn objects(_: &Answer<Self::Found>) -> &[RegistryObject] {
        &[]
    }
}

impl Handled for PatientDiscovery {
    fn resolve<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<About, Refusal>> {
        Box::pin(async move { Ok(resolver.discovery(context, self)) })
    }

    fn conclude<'a>(
        &'a self,
        broker: &'a Broker,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
        about: &'a About,
        answer: Answer<PatientMatch>,
    ) -> BoxFuture<'a, Answer<PatientMatch>> {
        Box::pin(async move {
            let mut graded = Vec::new();
            let mut found = Vec::new();
            for finding in answer.found {
                match finding {
                    PatientMatch::Graded(record) => graded.push(record),
                    other => found.push(other),
                }
            }
            resolver.without_persons_over(context, &mut found);
            found.extend(broker.person((context, &resolver.links), self, about, graded).await);
            Answer { found, ..answer }
        })
    }
}

impl Broker {
    /// One person out of the records of our sources, or nobody.
    async fn person(
        &self,
        (context, links): (&RequestContext, &HomeLinks<'_>),
        request: &PatientDiscovery,
        about: &About,
        graded: Vec<GradedRecord>,
    ) -> Option<PatientMatch> {
        let sent = request.demographics.reveal();
        match (about.patients.as_slice(), sent.is_empty()) {
            // A hospital's number alone is an alias at home only (decisions A7): its source graded
            // the record it names. Numbers of several persons name nobody.
            ([], true) if context.side == Side::Home => {
                let found = self.by_demographics((context, links), graded, sent).await;
                found.filter(|found| matches!(found, PatientMatch::Found(_)))
            }
            ([], true) => None,
            // Alone, an id under our authority finds its person and shows no demographics.
            ([id], true) => {
                let known = self.is_found_alone((context, links), id).await;
                known.then(|| PatientMatch::Found(self.found(id.clone(), None, 100)))
            }
            ([], false) => self.by_demographics((context, links), graded, sent).await,
            ([id], false) => {
                let found = self.by_demographics((context, links), graded, sent).await;
                found.filter(|found| matches!(found, PatientMatch::Found(found) if found.id == *id))
            }
            // Two ids of ours are two persons, or one asked for twice in doubt: nobody.
            _ => None,
        }
    }

    // By a number that the network id is still linked to: one that it has lost finds nobody.
    async fn is_found_alone(
        &self,
        (context, links): (&RequestContext, &HomeLinks<'_>),
        id: &PatientId,
    ) -> bool {
        let book = self.authorizer.consents().book();
        let named = book.numbers_of(&id.value);
        let Some(person) = links.person(context, id).await else { return false };
        let is_same = person.network_id.as_ref() == Some(id);
        let mut linked = person.numbers.iter().filter(|number| named.contains(number));
        is_same
            && linked.any(|number| {
                let hospital = PatientId { authority: id.authority.clone(), value: number.number.clone() };
                let standing = || self.authorizer.standing_of(context, &number.facility, &hospital);
                context.side == Side::Home
                    || !links.are_all()
                    || matches!(standing(), Consent::Consented { .. })
            })
    }

    async fn by_demographics(
        &self,
        (context, links): (&RequestContext, &HomeLinks<'_>),
        graded: Vec<GradedRecord>,
        sent: &Demographics,
    ) -> Option<PatientMatch> {
        let mut candidates: Vec<Candidate> = graded
            .into_iter()
            .filter(|record| record.grade > Grade::None)
            .map(|record| self.candidate(context, record))
            .collect();
        links.verify(context, &mut candidates).await;
        match conclude(candidates, sent) {
            Conclusion::Nobody => None,
            Conclusion::MoreAttributes { about, wanted } => self
                .limits
                .admits_more_attributes(context)
                .then_some(PatientMatch::MoreAttributes { about: Some(about), wanted }),
            Conclusion::Person(candidate) => {
                if candidate.standing == Standing::Emergency
                    && self.resembles_hidden(context, &candidate).await
                {
                    return None;
                }
                let id = self.id_of(context, &candidate).await?;
                let known = candidate.record.demographics.reveal();
                let shown = Demographics {
                    names: known.names.clone(),
                    birth: known.birth,
                    sex: known.sex,
                    ..Demographics::default()
                };
                let confidence = confidence(context.side, candidate.record.score);
                Some(PatientMatch::Found(self.found(id, Some(Phi::new(shown)), confidence)))
            }
        }
    }

    pub(super) fn candidate(&self, context: &RequestContext, record: GradedRecord) -> Candidate {
        let (facility, id) = (record.facility.as_str(), &record.id);
        let hides = || self.authorizer.hides(context, facility, id);
        let standing = match context.side {
            // Our own portal sees our own sources by the home policy, without consent rows.
            Side::Home => Standing::Consented,
            // A "no" counts where it was said (decisions C1): one hospital's does not take back the
            // consent given at another. Beyond what was consented to it hides the person's records
            // wherever they lie, from emergencies too (C4).
            Side::Peer => match self.authorizer.standing_of(context, facility, id) {
                Consent::Consented { .. } => Standing::Consented,
                Consent::Blocked => Standing::Hidden,
                Consent::None if hides() => Standing::Hidden,
                Consent::None if self.authorizer.emergency_allows(context, facility, id) => {
                    Standing::Emergency
                }
                Consent::None => Standing::Unconsented,
            },
        };
        let network_id = self.authorizer.network_id_of(facility, id);
        Candidate { network_id, standing, record }
    }

    // The network's own id; for an emergency without consent rows a random one, good for a day; at
    // home the hospital's number is an alias.
    async fn id_of(&self, context: &RequestContext, candidate: &Candidate) -> Option<PatientId> {
        if let Some(id) = &candidate.network_id {
            return Some(id.clone());
        }
        if context.side == Side::Home {
            return Some(candidate.record.id.clone());
        }
        let number = HospitalNumber {
            facility: candidate.record.facility.clone(),
            number: candidate.record.id.value.clone(),
        };
        let community = &context.requester.community;
        let issued =
            self.authorizer.emergencies().issue(&self.store, community, &number, context.received).await;
        issued.inspect_err(|error| tracing::error!(%error, "no emergency id could be kept")).ok()
    }

    pub(super) fn found(
        &self,
        id: PatientId,
        demographics: Option<Phi<Demographics>>,
        confidence: u8,
    ) -> FoundPatient {
        FoundPatient {
            community: self.identity.community.clone(),
            id,
            demographics,
            confidence,
            also: Vec::new(),
        }
    }
}

// Toward another network every answer is as sure as the next: a number that moves with the guess
// would tell how near it was, attribute by attribute. At home 22 points, the threshold of an
// automatic link, read as 90; 40 and more as 100.
fn confidence(side: Side, score: f64) -> u8 {
    if side == Side::Peer {
        return 100;
    }
    let share = ((score - 22.0) / 18.0).clamp(0.0, 1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let points = (share * 10.0).round() as u8;
    90 + points
}

impl Handled for DocumentQuery {
    fn resolve<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<About, Refusal>> {
        Box::pin(resolver.query(context, self))
    }

    fn conclude<'a>(
        &'a self,
        _: &'a Broker,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
        about: &'a About,
        mut answer: Answer<RegistryObject>,
    ) -> BoxFuture<'a, Answer<RegistryObject>> {
        Box::pin(async move {
            answer.found = once_each(answer.found);
            resolver.only_linked(context, about, &mut answer).await;
            resolver.without_over(context, &mut answer);
            resolver.without_others(context, about, &mut answer);
            let mut answer = match resolver.addressed(context, about, answer).await {
                Ok(answer) => answer,
                // Under an id that the portal does not know an entry would be misfiled.
                Err(mut unread) => {
                    unread.found.clear();
                    unread.witnesses.clear();
                    unread.reported.push(Reported {
                        code: "XDSRegistryError".to_owned(),
                        context: "whose ids the documents had here cannot be read; try again".to_owned(),
                        severity: Severity::Error,
                        community: None,
                        document: None,
                    });
                    return unread;
                }
            };
            if about.routes.as_ref().is_some_and(|routes| routes.has_ambiguous) {
                answer.reported.push(ambiguous(None, "an id of several communities; name its home"));
            }
            answer
        })
    }

    fn objects(answer: &Answer<RegistryObject>) -> &[RegistryObject] {
        &answer.found
    }
}

// Two numbers of a person may stand for one record, and two gateways for one community: an object that
// comes twice is one.
fn once_each(found: Vec<RegistryObject>) -> Vec<RegistryObject> {
    let mut known = HashSet::with_capacity(found.len());
    let is_first: Vec<bool> = found.iter().map(|object| known.insert(Once(object))).collect();
    if known.len() == found.len() {
        return found;
    }
    found.into_iter().zip(is_first).filter_map(|(object, is_first)| is_first.then_some(object)).collect()
}

/// An object by its ids; all of them but the community are hashed, as a peer may choose any.
struct Once<'a>(&'a RegistryObject);

impl Once<'_> {
    fn ids(&self) -> (Option<&DocumentId>, &CommunityId, &ObjectId) {
        (self.0.entry().map(|entry| &entry.id), self.0.community(), self.0.object())
    }
}

impl PartialEq for Once<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.ids() == other.ids()
    }
}

impl Eq for Once<'_> {}

impl Hash for Once<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.object().hash(state);
        if let Some(entry) = self.0.entry() {
            entry.id.unique.hash(state);
            entry.id.repository.hash(state);
        }
    }
}

impl Handled for DocumentRetrieve {
    fn documents(&self) -> usize {
        self.documents.len() + self.homeless.len()
    }

    fn placed<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<Option<Self>, Refusal>> {
        Box::pin(resolver.placed(context, self))
    }

    fn prerequisites(&self, broker: &Broker, context: &RequestContext) -> Vec<DocumentQuery> {
        if context.side == Side::Peer {
            return Vec::new();
        }
        let is_new = |id: &&DocumentId| {
            id.community != broker.identity.community && broker.entry_cache.shown(context, id).is_none()
        };
        let mut queries: Vec<DocumentQuery> = Vec::new();
        for id in self.documents.iter().filter(is_new) {
            let same = |query: &&mut DocumentQuery| query.home.as_ref() == Some(&id.community);
            match queries.iter_mut().find(same).map(|query| &mut query.by) {
                Some(QueryKey::UniqueIds(ids)) => ids.push(id.unique.clone()),
                _ => queries.push(DocumentQuery {
                    by: QueryKey::UniqueIds(vec![id.unique.clone()]),
                    home: Some(id.community.clone()),
                    criteria: Criteria::default(),
                    returns: ReturnType::LeafClass,
                }),
            }
        }
        queries
    }

    fn resolve<'a>(
        &'a self,
        resolver: &'a Resolver<'a>,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<About, Refusal>> {
        Box::pin(async move { Ok(resolver.retrieve(context, self).await) })
    }

    fn conclude<'a>(
        &'a self,
        broker: &'a Broker,
        _: &'a Resolver<'a>,
        context: &'a RequestContext,
        about: &'a About,
        mut answer: Answer<Document>,
    ) -> BoxFuture<'a, Answer<Document>> {
        // Every document asked for is either there or named with a reason. One that may not be shown
        // reads as one that does not exist.
        for id in &self.documents {
            let is_told = answer.found.iter().any(|document| document.id == *id)
                || answer.reported.iter().any(|reported| reported.document.as_ref() == Some(id));
            if is_told {
                continue;
            }
            // A peer's error about no document in particular is passed on as it is and stands for all
            // that it did not give (wire.md 14.4). Told with each: whose a document is that was named
            // without its home, the answer's writer does not know.
            if let Some(code) = general_error(&answer, id) {
                answer.reported.push(not_delivered(id, &code));
                continue;
            }
            let missing = about.missing.iter().find(|(missing, _)| missing == id).map(|(_, code)| *code);
            let code = match missing {
                Some(code) => code,
                None if !about.knows(id) => "XDSDocumentUniqueIdError",
                None if context.side == Side::Home && id.community != broker.identity.community => {
                    "XDSUnavailableCommunity"
                }
                None => "XDSRepositoryError",
            };
            answer.reported.push(not_delivered(id, code));
        }
        for document in &self.homeless {
            let here = document.at(&broker.identity.community);
            answer.reported.push(ambiguous(Some(here), "a repository of several communities; name its home"));
        }
        let found = std::mem::take(&mut answer.found);
        answer.found =
            found.into_iter().map(|document| broker.as_announced(context, about, document)).collect();
        let order = |id: &DocumentId| self.documents.iter().position(|asked| asked == id);
        answer.found.sort_by_key(|document| order(&document.id));
        Box::pin(std::future::ready(answer))
    }
}

fn general_error(answer: &Answer<Document>, id: &DocumentId) -> Option<String> {
    if answer.unavailable.iter().any(|outage| outage.community == id.community) {
        return None;
    }
    let of_all = |reported: &&Reported| {
        reported.document.is_none()
            && reported.severity == Severity::Error
            && reported.community.as_ref() == Some(&id.community)
    };
    answer.reported.iter().find(of_all).map(|reported| reported.code.clone())
}

fn not_delivered(id: &DocumentId, code: &str) -> Reported {
    Reported {
        code: code.to_owned(),
        context: "the document cannot be delivered".to_owned(),
        severity: Severity::Error,
        community: Some(id.community.clone()),
        document: Some(id.clone()),
    }
}

// An id that several communities claim is refused, never guessed.
fn ambiguous(document: Option<DocumentId>, why: &str) -> Reported {
    Reported {
        code: "XDSMissingHomeCommunityId".to_owned(),
        context: why.to_owned(),
        severity: Severity::Error,
        community: document.as_ref().map(|document| document.community.clone()),
        document,
    }
}
