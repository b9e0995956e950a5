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
        (
            "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155",
            " home='urn:oid:2.999.2'",
            &[("$uuid", "('urn:uuid:1')")],
            "unsupported GetAssociations",
        ),
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
