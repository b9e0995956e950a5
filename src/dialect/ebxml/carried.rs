//! What an ebXML message says, in its own words, for `kakehashi decode`: texts as they stand, also
//! where the model could not take them.

use super::entry::{code, codes, identifier, localized, slot};
use super::entry_view::{self, EntryView};
use super::package;
use super::retrieve_request::Asked;
use super::retrieve_response::{Content, Part};
use super::vocabulary::{QUERY, RIM, scheme};
use crate::model::{Code, PackageKind, Phi, Slot};
use crate::xml::Tree;

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Carried {
    /// DocumentRequests or DocumentResponses.
    Documents(Vec<CarriedDocument>),
    /// A RegistryResponse, or nothing could be read.
    #[default]
    Nothing,
    /// The objects of an AdhocQueryResponse.
    Objects(CarriedObjects),
    /// An AdhocQuery.
    Query(CarriedQuery),
}

/// What an AdhocQueryResponse lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CarriedObjects {
    /// ExtrinsicObjects.
    pub entries: Vec<CarriedEntry>,
    /// RegistryPackages.
    pub packages: Vec<CarriedPackage>,
    /// Associations.
    pub associations: Vec<CarriedAssociation>,
    /// Ids of ObjectRefs.
    pub references: Vec<Phi<String>>,
}

/// A RegistryPackage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedPackage {
    /// Which, where its own classifications tell.
    pub kind: Option<PackageKind>,
    /// @home.
    pub home: Option<String>,
    /// @id.
    pub object: Phi<String>,
    /// @status.
    pub status: Option<String>,
    /// uniqueId.
    pub unique: Option<Phi<String>>,
    /// patientId, CX.
    pub patient: Option<Phi<String>>,
    /// Title.
    pub title: String,
    /// Comments.
    pub comments: String,
    /// contentTypeCode, or codeList.
    pub codes: Vec<Code>,
    /// submissionTime, or lastUpdateTime.
    pub time: Option<String>,
    /// sourceId.
    pub source: Option<String>,
}

/// An Association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedAssociation {
    /// @home.
    pub home: Option<String>,
    /// @id.
    pub object: Phi<String>,
    /// @associationType.
    pub kind: Option<String>,
    /// @sourceObject.
    pub source: Phi<String>,
    /// @targetObject.
    pub target: Phi<String>,
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

impl CarriedObjects {
    /// Takes one object in.
    pub fn take(&mut self, tree: &Tree) {
        match tree.name() {
            "ExtrinsicObject" => self.entries.push(CarriedEntry::of(tree)),
            "RegistryPackage" => self.packages.push(CarriedPackage::of(tree)),
            "Association" => self.associations.push(CarriedAssociation::of(tree)),
            "ObjectRef" => {
                self.references.push(Phi::new(tree.attribute("id").unwrap_or_default().to_owned()));
            }
            _ => {}
        }
    }
}

impl CarriedPackage {
    /// From a RegistryPackage.
    pub fn of(tree: &Tree) -> Self {
        let attribute = |name| tree.attribute(name).map(str::to_owned);
        let external = |scheme| identifier(tree, scheme).map(|value| Phi::new(value.to_owned()));
        let kind = package::kind(tree);
        let schemes = kind.map(package::schemes);
        let codes = |kind| match kind {
            PackageKind::Folder => codes(tree, scheme::FOLDER_CODES),
            PackageKind::SubmissionSet => codes(tree, scheme::SET_CONTENT_TYPE),
        };
        Self {
            kind,
            home: attribute("home"),
            object: Phi::new(attribute("id").unwrap_or_default()),
            status: attribute("status"),
            unique: schemes.and_then(|(_, unique)| external(unique)),
            patient: schemes.and_then(|(patient, _)| external(patient)),
            title: localized(tree, "Name"),
            comments: localized(tree, "Description"),
            codes: kind.map(codes).unwrap_or_default(),
            time: slot(tree, "submissionTime").or_else(|| slot(tree, "lastUpdateTime")),
            source: identifier(tree, scheme::SET_SOURCE).map(str::to_owned),
        }
    }
}

impl CarriedAssociation {
    /// From an Association.
    pub fn of(tree: &Tree) -> Self {
        let attribute = |name| tree.attribute(name).map(str::to_owned);
        let end = |name| Phi::new(attribute(name).unwrap_or_default());
        Self {
            home: attribute("home"),
            object: end("id"),
            kind: attribute("associationType"),
            source: end("sourceObject"),
            target: end("targetObject"),
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
