use super::*;
use crate::model::Dtm;

const HEAD: &str = "<q:AdhocQueryRequest xmlns:q='urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0' \
     xmlns='urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'>";
const LEAF: &str = "<q:ResponseOption returnComposedObjects='true' returnType='LeafClass'/>";
const PATIENT: (&str, &str) = ("$XDSDocumentEntryPatientId", "'P-1^^^&amp;2.999.3&amp;ISO'");
const STATUS: (&str, &str) =
    ("$XDSDocumentEntryStatus", "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')");
const FIND: &str = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d";
const GET: &str = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4";

// Query id, home attribute, slots, expected refusal.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

fn message(id: &str, home: &str, slots: &[(&str, &str)]) -> Envelope {
    let slots: String = slots
        .iter()
        .map(|(name, values)| {
            let values: String = values.split('|').map(|v| format!("<Value>{v}</Value>")).collect();
            format!("<Slot name='{name}'><ValueList>{values}</ValueList></Slot>")
        })
        .collect();
    Envelope::bare(&format!(
        "{HEAD}{LEAF}<AdhocQuery id='{id}'{home}>{slots}</AdhocQuery></q:AdhocQueryRequest>"
    ))
}

fn outcome(message: &Envelope, profile: &PeerProfile) -> Result<DocumentQuery, String> {
    read(message, profile, HomeRule::Required).map_err(|refusal| match refusal {
        Refusal::Malformed(malformed) => malformed.code.to_owned(),
        Refusal::Unsupported(what) => format!("unsupported {what}"),
        other => other.to_string(),
    })
}

fn find(slots: &[(&str, &str)]) -> Result<DocumentQuery, String> {
    let all = [&[PATIENT, STATUS], slots].concat();
    outcome(&message(FIND, "", &all), &PeerProfile::default())
}

#[test]
fn find_documents_is_read() {
    let query = find(&[
        ("$XDSDocumentEntryClassCode", "('a^^2.999.7' , 'b^^2.999.7')|('c^^s')"),
        ("$XDSDocumentEntryEventCodeList", "('e1^^s')"),
        ("$XDSDocumentEntryEventCodeList", "('e2^^s','e3^^s')"),
        ("$XDSDocumentEntryCreationTimeFrom", "20260401"),
        ("$XDSDocumentEntryCreationTimeTo", "'202604020000'"),
        ("$Unknown", "anything at all ('"),
        ("NoDollar", "ignored"),
    ])
    .unwrap();
    assert_eq!(query.by, QueryKey::Patient(PatientId::from_cx("P-1^^^&2.999.3&ISO").unwrap()));
    let criteria = query.criteria;
    assert_eq!(criteria.classes.len(), 3);
    assert_eq!(criteria.event_codes.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(criteria.creation, (Dtm::parse("20260401"), Dtm::parse("202604020000")));
    assert_eq!(criteria.other.len(), 1);
    assert_eq!(criteria.other[0].values[0].reveal(), "anything at all ('");
}

#[test]
fn each_check_has_its_code_and_the_first_in_order_is_told() {
    let table: &[Row<'_>] = &[
        (
            "urn:uuid:00000000-0000-0000-0000-000000000001",
            "",
            &[],
            "unsupported stored query urn:uuid:00000000-0000-0000-0000-000000000001",
        ),
        (GET, "", &[], "XDSMissingHomeCommunityId"),
        (GET, " home=''", &[("$XDSDocumentEntryUniqueId", "('1')")], "XDSMissingHomeCommunityId"),
        (GET, " home='urn:oid:2.999.2'", &[], "XDSStoredQueryMissingParam"),
        (GET, " home='x'", &[("$XDSDocumentEntryUniqueId", "('1')")], "unknown community"),
        (
            GET,
            " home='urn:oid:2.999.2'",
            &[("$XDSDocumentEntryUniqueId", "('1')"), ("$XDSDocumentEntryEntryUUID", "('2')")],
            "XDSStoredQueryParamNumber",
        ),
        (FIND, "", &[PATIENT], "XDSStoredQueryMissingParam"),
        (
            FIND,
            "",
            &[PATIENT, ("$XDSDocumentEntryStatus", "('urn:x:Unknown')")],
            "XDSStoredQueryMissingParam",
        ),
        (FIND, "", &[PATIENT, ("$XDSDocumentEntryStatus", "")], "XDSStoredQueryMissingParam"),
        (FIND, "", &[STATUS, ("$XDSDocumentEntryPatientId", "'a'|'b'")], "XDSStoredQueryParamNumber"),
        (FIND, "", &[STATUS, ("$XDSDocumentEntryPatientId", "('a','b')")], "XDSStoredQueryParamNumber"),
        (FIND, "", &[STATUS, PATIENT, PATIENT], "XDSStoredQueryParamNumber"),
        (
            FIND,
            "",
            &[STATUS, ("$XDSDocumentEntryPatientId", "P-1^^^&amp;2.999.3&amp;ISO")],
            "XDSRegistryError",
        ),
        (FIND, "", &[STATUS, ("$XDSDocumentEntryPatientId", "'P-1'")], "XDSRegistryError"),
        (FIND, "", &[PATIENT, STATUS, ("$XDSDocumentEntryClassCode", "('a^^')")], "XDSRegistryError"),
        (FIND, "", &[PATIENT, STATUS, ("$XDSDocumentEntryClassCode", "'a^^s'")], "XDSRegistryError"),
        (FIND, "", &[PATIENT, STATUS, ("$XDSDocumentEntryClassCode", "(\"a^^s\")")], "XDSRegistryError"),
        (
            FIND,
            "",
            &[PATIENT, STATUS, ("$XDSDocumentEntryCreationTimeFrom", "2026-04-01")],
            "XDSRegistryError",
        ),
        ("urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3", "", &[], "XDSStoredQueryMissingParam"),
    ];
    for (id, home, slots, expected) in table {
        let read = outcome(&message(id, home, slots), &PeerProfile::default());
        assert_eq!(read.unwrap_err(), *expected, "{id} {slots:?}");
    }
}

#[test]
fn single_values_may_stand_in_parentheses_and_ids_in_any_case_without_prefix() {
    let slots = [STATUS, ("$XDSDocumentEntryPatientId", " ( 'P-1^^^NS&amp;2.999.3&amp;ISO' ) ")];
    let message = message("14D4DEBF-8F97-4251-9A74-A90016B0AF0D", " home='2.999.2'", &slots);
    let query = outcome(&message, &PeerProfile::default()).unwrap();
    assert_eq!(query.home, Oid::parse("2.999.2").map(CommunityId));
}

#[test]
fn bare_words_and_lists_without_parentheses_are_read_only_with_the_switch() {
    let lenient = PeerProfile { accept_unquoted_params: true, ..PeerProfile::default() };
    let approved = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved";
    let slots = [
        ("$XDSDocumentEntryPatientId", "P-1^^^NS&amp;2.999.3&amp;ISO"),
        ("$XDSDocumentEntryStatus", approved),
    ];
    let message = message(FIND, "", &slots);
    assert!(outcome(&message, &lenient).is_ok());
    let refused = read(&message, &PeerProfile::default(), HomeRule::Required).unwrap_err();
    assert!(refused.to_string().contains("accept_unquoted_params"));
    for hostile in ["P,1^^^&amp;2.999&amp;ISO", "P'1^^^&amp;2.999&amp;ISO", "P(1)^^^&amp;2.999&amp;ISO"] {
        let slots = [("$XDSDocumentEntryPatientId", hostile), STATUS];
        assert!(outcome(&self::message(FIND, "", &slots), &lenient).is_err(), "{hostile}");
    }
}

#[test]
fn a_scheme_in_a_slot_of_its_own_is_paired_by_position() {
    let base = ("$XDSDocumentEntryPracticeSettingCode", "('Dialysis','ER')");
    let query = find(&[base, ("$XDSDocumentEntryPracticeSettingCodeScheme", "('s1','s2')")]).unwrap();
    let expected = [Code::new("Dialysis", "s1", ""), Code::new("ER", "s2", "")];
    assert_eq!(query.criteria.practice_settings, expected);
    assert!(query.criteria.other.is_empty());
    let uneven = find(&[base, ("$XDSDocumentEntryPracticeSettingCodeScheme", "('s1')")]);
    assert_eq!(uneven.unwrap_err(), "XDSRegistryError");
}

#[test]
fn only_leaf_class_and_object_ref_can_be_returned() {
    let of = |kind: &str| {
        let message = message(FIND, "", &[PATIENT, STATUS]);
        let source = message.source().replace("LeafClass", kind);
        outcome(&Envelope::bare(&source), &PeerProfile::default()).map(|query| query.returns)
    };
    assert_eq!(of("ObjectRef"), Ok(ReturnType::ObjectRef));
    for bad in ["RegistryObject", "LeafClassWithRepositoryItem", ""] {
        assert_eq!(of(bad), Err("XDSRegistryError".to_owned()), "{bad}");
    }
}

#[test]
fn an_error_names_line_and_column_and_no_value() {
    let malformed = match read(
        &message(FIND, "", &[STATUS, ("$XDSDocumentEntryPatientId", "SECRET")]),
        &PeerProfile::default(),
        HomeRule::Required,
    ) {
        Err(Refusal::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    };
    assert!(malformed.at.starts_with("1:") && !malformed.to_string().contains("SECRET"), "{malformed}");
}

#[test]
fn a_hint_to_the_gateway_goes_no_further() {
    let query = find(&[("$targetCommunityIdList", "('urn:oid:2.999.2')")]).unwrap();
    let addressing = super::super::samples::addressing();
    let (payload, _) = write(&query, &addressing, &PeerProfile::default(), HomeRule::Required);
    assert!(!payload.xml.contains("targetCommunityIdList"));
}

#[test]
fn a_time_with_a_zone_or_a_fraction_is_read_in_utc() {
    for (text, time) in [
        ("20260401083000+0900", "20260331233000"),
        ("'20260401083000.5'", "20260401083000"),
        ("20260401Z", "20260401"),
        (" 2026 ", "2026"),
    ] {
        let query = find(&[("$XDSDocumentEntryServiceStartTimeFrom", text)]).unwrap();
        assert_eq!(query.criteria.service_start.0, Dtm::parse(time), "{text}");
    }
    for bad in ["26040", "2026-04-01", "20260401+9", "now"] {
        assert_eq!(
            find(&[("$XDSDocumentEntryServiceStartTimeTo", bad)]).unwrap_err(),
            "XDSRegistryError",
            "{bad}"
        );
    }
}

#[test]
fn a_query_has_a_cap_on_its_slots() {
    let many = vec![("$XDSDocumentEntryEventCodeList", "('a^^s')"); 501];
    assert_eq!(find(&many).unwrap_err(), "XDSRegistryError");
    assert_eq!(find(&many[..400]).unwrap().criteria.event_codes.len(), 400);
}

const HOME: &str = " home='urn:oid:2.999.2'";
const STATUSES: &str = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')";
const CX: &str = "'P-1^^^&amp;2.999.3&amp;ISO'";

/// A stored query as it must be sent: name, id, what it wants, slots by which it is complete.
type Complete<'a> = (&'a str, &'a str, Wanted, &'a [(&'a str, &'a str)]);

const COMPLETE: &[Complete<'_>] = &[
    ("FindDocuments", "14d4debf-8f97-4251-9a74-a90016b0af0d", Wanted::Documents, &[PATIENT, STATUS]),
    (
        "FindDocumentsByReferenceId",
        "12941a89-e02e-4be5-967c-ce4bfc8fe492",
        Wanted::DocumentsByReference,
        &[PATIENT, STATUS, ("$XDSDocumentEntryReferenceIdList", "('r1','r2')")],
    ),
    (
        "FindSubmissionSets",
        "f26abbcb-ac74-4422-8a30-edb644bbc1a9",
        Wanted::SubmissionSets,
        &[("$XDSSubmissionSetPatientId", CX), ("$XDSSubmissionSetStatus", STATUSES)],
    ),
    (
        "FindFolders",
        "958f3006-baad-4929-a4de-ff1114824431",
        Wanted::Folders,
        &[("$XDSFolderPatientId", CX), ("$XDSFolderStatus", STATUSES)],
    ),
    (
        "GetAll",
        "10b545ea-725c-446d-9b95-8aeb444eddf3",
        Wanted::Everything,
        &[("$patientId", CX), STATUS, ("$XDSSubmissionSetStatus", STATUSES), ("$XDSFolderStatus", STATUSES)],
    ),
    ("GetAssociations", "a7ae438b-4bc2-4642-93e9-be891f7bb155", Wanted::Associations, &[("$uuid", "('u')")]),
    (
        "GetSubmissionSets",
        "51224314-5390-4169-9b91-b1980040715a",
        Wanted::SubmissionSets,
        &[("$uuid", "('u')")],
    ),
];

/// Queries by one of two names for what is meant: id, what it wants, both names, what else they need, and
/// whether several may be named.
type Either<'a> = (&'a str, Wanted, [&'a str; 2], &'a [(&'a str, &'a str)], bool);

const DOCUMENT: [&str; 2] = ["$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"];
const FOLDER: [&str; 2] = ["$XDSFolderEntryUUID", "$XDSFolderUniqueId"];
const SET: [&str; 2] = ["$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId"];

const EITHER: &[Either<'_>] = &[
    ("5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4", Wanted::Documents, DOCUMENT, &[], true),
    ("5737b14c-8a1a-4539-b659-e03a34a5e1e4", Wanted::Folders, FOLDER, &[], true),
    ("bab9529a-4a10-40b3-a01f-f68a615d247a", Wanted::DocumentsAndAssociations, DOCUMENT, &[], true),
    ("e8e3cb2c-e39c-46b9-99e4-c12f57260b83", Wanted::SubmissionSetAndContents, SET, &[], false),
    ("b909a503-523d-4517-8acf-8e5834dfc4c7", Wanted::FolderAndContents, FOLDER, &[], false),
    ("10cae35a-c7f9-4cf5-b61e-fc3278ffb578", Wanted::FoldersForDocument, DOCUMENT, &[], false),
    (
        "d90e5407-b356-4d91-a89f-873917b4b0e6",
        Wanted::RelatedDocuments,
        DOCUMENT,
        &[("$AssociationTypes", "('urn:ihe:iti:2007:AssociationType:RPLC')")],
        false,
    ),
];

fn strict(id: &str, slots: &[(&str, &str)]) -> Result<DocumentQuery, String> {
    outcome(&message(&format!("urn:uuid:{id}"), HOME, slots), &PeerProfile::default())
}

#[test]
fn every_stored_query_is_read_when_complete_and_tells_what_it_misses() {
    for (name, id, wanted, slots) in COMPLETE {
        let query = strict(id, slots).unwrap_or_else(|code| panic!("{name}: {code}"));
        assert_eq!(query.criteria.wanted, *wanted, "{name}");
        let is_by_patient = matches!(query.by, QueryKey::Patient(_));
        assert_eq!(is_by_patient, slots.iter().any(|(slot, _)| slot.ends_with("atientId")), "{name}");
        for missing in 0..slots.len() {
            let mut rest = slots.to_vec();
            let (slot, _) = rest.remove(missing);
            assert_eq!(strict(id, &rest).unwrap_err(), "XDSStoredQueryMissingParam", "{name} {slot}");
            let mut twice = slots.to_vec();
            twice.push(slots[missing]);
            if !slot.ends_with("ReferenceIdList") {
                assert_eq!(strict(id, &twice).unwrap_err(), "XDSStoredQueryParamNumber", "{name} {slot}");
            }
            let mut bare = slots.to_vec();
            bare[missing].1 = "bare";
            let expected =
                if slot.ends_with("Status") { "XDSStoredQueryMissingParam" } else { "XDSRegistryError" };
            assert_eq!(strict(id, &bare).unwrap_err(), expected, "{name} {slot}");
        }
    }
}

#[test]
fn what_is_meant_is_named_in_one_of_two_ways_and_once_where_one_is_meant() {
    for (id, wanted, names, more, is_many) in EITHER {
        let [first, second] = names;
        let of = |slots: &[(&str, &str)]| strict(id, &[slots, more].concat());
        let one = if *is_many { "('a')" } else { "'a'" };
        let by_object = of(&[(first, one)]).unwrap();
        assert_eq!(by_object.by, QueryKey::Objects(vec![ObjectId(Phi::new("a".to_owned()))]), "{wanted:?}");
        assert_eq!(by_object.criteria.wanted, *wanted);
        let by_unique = of(&[(second, one)]).unwrap();
        assert_eq!(by_unique.by, QueryKey::UniqueIds(vec![Phi::new("a".to_owned())]), "{wanted:?}");
        assert_eq!(of(&[]).unwrap_err(), "XDSStoredQueryMissingParam", "{wanted:?}");
        let both = of(&[(first, one), (second, one)]);
        assert_eq!(both.unwrap_err(), "XDSStoredQueryParamNumber", "{wanted:?}");
        for several in ["('a','b')", "'a'|'b'"] {
            match (is_many, several) {
                (true, "('a','b')") => assert!(of(&[(first, several)]).is_ok(), "{wanted:?}"),
                (true, _) => {}
                (false, _) => {
                    let read = of(&[(first, several)]);
                    assert_eq!(read.unwrap_err(), "XDSStoredQueryParamNumber", "{wanted:?} {several}");
                }
            }
        }
        if !more.is_empty() {
            assert_eq!(strict(id, &[(first, one)]).unwrap_err(), "XDSStoredQueryMissingParam", "{wanted:?}");
        }
        let homeless = message(&format!("urn:uuid:{id}"), "", &[(first, one)]);
        let read = outcome(&homeless, &PeerProfile::default());
        assert_eq!(read.unwrap_err(), "XDSMissingHomeCommunityId", "{wanted:?}");
        let within = read_within(&homeless).map(|query| query.home);
        assert!(!more.is_empty() || within == Ok(None), "{wanted:?}: {within:?}");
    }
}

fn read_within(message: &Envelope) -> Result<DocumentQuery, String> {
    read(message, &PeerProfile::default(), HomeRule::Optional).map_err(|refusal| refusal.to_string())
}

#[test]
fn what_is_not_offered_is_refused_before_its_parameters_are_looked_at() {
    for id in [
        "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f",
        "50d3f5ac-39a2-11de-a1ca-b366239e58df",
        "1191642d-86c4-42d8-b784-f95445f9f0d5",
        "f2072993-9478-41df-a603-8f016706efe8",
        "4308b1df-36de-4bef-8e2e-ba91f593c435",
    ] {
        // Without home, slots or a known returnType.
        let bad = message(id, "", &[("$XDSDocumentEntryPatientId", "(((")]);
        let bad = Envelope::bare(&bad.source().replace("LeafClass", "Nothing"));
        let across = read(&bad, &PeerProfile::default(), HomeRule::Required).unwrap_err();
        assert!(matches!(across, Refusal::Unsupported(_)), "{id}: {across:?}");
        let within = read(&bad, &PeerProfile::default(), HomeRule::Optional).unwrap_err();
        let is_within = id.starts_with("4308b1df");
        assert_eq!(matches!(within, Refusal::Unsupported(_)), !is_within, "{id}: {within:?}");
    }
}

#[test]
fn what_is_left_out_is_read_within_a_community_and_never_beside_what_is_looked_for() {
    let exclude = |slots: &[(&str, &str)]| {
        let all = [&[PATIENT, STATUS], slots].concat();
        read_within(&message("4308b1df-36de-4bef-8e2e-ba91f593c435", "", &all))
    };
    let class = ("$XDSDocumentEntryClassCodeExclude", "('a^^s')");
    let query = exclude(&[class, ("$XDSDocumentEntryTypeCode", "('b^^s')")]).unwrap();
    assert_eq!(query.criteria.except.classes, [Code::new("a", "s", "")]);
    assert!(query.criteria.classes.is_empty());
    let both = exclude(&[class, ("$XDSDocumentEntryClassCode", "('b^^s')")]).unwrap_err();
    assert!(both.contains("only one of"), "{both}");
    for (left_out, left) in [
        ("('urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1')", vec![ON_DEMAND]),
        ("('urn:uuid:34268E47-fdf5-41a6-ba33-82133c465248')", vec![STABLE]),
    ] {
        let query = exclude(&[("$XDSDocumentEntryTypeExclude", left_out)]).unwrap();
        assert_eq!(query.criteria.entry_types, left);
    }
    // A gateway is asked without the exclusion, which it does not know.
    let addressing = super::super::samples::addressing();
    let (payload, _) = write(&query, &addressing, &PeerProfile::default(), HomeRule::Required);
    assert!(payload.xml.contains("14d4debf") && !payload.xml.contains("Exclude"), "{}", payload.xml);
    let (payload, _) = write(&query, &addressing, &PeerProfile::default(), HomeRule::Optional);
    assert!(payload.xml.contains("4308b1df") && payload.xml.contains("ClassCodeExclude"), "{}", payload.xml);
}

#[test]
fn what_filters_nothing_here_is_checked_and_goes_on_as_it_is() {
    let folders = |code: &str| {
        strict(
            "958f3006-baad-4929-a4de-ff1114824431",
            &[
                ("$XDSFolderPatientId", CX),
                ("$XDSFolderStatus", STATUSES),
                ("$XDSFolderLastUpdateTimeFrom", "2024"),
                ("$XDSFolderCodeList", code),
                ("$Other", "anything"),
            ],
        )
    };
    let query = folders("('a^^s', 'b^^s')").unwrap();
    let names: Vec<&str> = query.criteria.other.iter().map(|slot| slot.name.as_str()).collect();
    assert_eq!(names, ["$XDSFolderLastUpdateTimeFrom", "$XDSFolderCodeList", "$Other"]);
    let addressing = super::super::samples::addressing();
    let (payload, sent) = write(&query, &addressing, &PeerProfile::default(), HomeRule::Required);
    for said in
        ["<rim:Value>2024<", "<rim:Value>('a^^s','b^^s')<", "<rim:Value>anything<", "$XDSFolderPatientId"]
    {
        assert!(payload.xml.contains(said), "{said}: {}", payload.xml);
    }
    assert_eq!(sent.patient.map(QueryKey::Patient), Some(query.by));
    assert_eq!(folders("('a')").unwrap_err(), "XDSRegistryError");
}
