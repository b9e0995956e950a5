//! ExtrinsicObject to DocumentEntry (ITI TF-3 4.2.3.2; wire.md 16.1, 21.4): the few fields that
//! routing, policy and audit need; all the rest stays in the bytes it came in.

use std::sync::Arc;

use smol_str::SmolStr;

use super::registry_response::RegistryError;
use super::splice::{self, Changes};
use super::vocabulary::{ON_DEMAND, RIM, STABLE, availability, same_uuid, scheme};
use crate::model::{
    Availability, Code, CommunityId, DocumentEntry, DocumentId, Encoded, EntryFields, ObjectId, Oid,
    PatientId, PeerProfile, Phi, RepositoryId, SharedText, WireBytes,
};
use crate::xml::Tree;

/// Prefixes and URIs in scope around the objects of one answer.
pub type Scope = Arc<[(String, String)]>;

/// A registry object with where it stood.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// The element.
    pub tree: &'a Tree,
    /// Its bytes.
    pub slice: &'a str,
    /// Namespaces declared outside.
    pub scope: &'a Scope,
}

impl Object<'_> {
    /// The bytes to keep.
    pub fn wire(&self) -> WireBytes {
        let text = SharedText::from(self.slice.to_owned());
        WireBytes { text: Phi::new(text), namespaces: Arc::clone(self.scope), places: None }
    }

    /// @home where it is one; `urn:oid:` may be missing.
    pub fn home(&self) -> Option<CommunityId> {
        self.tree.attribute("home").and_then(Oid::parse).map(CommunityId)
    }

    /// @home, or the gateway's own where its file says so.
    ///
    /// # Errors
    /// XDSMissingHomeCommunityId, XDSRegistryError when the home is not the gateway's.
    pub fn home_of(
        &self,
        gateway: &CommunityId,
        profile: &PeerProfile,
    ) -> Result<CommunityId, RegistryError> {
        let name = self.tree.name();
        match self.home() {
            Some(home) if home == *gateway || profile.shows.contains(&home) => Ok(home),
            Some(_) => {
                let why = format!("{name} of a community that the gateway does not speak for");
                Err(RegistryError::new("XDSRegistryError", why, gateway.to_string()))
            }
            None if profile.fill_missing_home => Ok(gateway.clone()),
            None => {
                let why = format!("the gateway {gateway} gave a {name} without home");
                Err(RegistryError::new("XDSMissingHomeCommunityId", why, gateway.to_string()))
            }
        }
    }
}

/// Reads an entry of a gateway's answer.
///
/// # Errors
/// The error to report instead of the entry (wire.md 14.3, 21.4); it carries no patient value.
pub fn read(
    object: Object<'_>,
    gateway: &CommunityId,
    profile: &PeerProfile,
) -> Result<DocumentEntry, RegistryError> {
    let tree = object.tree;
    let dropped = |why: &str| RegistryError::new("XDSRegistryError", why, gateway.to_string());
    let community = object.home_of(gateway, profile)?;
    splice::check_names(tree).map_err(|m| dropped(&format!("an entry could not be read: {}", m.why)))?;
    let mut wire = object.wire();
    let mut filled: Vec<(&str, &str)> = Vec::new();
    let availability = match tree.attribute("status").and_then(availability) {
        Some(availability) => availability,
        None if profile.fill_missing_status => {
            filled.push(("status", APPROVED));
            Availability::Approved
        }
        None => return Err(dropped("an entry without status (switch fill_missing_status)")),
    };
    match object_type(tree) {
        Some(_) => {}
        None if profile.fill_missing_status => filled.push(("objectType", STABLE)),
        None => return Err(dropped("an entry without objectType (switch fill_missing_status)")),
    }
    if !filled.is_empty() {
        let changes = Changes { attributes: &filled, patient: None };
        let amended = splice::splice(&wire, changes)
            .map_err(|m| dropped(&format!("an entry could not be read: {}", m.why)))?;
        wire.text = Phi::new(amended.into());
    }
    let id = tree.attribute("id").map(str::trim).filter(|id| !id.is_empty());
    let repository = slot(tree, "repositoryUniqueId").and_then(|text| Oid::parse(&text));
    let unique = identifier(tree, scheme::UNIQUE).map(str::trim).filter(|unique| !unique.is_empty());
    let patient = identifier(tree, scheme::PATIENT).and_then(PatientId::from_cx);
    // Nearly all have one, and thousands of entries are remembered.
    let mut confidentiality = codes(tree, scheme::CONFIDENTIALITY);
    confidentiality.shrink_to_fit();
    Ok(DocumentEntry::new(
        EntryFields {
            id: DocumentId {
                community,
                repository: RepositoryId(
                    repository.ok_or_else(|| dropped("an entry without repositoryUniqueId"))?,
                ),
                unique: Phi::new(unique.ok_or_else(|| dropped("an entry without uniqueId"))?.to_owned()),
            },
            object: ObjectId(Phi::new(id.ok_or_else(|| dropped("an entry without id"))?.to_owned())),
            patient: patient.ok_or_else(|| dropped("an entry without patientId"))?,
            class: code(tree, scheme::CLASS),
            type_code: code(tree, scheme::TYPE),
            format: code(tree, scheme::FORMAT),
            confidentiality,
            availability,
            media_type: tree.attribute("mimeType").unwrap_or_default().trim().into(),
            hash: slot(tree, "hash").as_deref().map(folded_hash),
            size: slot(tree, "size").and_then(|size| size.parse().ok()),
            origin: None,
        },
        Encoded::Ebxml(wire),
    ))
}

/// Stable or on-demand; None for any other objectType.
pub fn object_type(tree: &Tree) -> Option<&'static str> {
    object_type_of(tree.attribute("objectType")?)
}

/// Stable or on-demand, as an objectType says it.
pub fn object_type_of(given: &str) -> Option<&'static str> {
    [STABLE, ON_DEMAND].into_iter().find(|known| same_uuid(known, given))
}

/// A hash as it is compared. Nearly all come in lower case.
pub fn folded_hash(hash: &str) -> SmolStr {
    let hash = hash.trim();
    let has_upper = hash.bytes().any(|byte| byte.is_ascii_uppercase());
    if has_upper { hash.to_ascii_lowercase().into() } else { SmolStr::new(hash) }
}

/// The values of a slot, trimmed, empty ones left out.
pub fn slot_values(tree: &Tree, name: &str) -> Vec<String> {
    let slots = tree.all(RIM, "Slot").filter(|slot| slot.attribute("name") == Some(name));
    let values = slots.flat_map(|slot| slot.all(RIM, "ValueList")).flat_map(|list| list.all(RIM, "Value"));
    values.map(|value| value.text().trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// The first value of a slot, trimmed.
pub fn slot(tree: &Tree, name: &str) -> Option<String> {
    slot_values(tree, name).into_iter().next()
}

/// Classifications of a scheme.
pub fn classifications<'t>(tree: &'t Tree, scheme: &'t str) -> impl Iterator<Item = &'t Tree> {
    tree.all(RIM, "Classification")
        .filter(move |c| c.attribute("classificationScheme").is_some_and(|s| same_uuid(s, scheme)))
}

/// Codes of a scheme.
pub fn codes(tree: &Tree, scheme: &str) -> Vec<Code> {
    let read = |classification: &Tree| Code {
        value: classification.attribute("nodeRepresentation").unwrap_or_default().trim().into(),
        system: slot(classification, "codingScheme").unwrap_or_default().into(),
        display: localized(classification, "Name").into(),
    };
    classifications(tree, scheme).map(read).collect()
}

/// The first code of a scheme, an empty one if there is none.
pub fn code(tree: &Tree, scheme: &str) -> Code {
    codes(tree, scheme).into_iter().next().unwrap_or_default()
}

/// Name or Description.
pub fn localized(tree: &Tree, element: &str) -> String {
    let string = tree.path(RIM, &[element, "LocalizedString"]);
    string.and_then(|string| string.attribute("value")).unwrap_or_default().trim().to_owned()
}

/// The value of an external identifier.
pub fn identifier<'t>(tree: &'t Tree, scheme: &str) -> Option<&'t str> {
    tree.all(RIM, "ExternalIdentifier")
        .find(|i| i.attribute("identificationScheme").is_some_and(|s| same_uuid(s, scheme)))?
        .attribute("value")
}

pub(super) const APPROVED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved";
