//! Association: what belongs to what (ITI TF-3 4.2.2; wire.md 16.4), read from a gateway's answer and
//! written into one of ours.

use super::entry::Object;
use super::registry_response::RegistryError;
use super::splice::{self, Changes};
use super::vocabulary::ASSOCIATION;
use crate::model::{Association, CommunityId, Malformed, ObjectId, Phi};
use crate::xml::Writer;

/// Reads an association of a gateway's answer. It may do without a home (wire.md 14.2).
///
/// # Errors
/// The error to report instead of it; it carries no patient value.
pub fn read(object: Object<'_>, gateway: &CommunityId) -> Result<Association, RegistryError> {
    let tree = object.tree;
    let dropped = |why: &str| RegistryError::new("XDSRegistryError", why, gateway.to_string());
    splice::check_names(tree)
        .map_err(|m| dropped(&format!("an association could not be read: {}", m.why)))?;
    let home = tree.attribute("home").map(str::trim).filter(|home| !home.is_empty());
    if home.is_some() && object.home().as_ref() != Some(gateway) {
        return Err(dropped("Association of a community that the gateway does not speak for"));
    }
    let value = |name: &str| tree.attribute(name).map(str::trim).filter(|text| !text.is_empty());
    let id = |name: &str, why: &str| {
        value(name).map(|id| ObjectId(Phi::new(id.to_owned()))).ok_or_else(|| dropped(why))
    };
    Ok(Association {
        community: gateway.clone(),
        object: id("id", "an association without id")?,
        kind: value("associationType")
            .ok_or_else(|| dropped("an association without associationType"))?
            .to_owned(),
        source: id("sourceObject", "an association without sourceObject")?,
        target: id("targetObject", "an association without targetObject")?,
        encoded: Some(object.wire()),
    })
}

/// The association for an answer of ours, with its home. The prefix `rim` must be declared around it.
///
/// # Errors
/// As [`splice::splice`].
pub fn encode(association: &Association) -> Result<String, Malformed> {
    let home = association.community.to_string();
    if let Some(wire) = &association.encoded {
        return splice::splice(wire, Changes { attributes: &[("home", &home)], patient: None });
    }
    let mut w = Writer::new();
    w.start("rim:Association")
        .attribute("id", association.object.0.reveal().trim())
        .attribute("home", &home)
        .attribute("associationType", &association.kind)
        .attribute("sourceObject", association.source.0.reveal().trim())
        .attribute("targetObject", association.target.0.reveal().trim())
        .attribute("objectType", ASSOCIATION);
    Ok(w.finish())
}
