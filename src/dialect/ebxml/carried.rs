//! What an ebXML message says, in its own words, for `kakehashi decode`: texts as they stand, also
//! where the model could not take them.

use super::entry::{code, codes, identifier, slot};
use super::entry_view::{self, EntryView};
use super::retrieve_request::Asked;
use super::retrieve_response::{Content, Part};
use super::vocabulary::{QUERY, RIM, scheme};
use crate::model::{Code, Phi, Slot};
use crate::xml::Tree;

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Carried {
    /// DocumentRequests or DocumentResponses.
    Documents(Vec<CarriedDocument>),
    /// ExtrinsicObjects.
    Entries(Vec<CarriedEntry>),
    /// A RegistryResponse, or nothing could be read.
    #[default]
    Nothing,
    /// An AdhocQuery.
    Query(CarriedQuery),
}

/// An AdhocQuery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedQuery {
    /// @id.
    pub id: String,
    /// @home.
    pub home: Option<String>,
    /// returnType.
    pub returns: String,
    /// Its slots.
    pub slots: Vec<Slot>,
}

/// A DocumentRequest or DocumentResponse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedDocument {
    /// HomeCommunityId.
    pub home: Option<String>,
    /// RepositoryUniqueId.
    pub repository: String,
    /// DocumentUniqueId.
    pub unique: Phi<String>,
    /// mimeType; None in requests.
    pub media_type: Option<String>,
    /// Bytes, where they stand in the message itself.
    pub size: Option<usize>,
}

/// An ExtrinsicObject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedEntry {
    /// @home.
    pub home: Option<String>,
    /// @id.
    pub object: Phi<String>,
    /// @status.
    pub status: Option<String>,
    /// @mimeType.
    pub media_type: Option<String>,
    /// repositoryUniqueId.
    pub repository: Option<String>,
    /// uniqueId.
    pub unique: Option<Phi<String>>,
    /// patientId, CX.
    pub patient: Option<Phi<String>>,
    /// classCode.
    pub class: Code,
    /// typeCode.
    pub type_code: Code,
    /// formatCode.
    pub format: Code,
    /// confidentialityCode.
    pub confidentiality: Vec<Code>,
    /// hash.
    pub hash: Option<String>,
    /// size.
    pub size: Option<String>,
    /// The rest.
    pub view: EntryView,
}

impl CarriedQuery {
    /// From an AdhocQueryRequest.
    pub fn of(tree: &Tree) -> Option<Self> {
        let adhoc = tree.first(RIM, "AdhocQuery")?;
        let returns = tree.first(QUERY, "ResponseOption").and_then(|option| option.attribute("returnType"));
        let slot = |slot: &Tree| {
            let values = slot.all(RIM, "ValueList").flat_map(|list| list.all(RIM, "Value"));
            let values = values.map(|value| Phi::new(value.text())).collect();
            Slot { name: slot.attribute("name").unwrap_or_default().to_owned(), values }
        };
        Some(Self {
            id: adhoc.attribute("id").unwrap_or_default().to_owned(),
            home: adhoc.attribute("home").map(str::to_owned),
            returns: returns.unwrap_or_default().to_owned(),
            slots: adhoc.all(RIM, "Slot").map(slot).collect(),
        })
    }
}

impl CarriedEntry {
    /// From an ExtrinsicObject.
    pub fn of(tree: &Tree) -> Self {
        let attribute = |name| tree.attribute(name).map(str::to_owned);
        let external = |scheme| identifier(tree, scheme).map(|value| Phi::new(value.to_owned()));
        Self {
            home: attribute("home"),
            object: Phi::new(attribute("id").unwrap_or_default()),
            status: attribute("status"),
            media_type: attribute("mimeType"),
            repository: slot(tree, "repositoryUniqueId"),
            unique: external(scheme::UNIQUE),
            patient: external(scheme::PATIENT),
            class: code(tree, scheme::CLASS),
            type_code: code(tree, scheme::TYPE),
            format: code(tree, scheme::FORMAT),
            confidentiality: codes(tree, scheme::CONFIDENTIALITY),
            hash: slot(tree, "hash"),
            size: slot(tree, "size"),
            view: entry_view::of(tree),
        }
    }
}

impl From<&Asked> for CarriedDocument {
    fn from(asked: &Asked) -> Self {
        Self {
            home: asked.home.clone(),
            repository: asked.repository.clone(),
            unique: asked.unique.clone(),
            media_type: None,
            size: None,
        }
    }
}

impl From<&Part> for CarriedDocument {
    fn from(part: &Part) -> Self {
        let size = match &part.content {
            Content::Decoded(bytes) | Content::Text(bytes) => Some(bytes.len()),
            Content::Include(_) | Content::Missing => None,
        };
        Self {
            home: part.home.clone(),
            repository: part.repository.clone(),
            unique: part.unique.clone(),
            media_type: Some(part.media_type.clone()),
            size,
        }
    }
}
