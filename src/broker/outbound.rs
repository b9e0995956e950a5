//! A request in one target's own terms: whom to send it to, under which patient id, and whether
//! what comes back answers it.

use futures_util::future::BoxFuture;

use super::pieces::pieces;
use super::related;
use super::resemblance::{resembles, speaks_for};
use super::resolve::About;
use super::target::Target;
use crate::model::{
    Answer, Community, CommunityId, Descriptor, Document, DocumentId, DocumentQuery, DocumentRetrieve, Leg,
    Outbound, Outcome, PackageKind, PatientDiscovery, PatientId, PatientIdLookup, PatientMatch, QueryKey,
    RegistryObject, Request, RequestContext, ReturnType, Wanted,
};

/// What is to be asked of one target.
#[derive(Debug, Clone)]
pub enum Ask<R> {
    /// This, as it is.
    Plain(R),
    /// This, once the patient's id there is known: the target is asked for it first.
    Correlated(R),
}

/// A request the broker can send out.
pub trait OutboundRequest: Request {
    /// The request for a description.
    fn outbound(&self) -> Outbound<'_>;

    /// What to ask of this target; empty when there is nothing to ask there.
    fn asks(&self, about: &About, to: &Target) -> Vec<Ask<Self>>;

    /// Whether what this target holds may be told in the answer.
    fn concerns(&self, about: &About, to: &Target) -> bool {
        !self.asks(about, to).is_empty()
    }

    /// The request about this patient id.
    fn about_patient(&self, patient: PatientId) -> Self;

    /// Sends it.
    fn send<'a>(
        &'a self,
        context: &'a RequestContext,
        leg: &'a Leg,
        to: &'a dyn Community,
    ) -> BoxFuture<'a, Outcome<Self::Found>>;

    /// What has to be asked there besides, as the answer shows; what it said of that is taken out of it.
    fn further(&self, _: &dyn Community, _: &mut Answer<Self::Found>) -> Vec<Self> {
        Vec::new()
    }

    /// The ids at a network that an answer to this request has brought, where it is a look-up.
    fn learned(&self, _: &Answer<Self::Found>) -> Option<(&PatientIdLookup, Vec<PatientId>)> {
        None
    }

    /// What has to be looked up at the same target before what it found can be judged, round by round.
    /// `alone` tells whether packages may be shown whatever they hold.
    fn lookups(&self, _: &Answer<Self::Found>, _alone: &dyn Fn() -> bool, _round: usize) -> Vec<Self> {
        Vec::new()
    }

    /// Takes in what a look-up has brought.
    fn take_in(&self, _: &mut Answer<Self::Found>, _looked_up: Vec<Self::Found>) {}

    /// Leaves out what does not hang together with what was asked.
    fn connect(&self, _: &mut Answer<Self::Found>) {}

    /// Whether finding nothing may mean that the id asked about is no longer good.
    fn is_suspect_when_empty(&self) -> bool {
        true
    }

    /// Whether a finding from there answers this request.
    fn accepts(&self, from: &Descriptor, found: &Self::Found) -> bool;
}

impl OutboundRequest for PatientDiscovery {
    fn outbound(&self) -> Outbound<'_> {
        Outbound::PatientDiscovery(self)
    }

    fn asks(&self, about: &About, to: &Target) -> Vec<Ask<Self>> {
        // Everyone gets only ids of its own: an id of a peer goes to that peer alone (decisions A7),
        // ours stay at home (A8).
        let authorities = &to.descriptor().authorities;
        let is_theirs = |id: &&PatientId| authorities.contains(&id.authority) && !about.over.contains(id);
        let ids: Vec<PatientId> = self.ids.iter().filter(is_theirs).cloned().collect();
        if self.demographics.reveal().is_empty() && ids.is_empty() && !to.is_source() {
            return Vec::new();
        }
        vec![Ask::Plain(Self { ids, ..self.clone() })]
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
        Box::pin(to.patient_discovery(context, leg, self))
    }

    fn accepts(&self, from: &Descriptor, found: &PatientMatch) -> bool {
        match found {
            PatientMatch::Found(found) => speaks_for(from, found) && resembles(self, found),
            PatientMatch::Graded(record) => {
                record.source == from.name && from.authorities.contains(&record.id.authority)
            }
            PatientMatch::MoreAttributes { .. } => true,
        }
    }
}

impl DocumentQuery {
    // Asked as whole objects, which policy can judge; reduced to ids when the answer is written.
    fn whole(&self) -> Self {
        Self { returns: ReturnType::LeafClass, ..self.clone() }
    }

    // The part of it that one community can answer.
    fn at(&self, home: &CommunityId, by: &QueryKey) -> Self {
        Self { by: by.clone(), home: Some(home.clone()), ..self.whole() }
    }
}

impl OutboundRequest for DocumentQuery {
    fn outbound(&self) -> Outbound<'_> {
        Outbound::DocumentQuery(self)
    }

    fn asks(&self, about: &About, to: &Target) -> Vec<Ask<Self>> {
        match &self.by {
            QueryKey::Patient(_) => about
                .ids_at(to)
                .into_iter()
                .map(|id| Ask::Plain(self.about_patient(id)))
                .chain(about.correlates(to).then(|| Ask::Correlated(self.whole())))
                .collect(),
            // Ids belong to one community: none ever goes to several (wire.md 14.1).
            QueryKey::Objects(_) | QueryKey::UniqueIds(_) => match &about.routes {
                Some(routes) => {
                    let is_here = |(home, by): &&(CommunityId, QueryKey)| {
                        *home == to.descriptor().community && !by.is_empty()
                    };
                    let here = routes.at.iter().filter(is_here);
                    here.map(|(home, by)| Ask::Plain(self.at(home, by))).collect()
                }
                None if about.means(to) => vec![Ask::Plain(self.whole())],
                None => Vec::new(),
            },
        }
    }

    fn about_patient(&self, patient: PatientId) -> Self {
        Self { by: QueryKey::Patient(patient), ..self.whole() }
    }

    fn send<'a>(
        &'a self,
        context: &'a RequestContext,
        leg: &'a Leg,
        to: &'a dyn Community,
    ) -> BoxFuture<'a, Outcome<RegistryObject>> {
        Box::pin(to.document_query(context, leg, self))
    }

    fn further(&self, to: &dyn Community, answer: &mut Answer<RegistryObject>) -> Vec<Self> {
        pieces(self, to, answer)
    }

    fn accepts(&self, from: &Descriptor, found: &RegistryObject) -> bool {
        let wanted = self.criteria.wanted;
        let asked = match (found, &self.by) {
            // By what it joins, once that is known.
            (RegistryObject::Association(_), _) => true,
            (RegistryObject::Entry(entry), QueryKey::Patient(patient)) => {
                entry.patient == *patient && self.criteria.admits(entry)
            }
            (RegistryObject::Entry(entry), by) => match wanted {
                Wanted::Documents | Wanted::DocumentsAndAssociations => by.names(found),
                _ => self.criteria.admits(entry),
            },
            (RegistryObject::Package(package), QueryKey::Patient(patient)) => {
                package.patient == *patient && self.criteria.admits_package(package)
            }
            (RegistryObject::Package(package), by) => match (wanted, package.kind) {
                (Wanted::Folders | Wanted::FolderAndContents, _)
                | (Wanted::SubmissionSetAndContents, PackageKind::SubmissionSet) => by.names(found),
                _ => true,
            },
        };
        let is_there = match found {
            RegistryObject::Entry(entry) => holds(from, &entry.id),
            other => *other.community() == from.community,
        };
        asked && is_there && self.may_hold(found)
    }

    // Most patients have no folders, and few documents a given reference.
    fn is_suspect_when_empty(&self) -> bool {
        matches!(self.criteria.wanted, Wanted::Documents | Wanted::Everything)
    }

    fn lookups(&self, answer: &Answer<RegistryObject>, alone: &dyn Fn() -> bool, round: usize) -> Vec<Self> {
        related::lookups(self, answer, alone, round)
    }

    fn take_in(&self, answer: &mut Answer<RegistryObject>, looked_up: Vec<RegistryObject>) {
        related::take_in(answer, looked_up);
    }

    fn connect(&self, answer: &mut Answer<RegistryObject>) {
        related::connect(self, answer);
    }
}

impl OutboundRequest for DocumentRetrieve {
    fn outbound(&self) -> Outbound<'_> {
        Outbound::DocumentRetrieve(self)
    }

    fn asks(&self, about: &About, to: &Target) -> Vec<Ask<Self>> {
        // Only what has been judged is asked for, each document where it lies.
        let documents: Vec<DocumentId> = self
            .documents
            .iter()
            .filter(|id| about.knows(id) && holds(to.descriptor(), id))
            .cloned()
            .collect();
        // What takes few documents at a time gets several messages, each with its place in the record; so
        // does each repository with a URL of its own.
        let at_a_time = match to.documents_per_retrieve() {
            0 => documents.len().max(1),
            limit => limit,
        };
        let mut by_url: Vec<(Option<String>, Vec<DocumentId>)> = Vec::new();
        for document in documents {
            let url = to.url(Outbound::DocumentRetrieve(&Self::of(vec![document.clone()])));
            match by_url.iter_mut().find(|(known, _)| *known == url) {
                Some((_, documents)) => documents.push(document),
                None => by_url.push((url, vec![document])),
            }
        }
        let parts = by_url.iter().flat_map(|(_, documents)| documents.chunks(at_a_time));
        parts.map(|documents| Ask::Plain(Self::of(documents.to_vec()))).collect()
    }

    fn about_patient(&self, _: PatientId) -> Self {
        self.clone()
    }

    fn send<'a>(
        &'a self,
        context: &'a RequestContext,
        leg: &'a Leg,
        to: &'a dyn Community,
    ) -> BoxFuture<'a, Outcome<Document>> {
        Box::pin(to.document_retrieve(context, leg, self))
    }

    fn accepts(&self, from: &Descriptor, found: &Document) -> bool {
        self.documents.contains(&found.id) && holds(from, &found.id)
    }
}

/// Whether a document id lies at a target: at a peer by community, at a source by repository.
pub fn holds(target: &Descriptor, id: &DocumentId) -> bool {
    target.community == id.community
        && (target.repositories.is_empty() || target.repositories.contains(&id.repository))
}
