use std::collections::BTreeSet;

use super::*;
use crate::dialect::ssmix2::{CodingSchemes, FacilitySettings, KINDS, fixtures, read_file, read_path};
use crate::model::{Authority, CommunityId, Oid, RepositoryId};

const SECRET: [u8; 16] = [7; 16];

fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

fn settings() -> FacilitySettings {
    FacilitySettings {
        code: "3319999901".to_owned(),
        name: "架橋岡山総合病院".to_owned(),
        organization: oid("2.999.33.1"),
        patient_authority: Authority(oid("2.999.33.1.1")),
        repository: RepositoryId(oid("2.999.33.1.2")),
        community: CommunityId(oid("2.999.33")),
        facility_type: Code::new("HOSP", "2.999.5", "病院"),
        schemes: CodingSchemes::default(),
        restricted_departments: BTreeSet::from(["02".to_owned()]),
        restricted_codes: BTreeSet::from(["5F560".to_owned()]),
    }
}

fn build(read: &ReadFile, form: Form) -> (DocumentEntry, EntryMetadata) {
    let body = Body { hash: "0".repeat(40), size: 1 };
    let entry = entry(read, form, &body, Availability::Approved, &settings(), &SECRET);
    let Encoded::Metadata(metadata) = entry.encoded.clone() else { panic!("built by us") };
    (entry, EntryMetadata::clone(&metadata))
}

fn of(code: &str) -> (DocumentEntry, EntryMetadata) {
    let kind = fixtures::kind(code);
    build(&read_file(fixtures::file(kind), &fixtures::bytes(kind)).unwrap(), Form::Rendition)
}

fn values(codes: &[Code]) -> Vec<&str> {
    codes.iter().map(|code| code.value.as_str()).collect()
}

fn service(metadata: &EntryMetadata) -> (&str, &str) {
    let text = |dtm: &'_ Option<Dtm>| dtm.as_ref().map(|d| d.as_str().to_owned()).unwrap_or_default();
    (text(&metadata.service_start).leak(), text(&metadata.service_stop).leak())
}

#[test]
fn each_of_the_26_kinds_becomes_an_entry_with_distinct_ids_in_both_forms() {
    let mut ids = BTreeSet::new();
    for kind in &KINDS {
        let read = read_file(fixtures::file(kind), &fixtures::bytes(kind)).unwrap();
        for form in [Form::Original, Form::Rendition] {
            let (entry, metadata) = build(&read, form);
            assert_eq!(entry.class.value, kind.class);
            assert!(!entry.type_code.value.is_empty() && !entry.type_code.system.is_empty());
            assert_eq!(entry.origin.as_ref().unwrap().kind, kind.code);
            assert_eq!(entry.origin.as_ref().unwrap().original, form == Form::Original);
            assert!(metadata.title.starts_with(kind.title) && metadata.title.chars().count() <= 128);
            assert!(metadata.service_start.is_some(), "{}", kind.code);
            assert_eq!(metadata.creation.as_str(), "20240812013659");
            let unique = entry.id.unique.reveal().clone();
            assert!(unique.starts_with("2.25.") && unique.len() <= 44 && Oid::parse(&unique).is_some());
            assert!(ids.insert(unique));
        }
    }
    assert_eq!(ids.len(), 52);
}

#[test]
fn ids_depend_on_the_secret_and_not_on_the_flag() {
    let kind = fixtures::kind("OMP-01");
    let file = fixtures::file(kind);
    let id = |file: &crate::dialect::ssmix2::StorageFile, secret| {
        identifiers::unique_id(file, "3319999901", Form::Original, secret)
    };
    let superseded = crate::dialect::ssmix2::StorageFile {
        flag: crate::dialect::ssmix2::Flag::Superseded,
        ..file.clone()
    };
    assert_eq!(id(&file, &SECRET), id(&superseded, &SECRET));
    assert_ne!(id(&file, &SECRET), id(&file, &[8; 16]));
}

#[test]
fn a_laboratory_result_names_its_measurements_once_and_its_times_in_utc() {
    let (entry, metadata) = of("OML-11");
    assert_eq!(entry.type_code.value, "11502-2");
    assert_eq!(values(&metadata.event_codes), ["3A010", "3H015"]);
    assert_eq!(metadata.event_codes[0].system, "1.2.392.200119.4.504");
    assert_eq!(service(&metadata), ("202408120005", "20240812020511"));
    assert_eq!(metadata.authors[0].person, "^長谷^徳之");
    assert_eq!(metadata.authors[0].institution, "架橋岡山総合病院^^^^^&2.999.33.1&ISO^^^^3319999901");
    assert_eq!(metadata.authors[0].specialty, "整形外科");
    assert_eq!(metadata.practice_setting, Code::new("11", "1.2.392.200250.2.2.2", "整形外科"));
    assert_eq!(metadata.title, "検体検査結果（生化学的検査 3項目）");
    let order = metadata.references[0].reveal();
    assert_eq!(order, "105000000000030^^^&2.999.33.1&ISO^urn:ihe:iti:xds:2013:order");
}

#[test]
fn event_codes_service_and_author_follow_the_table() {
    type Case = (&'static str, &'static [&'static str], (&'static str, &'static str), &'static str);
    let cases: &[Case] = &[
        ("ADT-00", &[], ("20240401000000", "20240401000000"), ""),
        ("ADT-12", &["O"], ("202408112330", "202408112330"), "^長谷^徳之"),
        ("ADT-22", &["O"], ("202408112330", "202408120100"), "^入院^医師"),
        ("ADT-51", &["A16"], ("202408120000", "202408120000"), "^長谷^徳之"),
        ("ADT-61", &[], ("202408112300", "202408112300"), ""),
        ("PPR-01", &["I10", "K297"], ("20240630150000", "20240812013659"), "^長谷^徳之"),
        ("OMP-01", &["108665201"], ("20240811150000", "20240818145959"), "^長谷^徳之"),
        ("OMP-02", &["107685101", "107679002"], ("202408112300", "202408120400"), "^長谷^徳之"),
        ("OMP-12", &["108665201"], ("202408112305", "202408112330"), "^看護^花子"),
        ("OML-01", &["3A010"], ("20240812043006", "20240812043006"), "^長谷^徳之"),
        (
            "OMG-11",
            &["CR", "1000000200010200", "1000000200010299"],
            ("20240811150000", "20240812145959"),
            "^長谷^徳之",
        ),
        ("OMG-13", &["9A110"], ("20240811150000", "20240812053035"), "^長谷^徳之"),
    ];
    for (code, events, times, author) in cases {
        let (_, metadata) = of(code);
        assert_eq!(values(&metadata.event_codes), *events, "{code}");
        assert_eq!(service(&metadata), *times, "{code}");
        assert_eq!(metadata.authors[0].person, *author, "{code}");
    }
}

#[test]
fn nothing_that_carries_the_hospitals_number_goes_with_an_entry_under_another_id() {
    let (entry, metadata) = of("OMG-11");
    let number = entry.patient.value.reveal().clone();
    let mut metadata = EntryMetadata::clone(&metadata);
    let kept = metadata.references.clone();
    metadata.references.push(Phi::new(format!("A{number}-7^^^&2.999.33.1&ISO")));
    metadata.title = format!("CT {number}");
    let entry = DocumentEntry { encoded: Encoded::Metadata(Arc::new(metadata)), ..entry };
    let network = PatientId::new(Authority(Oid::parse("2.999.33.1").unwrap()), "N-1");
    let Encoded::Metadata(shown) = entry.readdressed(network.clone(), Some(network)).encoded else {
        panic!()
    };
    assert_eq!(shown.references, kept);
    assert!(!shown.title.contains(&number) && !shown.title.is_empty(), "{}", shown.title);
    let Encoded::Metadata(home) = entry.readdressed(entry.patient.clone(), None).encoded else { panic!() };
    assert_eq!(home.references.len(), kept.len() + 1, "at home the number is known");
}

#[test]
fn an_imaging_entry_refers_to_order_accession_and_study() {
    let (_, metadata) = of("OMG-11");
    let references: Vec<&str> = metadata.references.iter().map(|r| r.reveal().as_str()).collect();
    assert_eq!(references[1], "A105^^^&2.999.33.1&ISO^urn:ihe:iti:xds:2013:accession");
    assert_eq!(references[2], "2.999.1.30^^^^urn:ihe:iti:xds:2016:studyInstanceUID");
}

#[test]
fn restricted_departments_and_codes_make_an_entry_confidential() {
    let value = |entry: &DocumentEntry| entry.confidentiality[0].value.clone();
    assert_eq!(value(&of("OML-11").0), "N");
    let kind = fixtures::kind("OML-11");
    let psychiatry =
        crate::dialect::ssmix2::StorageFile { department: Some("02A".to_owned()), ..fixtures::file(kind) };
    let read = read_file(psychiatry, &fixtures::bytes(kind)).unwrap();
    assert_eq!(value(&build(&read, Form::Rendition).0), "R");
    let text = fixtures::text(kind).replace("3H015000002326101", "5F560000002326101");
    let bytes = crate::dialect::hl7v2::encode(&text, Default::default()).bytes;
    let read = read_file(fixtures::file(kind), &bytes).unwrap();
    assert_eq!(value(&build(&read, Form::Rendition).0), "R");
    let ordered = fixtures::text(kind).replace("11^整形外科^HL70069", "02^精神科^HL70069");
    let bytes = crate::dialect::hl7v2::encode(&ordered, Default::default()).bytes;
    let read = read_file(fixtures::file(kind), &bytes).unwrap();
    assert_eq!(value(&build(&read, Form::Rendition).0), "R");
}

#[test]
fn an_extension_document_takes_type_from_the_folder_and_period_and_author_from_the_cda() {
    let folder = "^診療情報提供書^^57133-1^紹介状^LN";
    let path = format!(
        "000/000/0000000099/20240812/{folder}/0000000099_20240812_{folder}_RF0001_20240812160055762_11_1/referral.xml"
    );
    let cda = "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><code code=\"MD0020730\"/><recordTarget><patientRole><id extension=\"0000000099\"/></patientRole></recordTarget><author><assignedAuthor><assignedPerson><name><family>長谷</family><given>徳之</given></name></assignedPerson></assignedAuthor></author><documentationOf><serviceEvent><effectiveTime><low value=\"20240801\"/><high value=\"20240812\"/></effectiveTime></serviceEvent></documentationOf></ClinicalDocument>";
    let read = read_path(path.as_bytes(), cda.as_bytes()).unwrap();
    let (entry, metadata) = build(&read, Form::Original);
    assert_eq!(entry.type_code, Code::new("57133-1", "2.16.840.1.113883.6.1", "紹介状"));
    assert_eq!((entry.class.value.as_str(), metadata.title.as_str()), ("紹介・連携", "診療情報提供書"));
    assert_eq!(entry.format.value, "urn:jami:ssmix2:1.2:extension:cda");
    assert_eq!(service(&metadata), ("20240731150000", "20240812145959"));
    assert_eq!(metadata.authors[0].person, "^長谷^徳之");
    assert_eq!(entry.origin.as_ref().unwrap().kind, "57133-1");
}

#[test]
fn a_local_only_folder_keeps_its_own_code_and_the_folders_date() {
    let folder = "L-IMG01^創部写真^99ZL01";
    let path = format!(
        "000/000/0000000099/20240812/{folder}/0000000099_20240812_{folder}_PH0001_20240812140519679_11_1/photo1.png"
    );
    let read = read_path(path.as_bytes(), b"\x89PNG\r\n").unwrap();
    let (entry, metadata) = build(&read, Form::Original);
    assert_eq!(entry.type_code, Code::new("L-IMG01", "99ZL01", "創部写真"));
    assert_eq!((entry.class.value.as_str(), metadata.title.as_str()), ("その他の文書", "創部写真（PNG）"));
    assert_eq!((entry.media_type.as_str(), entry.origin.as_ref().unwrap().original), ("image/png", false));
    assert_eq!(service(&metadata), ("20240811150000", "20240812145959"));
}

#[test]
fn a_readdressed_entry_shows_the_hospitals_number_only_in_its_origin() {
    let (entry, _) = of("OMP-01");
    let network = PatientId::new(Authority(oid("2.999.33.9")), "N-1");
    let sent = entry.readdressed(network.clone(), Some(network.clone()));
    let Encoded::Metadata(metadata) = &sent.encoded else { panic!("built by us") };
    assert_eq!((&sent.patient, &metadata.source_patient), (&network, &network));
    assert_eq!(sent.origin.as_ref().unwrap().patient.value.reveal(), fixtures::PATIENT);
}
