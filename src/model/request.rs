//! What can be requested, and what comes back for it: by operation.

use std::fmt;

use super::{
    Authority, CommunityId, Demographics, Document, DocumentId, Finding, FoundPatient, PatientId,
    PatientMatch, Phi, QueryId, RepositoryId,
};

/// What a request is for: the word in policies, limits, metrics and the audit record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// ITI-18, ITI-38.
    DocumentQuery,
    /// ITI-43, ITI-39.
    DocumentRetrieve,
    /// ITI-47, ITI-55.
    PatientDiscovery,
    /// ITI-45; at an XCA peer carried by ITI-55.
    PatientIdLookup,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::DocumentQuery, Self::DocumentRetrieve, Self::PatientDiscovery, Self::PatientIdLookup];

    /// The word in files, logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DocumentQuery => "document_query",
            Self::DocumentRetrieve => "document_retrieve",
            Self::PatientDiscovery => "patient_discovery",
            Self::PatientIdLookup => "patient_id_lookup",
        }
    }
}

/// What can be requested, message by message.
pub trait Request: Clone + fmt::Debug + Send + Sync + 'static {
    /// What is found for it.
    type Found: Finding;
    /// Which operation it belongs to.
    const OPERATION: Operation;
}

/// Who is this person to you? (ITI-55)
#[derive(Debug, Clone, PartialEq)]
pub struct PatientDiscovery {
    /// May be empty when ids are given.
    pub demographics: Phi<Demographics>,
    /// livingSubjectId parameters.
    pub ids: Vec<PatientId>,
}

impl Request for PatientDiscovery {
    type Found = PatientMatch;
    const OPERATION: Operation = Operation::PatientDiscovery;
}

/// Who are these persons to you? (ITI-47) Within one network: several may be told, under all their ids.
#[derive(Debug, Clone, PartialEq)]
pub struct DemographicsQuery {
    /// What is known of them; every id given must be theirs.
    pub person: PatientDiscovery,
    /// Only ids under these are wanted; none is all.
    pub authorities: Vec<Authority>,
    /// Under which further pages are asked for.
    pub query: QueryId,
    /// How many persons the first page shows; None is all.
    pub page: Option<usize>,
}

impl DemographicsQuery {
    /// Whether ids under this authority are wanted.
    pub fn wants(&self, authority: &Authority) -> bool {
        self.authorities.is_empty() || self.authorities.contains(authority)
    }
}

impl Request for DemographicsQuery {
    type Found = PatientMatch;
    const OPERATION: Operation = Operation::PatientDiscovery;
}

/// Show me the next page of that query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryContinuation {
    /// The query.
    pub query: QueryId,
    /// The first result wanted, counted from one; None is where the last page ended.
    pub from: Option<usize>,
    /// How many; None is as many as the first page.
    pub page: Option<usize>,
}

impl Request for QueryContinuation {
    type Found = PatientMatch;
    const OPERATION: Operation = Operation::PatientDiscovery;
}

/// No more pages of that query are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryCancellation {
    /// The query.
    pub query: QueryId,
}

impl Request for QueryCancellation {
    type Found = PatientMatch;
    const OPERATION: Operation = Operation::PatientDiscovery;
}

/// Under which ids do you know the person we know so?
#[derive(Debug, Clone, PartialEq)]
pub struct PatientIdLookup {
    /// The id known to the asker.
    pub known: PatientId,
    /// What the asker knows of the person; needed by targets that look up by demographics.
    pub demographics: Option<Phi<Demographics>>,
    /// Only ids under these are wanted; none is all.
    pub authorities: Vec<Authority>,
}

impl PatientIdLookup {
    /// Whether ids under this authority are wanted.
    pub fn wants(&self, authority: &Authority) -> bool {
        self.authorities.is_empty() || self.authorities.contains(authority)
    }
}

impl Request for PatientIdLookup {
    type Found = FoundPatient;
    const OPERATION: Operation = Operation::PatientIdLookup;
}

impl Finding for FoundPatient {
    fn subject(&self) -> super::Subject<'_> {
        super::Subject::Patient(&self.id)
    }
}

/// Give me these documents. (ITI-43, ITI-39) In the order asked, no id twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentRetrieve {
    /// What is asked for.
    pub documents: Vec<DocumentId>,
    /// What is asked for without saying where it lies (ITI-43).
    pub homeless: Vec<Homeless>,
}

impl DocumentRetrieve {
    /// Of documents whose homes are known.
    pub const fn of(documents: Vec<DocumentId>) -> Self {
        Self { documents, homeless: Vec::new() }
    }
}

/// A document named without its home community.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Homeless {
    /// Its repository.
    pub repository: RepositoryId,
    /// XDSDocumentEntry.uniqueId, byte for byte.
    pub unique: Phi<String>,
}

impl Homeless {
    /// The document, once it is known where it lies.
    pub fn at(&self, community: &CommunityId) -> DocumentId {
        DocumentId {
            community: community.clone(),
            repository: self.repository.clone(),
            unique: self.unique.clone(),
        }
    }
}

impl Request for DocumentRetrieve {
    type Found = Document;
    const OPERATION: Operation = Operation::DocumentRetrieve;
}
