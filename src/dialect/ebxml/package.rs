//! RegistryPackage to submission set or folder and back (ITI TF-3 4.2.3.3, 4.2.3.4; wire.md 16.2,
//! 16.3): which it is, by its classification; the few fields that routing, policy and audit need; all
//! the rest stays in the bytes it came in.

use std::collections::HashMap;

use super::entry::{APPROVED, Object, identifier};
use super::registry_response::RegistryError;
use super::splice::{self, Changes};
use super::vocabulary::{CLASSIFICATION, RIM, availability, same_uuid, scheme};
use crate::model::{
    Availability, CommunityId, Malformed, ObjectId, Package, PackageKind, PatientId, PeerProfile, Phi,
};
use crate::xml::{Tree, Writer};

/// The classifications that stand beside packages in a list, and not within them, as IPF and other
/// registries write them: by the package each is of, which it says the package is, and its id.
#[derive(Debug, Default)]
pub struct Beside(HashMap<ObjectId, Vec<(PackageKind, ObjectId)>>);

impl Beside {
    /// Takes one in; others than those of packages say nothing here.
    pub fn take(&mut self, tree: &Tree) {
        if &*tree.element.ns != RIM {
            return;
        }
        let id = |name| {
            let id = tree.attribute(name).map(str::trim).filter(|id| !id.is_empty());
            id.map(|id| ObjectId(Phi::new(id.to_owned())))
        };
        let kind = tree.attribute("classificationNode").and_then(|node| match node {
            node if same_uuid(node, scheme::FOLDER) => Some(PackageKind::Folder),
            node if same_uuid(node, scheme::SUBMISSION_SET) => Some(PackageKind::SubmissionSet),
            _ => None,
        });
        if let (Some(of), Some(kind), Some(id)) = (id("classifiedObject"), kind, id("id")) {
            self.0.entry(of).or_default().push((kind, id));
        }
    }

    // Which a package is that does not say so itself; None where it is told to be both.
    fn kind(&self, package: &ObjectId) -> Option<(PackageKind, ObjectId)> {
        let (first, others) = self.0.get(package)?.split_first()?;
        others.iter().all(|(kind, _)| *kind == first.0).then(|| first.clone())
    }
}

/// Reads a package of a gateway's answer; None where it is neither submission set nor folder.
///
/// # Errors
/// The error to report instead of the package; it carries no patient value.
pub fn read(
    object: Object<'_>,
    gateway: &CommunityId,
    profile: &PeerProfile,
    beside: &Beside,
) -> Result<Option<Package>, RegistryError> {
    let tree = object.tree;
    let dropped = |why: &str| RegistryError::new("XDSRegistryError", why, gateway.to_string());
    let community = object.home_of(gateway, profile)?;
    splice::check_names(tree).map_err(|m| dropped(&format!("a package could not be read: {}", m.why)))?;
    // Objects within it would pass by whoever judges the answer's.
    if tree.first(RIM, "RegistryObjectList").is_some() {
        return Err(dropped("a package that holds objects itself"));
    }
    let id = tree.attribute("id").map(str::trim).filter(|id| !id.is_empty());
    let id = ObjectId(Phi::new(id.ok_or_else(|| dropped("a package without id"))?.to_owned()));
    let (kind, classification) = match kind(tree) {
        Some(kind) => (kind, None),
        None if says_nothing(tree) => match beside.kind(&id) {
            Some((kind, classification)) => (kind, Some(classification)),
            None => return Ok(None),
        },
        None => return Ok(None),
    };
    let mut wire = object.wire();
    let availability = match tree.attribute("status").and_then(availability) {
        Some(availability) => availability,
        None if profile.fill_missing_status => {
            let changes = Changes { attributes: &[("status", APPROVED)], patient: None };
            let amended = splice::splice(&wire, changes)
                .map_err(|m| dropped(&format!("a package could not be read: {}", m.why)))?;
            wire.text = Phi::new(amended.into());
            Availability::Approved
        }
        None => return Err(dropped("a package without status (switch fill_missing_status)")),
    };
    let (patient, unique) = schemes(kind);
    let unique = identifier(tree, unique).map(str::trim).filter(|unique| !unique.is_empty());
    let patient = identifier(tree, patient).and_then(PatientId::from_cx);
    Ok(Some(Package {
        kind,
        community,
        object: id,
        unique: Phi::new(unique.ok_or_else(|| dropped("a package without uniqueId"))?.to_owned()),
        patient: patient.ok_or_else(|| dropped("a package without patientId"))?,
        availability,
        classification,
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

// Neither that it is a folder nor that it is a submission set.
fn says_nothing(tree: &Tree) -> bool {
    let mut nodes = tree.all(RIM, "Classification").filter_map(|c| c.attribute("classificationNode"));
    !nodes.any(|node| same_uuid(node, scheme::FOLDER) || same_uuid(node, scheme::SUBMISSION_SET))
}

/// The identification schemes of patientId and uniqueId.
pub const fn schemes(kind: PackageKind) -> (&'static str, &'static str) {
    match kind {
        PackageKind::Folder => (scheme::FOLDER_PATIENT, scheme::FOLDER_UNIQUE),
        PackageKind::SubmissionSet => (scheme::SET_PATIENT, scheme::SET_UNIQUE),
    }
}

/// The package for an answer of ours: with its home, and with the patient id it carries in the model;
/// where another classification says which it is, with that beside it.
///
/// # Errors
/// As [`splice::splice`].
pub fn encode(package: &Package) -> Result<String, Malformed> {
    let (home, patient) = (package.community.to_string(), package.patient.cx());
    let changes = Changes { attributes: &[("home", &home)], patient: Some(patient.reveal()) };
    let mut xml = splice::splice(&package.encoded, changes)?;
    if let Some(classification) = &package.classification {
        let mut w = Writer::new();
        w.start("rim:Classification")
            .attribute("id", classification.0.reveal())
            .attribute("objectType", CLASSIFICATION)
            .attribute("classifiedObject", package.object.0.reveal())
            .attribute("classificationNode", node(package.kind));
        xml.push_str(&w.finish());
    }
    Ok(xml)
}

/// The classification node of a kind.
pub const fn node(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Folder => scheme::FOLDER,
        PackageKind::SubmissionSet => scheme::SUBMISSION_SET,
    }
}
