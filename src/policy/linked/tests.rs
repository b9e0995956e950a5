use super::*;
use crate::model::{Authority, Availability, CommunityId, Encoded, Oid, Package, PatientId, Phi, WireBytes};
use crate::policy::fixture::{FIRST, entry};

fn id(text: &str) -> ObjectId {
    ObjectId(Phi::new(text.to_owned()))
}

fn home() -> CommunityId {
    CommunityId(Oid::parse("2.999.34").unwrap())
}

fn wire() -> WireBytes {
    WireBytes { text: Phi::default(), namespaces: [].into(), places: None }
}

fn document(name: &str) -> RegistryObject {
    let mut entry = entry(FIRST, "1", "OMP-01");
    entry.object = id(name);
    entry.id.community = home();
    entry.encoded = Encoded::Ebxml(wire());
    RegistryObject::Entry(entry)
}

fn package(name: &str, kind: PackageKind) -> RegistryObject {
    RegistryObject::Package(Package {
        kind,
        community: home(),
        object: id(name),
        unique: Phi::new(name.to_owned()),
        patient: PatientId::new(Authority(Oid::parse("2.999.34.1").unwrap()), "H-1"),
        availability: Availability::Approved,
        classification: None,
        encoded: wire(),
    })
}

fn folder(name: &str) -> RegistryObject {
    package(name, PackageKind::Folder)
}

fn set(name: &str) -> RegistryObject {
    package(name, PackageKind::SubmissionSet)
}

fn joined(name: &str, kind: &str, source: &str, target: &str) -> RegistryObject {
    RegistryObject::Association(Association {
        community: home(),
        object: id(name),
        kind: kind.to_owned(),
        source: id(source),
        target: id(target),
        encoded: None,
    })
}

fn member(name: &str, source: &str, target: &str) -> RegistryObject {
    joined(name, Association::HAS_MEMBER, source, target)
}

/// What is left of these findings when these are not permitted by themselves, no package being.
fn left(found: &[RegistryObject], witnesses: &[RegistryObject], withheld: &[&str]) -> String {
    let judge = |object: &RegistryObject| {
        object.package().is_none() && !withheld.contains(&object.object().0.reveal().as_str())
    };
    let (found, _) = shown(found.to_vec(), witnesses.to_vec(), false, judge);
    let names: Vec<String> = found.iter().map(|object| object.object().0.reveal().clone()).collect();
    names.join(" ")
}

#[test]
fn an_association_is_shown_with_both_its_ends_only() {
    let found = [document("d1"), document("d2"), joined("a", Association::TRANSFORMS, "d2", "d1")];
    assert_eq!(left(&found, &[], &[]), "d1 d2 a");
    assert_eq!(left(&found, &[], &["d1"]), "d2");
    assert_eq!(left(&found, &[], &["d2"]), "d1");
    let dangling = [document("d1"), joined("a", Association::TRANSFORMS, "d2", "d1")];
    assert_eq!(left(&dangling, &[], &[]), "d1");
    assert_eq!(left(&dangling, &[document("d2")], &[]), "d1 a", "an end may be looked up");
    assert_eq!(left(&dangling, &[document("d2")], &["d2"]), "d1");
}

#[test]
fn a_package_is_shown_with_a_permitted_member_only() {
    let found =
        [folder("f"), document("d1"), document("d2"), member("a1", "f", "d1"), member("a2", "f", "d2")];
    assert_eq!(left(&found, &[], &[]), "f d1 d2 a1 a2");
    assert_eq!(left(&found, &[], &["d1"]), "f d2 a2");
    assert_eq!(left(&found, &[], &["d1", "d2"]), "", "no folder, no link to it");
    assert_eq!(left(&[folder("f")], &[], &[]), "", "nobody knows what it holds");
    assert_eq!(left(&[folder("f")], &[member("a", "f", "d1"), document("d1")], &[]), "f");
    assert_eq!(left(&[folder("f")], &[member("a", "f", "d1"), document("d1")], &["d1"]), "");
}

#[test]
fn a_submission_set_may_hold_nothing_but_a_folder_and_the_links_of_its_members() {
    let found = [
        set("s"),
        folder("f"),
        document("d"),
        member("a1", "s", "f"),
        member("a2", "f", "d"),
        member("a3", "s", "a2"),
    ];
    assert_eq!(left(&found, &[], &[]), "s f d a1 a2 a3");
    assert_eq!(left(&found, &[], &["d"]), "");
}

#[test]
fn what_one_community_says_joins_nothing_of_another_and_one_id_is_one_thing() {
    let foreign = match joined("a", Association::TRANSFORMS, "d2", "d1") {
        RegistryObject::Association(a) => RegistryObject::Association(Association {
            community: CommunityId(Oid::parse("2.999.31").unwrap()),
            ..a
        }),
        other => other,
    };
    assert_eq!(left(&[document("d1"), document("d2"), foreign], &[], &[]), "d1 d2");
    assert_eq!(left(&[document("x"), folder("x")], &[], &[]), "x", "the entry, not the folder");
    let ring = [member("a", "b", "b"), member("b", "a", "a")];
    assert_eq!(left(&ring, &[], &[]), "", "links that hold each other hold nothing");
}

#[test]
fn a_related_document_is_shown_with_what_relates_it_only() {
    let found = vec![document("d1"), document("d2"), joined("a", Association::TRANSFORMS, "d2", "d1")];
    let left = |withheld: &'static str| {
        let judge = |object: &RegistryObject| object.object().0.reveal() != withheld;
        let (found, _) = shown(found.clone(), Vec::new(), true, judge);
        found.len()
    };
    assert_eq!(left("none"), 3);
    assert_eq!(left("d1"), 0, "that d2 was found would tell that something was made into it");
}
