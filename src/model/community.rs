//! The one port outward: everything a request can be sent to.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Authority, CommunityId, Document, DocumentQuery, DocumentRetrieve, Endpoint, Failure, FoundPatient,
    MessageId, Operation, Outcome, PatientDiscovery, PatientIdLookup, PatientMatch, Phi, QueryId,
    RegistryObject, RepositoryId, RequestContext, Side, TargetName, Timestamp,
};

/// What the directory says of a target.
#[derive(Debug, Clone)]
pub struct Descriptor {
    /// The stem of its file.
    pub name: TargetName,
    /// Its community; a source shares ours.
    pub community: CommunityId,
    /// Home: a source of ours. Peer: another network.
    pub side: Side,
    /// What it offers.
    pub offers: BTreeSet<Operation>,
    /// Authorities whose patient ids it may speak of.
    pub authorities: Vec<Authority>,
    /// Repositories it holds.
    pub repositories: Vec<RepositoryId>,
    /// 10-digit facility code of a source; None for a peer.
    pub facility: Option<String>,
    /// Whether a document of it that differs from its entry is passed on all the same.
    pub documents_may_differ: bool,
}

/// The ids of one outbound message, made before the audit record so that they stand in it
/// (decisions D1).
#[derive(Debug, Clone)]
pub struct Leg {
    /// wsa:MessageID to use.
    pub message: MessageId,
    /// HL7 queryId to use.
    pub query: QueryId,
    /// creationTime to use.
    pub at: Timestamp,
    /// Who answered it.
    pub far_end: FarEnd,
}

/// The far end of an outbound message, known once an answer's head has come: its certificate and
/// addresses are part of the record (decisions D3). Clones share it, so that it is told also when
/// the answer itself ends in an error.
#[derive(Debug, Clone, Default)]
pub struct FarEnd(Arc<OnceLock<Endpoint>>);

impl FarEnd {
    /// Tells it; what was told first stays.
    pub fn tell(&self, endpoint: Endpoint) {
        let _ = self.0.set(endpoint);
    }

    /// What was told.
    pub fn get(&self) -> Option<&Endpoint> {
        self.0.get()
    }
}

/// A request as a target is about to be asked.
#[derive(Debug, Clone, Copy)]
pub enum Outbound<'a> {
    /// ITI-18, ITI-38.
    DocumentQuery(&'a DocumentQuery),
    /// ITI-43, ITI-39.
    DocumentRetrieve(&'a DocumentRetrieve),
    /// No message of its own: a page of what was found before.
    Nothing,
    /// ITI-55.
    PatientDiscovery(&'a PatientDiscovery),
    /// ITI-45, or ITI-55 at an XCA peer.
    PatientIdLookup(&'a PatientIdLookup),
}

/// A target. Each operation defaults to `NotOffered`.
#[async_trait]
pub trait Community: Send + Sync {
    /// What the directory says of it.
    fn descriptor(&self) -> &Descriptor;

    /// The query element that would leave for this request, byte for byte, for the audit record.
    /// None where nothing leaves the house (a source of our own).
    fn query_element(&self, _: &RequestContext, _: &Leg, _: Outbound<'_>) -> Option<Phi<Bytes>> {
        None
    }

    /// Documents it takes in one retrieve; 0 is no limit. Larger retrieves are several messages.
    fn documents_per_retrieve(&self) -> usize {
        0
    }

    /// Objects it is asked for at a time where it finds a list too long for one answer; 0 is not at all.
    fn objects_per_query(&self) -> usize {
        0
    }

    /// The transaction it goes out as, for the audit record: that of an XCA gateway. A source of ours is
    /// asked without a message.
    fn transaction(&self, outbound: Outbound<'_>) -> &'static str {
        match outbound {
            Outbound::DocumentQuery(_) => "ITI-38",
            Outbound::DocumentRetrieve(_) => "ITI-39",
            Outbound::Nothing | Outbound::PatientDiscovery(_) | Outbound::PatientIdLookup(_) => "ITI-55",
        }
    }

    /// The URL it would be sent to, for the audit record. None where nothing leaves the house.
    fn url(&self, _: Outbound<'_>) -> Option<String> {
        None
    }

    /// Who is this person to you?
    async fn patient_discovery(
        &self,
        _: &RequestContext,
        _: &Leg,
        _: &PatientDiscovery,
    ) -> Outcome<PatientMatch> {
        Err(Failure::NotOffered)
    }

    /// Under which ids do you know this person? With what the target shows of them.
    async fn patient_id_lookup(
        &self,
        _: &RequestContext,
        _: &Leg,
        _: &PatientIdLookup,
    ) -> Outcome<FoundPatient> {
        Err(Failure::NotOffered)
    }

    /// Which documents exist?
    async fn document_query(
        &self,
        _: &RequestContext,
        _: &Leg,
        _: &DocumentQuery,
    ) -> Outcome<RegistryObject> {
        Err(Failure::NotOffered)
    }

    /// Give me these documents. Returns with every head known and every body unread.
    async fn document_retrieve(
        &self,
        _: &RequestContext,
        _: &Leg,
        _: &DocumentRetrieve,
    ) -> Outcome<Document> {
        Err(Failure::NotOffered)
    }
}
