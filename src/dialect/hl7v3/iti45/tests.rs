//! ITI-45 both ways: what is written is read back in any spelling, and each refusal has its answer.

use proptest::prelude::*;

use super::*;
use crate::dialect::hl7v3::tests::{addressing, answering, asking, found, oid, text};
use crate::dialect::respelling::received;
use crate::dialect::soap::{self, Offered, check_request};
use crate::model::{Outage, PatientId, TargetName};

fn known() -> PatientId {
    PatientId::new(Authority(oid("2.999.3")), "SECRET")
}

fn wanting(authorities: &[&str]) -> PatientIdLookup {
    let authorities = authorities.iter().map(|root| Authority(oid(root))).collect();
    PatientIdLookup { known: known(), demographics: None, authorities }
}

fn written(request: &PatientIdLookup) -> Envelope {
    Envelope::bare(&PixQuery::write_request(request, &addressing(), &PeerProfile::default()).0.xml)
}

fn read(xml: &str) -> Result<PatientIdLookup, Refusal> {
    PixQuery::read_request(&Envelope::bare(xml), &PeerProfile::default())
}

fn answered(request: &PatientIdLookup, answer: Result<Answer<FoundPatient>, Refusal>) -> String {
    match PixQuery::write_answer(&written(request), &answering(), &asking(), answer) {
        Reply::Payload(payload) => payload.xml,
        other => panic!("{other:?}"),
    }
}

fn read_back(xml: &str) -> Outcome<FoundPatient> {
    let (_, sent) = PixQuery::write_request(&wanting(&[]), &addressing(), &asking());
    PixQuery::read_answer(Received { envelope: Envelope::bare(xml), parts: None }, &sent, &asking())
}

fn code_at(xml: &str, path: &[&str]) -> String {
    let tree = Tree::parse(xml).unwrap();
    tree.path(NS, path).and_then(|element| element.attribute("code")).unwrap_or_default().to_owned()
}

fn codes(xml: &str) -> (String, String) {
    let response = code_at(xml, &["controlActProcess", "queryAck", "queryResponseCode"]);
    (code_at(xml, &["acknowledgement", "typeCode"]), response)
}

fn lookup() -> impl Strategy<Value = PatientIdLookup> {
    let root = || "2\\.999\\.[1-9][0-9]{0,3}";
    (root(), text(), proptest::collection::vec(root(), 0..4)).prop_map(|(root, id, wanted)| PatientIdLookup {
        known: PatientId::new(Authority(oid(&root)), id),
        demographics: None,
        authorities: wanted.iter().map(|root| Authority(oid(root))).collect(),
    })
}

proptest! {
    #[test]
    fn a_query_is_read_back_in_any_spelling(
        request in lookup(), seed in any::<u64>(), is_padded in any::<bool>(),
    ) {
        let envelope = written(&request);
        let again = PixQuery::read_request(&envelope, &asking());
        prop_assert!(again.as_ref() == Ok(&request), "{}", envelope.source());
        let message = soap::write_request(PixQuery::REQUEST_ACTION, &addressing(), None, envelope.source());
        let spelt = received(&message, seed, is_padded).envelope;
        let offered = [Offered { action: PixQuery::REQUEST_ACTION, ns: NS, root: PIX_REQUEST_ROOT }];
        prop_assert_eq!(check_request(&spelt, &offered, &asking()), Ok(0), "{}", spelt.source());
        let read = PixQuery::read_request(&spelt, &asking());
        prop_assert!(read.as_ref() == Ok(&request), "{:?} {}", read.err(), spelt.source());
    }

    #[test]
    fn the_ids_of_an_answer_are_read_back_in_any_spelling(
        ids in proptest::collection::vec(text(), 0..6), seed in any::<u64>(), is_padded in any::<bool>(),
    ) {
        let people: Vec<FoundPatient> = ids.iter().map(|id| found(id)).collect();
        let xml = answered(&wanting(&[]), Ok(Answer::found(people.clone())));
        let message = soap::write_answer(PixQuery::RESPONSE_ACTION, None, None, xml.clone());
        let (_, sent) = PixQuery::write_request(&wanting(&[]), &addressing(), &asking());
        let read = PixQuery::read_answer(received(&message, seed, is_padded), &sent, &asking()).unwrap();
        let got: Vec<&PatientId> = read.found.iter().map(|found| &found.id).collect();
        prop_assert_eq!(got, people.iter().map(|found| &found.id).collect::<Vec<_>>());
        let expected = if ids.is_empty() { "NF" } else { "OK" };
        prop_assert_eq!(codes(&xml), ("AA".to_owned(), expected.to_owned()));
        prop_assert!(!xml.contains("山田</family>"), "a person's name is not told");
    }
}

#[test]
fn a_query_holds_the_parts_that_its_schema_has_and_no_other() {
    let envelope = written(&wanting(&["2.999.4"]));
    let body = envelope.body_tree().unwrap();
    let query = body.path(NS, &["controlActProcess", "queryByParameter"]).unwrap();
    let parts: Vec<&str> = query.elements().map(Tree::name).collect();
    assert_eq!(parts, ["queryId", "statusCode", "responsePriorityCode", "parameterList"]);
}

#[test]
fn what_is_unknown_is_named_by_its_place_and_not_by_its_value() {
    let list = "/hl7:PRPA_IN201309UV02/hl7:controlActProcess/hl7:queryByParameter/hl7:parameterList";
    let request = wanting(&["2.999.8", "2.999.9", "2.999.8"]);
    let unknown = |roots: &[&str]| {
        let roots = roots.iter().map(|root| Authority(oid(root))).collect();
        Refusal::UnknownAuthority(roots)
    };
    for (refusal, places) in [
        (Refusal::UnknownPatient(known()), vec!["/hl7:patientIdentifier/hl7:value/@extension"]),
        (unknown(&["2.999.3"]), vec!["/hl7:patientIdentifier/hl7:value/@root"]),
        (
            unknown(&["2.999.8"]),
            vec!["/hl7:dataSource[1]/hl7:value/@root", "/hl7:dataSource[3]/hl7:value/@root"],
        ),
    ] {
        let xml = answered(&request, Err(refusal));
        assert_eq!(codes(&xml), ("AE".to_owned(), "AE".to_owned()));
        let tree = Tree::parse(&xml).unwrap();
        let acknowledgement = tree.first(NS, "acknowledgement").unwrap();
        let details: Vec<&Tree> = acknowledgement.all(NS, "acknowledgementDetail").collect();
        let told: Vec<String> =
            details.iter().map(|detail| detail.first(NS, "location").unwrap().text()).collect();
        assert_eq!(told, places.iter().map(|place| format!("{list}{place}")).collect::<Vec<_>>());
        let code = |detail: &&Tree| detail.first(NS, "code").and_then(|c| c.attribute("code")) == Some("204");
        assert!(details.iter().all(code));
        let head = xml.split("<queryByParameter").next().unwrap();
        assert!(!head.contains("SECRET"), "outside the echo");
        match read_back(&xml) {
            Ok(nobody) => assert!(nobody.is_patient_unknown && !places[0].contains("dataSource")),
            Err(failure) => {
                assert!(matches!(failure, Failure::Rejected(_)) && places[0].contains("dataSource"))
            }
        }
    }
}

#[test]
fn an_answer_without_ids_is_no_error_and_one_from_nobody_is() {
    let nobody = answered(&wanting(&[]), Ok(Answer::found(Vec::new())));
    assert_eq!(codes(&nobody), ("AA".to_owned(), "NF".to_owned()));
    assert_eq!(read_back(&nobody).unwrap().found.len(), 0);
    let withheld = answered(&wanting(&[]), Err(Refusal::Withheld));
    assert_eq!(withheld, nobody, "withheld reads as nobody");
    let silent = Outage {
        target: TargetName("HOST".into()),
        community: CommunityId(oid("2.999.5")),
        repository: None,
        failure: Failure::TimedOut,
    };
    let partial = Answer { unavailable: vec![silent.clone()], ..Answer::found(vec![found("P1")]) };
    let partial = answered(&wanting(&[]), Ok(partial));
    assert_eq!(codes(&partial), ("AA".to_owned(), "OK".to_owned()));
    assert!(partial.contains("unavailable: community urn:oid:2.999.5") && !partial.contains("HOST"));
    assert_eq!(read_back(&partial).unwrap().reported.len(), 1);
    let none = Answer { unavailable: vec![silent], ..Answer::default() };
    assert_eq!(codes(&answered(&wanting(&[]), Ok(none))), ("AE".to_owned(), "AE".to_owned()));
}

#[test]
fn what_a_query_lacks_is_named_and_no_value_is() {
    let source = written(&wanting(&["2.999.8"])).source().to_owned();
    let value = "<value root=\"2.999.3\" extension=\"SECRET\"/>";
    for (from, to, expected) in [
        (value, String::new(), "missing-parameter"),
        (value, value.repeat(2), "several-values"),
        ("root=\"2.999.3\"", "root=\"HOSPITAL\"".to_owned(), "root-not-oid"),
        (" extension=\"SECRET\"", String::new(), "root-not-oid"),
        ("root=\"2.999.8\"", "root=\"HOSPITAL\"".to_owned(), "root-not-oid"),
        ("<value root=\"2.999.8\"/>", "<value root=\"2.999.8\"/>".repeat(101), "too-many-values"),
        ("PRPA_IN201309UV02 ", "PRPA_IN201301UV02 ".to_owned(), "unexpected-root"),
    ] {
        let bent = source.replace(from, &to).replace("</PRPA_IN201309UV02>", {
            if expected == "unexpected-root" { "</PRPA_IN201301UV02>" } else { "</PRPA_IN201309UV02>" }
        });
        match read(&bent) {
            Err(Refusal::Malformed(malformed)) => {
                assert_eq!(malformed.code, expected, "{from}");
                assert!(!malformed.to_string().contains("SECRET"));
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    let capital = source.replace("patientIdentifier", "PatientIdentifier");
    assert_eq!(read(&capital), Ok(wanting(&["2.999.8"])), "other capitals are put up with");
}

#[test]
fn an_id_that_a_manager_does_not_know_is_nobody_and_a_domain_it_does_not_know_is_a_failure() {
    let nobody = answered(&wanting(&[]), Err(Refusal::UnknownPatient(known())));
    let read = read_back(&nobody).unwrap();
    assert!(read.is_patient_unknown && read.found.is_empty() && read.answered == 1);
    let request = wanting(&["2.999.8"]);
    let domain = answered(&request, Err(Refusal::UnknownAuthority(vec![Authority(oid("2.999.8"))])));
    assert!(matches!(read_back(&domain), Err(Failure::Rejected(_))), "{domain}");
    let broken = answered(&wanting(&[]), Err(Refusal::Internal("x".into())));
    assert!(matches!(read_back(&broken), Err(Failure::Rejected(_))));
}

#[test]
fn an_answer_that_names_two_persons_links_neither() {
    let one = answered(&wanting(&[]), Ok(Answer::found(vec![found("P1"), found("P2")])));
    assert_eq!(read_back(&one).unwrap().found.len(), 2, "two ids of one person");
    let until = one.find("</subject>").unwrap() + "</subject>".len();
    let first = &one[one.find("<subject ").unwrap()..until];
    let second = first.replace("\"P1\"", "\"P3\"").replace("\"P2\"", "\"P4\"");
    let two = format!("{}{second}{}", &one[..until], &one[until..]);
    let read = read_back(&two);
    assert!(matches!(&read, Err(Failure::Unreadable(why)) if !why.contains('P')), "{read:?}");
}
