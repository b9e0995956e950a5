use super::*;
use crate::model::{
    Authority, Availability, Code, CommunityId, DocumentEntry, DocumentId, Encoded, EntryFields, Oid,
    Package, Phi, RepositoryId, WireBytes,
};

fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

fn home() -> CommunityId {
    CommunityId(oid("2.999.34"))
}

fn id(text: &str) -> ObjectId {
    ObjectId(Phi::new(text.to_owned()))
}

fn person(value: &str) -> PatientId {
    PatientId::new(Authority(oid("2.999.34.1")), value)
}

fn wire() -> WireBytes {
    WireBytes { text: Phi::default(), namespaces: [].into(), places: None }
}

fn document_of(name: &str, patient: &str) -> RegistryObject {
    RegistryObject::Entry(DocumentEntry::new(
        EntryFields {
            id: DocumentId {
                community: home(),
                repository: RepositoryId(oid("2.999.34.9")),
                unique: Phi::new(format!("unique-{name}")),
            },
            object: id(name),
            patient: person(patient),
            class: Code::default(),
            type_code: Code::default(),
            format: Code::default(),
            confidentiality: Vec::new(),
            availability: Availability::Approved,
            media_type: "text/html".into(),
            hash: None,
            size: None,
            origin: None,
        },
        Encoded::Ebxml(wire()),
    ))
}

fn document(name: &str) -> RegistryObject {
    document_of(name, "H-1")
}

fn package(name: &str, kind: PackageKind, patient: &str) -> RegistryObject {
    RegistryObject::Package(Package {
        kind,
        community: home(),
        object: id(name),
        unique: Phi::new(format!("unique-{name}")),
        patient: person(patient),
        availability: Availability::Approved,
        classification: None,
        encoded: wire(),
    })
}

fn folder(name: &str) -> RegistryObject {
    package(name, PackageKind::Folder, "H-1")
}

fn set(name: &str) -> RegistryObject {
    package(name, PackageKind::SubmissionSet, "H-1")
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

fn query(wanted: Wanted, by: QueryKey) -> DocumentQuery {
    let criteria = Criteria { wanted, ..Criteria::default() };
    DocumentQuery { by, home: Some(home()), criteria, returns: ReturnType::LeafClass }
}

fn by(name: &str) -> QueryKey {
    QueryKey::Objects(vec![id(name)])
}

fn by_unique(name: &str) -> QueryKey {
    QueryKey::UniqueIds(vec![Phi::new(format!("unique-{name}"))])
}

fn names<'o>(objects: impl IntoIterator<Item = &'o RegistryObject>) -> String {
    let names: Vec<&str> = objects.into_iter().map(|o| o.object().0.reveal().as_str()).collect();
    names.join(" ")
}

/// What is left of an answer.
fn left(query: &DocumentQuery, found: &[RegistryObject], witnesses: &[RegistryObject]) -> String {
    let mut answer = Answer { witnesses: witnesses.to_vec(), ..Answer::found(found.to_vec()) };
    connect(query, &mut answer);
    names(&answer.found)
}

/// What is asked next, as `Documents d1 d2`.
fn asked(query: &DocumentQuery, answer: &Answer<RegistryObject>, alone: bool, round: usize) -> Vec<String> {
    let asked = lookups(query, answer, &|| alone, round);
    let said = |asked: DocumentQuery| {
        let ids = match &asked.by {
            QueryKey::Objects(ids) => {
                ids.iter().map(|id| id.0.reveal().as_str()).collect::<Vec<_>>().join(" ")
            }
            QueryKey::UniqueIds(ids) => ids[0].reveal().clone(),
            QueryKey::Patient(_) => panic!("by ids alone"),
        };
        assert_eq!(asked.home, Some(home()));
        format!("{:?} {ids}", asked.criteria.wanted)
    };
    asked.into_iter().map(said).collect()
}

#[test]
fn a_folders_answer_holds_the_folder_its_members_and_what_joins_them() {
    let truth = [folder("f"), document("d1"), member("a1", "f", "d1")];
    for by in [by("f"), by_unique("f")] {
        let query = query(Wanted::FolderAndContents, by);
        assert_eq!(left(&query, &truth, &[]), "f d1 a1");
        let strangers = [
            folder("g"),
            document("d2"),
            member("a2", "g", "d2"),
            document_of("d3", "H-9"),
            member("a3", "f", "d3"),
            joined("a4", "urn:ihe:iti:2007:AssociationType:RPLC", "d1", "d2"),
        ];
        assert_eq!(left(&query, &[&truth[..], &strangers[..]].concat(), &[]), "f d1 a1");
    }
}

#[test]
fn a_submission_sets_answer_holds_its_folders_and_the_links_within_it_too() {
    let query = query(Wanted::SubmissionSetAndContents, by("s"));
    let truth = [
        set("s"),
        folder("f"),
        document("d1"),
        document("d2"),
        member("a1", "s", "d1"),
        member("a2", "s", "f"),
        member("a3", "f", "d1"),
        member("a4", "s", "a3"),
    ];
    assert_eq!(left(&query, &truth, &[]), "s f d1 a1 a2 a3 a4", "d2 is no member");
    let without = [folder("f"), document("d1"), member("a3", "f", "d1")];
    assert_eq!(left(&query, &without, &[]), "", "nothing without the set that was named");
}

#[test]
fn packages_that_hold_what_was_named_are_told_by_their_links() {
    for (wanted, package) in [(Wanted::FoldersForDocument, folder("p")), (Wanted::SubmissionSets, set("p"))] {
        let query = query(wanted, by("d1"));
        let found = [package, self::package("q", PackageKind::Folder, "H-1")];
        assert_eq!(left(&query, &found, &[]), "", "{wanted:?}: nobody says so");
        let told = [member("a", "p", "d1"), document("d1")];
        assert_eq!(left(&query, &found, &told), "p", "{wanted:?}");
        let anothers = [member("a", "p", "d1"), document_of("d1", "H-9")];
        assert_eq!(left(&query, &found, &anothers), "", "{wanted:?}: another patient's");
    }
    let query = query(Wanted::FoldersForDocument, by_unique("d1"));
    let told = [member("a", "p", "d1"), document("d1")];
    assert_eq!(left(&query, &[folder("p")], &told), "p");
}

#[test]
fn submission_sets_come_with_what_joins_them_to_the_objects_named_and_with_no_other_association() {
    let query = query(Wanted::SubmissionSets, by("d1"));
    let others = [
        member("a2", "s", "d2"),
        member("a3", "f", "d1"),
        member("a4", "t", "d1"),
        joined("a5", "urn:ihe:iti:2007:AssociationType:RPLC", "d1", "s"),
    ];
    let found = [&[set("s"), member("a1", "s", "d1")][..], &others[..]].concat();
    assert_eq!(left(&query, &found, &[document("d1")]), "s a1");
}

#[test]
fn associations_are_of_what_was_named_and_of_the_types_wanted() {
    let replaces = "urn:ihe:iti:2007:AssociationType:RPLC";
    let found = [joined("a1", replaces, "d2", "d1"), joined("a2", replaces, "d3", "d4")];
    assert_eq!(left(&query(Wanted::Associations, by("d1")), &found, &[]), "a1");
    let mut related = query(Wanted::RelatedDocuments, by("d1"));
    related.criteria.association_types = vec![replaces.to_owned()];
    let transforms = joined("a3", Association::TRANSFORMS, "d5", "d1");
    let more = [document("d1"), document("d2"), document("d5"), transforms];
    let found = [&found[..], &more[..]].concat();
    assert_eq!(left(&related, &found, &[]), "a1 d1 d2");
}

#[test]
fn one_id_is_one_object_and_a_plain_list_stays_as_it_is() {
    let everything = query(Wanted::Everything, QueryKey::Patient(person("H-1")));
    let found = [document("x"), folder("x"), member("a", "x", "x"), member("a", "x", "y")];
    assert_eq!(left(&everything, &found, &[]), "x a");
    let list = query(Wanted::Documents, QueryKey::Patient(person("H-1")));
    assert_eq!(left(&list, &[document("d1"), document("d2")], &[]), "d1 d2");
}

#[test]
fn what_packages_hold_is_asked_for_where_the_answer_does_not_say_and_policy_needs_it() {
    let find = query(Wanted::Folders, QueryKey::Patient(person("H-1")));
    let mut answer = Answer::found(vec![folder("f"), folder("g")]);
    assert_eq!(asked(&find, &answer, false, 0), ["Associations f g"]);
    assert!(asked(&find, &answer, true, 0).is_empty());
    take_in(&mut answer, vec![member("a", "f", "d1"), member("b", "z", "d2"), document("stranger")]);
    assert_eq!(names(&answer.witnesses), "a", "nothing but what the folders found hold");
    assert_eq!(asked(&find, &answer, false, 1), ["Documents d1"]);
    take_in(&mut answer, vec![document("d1"), document("d2")]);
    assert_eq!(names(&answer.witnesses), "a d1");
    assert!(asked(&find, &answer, false, 1).is_empty());
    let of_document = query(Wanted::FoldersForDocument, by_unique("d1"));
    let found = Answer::found(vec![folder("f")]);
    assert_eq!(asked(&of_document, &found, true, 0), ["DocumentsAndAssociations unique-d1"]);
    let sets = query(Wanted::SubmissionSets, by("d1"));
    assert_eq!(asked(&sets, &Answer::found(vec![set("s")]), true, 0), ["Associations d1"]);
}

#[test]
fn the_ends_of_associations_are_asked_for_by_what_they_may_be() {
    let query = query(Wanted::Associations, by("d1"));
    let replaces = "urn:ihe:iti:2007:AssociationType:RPLC";
    let found = vec![joined("a1", replaces, "d2", "d1"), member("a2", "p", "d1"), member("a3", "p", "a2")];
    let answer = Answer::found(found);
    assert!(asked(&query, &answer, true, 0).is_empty());
    assert_eq!(asked(&query, &answer, true, 1), ["Documents d1 d2", "Folders p d1", "SubmissionSets d1 a2"],);
    let many = (0..3_000).map(|n| joined(&format!("a{n}"), replaces, &format!("s{n}"), "d1")).collect();
    let asked = lookups(&query, &Answer::found(many), &|| true, 1);
    let QueryKey::Objects(ids) = &asked[0].by else { panic!() };
    assert_eq!((asked.len(), ids.len()), (1, IDS_MAX));
}
