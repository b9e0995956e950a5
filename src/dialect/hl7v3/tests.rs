//! ITI-55 both ways: what is written is read back, and each refusal has its answer.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::dialect::soap::{Envelope, Header};
use crate::dialect::{Addressing, Received, Reply, Sent, Transaction};
use crate::model::{
    Address, Answer, Attribute, Authority, CommunityId, Demographics, Failure, FoundPatient, Malformed,
    MessageId, NameScript, Oid, Outage, Outcome, PartialDate, PatientDiscovery, PatientId, PatientIdLookup,
    PatientMatch, PatientUnknownPolicy, PeerProfile, PersonName, Phi, QueryId, Refusal, RepositoryId, Sex,
    TargetName, Timestamp, Unauthenticated,
};
use crate::xml::Tree;

pub(super) type Discovery = CrossGatewayPatientDiscovery;

pub(super) fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

pub(super) fn addressing() -> Addressing {
    Addressing {
        message: MessageId("urn:uuid:2".into()),
        query: QueryId { root: "2.999.1".into(), extension: Some("7".into()) },
        at: Timestamp::from_micros(1_775_000_000_000_000),
        device: oid("2.999.1"),
        community: CommunityId(oid("2.999.2")),
        authority: Authority(oid("2.999.3")),
        receiver_device: oid("2.999.4"),
        receiver: CommunityId(oid("2.999.5")),
        to: "https://peer.example/".into(),
    }
}

pub(super) fn person() -> Demographics {
    Demographics {
        names: vec![
            PersonName {
                script: Some(NameScript::Ideographic), family: "山田".into(), given: "花子".into()
            },
            PersonName {
                script: Some(NameScript::Syllabic),
                family: "ヤマダ".into(),
                given: "ハナコ".into(),
            },
        ],
        birth: PartialDate::day(1963, 8, 4),
        sex: Some(Sex::Female),
        ..Demographics::default()
    }
}

fn request() -> PatientDiscovery {
    PatientDiscovery { demographics: Phi::new(person()), ids: Vec::new() }
}

fn written(request: &PatientDiscovery) -> Envelope {
    Envelope::bare(&Discovery::write_request(request, &addressing(), &PeerProfile::default()).0.xml)
}

// The answering side: the peer's home is 2.999.5, its authority 2.999.6.
pub(super) fn answering() -> Addressing {
    let (community, receiver) = (CommunityId(oid("2.999.5")), CommunityId(oid("2.999.2")));
    let query = QueryId { root: "2.999.4".into(), extension: Some("99".into()) };
    Addressing { community, receiver, query, to: String::new(), ..addressing() }
}

pub(super) fn asking() -> PeerProfile {
    PeerProfile { authorities: vec![Authority(oid("2.999.6"))], ..PeerProfile::default() }
}

pub(super) fn found(extension: &str) -> FoundPatient {
    FoundPatient {
        community: CommunityId(oid("2.999.5")),
        id: PatientId::new(Authority(oid("2.999.6")), extension),
        demographics: Some(Phi::new(person())),
        confidence: 97,
        also: Vec::new(),
    }
}

fn answered(
    answer: Result<Answer<PatientMatch>, Refusal>,
    profile: &PeerProfile,
) -> Result<String, Vec<String>> {
    match Discovery::write_answer(&written(&request()), &answering(), profile, answer) {
        Reply::Payload(payload) => Ok(payload.xml),
        Reply::Fault(fault) => Err(std::iter::once(fault.code).chain(fault.subcodes).collect()),
        Reply::Listing(_) => panic!("a list of persons is short"),
    }
}

fn read_back(xml: &str, profile: &PeerProfile) -> Outcome<PatientMatch> {
    let (_, sent) = Discovery::write_request(&request(), &addressing(), profile);
    read_with(Envelope::bare(xml), &sent, profile)
}

fn read_with(envelope: Envelope, sent: &Sent, profile: &PeerProfile) -> Outcome<PatientMatch> {
    Discovery::read_answer(Received { envelope, parts: None }, sent, profile)
}

fn code_at(xml: &str, path: &[&str]) -> Option<String> {
    let tree = Tree::parse(xml).unwrap();
    tree.path(NS, path).and_then(|element| element.attribute("code")).map(str::to_owned)
}

const ACK: [&str; 2] = ["acknowledgement", "typeCode"];
const RESPONSE: [&str; 3] = ["controlActProcess", "queryAck", "queryResponseCode"];

#[test]
fn a_request_goes_out_in_schema_order_with_home_ids_and_without_insurance() {
    let mut all = person();
    all.insurance = Some(crate::model::Insurance { number: "SECRET".into(), ..Default::default() });
    all.addresses = vec![Address {
        postal_code: "700-8570".into(),
        text: "岡山県岡山市北区内山下2-4-6".into(),
    }];
    all.phones = vec!["086-224-2111".into()];
    all.mothers_maiden_name = Some(PersonName { family: "佐藤".into(), ..PersonName::default() });
    all.birth_place = Some("倉敷市".into());
    let ids = vec![PatientId::new(Authority(oid("2.999.3")), "N1")];
    let envelope = written(&PatientDiscovery { demographics: Phi::new(all), ids });
    let xml = envelope.source();
    assert!(!xml.contains("SECRET"));
    assert!(xml.contains("tel:086-224-2111"));
    let body = Tree::parse(xml).unwrap();
    let names = |tree: &Tree| tree.elements().map(|child| child.name().to_owned()).collect::<Vec<_>>();
    let wrapper = [
        "id",
        "creationTime",
        "interactionId",
        "processingCode",
        "processingModeCode",
        "acceptAckCode",
        "receiver",
        "sender",
        "controlActProcess",
    ];
    assert_eq!(names(&body), wrapper);
    let list = body.path(NS, &["controlActProcess", "queryByParameter", "parameterList"]).unwrap();
    let mut sorted = names(list);
    sorted.sort();
    assert_eq!(names(list), sorted);
    assert_eq!(list.elements().count(), 9);
    let home = ["sender", "device", "asAgent", "representedOrganization", "id"];
    assert_eq!(body.path(NS, &home).unwrap().attribute("root"), Some("2.999.2"));
    let author = ["controlActProcess", "authorOrPerformer", "assignedDevice", "id"];
    assert_eq!(body.path(NS, &author).unwrap().attribute("root"), Some("2.999.3"));
    assert_eq!(deviations::deviations(&body), []);
}

#[test]
fn a_message_is_numbered_also_where_the_query_id_is_a_root_alone() {
    let uuid = QueryId { root: "0a0b0c0d-0000-4000-8000-000000000001".into(), extension: None };
    let addressing = Addressing { query: uuid.clone(), ..addressing() };
    let (payload, sent) = Discovery::write_request(&request(), &addressing, &PeerProfile::default());
    let body = Tree::parse(&payload.xml).unwrap();
    assert_eq!(body.first(NS, "id").unwrap().attribute("extension"), Some("2"));
    let query = body.path(NS, &["controlActProcess", "queryByParameter", "queryId"]).unwrap();
    assert_eq!((query.attribute("root"), query.attribute("extension")), (Some(uuid.root.as_str()), None));
    let answer = Ok(Answer::found(vec![PatientMatch::Found(found("P1"))]));
    let envelope = Envelope::bare(&payload.xml);
    let Reply::Payload(payload) = Discovery::write_answer(&envelope, &answering(), &asking(), answer) else {
        panic!()
    };
    assert_eq!(read_with(Envelope::bare(&payload.xml), &sent, &asking()).unwrap().found.len(), 1);
}

#[test]
fn an_answer_is_read_back_with_one_id_name_birth_and_sex_and_nothing_more() {
    let mut rich = found("P1");
    let mut person = person();
    person.addresses.push(Address { text: "SECRET".into(), ..Address::default() });
    person.phones.push("SECRET".into());
    rich.demographics = Some(Phi::new(person));
    let xml = answered(Ok(Answer::found(vec![PatientMatch::Found(rich)])), &PeerProfile::default()).unwrap();
    assert!(!xml.contains("SECRET") && !xml.contains("asOtherIDs"));
    let body = Tree::parse(&xml).unwrap();
    assert_eq!(deviations::deviations(&body), []);
    let sent_query = Tree::parse(written(&request()).source()).unwrap();
    let path = ["controlActProcess", "queryByParameter", "parameterList"];
    let texts = |tree: &Tree| tree.path(NS, &path).map(|list| crate::dialect::soap::copy(list, NS, &[]));
    assert_eq!(texts(&body), texts(&sent_query));
    let read = read_back(&xml, &asking()).unwrap();
    let [PatientMatch::Found(one)] = read.found.as_slice() else { panic!() };
    assert_eq!((&one.id, &one.community, one.confidence), (&found("P1").id, &found("P1").community, 97));
    assert_eq!(one.demographics, found("P1").demographics);
    assert_eq!((read.answered, read.reported.len()), (1, 0));
}

#[test]
fn an_id_query_shows_no_name_and_the_answer_has_no_demographics() {
    let nameless = FoundPatient { demographics: None, ..found("P1") };
    let answer = Ok(Answer::found(vec![PatientMatch::Found(nameless)]));
    let xml = answered(answer, &PeerProfile::default()).unwrap();
    assert!(xml.contains("<name nullFlavor=\"NA\"/>"));
    let read = read_back(&xml, &asking()).unwrap();
    assert!(matches!(read.found.as_slice(), [PatientMatch::Found(one)] if one.demographics.is_none()));
}

#[test]
fn more_attributes_go_out_as_triggers_and_come_back_without_naming_anybody() {
    let wanted = BTreeSet::from([Attribute::Address, Attribute::Telecom]);
    let about = Some(PatientId::new(Authority(oid("2.999.6")), "SECRET"));
    let answer = Ok(Answer::found(vec![PatientMatch::MoreAttributes { about, wanted: wanted.clone() }]));
    let xml = answered(answer, &PeerProfile::default()).unwrap();
    assert!(!xml.contains("SECRET"));
    for xml in [xml.clone(), xml.replace("PatientAddressRequested", "PatientAdressRequested")] {
        let read = read_back(&xml, &asking()).unwrap();
        assert!(matches!(read.found.as_slice(),
            [PatientMatch::MoreAttributes { about: None, wanted: read }] if *read == wanted));
    }
}

#[test]
fn each_refusal_has_its_answer() {
    let malformed = Malformed::new("missing-parameter", "3:7", "`livingSubjectName` is missing");
    let expired = Unauthenticated { word: "MessageExpired", why: String::new(), told: None };
    let unknown = Refusal::UnknownPatient(PatientId::new(Authority(oid("2.999.6")), "SECRET"));
    let told = PeerProfile { patient_unknown_policy: PatientUnknownPolicy::Error, ..PeerProfile::default() };
    let silent = PeerProfile::default();
    let fault = |codes: &[&str]| Err(codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>());
    let table = [
        (Refusal::AuditUnavailable, &silent, fault(&["Receiver"])),
        (Refusal::Denied, &silent, fault(&["Sender", "wsse:FailedAuthentication"])),
        (Refusal::Unauthenticated(expired), &silent, fault(&["Sender", "wsu:MessageExpired"])),
        (Refusal::Internal("SECRET".into()), &silent, Ok(("AE", "INTERR", "InternalError"))),
        (Refusal::Malformed(malformed), &silent, Ok(("AE", "SYN113", ""))),
        (Refusal::Throttled(1), &silent, Ok(("AE", "INTERR", "ResponderBusy"))),
        (Refusal::TooManyResults, &silent, Ok(("AE", "INTERR", "AnswerNotAvailable"))),
        (Refusal::UnknownCommunity, &silent, Ok(("AE", "204", ""))),
        (unknown.clone(), &told, Ok(("AE", "204", ""))),
        (unknown, &silent, Ok(("NF", "", ""))),
        (Refusal::Unsupported("the deferred mode".into()), &silent, Ok(("AE", "NS250", ""))),
        (Refusal::Withheld, &told, Ok(("AE", "204", ""))),
        (Refusal::Withheld, &silent, Ok(("NF", "", ""))),
    ];
    let nobody = answered(Ok(Answer::found(Vec::new())), &told).unwrap();
    assert_eq!(code_at(&nobody, &RESPONSE), Some("AE".to_owned()), "nobody found is told the same way");
    for (refusal, profile, expected) in table {
        let reply = answered(Err(refusal.clone()), profile);
        let (response, detail, mitigation) = match expected {
            Err(codes) => {
                assert_eq!(reply, Err(codes), "{refusal:?}");
                continue;
            }
            Ok(expected) => expected,
        };
        let xml = reply.unwrap();
        assert!(!xml.contains("SECRET"));
        let some = |code: &str| Some(code.to_owned()).filter(|code| !code.is_empty());
        assert_eq!(code_at(&xml, &RESPONSE), some(response), "{refusal:?}");
        let (ack, status) = if response == "AE" { ("AE", "aborted") } else { ("AA", "deliveredResponse") };
        assert_eq!(code_at(&xml, &ACK), some(ack));
        assert_eq!(code_at(&xml, &["controlActProcess", "queryAck", "statusCode"]), some(status));
        assert_eq!(code_at(&xml, &["acknowledgement", "acknowledgementDetail", "code"]), some(detail));
        let management = ["controlActProcess", "reasonOf", "detectedIssueEvent", "mitigatedBy"];
        let management = [&management[..], &["detectedIssueManagement", "code"]].concat();
        assert_eq!(code_at(&xml, &management), some(mitigation));
        let failure = read_back(&xml, &asking()).err();
        match (response, mitigation) {
            ("NF", _) => assert_eq!(failure, None),
            (_, "ResponderBusy") => assert_eq!(failure, Some(Failure::Busy)),
            _ => assert!(matches!(failure, Some(Failure::Rejected(text)) if text.starts_with("AE AE"))),
        }
    }
}

#[test]
fn nobody_and_withheld_are_the_same_bytes() {
    let profile = PeerProfile::default();
    let nobody = answered(Ok(Answer::found(Vec::new())), &profile).unwrap();
    assert_eq!(answered(Err(Refusal::Withheld), &profile).unwrap(), nobody);
    let unknown = Refusal::UnknownPatient(PatientId::new(Authority(oid("2.999.6")), "1"));
    assert_eq!(answered(Err(unknown), &profile).unwrap(), nobody);
}

#[test]
fn a_request_that_cannot_be_echoed_is_answered_with_a_fault() {
    let refused = || Err(Malformed::new("missing-element", "", "`id` is missing").into());
    let fault = |source: &str| {
        let envelope = Envelope::bare(source);
        let reply = Discovery::write_answer(&envelope, &answering(), &PeerProfile::default(), refused());
        matches!(reply, Reply::Fault(fault) if fault.code == "Sender")
    };
    let whole = written(&request()).source().to_owned();
    assert!(!fault(&whole));
    assert!(fault(&whole.replacen("<id root=\"2.999.1\" extension=\"7\"/>", "", 1)));
    assert!(fault(&whole.replace("queryId", "queryOd")));
    assert!(fault("<a>"));
}

fn outage(failure: Failure) -> Outage {
    Outage {
        target: TargetName("secret-hospital".into()),
        community: CommunityId(oid("2.999.5")),
        repository: Some(RepositoryId(oid("2.999.77"))),
        failure,
    }
}

#[test]
fn an_outage_is_a_warning_beside_an_answer_and_an_error_when_nobody_replied() {
    let profile = PeerProfile::default();
    let some = Answer { unavailable: vec![outage(Failure::TimedOut)], answered: 1, ..Answer::default() };
    let xml = answered(Ok(some), &profile).unwrap();
    assert!(xml.contains("2.999.77") && !xml.contains("secret-hospital"));
    assert_eq!((code_at(&xml, &ACK).unwrap(), code_at(&xml, &RESPONSE).unwrap()), ("AA".into(), "NF".into()));
    let told = read_back(&xml, &asking()).unwrap().reported;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].context, "unavailable: community urn:oid:2.999.5, repository 2.999.77");
    // Any other text of a peer is not passed on.
    let other = xml.replace("unavailable: community ", "unavailable: 山田 花子, community ");
    assert_eq!(read_back(&other, &asking()).unwrap().reported, []);
    let none = Answer { unavailable: vec![outage(Failure::TimedOut)], ..Answer::default() };
    assert_eq!(code_at(&answered(Ok(none), &profile).unwrap(), &RESPONSE), Some("AE".to_owned()));
    let busy = Answer { unavailable: vec![outage(Failure::Busy)], ..Answer::default() };
    assert_eq!(read_back(&answered(Ok(busy), &profile).unwrap(), &asking()).err(), Some(Failure::Busy));
}

#[test]
fn an_answer_that_is_not_ours_or_not_theirs_to_give_counts_for_nothing() {
    let xml = answered(Ok(Answer::found(vec![PatientMatch::Found(found("P1"))])), &asking()).unwrap();
    let reported = |xml: &str, profile: &PeerProfile| {
        let read = read_back(xml, profile).unwrap();
        assert_eq!((read.found.len(), read.answered), (0, 1));
        read.reported.first().map(|reported| reported.code.clone()).unwrap()
    };
    assert_eq!(reported(&xml, &PeerProfile::default()), "foreign-authority");
    let elsewhere = xml.replace(
        "assignedEntity classCode=\"ASSIGNED\"><id root=\"2.999.5\"",
        "assignedEntity><id root=\"2.999.8\"",
    );
    assert_eq!(reported(&elsewhere, &asking()), "foreign-community");

    let id = "<id root=\"2.999.6\" extension=\"P1\"/>";
    let several = xml.replace(id, &format!("<id root=\"2.999.9\" extension=\"X\"/>{id}"));
    assert_eq!(reported(&several, &asking()), "several-patient-ids");
    let accepting = PeerProfile { accept_several_patient_ids: true, ..asking() };
    let read = read_back(&several, &accepting).unwrap();
    assert!(matches!(read.found.as_slice(), [PatientMatch::Found(one)] if one.id == found("P1").id));

    let without = xml.replace("custodian", "custody");
    assert_eq!(reported(&without, &asking()), "custodian-missing");
    let filling = PeerProfile { fill_missing_home: true, ..asking() };
    assert_eq!(read_back(&without, &filling).unwrap().found.len(), 1);

    let other_query =
        xml.replace("<queryAck><queryId root=\"2.999.1\"", "<queryAck><queryId root=\"2.999.11\"");
    assert!(matches!(read_back(&other_query, &asking()), Err(Failure::Unreadable(_))));
    let wrapped = crate::dialect::soap::write_answer(
        "a",
        None,
        Some(&Header { message_id: Some(MessageId("urn:uuid:other".into())), ..Header::default() }),
        xml.clone(),
    );
    let (_, sent) = Discovery::write_request(&request(), &addressing(), &asking());
    let outcome = read_with(Envelope::read(&wrapped).unwrap(), &sent, &asking());
    assert!(matches!(outcome, Err(Failure::Unreadable(_))));
    let acknowledged = xml.replace("PRPA_IN201306UV02", "MCCI_IN000002UV01");
    assert!(matches!(read_back(&acknowledged, &asking()), Err(Failure::Unreadable(_))));
}

#[test]
fn a_lookup_keeps_the_id_at_home_when_demographics_are_known() {
    let known = PatientId::new(Authority(oid("2.999.3")), "NETWORK");
    let write = |demographics| {
        let lookup = PatientIdLookup { known: known.clone(), demographics, authorities: Vec::new() };
        CrossGatewayPatientIdLookup::write_request(&lookup, &addressing(), &asking())
    };
    let (payload, sent) = write(Some(Phi::new(person())));
    assert!(!payload.xml.contains("NETWORK"));
    let demographics = Some(Phi::new(person()));
    let lookup = PatientIdLookup { known: known.clone(), demographics, authorities: Vec::new() };
    let profile = PeerProfile { send_network_id: true, ..asking() };
    let (agreed, _) = CrossGatewayPatientIdLookup::write_request(&lookup, &addressing(), &profile);
    assert!(agreed.xml.contains("NETWORK"), "where the peer's file says so");
    let (by_id, _) = write(None);
    let read = CrossGatewayPatientIdLookup::read_request(&Envelope::bare(&by_id.xml), &asking());
    let by_id_alone = PatientIdLookup { known: known.clone(), demographics: None, authorities: Vec::new() };
    assert_eq!(read, Ok(by_id_alone));
    let request = Envelope::bare(&by_id.xml);
    let answer = Ok(Answer::found(vec![found("P1")]));
    let Reply::Payload(payload) =
        CrossGatewayPatientIdLookup::write_answer(&request, &answering(), &asking(), answer)
    else {
        panic!()
    };
    let received = Received { envelope: Envelope::bare(&payload.xml), parts: None };
    let read = CrossGatewayPatientIdLookup::read_answer(received, &sent, &asking()).unwrap();
    let [read] = read.found.as_slice() else { panic!() };
    assert_eq!(read.id, found("P1").id);
    assert!(read.demographics.is_some(), "whom it shows can be held against whom was asked for");
}

fn parsed(list: &str) -> Result<PatientDiscovery, Refusal> {
    let source = written(&request()).source().to_owned();
    let (before, rest) = source.split_once("<parameterList>").unwrap();
    let (_, after) = rest.split_once("</parameterList>").unwrap();
    let source = format!("{before}<parameterList>{list}</parameterList>{after}");
    Discovery::read_request(&Envelope::bare(&source), &PeerProfile::default())
}

#[test]
fn a_sender_that_names_another_community_than_its_certificates_is_refused() {
    let read = |community: Option<&str>| {
        let community = community.map(|text| CommunityId(oid(text)));
        let profile = PeerProfile { community, ..PeerProfile::default() };
        Discovery::read_request(&Envelope::bare(written(&request()).source()), &profile)
    };
    assert!(read(Some("2.999.2")).is_ok());
    assert!(read(None).is_ok());
    assert!(matches!(read(Some("2.999.7")), Err(Refusal::Malformed(why)) if why.code == "foreign-sender"));
}

const NAME: &str = "<livingSubjectName><value><family>山</family><family>田</family></value><value>田中 花子</value>\
                    </livingSubjectName>";

#[test]
fn the_variants_peers_send_are_read() {
    let birth =
        |value: &str| format!("{NAME}<LivingSubjectBirthTime><value {value}</LivingSubjectBirthTime>");
    let read = parsed(&birth("value='1963-08-04T00:00'/>")).unwrap().demographics.into_revealed();
    assert_eq!(read.birth, PartialDate::day(1963, 8, 4));
    let families: Vec<&str> = read.names.iter().map(|name| name.family.as_str()).collect();
    assert_eq!(families, ["山 田", "田中 花子"]);
    let read = parsed(&birth("value='1963'/>")).unwrap().demographics.into_revealed();
    assert_eq!(read.birth, PartialDate::from_digits("1963"));
    let range = birth("><low value='19630801'/><high value='19630831'/></value>");
    let read = parsed(&range).unwrap().demographics.into_revealed();
    assert_eq!(
        read.birth_range.map(|(first, last)| (first.digits(), last.digits())),
        Some(("19630801".into(), "19630831".into()))
    );
    let uuid = "0a0b0c0d-0000-4000-8000-000000000001";
    let ids = parsed(&format!(
        "<LivingSubjectId><value root='urn:oid:2.999.3' extension='1'/>\
        <value root='{uuid}' extension='2'/></LivingSubjectId>"
    ))
    .unwrap()
    .ids;
    let roots: Vec<String> = ids.iter().map(|id| id.authority.0.to_string()).collect();
    assert_eq!(roots.first().map(String::as_str), Some("2.999.3"));
    assert!(roots.get(1).is_some_and(|root| root.starts_with("2.25.")));
    let address = format!(
        "{}<patientAddress><value><city>岡山市</city><state>岡山県</state>\
        <postalCode>700</postalCode></value></patientAddress><patientTelecom><value value='TEL:+81-86;ext=1'/>\
        <value value='mailto:a@b'/></patientTelecom>",
        birth("value='1963'/>")
    );
    let read = parsed(&address).unwrap().demographics.into_revealed();
    assert!(read.addresses == [Address { postal_code: "700".into(), text: "岡山県岡山市".into() }]);
    assert_eq!(read.phones, ["+81-86"]);
}

#[test]
fn what_a_request_lacks_is_named_and_no_value_is() {
    let id =
        |root: &str| format!("<livingSubjectId><value root='{root}' extension='SECRET'/></livingSubjectId>");
    let birth = "<livingSubjectBirthTime><value value='x1963'/></livingSubjectBirthTime>";
    let given = "<livingSubjectName><value><given>SECRET</given></value></livingSubjectName>";
    let two = "<livingSubjectBirthTime><value value='1963'/><value value='1964'/></livingSubjectBirthTime>";
    for (list, expected) in [
        (NAME.to_owned(), "missing-parameter"),
        (String::new(), "missing-parameter"),
        (id("HOSPITAL"), "root-not-oid"),
        (format!("{NAME}{birth}"), "bad-date"),
        (given.to_owned(), "missing-parameter"),
        (format!("{NAME}{two}"), "several-values"),
        (id("2.999.3").repeat(101), "too-many-values"),
        (NAME.repeat(13), "too-many-values"),
    ] {
        match parsed(&list) {
            Err(Refusal::Malformed(malformed)) => {
                assert_eq!(malformed.code, expected);
                assert!(!malformed.to_string().contains("SECRET") && malformed.at.contains(':'));
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    let deferred = written(&request())
        .source()
        .replace("responsePriorityCode code=\"I\"", "responsePriorityCode code=\"D\"");
    let read = Discovery::read_request(&Envelope::bare(&deferred), &PeerProfile::default());
    assert!(matches!(read, Err(Refusal::Unsupported(_))));
}

pub(super) fn text() -> impl Strategy<Value = String> {
    "[a-z山田ヤマダ髙﨑&<>\"'𠮷]([a-z山 田&<'　]{0,6}[a-z山田ﾔ])?"
}

fn name() -> impl Strategy<Value = PersonName> {
    let script =
        prop_oneof![Just(NameScript::Alphabetic), Just(NameScript::Ideographic), Just(NameScript::Syllabic)];
    (script, text(), proptest::option::of(text())).prop_map(|(script, family, given)| PersonName {
        script: Some(script),
        family,
        given: given.unwrap_or_default(),
    })
}

prop_compose! {
    pub(super) fn discovery()(
        names in proptest::collection::vec(name(), 1..4),
        birth in (1800_u16..2100, 1_u8..13, 1_u8..29),
        precision in 0..4,
        sex in proptest::option::of(prop_oneof![Just(Sex::Female), Just(Sex::Male), Just(Sex::Other)]),
        address in proptest::option::of((text(), text())),
        phone in proptest::option::of("[0-9+#;%山-]{1,9}"),
        maiden in proptest::option::of(name()),
        place in proptest::option::of(text()),
        ids in proptest::collection::vec(text(), 0..3),
    ) -> PatientDiscovery {
        let day = PartialDate::day(birth.0, birth.1, birth.2).unwrap();
        let date = match precision {
            0 => PartialDate { month: None, day: None, ..day },
            1 => PartialDate { day: None, ..day },
            _ => day,
        };
        let demographics = Demographics {
            names,
            birth: (precision < 3).then_some(date),
            birth_range: (precision == 3).then_some((day, day)),
            sex,
            addresses: address.into_iter().map(|(postal_code, text)| Address { postal_code, text }).collect(),
            phones: phone.into_iter().collect(),
            insurance: None,
            mothers_maiden_name: maiden,
            birth_place: place,
        };
        let authority = Authority(oid("2.999.3"));
        let ids = ids.into_iter().map(|id| PatientId::new(authority.clone(), id)).collect();
        PatientDiscovery { demographics: Phi::new(demographics), ids }
    }
}

proptest! {
    #[test]
    fn a_request_is_read_back_as_it_was_written(request in discovery()) {
        let envelope = written(&request);
        let read = Discovery::read_request(&envelope, &PeerProfile::default()).unwrap();
        prop_assert!(read == request, "{}", envelope.source());
        let again = written(&read);
        prop_assert_eq!(again.source(), envelope.source());
    }

    #[test]
    fn an_answer_is_read_back_as_it_was_written(
        people in proptest::collection::vec((text(), discovery(), 0_u8..=100), 0..4),
    ) {
        let people: Vec<FoundPatient> = people.into_iter().map(|(id, shown, confidence)| {
            let Demographics { names, birth, sex, .. } = shown.demographics.into_revealed();
            let shown = Demographics { names, birth, sex, ..Demographics::default() };
            let id = PatientId::new(Authority(oid("2.999.6")), id);
            FoundPatient { id, confidence, demographics: Some(Phi::new(shown)), ..found("") }
        }).collect();
        let answer = Answer::found(people.iter().cloned().map(PatientMatch::Found).collect());
        let xml = answered(Ok(answer), &asking()).unwrap();
        let read = read_back(&xml, &asking()).unwrap();
        prop_assert_eq!(read.found.len(), people.len());
        for (read, person) in read.found.iter().zip(&people) {
            let PatientMatch::Found(read) = read else { panic!() };
            prop_assert_eq!(&read.id, &person.id);
            prop_assert_eq!(read.confidence, person.confidence);
            prop_assert!(read.demographics == person.demographics);
        }
    }
}

#[test]
fn the_query_of_a_message_of_ours_is_recorded_as_that_of_any_other() {
    let mut odd = person();
    odd.names[0].family = "xsi:</queryByParameter>".to_owned();
    let odd = PatientDiscovery { demographics: Phi::new(odd), ids: Vec::new() };
    for request in [request(), odd] {
        let message = written(&request);
        let ours = crate::dialect::written_query_element(message.source());
        let any = crate::dialect::query_element(&message);
        assert_eq!(ours.reveal(), any.reveal());
        assert!(ours.reveal().len() > 200);
    }
}
