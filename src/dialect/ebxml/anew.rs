//! Submission sets, folders and associations of a source of ours, written anew from what was read of them
//! (ITI TF-3 4.2.2, 4.2.3.3, 4.2.3.4): what no field here names, as comments and intended recipients, is
//! left out, and so is whatever tells what must not be told.

use super::building::Building;
use super::entry::{classifications, codes, identifier, localized, slot};
use super::entry_view::{author, dtm};
use super::package::{node, schemes};
use super::splice;
use super::vocabulary::{ASSOCIATION, PACKAGE, RIM, availability, availability_urn, last_word, scheme};
use crate::model::{Association, Author, ObjectId, Package, PackageKind, Phi, WireBytes};
use crate::xml::{Tree, Writer};

/// How two objects may be related (ITI TF-3 4.2.2, 4.2.2.2); others are not shown.
const RELATED: [&str; 7] = [
    Association::HAS_MEMBER,
    "urn:ihe:iti:2007:AssociationType:RPLC",
    "urn:ihe:iti:2007:AssociationType:APND",
    Association::TRANSFORMS,
    "urn:ihe:iti:2007:AssociationType:XFRM_RPLC",
    "urn:ihe:iti:2007:AssociationType:signs",
    "urn:ihe:iti:2010:AssociationType:IsSnapshotOf",
];
/// Tells members that were submitted with the set from those that were there before.
const SET_STATUS: &str = "SubmissionSetStatus";
/// From so many digits on, what stands in a title is taken for a patient's number.
const DIGITS_MIN: usize = 5;
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The package written anew; None where what identifies it, or what a query may ask it by, may not be told:
/// that it is found would tell it.
pub fn package_anew(package: &Package, may_tell: &dyn Fn(&str) -> bool) -> Option<Package> {
    if !may_tell(package.object.0.reveal()) || !may_tell(package.unique.reveal()) {
        return None;
    }
    let tree = tree(&package.encoded)?;
    let mut object = Building::new(&package.object);
    let id = object.id.clone();
    object
        .w
        .start("rim:RegistryPackage")
        .attribute("id", &id)
        .attribute("objectType", PACKAGE)
        .attribute("status", &availability_urn(package.availability));
    let (time, patient_name, unique_name) = names(package.kind);
    if let Some(at) = slot(&tree, time).and_then(|text| dtm(&text)) {
        object.slot(time, [at.as_str()]);
    }
    let title = localized(&tree, "Name");
    if !title.is_empty() && may_tell(&title) && !has_number(&title) {
        let string = tree.path(RIM, &["Name", "LocalizedString"]);
        let language = string.and_then(|string| string.element.attribute_ns(XML, "lang"));
        let is_language = |text: &&str| text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
        object.title(&title, language.filter(is_language));
    }
    object.node(node(package.kind));
    let (patient, unique) = schemes(package.kind);
    match package.kind {
        PackageKind::Folder => told_codes(&mut object, &tree, scheme::FOLDER_CODES),
        PackageKind::SubmissionSet => {
            told_codes(&mut object, &tree, scheme::SET_CONTENT_TYPE);
            told_authors(&mut object, &tree, may_tell)?;
        }
    }
    object.identifier(patient, package.patient.cx().reveal(), patient_name);
    object.identifier(unique, package.unique.reveal(), unique_name);
    let source = identifier(&tree, scheme::SET_SOURCE).map(str::trim).filter(|source| !source.is_empty());
    if let (PackageKind::SubmissionSet, Some(source)) = (package.kind, source) {
        object.identifier(scheme::SET_SOURCE, source, "XDSSubmissionSet.sourceId");
    }
    let encoded = wire(object.w);
    Some(Package { classification: None, encoded, ..package.clone() })
}

/// The association written anew; None where it is of no known type, or one of its ids may not be told.
pub fn association_anew(
    association: &Association,
    may_tell: &dyn Fn(&ObjectId) -> bool,
) -> Option<Association> {
    let [source, target] = association.ends();
    let is_it = |kind: &&&str| last_word(kind) == last_word(&association.kind);
    let kind = RELATED.iter().find(is_it)?;
    if ![&association.object, source, target].into_iter().all(may_tell) {
        return None;
    }
    let told = association.encoded.as_ref().and_then(tree);
    let member = told.as_ref().and_then(|tree| slot(tree, SET_STATUS));
    let member = member.filter(|status| matches!(status.as_str(), "Original" | "Reference"));
    let status = told.as_ref().and_then(|tree| tree.attribute("status")).and_then(availability);
    let mut object = Building::new(&association.object);
    let id = object.id.clone();
    object
        .w
        .start("rim:Association")
        .attribute("id", &id)
        .attribute("associationType", kind)
        .attribute("sourceObject", source.0.reveal().trim())
        .attribute("targetObject", target.0.reveal().trim())
        .attribute("objectType", ASSOCIATION);
    if let Some(status) = status {
        object.w.attribute("status", &availability_urn(status));
    }
    object.slot(SET_STATUS, member.as_deref());
    if let Some(tree) = &told {
        told_codes(&mut object, tree, scheme::DOCUMENTATION);
    }
    Some(Association { kind: (*kind).to_owned(), encoded: Some(wire(object.w)), ..association.clone() })
}

// A registry may know the patient by an id of its own: what number the hospital gave, a package does not
// say, and its title might.
fn has_number(title: &str) -> bool {
    let mut runs = title.split(|c: char| !c.is_numeric());
    runs.any(|digits| digits.chars().count() >= DIGITS_MIN)
}

// The slot of its time, and the names of its identifiers.
const fn names(kind: PackageKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        PackageKind::Folder => ("lastUpdateTime", "XDSFolder.patientId", "XDSFolder.uniqueId"),
        PackageKind::SubmissionSet => {
            ("submissionTime", "XDSSubmissionSet.patientId", "XDSSubmissionSet.uniqueId")
        }
    }
}

// Codes are everybody's words: digits in them are chance.
fn told_codes(object: &mut Building, tree: &Tree, scheme: &str) {
    codes(tree, scheme).iter().enumerate().for_each(|(n, code)| object.code(scheme, code, n));
}

fn told_authors(object: &mut Building, tree: &Tree, may_tell: &dyn Fn(&str) -> bool) -> Option<()> {
    let authors: Vec<Author> = classifications(tree, scheme::SET_AUTHOR).map(author).collect();
    may_tell_authors(&authors, may_tell).then_some(())?;
    authors.iter().enumerate().for_each(|(n, author)| object.author(scheme::SET_AUTHOR, author, n));
    Some(())
}

/// Whether nothing that is said of these authors tells what may not be told.
pub fn may_tell_authors(authors: &[Author], may_tell: &dyn Fn(&str) -> bool) -> bool {
    let of = |author: &Author| {
        [&author.institution, &author.person, &author.specialty, &author.role].map(|text| may_tell(text))
    };
    authors.iter().flat_map(of).all(|may| may)
}

fn tree(wire: &WireBytes) -> Option<Tree> {
    splice::parse(wire.text.reveal().as_str(), &wire.namespaces).ok().map(|(tree, _)| tree)
}

fn wire(w: Writer) -> WireBytes {
    let namespaces = [("rim".to_owned(), RIM.to_owned())].into();
    WireBytes { text: Phi::new(w.finish().into()), namespaces, places: None }
}

#[cfg(test)]
mod tests;
