//! `Xds`: the community. What leaves is what the request says, without the homes that its registry
//! knows nothing of; what comes back is ours, or the network's, as `entries` and `persons` read it.

use async_trait::async_trait;
use bytes::Bytes;
use http::Uri;

use crate::community::exchange::Exchange;
use crate::config::XdsConfig;
use crate::dialect::ebxml::{
    RegistryStoredQuery, RetrieveDocumentSet, has_references, is_admitted, metadata,
};
use crate::dialect::hl7v3::{PdqQuery, PixQuery};
use crate::model::{
    Answer, Community, Criteria, Descriptor, Document, DocumentEntry, DocumentId, DocumentQuery,
    DocumentRetrieve, Failure, FoundPatient, Leg, MessageId, Outbound, Outcome, PatientDiscovery,
    PatientIdLookup, PatientMatch, Phi, RegistryObject, RequestContext, Side, Timestamp, Wanted,
};

/// A network, or a source of our own, behind PIX, PDQ and XDS.
pub struct Xds {
    pub(super) descriptor: Descriptor,
    pub(super) config: XdsConfig,
    pub(super) exchange: Exchange,
}

pub(super) fn offered(url: Option<&Uri>) -> Result<&Uri, Failure> {
    url.ok_or(Failure::NotOffered)
}

/// Fresh ids for one more message about the same query.
pub(super) fn again(leg: &Leg) -> Leg {
    Leg { message: MessageId::fresh(), at: Timestamp::now(), ..leg.clone() }
}

/// What packages are asked by that another network is shown of them (wire.md 13.2).
const OF_PACKAGES: [&str; 8] = [
    "$XDSFolderCodeList",
    "$XDSFolderLastUpdateTimeFrom",
    "$XDSFolderLastUpdateTimeTo",
    "$XDSSubmissionSetAuthorPerson",
    "$XDSSubmissionSetContentType",
    "$XDSSubmissionSetSourceId",
    "$XDSSubmissionSetSubmissionTimeFrom",
    "$XDSSubmissionSetSubmissionTimeTo",
];

impl Xds {
    /// At the URLs of its table.
    pub const fn new(descriptor: Descriptor, config: XdsConfig, exchange: Exchange) -> Self {
        Self { descriptor, config, exchange }
    }

    pub(super) fn is_source(&self) -> bool {
        self.descriptor.side == Side::Home
    }

    // Its own PIX manager is asked only about numbers that are its own: where another network's knows
    // ours, no demographics leave at all.
    fn is_asked_by_id(&self) -> bool {
        self.config.patient_ids.is_some()
    }

    /// What leaves for it. Its registry knows the one community that it is in. What another network asks
    /// by, a registry of ours would hold against fields that are not shown there: whether it finds
    /// something would tell what stands in them, the hospital's number first.
    fn toward(&self, asked_from: Side, request: &DocumentQuery) -> DocumentQuery {
        let home = self.config.send_home.then(|| self.exchange.ends.receiver.clone());
        let mut toward = DocumentQuery { home, ..request.clone() };
        if self.is_source() && asked_from == Side::Peer {
            toward.criteria.other.retain(|slot| OF_PACKAGES.contains(&slot.name.as_str()));
            toward.criteria.references.clear();
            if toward.criteria.wanted == Wanted::DocumentsByReference {
                toward.criteria.wanted = Wanted::Documents;
            }
        }
        toward
    }

    /// Whether an entry is of what was asked for, as far as the registry was not asked for it; for another
    /// network by what that is shown.
    fn admits(&self, asked_from: Side, criteria: &Criteria, entry: &DocumentEntry) -> bool {
        if self.is_source() && asked_from == Side::Peer {
            let shown = entry.readdressed(entry.patient.clone(), Some(entry.patient.clone()));
            return metadata(&shown).is_ok_and(|view| has_references(criteria, &view));
        }
        is_admitted(criteria, entry)
    }

    /// The URL of a document's repository.
    pub(super) fn repository(&self, id: &DocumentId) -> Option<&Uri> {
        self.config.repositories.iter().find(|(repository, _)| *repository == id.repository).map(|(_, to)| to)
    }

    /// The URL of a retrieve: that of its first document. The broker asks each URL by itself.
    fn retrieved_from(&self, request: &DocumentRetrieve) -> Option<&Uri> {
        match request.documents.first() {
            Some(first) => self.repository(first),
            None => self.config.repositories.first().map(|(_, to)| to),
        }
    }
}

#[async_trait]
impl Community for Xds {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn query_element(
        &self,
        context: &RequestContext,
        leg: &Leg,
        outbound: Outbound<'_>,
    ) -> Option<Phi<Bytes>> {
        if self.is_source() {
            return None;
        }
        let (exchange, config) = (&self.exchange, &self.config);
        match outbound {
            Outbound::Nothing => None,
            Outbound::DocumentQuery(request) => {
                let to = config.registry.as_ref()?;
                Some(exchange.query_element::<RegistryStoredQuery>(
                    leg,
                    to,
                    &self.toward(context.side, request),
                ))
            }
            Outbound::DocumentRetrieve(request) => {
                let to = self.retrieved_from(request)?;
                Some(exchange.query_element::<RetrieveDocumentSet>(leg, to, &self.asking_for(request)))
            }
            Outbound::PatientDiscovery(request) => {
                let to = config.patient_demographics.as_ref()?;
                Some(exchange.query_element::<PdqQuery>(leg, to, &self.asking_who(leg, request)))
            }
            Outbound::PatientIdLookup(request) => match &config.patient_ids {
                Some(to) => Some(exchange.query_element::<PixQuery>(leg, to, &self.asking_ids(request))),
                None => {
                    let to = config.patient_demographics.as_ref()?;
                    let person = self.described(request);
                    Some(exchange.query_element::<PdqQuery>(leg, to, &self.asking_who(leg, &person)))
                }
            },
        }
    }

    fn documents_per_retrieve(&self) -> usize {
        self.exchange.profile.documents_per_retrieve
    }

    fn objects_per_query(&self) -> usize {
        self.config.objects_per_query
    }

    fn url(&self, outbound: Outbound<'_>) -> Option<String> {
        let config = &self.config;
        let to = match outbound {
            Outbound::Nothing => None,
            Outbound::DocumentQuery(_) => config.registry.as_ref(),
            Outbound::DocumentRetrieve(request) => self.retrieved_from(request),
            Outbound::PatientIdLookup(_) if self.is_asked_by_id() => config.patient_ids.as_ref(),
            Outbound::PatientDiscovery(_) | Outbound::PatientIdLookup(_) => {
                config.patient_demographics.as_ref()
            }
        };
        to.map(ToString::to_string)
    }

    fn transaction(&self, outbound: Outbound<'_>) -> &'static str {
        match outbound {
            Outbound::DocumentQuery(_) => "ITI-18",
            Outbound::DocumentRetrieve(_) => "ITI-43",
            Outbound::PatientIdLookup(_) if self.is_asked_by_id() => "ITI-45",
            Outbound::Nothing | Outbound::PatientDiscovery(_) | Outbound::PatientIdLookup(_) => "ITI-47",
        }
    }

    async fn patient_discovery(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientDiscovery,
    ) -> Outcome<PatientMatch> {
        match self.descriptor.side {
            Side::Home => self.graded(context, leg, request).await,
            Side::Peer => self.one_person(context, leg, request).await,
        }
    }

    async fn patient_id_lookup(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientIdLookup,
    ) -> Outcome<FoundPatient> {
        match self.descriptor.side {
            Side::Home => self.confirmed(context, leg, &request.known).await,
            Side::Peer => self.correlated(context, leg, request).await,
        }
    }

    async fn document_query(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &DocumentQuery,
    ) -> Outcome<RegistryObject> {
        let to = offered(self.config.registry.as_ref())?;
        let toward = self.toward(context.side, request);
        let answer = self.exchange.carry::<RegistryStoredQuery>(context, leg, to, &toward).await?;
        let mut answer = self.taken(context.side, answer);
        let admits = |entry: &DocumentEntry| self.admits(context.side, &request.criteria, entry);
        answer.found.retain(|found| found.entry().is_none_or(admits));
        Ok(answer)
    }

    async fn document_retrieve(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &DocumentRetrieve,
    ) -> Outcome<Document> {
        let mut merged = Answer::default();
        for (n, (to, documents)) in self.by_url(request)?.into_iter().enumerate() {
            // The broker asks each URL by itself; whoever asks several at once gets them all the same.
            let leg = if n == 0 { leg.clone() } else { again(leg) };
            let asked = self.asking_for(&DocumentRetrieve::of(documents));
            merged.merge(self.exchange.carry::<RetrieveDocumentSet>(context, &leg, to, &asked).await?);
        }
        Ok(self.delivered(context.side, merged))
    }
}
