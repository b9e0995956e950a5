//! Synthetic requests and entries for the tests of this room.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::dialect::Addressing;
use crate::model::{
    Author, Authority, Availability, Code, CommunityId, Criteria, DocumentEntry, DocumentId, DocumentQuery,
    Dtm, Encoded, EntryFields, EntryMetadata, Exclusion, MessageId, ObjectId, Oid, PatientId, Phi, QueryId,
    QueryKey, RepositoryId, ReturnType, Slot, Timestamp, Wanted,
};

pub fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

pub fn home() -> CommunityId {
    CommunityId(oid("2.999.1"))
}

pub fn peer() -> CommunityId {
    CommunityId(oid("2.999.2"))
}

pub fn patient() -> PatientId {
    PatientId::new(Authority(oid("2.999.1.3")), "P-0001")
}

/// As seen by the community that writes: it asks `peer`, or answers it.
pub fn addressing() -> Addressing {
    Addressing {
        message: MessageId("urn:uuid:0d2e7c6a-3a52-4e5e-9f5c-1f4ce07d0001".to_owned()),
        query: QueryId { root: "2.999.1.9".to_owned(), extension: Some("1".to_owned()) },
        at: Timestamp::from_micros(1_775_000_000_000_000),
        device: oid("2.999.1.9"),
        community: home(),
        authority: Authority(oid("2.999.1.3")),
        receiver_device: oid("2.999.2.9"),
        receiver: peer(),
        to: String::new(),
    }
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 '(),%_&<>\"山田，（）’ﾔﾏﾀﾞ🏥]{1,80}"
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("not empty", |text| !text.is_empty())
}

fn arcs() -> impl Strategy<Value = Oid> {
    vec(0u32..100_000, 1..6).prop_map(|arcs| {
        let arcs: Vec<String> = arcs.iter().map(u32::to_string).collect();
        oid(&format!("2.999.{}", arcs.join(".")))
    })
}

fn code() -> impl Strategy<Value = Code> {
    (text(), text(), text()).prop_map(|(value, system, display)| Code::new(value, system, display))
}

fn codes() -> impl Strategy<Value = Vec<Code>> {
    vec(code().prop_map(|code| Code { display: "".into(), ..code }), 0..6)
}

pub fn dtm() -> impl Strategy<Value = Dtm> {
    prop_oneof![
        "[12][0-9]{3}",
        "20[0-9]{2}(0[1-9]|1[0-2])",
        "20[0-9]{2}0[1-9]1[0-9]1[0-9][0-5][0-9][0-5][0-9]"
    ]
    .prop_map(|digits| Dtm::parse(&digits).unwrap())
}

fn range() -> impl Strategy<Value = (Option<Dtm>, Option<Dtm>)> {
    (option::of(dtm()), option::of(dtm()))
}

fn patient_id() -> impl Strategy<Value = PatientId> {
    (text(), arcs()).prop_map(|(value, oid)| PatientId::new(Authority(oid), value))
}

fn criteria() -> BoxedStrategy<Criteria> {
    let many = || vec(codes().prop_filter("not empty", |codes| !codes.is_empty()), 0..3);
    let slot = ("\\$X[a-z]{3,9}", vec(text().prop_map(Phi::new), 1..4))
        .prop_map(|(name, values)| Slot { name, values });
    (
        (statuses(), codes(), codes(), codes(), codes(), codes(), many(), many()),
        (vec(text(), 0..3), range(), range(), range(), vec(text(), 0..3), vec(slot, 0..3)),
    )
        .prop_map(
            |((statuses, classes, types, formats, settings, facilities, events, confidentialities), rest)| {
                Criteria {
                    statuses,
                    classes,
                    types,
                    formats,
                    practice_settings: settings,
                    facility_types: facilities,
                    event_codes: events,
                    confidentialities,
                    author_persons: rest.0,
                    creation: rest.1,
                    service_start: rest.2,
                    service_stop: rest.3,
                    entry_types: rest.4,
                    other: rest.5,
                    ..Criteria::default()
                }
            },
        )
        .boxed()
}

pub fn returns() -> impl Strategy<Value = ReturnType> {
    prop_oneof![Just(ReturnType::LeafClass), Just(ReturnType::ObjectRef)]
}

fn object_ids(max: usize) -> BoxedStrategy<QueryKey> {
    let urn = |id: u128| ObjectId(Phi::new(uuid::Uuid::from_u128(id).urn().to_string()));
    vec(any::<u128>().prop_map(urn), 1..max).prop_map(QueryKey::Objects).boxed()
}

fn unique_ids(max: usize) -> BoxedStrategy<QueryKey> {
    vec(text().prop_map(Phi::new), 1..max).prop_map(QueryKey::UniqueIds).boxed()
}

fn statuses() -> impl Strategy<Value = BTreeSet<Availability>> {
    prop_oneof![
        Just(BTreeSet::from([Availability::Approved])),
        Just(BTreeSet::from([Availability::Approved, Availability::Deprecated]))
    ]
}

fn phi_texts() -> impl Strategy<Value = Vec<Phi<String>>> {
    vec(text().prop_map(Phi::new), 1..4)
}

// What FindFolders and FindSubmissionSets filter by is forwarded as we would write it.
fn forwarded(name: &'static str) -> impl Strategy<Value = Vec<Slot>> {
    let values = vec(text(), 1..4).prop_map(|t| super::parameter::list(t.iter().map(String::as_str)));
    let slot = values.prop_map(move |values| Slot {
        name: name.to_owned(),
        values: values.into_iter().map(Phi::new).collect(),
    });
    vec(slot, 0..2)
}

// FindDocuments and its kin.
fn find_query(wanted: Wanted) -> BoxedStrategy<Criteria> {
    let except = (codes(), codes(), codes(), vec(text(), 0..3), vec(text().prop_map(Phi::new), 0..3));
    let asked = (criteria(), vec(phi_texts(), 1..3), except.boxed());
    let made = asked.prop_map(move |(criteria, references, except)| {
        let is_by_reference = wanted == Wanted::DocumentsByReference;
        let references = if is_by_reference { references } else { Vec::new() };
        let mut criteria = Criteria { wanted, references, ..criteria };
        if wanted == Wanted::DocumentsExcept {
            // What is looked for is not left out.
            criteria = Criteria { event_codes: Vec::new(), author_persons: Vec::new(), ..criteria };
            criteria.facility_types.clear();
            criteria.practice_settings.clear();
            criteria.except = Exclusion {
                facility_types: except.0,
                practice_settings: except.1,
                event_codes: except.2,
                author_persons: except.3,
                references: except.4,
                ..Exclusion::default()
            };
        }
        criteria
    });
    made.boxed()
}

fn contents(wanted: Wanted) -> BoxedStrategy<Criteria> {
    let confidentialities = vec(codes().prop_filter("not empty", |codes| !codes.is_empty()), 0..3);
    let made = move |(formats, confidentialities, entry_types)| Criteria {
        wanted,
        formats,
        confidentialities,
        entry_types,
        ..Criteria::default()
    };
    (codes(), confidentialities, vec(text(), 0..3)).prop_map(made).boxed()
}

fn by_patient() -> BoxedStrategy<(QueryKey, Criteria)> {
    let everything = (contents(Wanted::Everything), statuses(), statuses(), statuses()).prop_map(
        |(criteria, statuses, set_statuses, folder_statuses)| Criteria {
            statuses,
            set_statuses,
            folder_statuses,
            ..criteria
        },
    );
    let folders = (statuses(), forwarded("$XDSFolderNote")).prop_map(|(folder_statuses, other)| Criteria {
        wanted: Wanted::Folders,
        folder_statuses,
        other,
        ..Criteria::default()
    });
    let sets = (statuses(), forwarded("$XDSSubmissionSetSourceId")).prop_map(|(set_statuses, other)| {
        Criteria { wanted: Wanted::SubmissionSets, set_statuses, other, ..Criteria::default() }
    });
    let criteria = prop_oneof![
        find_query(Wanted::Documents),
        find_query(Wanted::DocumentsByReference),
        everything.boxed(),
        folders.boxed(),
        sets.boxed()
    ];
    (patient_id().prop_map(QueryKey::Patient), criteria.boxed()).boxed()
}

fn by_ids() -> BoxedStrategy<(QueryKey, Criteria)> {
    let plain = |wanted| Just(Criteria { wanted, ..Criteria::default() }).boxed();
    let related = vec(text(), 1..4).prop_map(|association_types| Criteria {
        wanted: Wanted::RelatedDocuments,
        association_types,
        ..Criteria::default()
    });
    let many = || prop_oneof![object_ids(20), unique_ids(20)].boxed();
    let one = || prop_oneof![object_ids(2), unique_ids(2)].boxed();
    prop_oneof![
        (many(), plain(Wanted::Documents)),
        (many(), plain(Wanted::Folders)),
        (many(), plain(Wanted::DocumentsAndAssociations)),
        (object_ids(20), plain(Wanted::Associations)),
        (object_ids(20), plain(Wanted::SubmissionSets)),
        (one(), contents(Wanted::SubmissionSetAndContents)),
        (one(), contents(Wanted::FolderAndContents)),
        (one(), plain(Wanted::FoldersForDocument)),
        (one(), related.boxed()),
    ]
    .boxed()
}

fn whole(asked: BoxedStrategy<(QueryKey, Criteria)>) -> BoxedStrategy<DocumentQuery> {
    let made = |((by, criteria), home, returns)| DocumentQuery {
        by,
        home: Some(CommunityId(home)),
        criteria,
        returns,
    };
    (asked, arcs(), returns()).prop_map(made).boxed()
}

/// Every stored query that crosses communities.
pub fn query() -> impl Strategy<Value = DocumentQuery> {
    whole(prop_oneof![by_patient(), by_ids()].boxed())
}

/// FindDocumentsExclude, which stays within one community.
pub fn query_within() -> impl Strategy<Value = DocumentQuery> {
    whole((patient_id().prop_map(QueryKey::Patient), find_query(Wanted::DocumentsExcept)).boxed())
}

fn author() -> impl Strategy<Value = Author> {
    (text(), text(), text(), text()).prop_map(|(institution, person, specialty, role)| Author {
        institution,
        person,
        specialty,
        role,
    })
}

pub fn entry_metadata() -> impl Strategy<Value = EntryMetadata> {
    (
        (text(), dtm(), range(), patient_id(), code(), code()),
        (vec(code(), 0..3), vec(author(), 0..3), vec(text().prop_map(Phi::new), 0..3)),
    )
        .prop_map(
            |((title, creation, service, source_patient, facility_type, practice_setting), rest)| {
                EntryMetadata {
                    title,
                    creation,
                    service_start: service.0,
                    service_stop: service.1,
                    language: "ja-JP".to_owned(),
                    source_patient,
                    facility_type,
                    practice_setting,
                    event_codes: rest.0,
                    authors: rest.1,
                    references: rest.2,
                }
            },
        )
}

/// Entries of our own community, all of one patient.
pub fn entry() -> impl Strategy<Value = DocumentEntry> {
    (
        (any::<u128>(), arcs(), text(), code(), code(), code(), vec(code(), 1..4)),
        (any::<bool>(), any::<[u8; 20]>(), any::<u64>(), entry_metadata()),
    )
        .prop_map(|((object, repository, unique, class, type_code, format, confidentiality), rest)| {
            DocumentEntry::new(
                EntryFields {
                    id: DocumentId {
                        community: home(),
                        repository: RepositoryId(repository),
                        unique: Phi::new(unique),
                    },
                    object: ObjectId(Phi::new(uuid::Uuid::from_u128(object).urn().to_string())),
                    patient: patient(),
                    class,
                    type_code,
                    format,
                    confidentiality,
                    availability: if rest.0 { Availability::Approved } else { Availability::Deprecated },
                    media_type: "text/html".into(),
                    hash: Some(hex::encode(rest.1).into()),
                    size: Some(rest.2),
                    origin: None,
                },
                Encoded::Metadata(Arc::new(rest.3)),
            )
        })
}

/// A small entry that always is the same.
pub fn plain_entry() -> DocumentEntry {
    let code = |value: &str| Code::new(value, "2.999.9", value);
    DocumentEntry::new(
        EntryFields {
            id: DocumentId {
                community: home(),
                repository: RepositoryId(oid("2.999.1.4")),
                unique: Phi::new("2.999.1.5.1".to_owned()),
            },
            object: ObjectId(Phi::new("urn:uuid:5d2e7c6a-3a52-4e5e-9f5c-1f4ce07d0002".to_owned())),
            patient: patient(),
            class: code("class"),
            type_code: code("type"),
            format: code("format"),
            confidentiality: vec![code("N")],
            availability: Availability::Approved,
            media_type: "text/html".into(),
            hash: Some("da39a3ee5e6b4b0d3255bfef95601890afd80709".into()),
            size: Some(0),
            origin: None,
        },
        Encoded::Metadata(Arc::new(EntryMetadata {
            title: "処方 2026-04-01".to_owned(),
            creation: Dtm::parse("20260401").unwrap(),
            service_start: None,
            service_stop: None,
            language: "ja-JP".to_owned(),
            source_patient: patient(),
            facility_type: code("facility"),
            practice_setting: code("setting"),
            event_codes: Vec::new(),
            authors: vec![Author {
                institution: "病院^^^^^&2.999&ISO^^^^1".to_owned(), ..Author::default()
            }],
            references: Vec::new(),
        })),
    )
}

/// A submission set and a folder of [`patient`], as a gateway writes them, each with this entry as
/// member; and all that joins them.
pub fn packages(entry: &str) -> String {
    let package = |id: &str, node: &str, patient: &str, unique: &str, title: &str| {
        format!(
            "<rim:RegistryPackage id=\"urn:uuid:{id}\" home=\"{home}\" \
             status=\"urn:oasis:names:tc:ebxml-regrep:StatusType:Approved\">\
             <rim:Slot name=\"urn:x:y\"><rim:ValueList><rim:Value>as it was</rim:Value></rim:ValueList></rim:Slot>\
             <rim:Name><rim:LocalizedString value=\"{title}\"/></rim:Name>\
             <rim:Classification id=\"urn:uuid:c{id}\" classifiedObject=\"urn:uuid:{id}\" classificationNode=\"{node}\"/>\
             <rim:ExternalIdentifier id=\"urn:uuid:p{id}\" registryObject=\"urn:uuid:{id}\" \
             identificationScheme=\"{patient}\" value=\"P-0001^^^&amp;2.999.1.3&amp;ISO\"/>\
             <rim:ExternalIdentifier id=\"urn:uuid:u{id}\" registryObject=\"urn:uuid:{id}\" \
             identificationScheme=\"{unique}\" value=\"2.999.1.6.{id}\"/></rim:RegistryPackage>",
            home = home(),
        )
    };
    use super::vocabulary::scheme as s;
    let member = |id: &str, source: &str, target: &str| {
        format!(
            "<rim:Association id=\"urn:uuid:{id}\" associationType=\"{}\" sourceObject=\"{source}\" \
             targetObject=\"{target}\"><rim:Slot name=\"SubmissionSetStatus\"><rim:ValueList>\
             <rim:Value>Original</rim:Value></rim:ValueList></rim:Slot></rim:Association>",
            crate::model::Association::HAS_MEMBER
        )
    };
    [
        package("51", s::SUBMISSION_SET, s::SET_PATIENT, s::SET_UNIQUE, "入院の記録"),
        package("52", s::FOLDER, s::FOLDER_PATIENT, s::FOLDER_UNIQUE, "糖尿病"),
        member("53", "urn:uuid:51", entry),
        member("54", "urn:uuid:52", entry),
        member("55", "urn:uuid:51", "urn:uuid:52"),
    ]
    .concat()
}

/// FindDocuments for [`patient`].
pub fn find_documents() -> DocumentQuery {
    DocumentQuery {
        by: QueryKey::Patient(patient()),
        home: None,
        criteria: Criteria { statuses: BTreeSet::from([Availability::Approved]), ..Criteria::default() },
        returns: ReturnType::LeafClass,
    }
}
