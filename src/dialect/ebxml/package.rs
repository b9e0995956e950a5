//! RegistryPackage to submission set or folder and back (ITI TF-3 4.2.3.3, 4.2.3.4; wire.md 16.2,
//! 16.3): which it is, by its classification; the few fields that routing, policy and audit need; all
//! the rest stays in the bytes it came in.

use bytes::Bytes;

use super::entry::{APPROVED, Object, identifier};
use super::registry_response::RegistryError;
use super::splice::{self, Changes};
use super::vocabulary::{RIM, availability, same_uuid, scheme};
use crate::model::{
    Availability, CommunityId, Malformed, ObjectId, Package, PackageKind, PatientId, PeerProfile, Phi,
};
use crate::xml::Tree;

/// Reads a package of a gateway's answer; None where it is neither submission set nor folder.
///
/// # Errors
/// The error to report instead of the package; it carries no patient value.
pub fn read(
    object: Object<'_>,
    gateway: &CommunityId,
    profile: &PeerProfile,
) -> Result<Option<Package>, RegistryError> {
    let tree = object.tree;
    let dropped = |why: &str| RegistryError::new("XDSRegistryError", why, gateway.to_string());
    let community = object.home_of(gateway, profile)?;
    splice::check_names(tree).map_err(|m| dropped(&format!("a package could not be read: {}", m.why)))?;
    // Objects within it would pass by whoever judges the answer's.
    if tree.first(RIM, "RegistryObjectList").is_some() {
        return Err(dropped("a package that holds objects itself"));
    }
    let Some(kind) = kind(tree) else { return Ok(None) };
    let mut wire = object.wire();
    let availability = match tree.attribute("status").and_then(availability) {
        Some(availability) => availability,
        None if profile.fill_missing_status => {
            let changes = Changes { attributes: &[("status", APPROVED)], patient: None };
            let amended = splice::splice(&wire, changes)
                .map_err(|m| dropped(&format!("a package could not be read: {}", m.why)))?;
            wire.bytes = Phi::new(Bytes::from(amended));
            Availability::Approved
        }
        None => return Err(dropped("a package without status (switch fill_missing_status)")),
    };
    let (patient, unique) = schemes(kind);
    let id = tree.attribute("id").map(str::trim).filter(|id| !id.is_empty());
    let unique = identifier(tree, unique).map(str::trim).filter(|unique| !unique.is_empty());
    let patient = identifier(tree, patient).and_then(PatientId::from_cx);
    Ok(Some(Package {
        kind,
        community,
        object: ObjectId(Phi::new(id.ok_or_else(|| dropped("a package without id"))?.to_owned())),
        unique: Phi::new(unique.ok_or_else(|| dropped("a package without uniqueId"))?.to_owned()),
        patient: patient.ok_or_else(|| dropped("a package without patientId"))?,
        availability,
        encoded: wire,
    }))
}

/// Which a package is; None where its own classifications do not tell, or tell both.
pub fn kind(tree: &Tree) -> Option<PackageKind> {
    let nodes = || tree.all(RIM, "Classification").filter_map(|c| c.attribute("classificationNode"));
    let is = |node: &str| nodes().any(|given| same_uuid(given, node));
    match (is(scheme::FOLDER), is(scheme::SUBMISSION_SET)) {
        (true, false) => Some(PackageKind::Folder),
        (false, true) => Some(PackageKind::SubmissionSet),
        _ => None,
    }
}

/// The identification schemes of patientId and uniqueId.
pub const fn schemes(kind: PackageKind) -> (&'static str, &'static str) {
    match kind {
        PackageKind::Folder => (scheme::FOLDER_PATIENT, scheme::FOLDER_UNIQUE),
        PackageKind::SubmissionSet => (scheme::SET_PATIENT, scheme::SET_UNIQUE),
    }
}

/// The package for an answer of ours: with its home, and with the patient id it carries in the model.
///
/// # Errors
/// As [`splice::splice`].
pub fn encode(package: &Package) -> Result<String, Malformed> {
    let (home, patient) = (package.community.to_string(), package.patient.cx());
    let changes = Changes { attributes: &[("home", &home)], patient: Some(patient.reveal()) };
    splice::splice(&package.encoded, changes)
}
