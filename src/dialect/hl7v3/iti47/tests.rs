//! ITI-47 and its pages both ways: what is written is read back in any spelling, and each refusal has its
//! answer.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::dialect::hl7v3::tests::{addressing, answering, asking, discovery, found, oid, text};
use crate::dialect::respelling::received;
use crate::dialect::soap::{self, Offered, check_request};
use crate::model::{
    Attribute, Demographics, Failure, FoundPatient, PartialDate, PatientDiscovery, PatientId, PersonName, Phi,
};

fn query_id() -> QueryId {
    QueryId { root: "2.999.1".into(), extension: Some("Q".into()) }
}

fn by_id(page: Option<usize>) -> DemographicsQuery {
    let ids = vec![PatientId::new(Authority(oid("2.999.3")), "SECRET")];
    let person = PatientDiscovery { demographics: Phi::default(), ids };
    DemographicsQuery { person, authorities: vec![Authority(oid("2.999.8"))], query: query_id(), page }
}

fn written<T: Transaction>(request: &T::Request) -> Envelope {
    Envelope::bare(&T::write_request(request, &addressing(), &PeerProfile::default()).0.xml)
}

fn xml(reply: Reply) -> String {
    match reply {
        Reply::Payload(payload) => payload.xml,
        other => panic!("{other:?}"),
    }
}

fn answered<T: Transaction<Request: crate::model::Request<Found = PatientMatch>>>(
    request: &T::Request,
    answer: Result<Answer<PatientMatch>, Refusal>,
) -> String {
    xml(T::write_answer(&written::<T>(request), &answering(), &asking(), answer))
}

fn read_back(xml: &str) -> Outcome<PatientMatch> {
    let (_, sent) = PdqQuery::write_request(&by_id(None), &addressing(), &asking());
    PdqQuery::read_answer(Received { envelope: Envelope::bare(xml), parts: None }, &sent, &asking())
}

fn attribute(xml: &str, path: &[&str], name: &str) -> String {
    let tree = Tree::parse(xml).unwrap();
    tree.path(NS, path).and_then(|element| element.attribute(name)).unwrap_or_default().to_owned()
}

fn codes(xml: &str) -> (String, String) {
    let ack = ["controlActProcess", "queryAck", "queryResponseCode"];
    (attribute(xml, &["acknowledgement", "typeCode"], "code"), attribute(xml, &ack, "code"))
}

fn quantities(xml: &str) -> [String; 3] {
    ["resultTotalQuantity", "resultCurrentQuantity", "resultRemainingQuantity"]
        .map(|name| attribute(xml, &["controlActProcess", "queryAck", name], "value"))
}

fn several(count: usize) -> Vec<PatientMatch> {
    (0..count).map(|n| PatientMatch::Found(found(&format!("P{n}")))).collect()
}

prop_compose! {
    fn demographics_query()(
        person in discovery(),
        wanted in proptest::collection::vec("2\\.999\\.[1-9][0-9]{0,3}", 0..3),
        query in text(),
        page in proptest::option::of(1_usize..1000),
    ) -> DemographicsQuery {
        let authorities = wanted.iter().map(|root| Authority(oid(root))).collect();
        let query = QueryId { root: "2.999.7".into(), extension: Some(query) };
        DemographicsQuery { person, authorities, query, page }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_query_is_read_back_in_any_spelling(
        request in demographics_query(), seed in any::<u64>(), is_padded in any::<bool>(),
    ) {
        let envelope = written::<PdqQuery>(&request);
        let read = PdqQuery::read_request(&envelope, &asking());
        prop_assert!(read.as_ref() == Ok(&request), "{}", envelope.source());
        let message = soap::write_request(PdqQuery::REQUEST_ACTION, &addressing(), None, envelope.source());
        let spelt = received(&message, seed, is_padded).envelope;
        let read = PdqQuery::read_request(&spelt, &asking());
        prop_assert!(read.as_ref() == Ok(&request), "{:?} {}", read.err(), spelt.source());
    }

    #[test]
    fn an_answer_is_read_back_in_any_spelling(
        people in proptest::collection::vec((text(), discovery(), 0_u8..=100, text()), 0..4),
        before in 0_usize..50, remaining in 0_usize..50, seed in any::<u64>(), is_padded in any::<bool>(),
    ) {
        let people: Vec<FoundPatient> = people.into_iter().map(|(id, shown, confidence, other)| {
            let Demographics { names, birth, sex, .. } = shown.demographics.into_revealed();
            let shown = Demographics { names, birth, sex, ..Demographics::default() };
            let id = PatientId::new(Authority(oid("2.999.6")), id);
            let also = vec![PatientId::new(Authority(oid("2.999.6.2")), other)];
            FoundPatient { id, also, confidence, demographics: Some(Phi::new(shown)), ..found("") }
        }).collect();
        let found = people.iter().cloned().map(PatientMatch::Found).collect();
        let page = Page { before, remaining, asked: None };
        let xml = answered::<PdqQuery>(&by_id(None), Ok(Answer { page: page.clone(), ..Answer::found(found) }));
        let message = soap::write_answer(RESPONSE_ACTION, None, None, xml);
        let (_, sent) = PdqQuery::write_request(&by_id(None), &addressing(), &asking());
        let read = PdqQuery::read_answer(received(&message, seed, is_padded), &sent, &asking()).unwrap();
        prop_assert_eq!(&read.page, &page);
        prop_assert_eq!(read.found.len(), people.len());
        for (read, person) in read.found.iter().zip(&people) {
            let PatientMatch::Found(read) = read else { panic!() };
            prop_assert_eq!((&read.id, &read.also, read.confidence), (&person.id, &person.also, person.confidence));
            prop_assert!(read.demographics == person.demographics);
        }
    }

    #[test]
    fn continuations_and_cancellations_are_read_back_in_any_spelling(
        from in proptest::option::of(1_usize..1000), page in proptest::option::of(1_usize..1000),
        seed in any::<u64>(), is_padded in any::<bool>(),
    ) {
        let next = QueryContinuation { query: query_id(), from, page };
        let envelope = written::<PdqContinuation>(&next);
        let message = soap::write_request(PdqContinuation::REQUEST_ACTION, &addressing(), None, envelope.source());
        let spelt = received(&message, seed, is_padded).envelope;
        prop_assert_eq!(PdqContinuation::read_request(&spelt, &asking()), Ok(next));
        let end = QueryCancellation { query: query_id() };
        let envelope = written::<PdqCancellation>(&end);
        let message = soap::write_request(PdqCancellation::REQUEST_ACTION, &addressing(), None, envelope.source());
        let spelt = received(&message, seed, is_padded).envelope;
        prop_assert_eq!(PdqCancellation::read_request(&spelt, &asking()), Ok(end));
    }
}

#[test]
fn each_page_says_how_many_there_are_and_repeats_the_query() {
    let first = Answer { page: Page { before: 0, remaining: 3, asked: None }, ..Answer::found(several(2)) };
    let xml = answered::<PdqQuery>(&by_id(Some(2)), Ok(first));
    assert_eq!(quantities(&xml), ["5", "2", "3"]);
    assert!(attribute(&xml, &["controlActProcess", "queryByParameter", "queryId"], "extension") == "Q");
    let next = QueryContinuation { query: query_id(), from: None, page: None };
    let element = crate::dialect::query_element(&written::<PdqQuery>(&by_id(Some(2))));
    let page = Page { before: 2, remaining: 1, asked: Some(element) };
    let second = Answer { page, ..Answer::found(several(2)) };
    let xml = answered::<PdqContinuation>(&next, Ok(second));
    assert_eq!((codes(&xml).1.as_str(), quantities(&xml)), ("OK", ["5", "2", "1"].map(str::to_owned)));
    let repeated = ["controlActProcess", "queryByParameter", "initialQuantity"];
    assert_eq!(attribute(&xml, &repeated, "value"), "2");
    assert_eq!(read_back(&xml).unwrap().found.len(), 2);
    let none = answered::<PdqQuery>(&by_id(None), Ok(Answer::found(Vec::new())));
    assert_eq!((codes(&none).1.as_str(), quantities(&none)), ("NF", ["0", "0", "0"].map(str::to_owned)));
    assert_eq!(answered::<PdqQuery>(&by_id(None), Err(Refusal::Withheld)), none, "withheld reads as nobody");
}

#[test]
fn a_continuation_of_nothing_and_unknown_domains_are_errors_that_name_no_value() {
    let next = QueryContinuation { query: query_id(), from: None, page: None };
    let xml = answered::<PdqContinuation>(&next, Err(Refusal::UnknownQuery));
    assert_eq!(codes(&xml), ("AE".to_owned(), "AE".to_owned()));
    assert_eq!(attribute(&xml, &["acknowledgement", "acknowledgementDetail", "code"], "code"), "204");
    let unknown = Refusal::UnknownAuthority(vec![Authority(oid("2.999.8"))]);
    let xml = answered::<PdqQuery>(&by_id(None), Err(unknown));
    let tree = Tree::parse(&xml).unwrap();
    let location = tree.path(NS, &["acknowledgement", "acknowledgementDetail", "location"]).unwrap().text();
    assert!(location.ends_with("/hl7:otherIDsScopingOrganization[1]/hl7:value"), "{location}");
    assert!(matches!(read_back(&xml), Err(Failure::Rejected(_))));
    let wanted = [Attribute::Address].into();
    let more = Answer::found(vec![PatientMatch::MoreAttributes { about: None, wanted }]);
    let xml = answered::<PdqQuery>(&by_id(None), Ok(more));
    assert!(codes(&xml) == ("AA".to_owned(), "NF".to_owned()) && xml.contains("more attributes would tell"));
}

#[test]
fn a_cancellation_is_acknowledged_and_nothing_more() {
    let end = QueryCancellation { query: query_id() };
    let xml = answered::<PdqCancellation>(&end, Ok(Answer::default()));
    assert!(xml.starts_with("<MCCI_IN000002UV01") && !xml.contains("controlActProcess"), "{xml}");
    let (_, sent) = PdqCancellation::write_request(&end, &addressing(), &asking());
    let read = |xml: &str| {
        let received = Received { envelope: Envelope::bare(xml), parts: None };
        PdqCancellation::read_answer(received, &sent, &asking())
    };
    assert!(read(&xml).is_ok());
    assert!(read(&xml.replace("code=\"AA\"", "code=\"CA\"")).is_ok(), "as managers acknowledge it");
    assert!(read(&xml.replace("code=\"AA\"", "code=\"CR\"")).is_err(), "refused");
    let refused = answered::<PdqCancellation>(&end, Err(Refusal::Throttled(1)));
    assert!(matches!(read(&refused), Err(Failure::Rejected(_))));
    // The root of a continuation is met too; what it says decides.
    let renamed = written::<PdqCancellation>(&end).source().replace(CANCELLATION_ROOT, CONTINUATION_ROOT);
    assert_eq!(PdqCancellation::read_request(&Envelope::bare(&renamed), &asking()), Ok(end.clone()));
    let code = |read: Result<(), Refusal>| match read {
        Err(Refusal::Malformed(malformed)) => malformed.code,
        other => panic!("{other:?}"),
    };
    let as_next = PdqContinuation::read_request(&Envelope::bare(&renamed), &asking());
    assert_eq!(code(as_next.map(drop)), "continuation-aborted");
    let next = QueryContinuation { query: query_id(), from: None, page: None };
    let as_end = PdqCancellation::read_request(&written::<PdqContinuation>(&next), &asking());
    assert_eq!(code(as_end.map(drop)), "not-aborted");
    let message = soap::write_request(PdqCancellation::REQUEST_ACTION, &addressing(), None, &renamed);
    let offered = [CANCELLATION_ROOT, CONTINUATION_ROOT].map(|root| Offered {
        action: PdqCancellation::REQUEST_ACTION,
        ns: NS,
        root,
    });
    let chosen = check_request(&Envelope::read(&message).unwrap(), &offered, &PeerProfile::default());
    assert_eq!(chosen, Ok(1), "one action over two roots");
}

#[test]
fn what_a_query_lacks_is_named_and_no_value_is() {
    let source = written::<PdqQuery>(&by_id(Some(2))).source().to_owned();
    let list = source.split("<parameterList>").nth(1).unwrap().split("</parameterList>").next().unwrap();
    for (from, to, expected) in [
        (list, "", "missing-parameter"),
        ("initialQuantity value=\"2\"", "initialQuantity value=\"0\"", "bad-quantity"),
        ("initialQuantity value=\"2\"", "initialQuantity value=\"-1\"", "bad-quantity"),
        ("initialQuantity value=\"2\"", "initialQuantity", "bad-quantity"),
        ("root=\"2.999.8\"", "root=\"HOSPITAL\"", "root-not-oid"),
        ("root=\"2.999.3\"", "root=\"HOSPITAL\"", "root-not-oid"),
    ] {
        match PdqQuery::read_request(&Envelope::bare(&source.replace(from, to)), &asking()) {
            Err(Refusal::Malformed(malformed)) => {
                assert_eq!(malformed.code, expected, "{from}");
                assert!(!malformed.to_string().contains("SECRET"));
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn pages_that_are_kept_print_no_patient() {
    let page = Page { before: 0, remaining: 0, asked: Some(Phi::new(Bytes::from_static(b"SECRET"))) };
    assert!(!format!("{page:?}").contains("SECRET"));
}

#[test]
fn a_given_name_alone_is_a_query_within_a_network_and_none_across_it() {
    let mut request = by_id(None);
    request.person.ids.clear();
    let only_given = PersonName { given: "花子".to_owned(), ..PersonName::default() };
    let birth = PartialDate::day(1960, 1, 1);
    let person = Demographics { names: vec![only_given.clone()], birth, ..Demographics::default() };
    request.person.demographics = Phi::new(person);
    let read = PdqQuery::read_request(&written::<PdqQuery>(&request), &asking()).unwrap();
    let names = &read.person.demographics.reveal().names;
    assert_eq!((names.len(), names[0].family.as_str(), names[0].given.as_str()), (1, "", "花子"));
    let across = written::<super::super::CrossGatewayPatientDiscovery>(&request.person);
    let refused = super::super::CrossGatewayPatientDiscovery::read_request(&across, &asking());
    assert!(matches!(refused, Err(Refusal::Malformed(why)) if why.code == "missing-parameter"));
}

#[test]
fn a_cancellation_names_the_interaction_of_a_continuation() {
    let query = QueryId { root: "2.999.7".into(), extension: Some("1".into()) };
    let envelope = written::<PdqCancellation>(&QueryCancellation { query });
    let xml = envelope.source();
    assert!(xml.starts_with("<QUQI_IN000003UV01_Cancel"), "{xml}");
    assert_eq!(attribute(xml, &["interactionId"], "extension"), "QUQI_IN000003UV01");
}
