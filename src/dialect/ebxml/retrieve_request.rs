//! RetrieveDocumentSetRequest (ITI-43, ITI-39; wire.md 15). The texts of a request are kept as they
//! came, because its answer echoes them.

use std::collections::BTreeSet;

use super::checked_query::HomeRule;
use super::vocabulary::XDSB;
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Payload, Sent};
use crate::model::{
    CommunityId, DocumentId, DocumentRetrieve, Homeless, Malformed, Oid, Phi, Refusal, RepositoryId,
};
use crate::xml::{Reader, Tree, Writer};

/// Documents of one request at most.
pub const DOCUMENTS_MAX: usize = 1000;

/// One DocumentRequest, texts as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// HomeCommunityId.
    pub home: Option<String>,
    /// RepositoryUniqueId.
    pub repository: String,
    /// DocumentUniqueId.
    pub unique: Phi<String>,
    /// Whether the children stood in the order of the schema.
    pub is_ordered: bool,
    /// The document, or the code of the error that answers it: XDSMissingHomeCommunityId,
    /// XDSUnknownCommunity, XDSUnknownRepositoryId.
    pub document: Result<Wanted, &'static str>,
}

impl Asked {
    /// Whether this document was asked for.
    pub fn is(&self, id: &DocumentId) -> bool {
        self.document.as_ref().is_ok_and(|wanted| wanted.is(id))
    }
}

/// A document as it was named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// With its home.
    At(DocumentId),
    /// Without one.
    Homeless(Homeless),
}

impl Wanted {
    /// Whether this document was meant.
    pub fn is(&self, id: &DocumentId) -> bool {
        match self {
            Self::At(named) => named == id,
            Self::Homeless(named) => named.repository == id.repository && named.unique == id.unique,
        }
    }
}

fn document(
    home: Option<&str>,
    repository: &str,
    unique: &str,
    rule: HomeRule,
) -> Result<Wanted, &'static str> {
    let home = match home {
        Some(home) => Some(CommunityId(Oid::parse(home).ok_or("XDSUnknownCommunity")?)),
        None if rule == HomeRule::Required => return Err("XDSMissingHomeCommunityId"),
        None => None,
    };
    let repository = RepositoryId(Oid::parse(repository).ok_or("XDSUnknownRepositoryId")?);
    let unique = Phi::new(unique.trim().to_owned());
    Ok(match home {
        Some(community) => Wanted::At(DocumentId { community, repository, unique }),
        None => Wanted::Homeless(Homeless { repository, unique }),
    })
}

/// The documents asked for, in order, none twice.
///
/// # Errors
/// `malformed-xml` and the like, `unexpected-element` for another root, `XDSRepositoryError` when
/// an id is missing, `XDSRepositoryOutOfResources` for too many.
pub fn asked(message: &Envelope, rule: HomeRule) -> Result<Vec<Asked>, Malformed> {
    let tree = message.body_tree()?;
    let at = |tree: &Tree, code, why: String| {
        Reader::new(message.source()).malformed_at(tree.element.at, code, why)
    };
    if !tree.is(XDSB, "RetrieveDocumentSetRequest") {
        let why = format!("the body holds `{}`, not RetrieveDocumentSetRequest", tree.name());
        return Err(at(&tree, "unexpected-element", why));
    }
    let mut all: Vec<Asked> = Vec::new();
    let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for request in tree.all(XDSB, "DocumentRequest") {
        let names: Vec<&str> = request.elements().map(Tree::name).collect();
        let ranks = names.iter().filter_map(|name| ORDER.iter().position(|n| n.eq_ignore_ascii_case(name)));
        let is_ordered = ranks.is_sorted();
        let text = |name: &str| {
            let child = request.elements().find(|child| child.is(XDSB, name))?;
            Some(child.text()).filter(|text| !text.trim().is_empty())
        };
        let missing =
            |name: &str| at(request, "XDSRepositoryError", format!("DocumentRequest without {name}"));
        let home = text("HomeCommunityId").or_else(|| text("homeCommunityId"));
        let repository = text("RepositoryUniqueId").ok_or_else(|| missing("RepositoryUniqueId"))?;
        let unique = text("DocumentUniqueId").ok_or_else(|| missing("DocumentUniqueId"))?;
        let document = document(home.as_deref(), &repository, &unique, rule);
        let is_new = match &document {
            Ok(id) => known.insert(id.clone()),
            Err(_) => unknown.insert((home.clone(), repository.clone(), unique.clone())),
        };
        if !is_new {
            continue;
        }
        if all.len() == DOCUMENTS_MAX {
            let why = format!("more than {DOCUMENTS_MAX} documents");
            return Err(at(request, "XDSRepositoryOutOfResources", why));
        }
        all.push(Asked { home, repository, unique: Phi::new(unique), is_ordered, document });
    }
    Ok(all)
}

/// Reads a request. Documents that can never be fetched (no home, no OID) are left out; the answer
/// names them.
///
/// # Errors
/// As [`asked`]; `XDSMissingHomeCommunityId` when homes are required and no document has one.
pub fn read(message: &Envelope, rule: HomeRule) -> Result<DocumentRetrieve, Refusal> {
    let asked = asked(message, rule)?;
    let homeless = |asked: &Asked| asked.document == Err("XDSMissingHomeCommunityId");
    if !asked.is_empty() && asked.iter().all(homeless) {
        let why = "DocumentRequest without HomeCommunityId";
        return Err(Malformed::new("XDSMissingHomeCommunityId", "", why).into());
    }
    let mut request = DocumentRetrieve::default();
    for wanted in asked.into_iter().filter_map(|asked| asked.document.ok()) {
        match wanted {
            Wanted::At(document) => request.documents.push(document),
            Wanted::Homeless(document) => request.homeless.push(document),
        }
    }
    Ok(request)
}

/// Writes a request.
pub fn write(request: &DocumentRetrieve, addressing: &Addressing) -> (Payload, Sent) {
    let mut w = Writer::new();
    w.start("xdsb:RetrieveDocumentSetRequest").attribute("xmlns:xdsb", XDSB);
    let homeless = request.homeless.iter().map(|document| document.at(&addressing.receiver));
    let documents: Vec<DocumentId> = request.documents.iter().cloned().chain(homeless).collect();
    for (n, document) in documents.iter().enumerate() {
        w.start("xdsb:DocumentRequest");
        if n < request.documents.len() {
            w.leaf("xdsb:HomeCommunityId", &document.community.to_string());
        }
        w.leaf("xdsb:RepositoryUniqueId", document.repository.0.as_str())
            .leaf("xdsb:DocumentUniqueId", document.unique.reveal())
            .end();
    }
    let sent = Sent {
        message: addressing.message.clone(),
        query: addressing.query.clone(),
        home: addressing.receiver.clone(),
        patient: None,
        documents,
    };
    (Payload { xml: w.finish(), attachments: Vec::new() }, sent)
}

const ORDER: [&str; 3] = ["HomeCommunityId", "RepositoryUniqueId", "DocumentUniqueId"];
