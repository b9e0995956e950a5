use proptest::prelude::*;

use super::*;
use crate::audit::event::Ending;
use crate::audit::references::{
    CodeRef, DocumentRef, EndpointRef, LegRef, QUERY_ELEMENT_BYTES_MAX, QueryElement, RequesterRef,
};
use crate::model::Phi;
use crate::xml::Tree;

const REQUEST: [u8; 16] = [0xab; 16];
const HASH: Hash = [0x5f; 32];
const PATIENT: &str = "N-1^^^&2.999.33.1&ISO";

fn source() -> AuditSource {
    AuditSource { device: "2.999.33.0.1".to_owned(), community: "2.999.33".to_owned() }
}

fn element(text: &str) -> QueryElement {
    QueryElement::new(&Phi::new(text.to_owned().into()))
}

fn stored_query() -> QueryElement {
    element(
        "<q:AdhocQueryRequest xmlns:q='urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0' \
         xmlns:r='urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'><r:AdhocQuery id='urn:uuid:14d4debf'>\
         <r:Slot name='$XDSDocumentEntryPatientId'><r:ValueList><r:Value>'H-1^^^&amp;2.999.31.1&amp;ISO'</r:Value>\
         </r:ValueList></r:Slot></r:AdhocQuery></q:AdhocQueryRequest>",
    )
}

fn retrieve_of(uniques: &[&str]) -> QueryElement {
    let requests: String = uniques
        .iter()
        .map(|unique| {
            format!(
                "<DocumentRequest><HomeCommunityId>urn:oid:2.999.33</HomeCommunityId>\
                 <RepositoryUniqueId>2.999.33.5</RepositoryUniqueId>\
                 <DocumentUniqueId>{unique}</DocumentUniqueId></DocumentRequest>"
            )
        })
        .collect();
    element(&format!(
        "<RetrieveDocumentSetRequest xmlns='urn:ihe:iti:xds-b:2007'>{requests}</RetrieveDocumentSetRequest>"
    ))
}

fn event(kind: Kind, ending: Ending, transaction: &str) -> Event {
    let mut event = Event::new(kind, ending);
    event.at_micros = 1_000_000;
    event.process = Some(4242);
    event.request = Some(REQUEST.into());
    event.transaction = Some(transaction.to_owned());
    event.service = Some("/xca/query".to_owned());
    event.endpoint = Some(EndpointRef {
        subject: "CN=hiroshima".to_owned(),
        spki_sha256: "ab".to_owned(),
        address: "192.0.2.7:4444".to_owned(),
        local: "[2001:db8::1]:9443".to_owned(),
    });
    event.requester = Some(RequesterRef {
        system: "hiroshima".to_owned(),
        community: "2.999.34".to_owned(),
        organization: "2.999.34.1".to_owned(),
        organization_name: "病院".to_owned(),
        person: "d1".to_owned(),
        person_name: "医師 \"一\" <郎>".to_owned(),
        alias: Some("alias".to_owned()),
        roles: vec!["physician".to_owned()],
        role_codes: vec![CodeRef {
            value: "1".to_owned(),
            system: "2.999.1.1".to_owned(),
            display: String::new(),
        }],
        purpose: "TREATMENT".to_owned(),
        issuer: "https://hm.example/idp".to_owned(),
        assertion: "_1".to_owned(),
        vouched_by: None,
    });
    event.patients = vec![Phi::new(PATIENT.to_owned())];
    event.policies = vec!["treatment".to_owned()];
    event
}

fn leg(target: &str, transaction: &str, failure: Option<&str>) -> (LegRef, LegRef) {
    let bare = LegRef {
        target: target.to_owned(),
        community: None,
        transaction: None,
        message: format!("urn:uuid:{target}"),
        query_root: None,
        query_extension: None,
        element: None,
        is_peer: true,
        failure: None,
        found: None,
        dropped: None,
        endpoint: None,
        url: None,
    };
    let opened = LegRef {
        community: Some("2.999.31".to_owned()),
        transaction: Some(transaction.to_owned()),
        query_root: Some("2.999.33.9".to_owned()),
        query_extension: Some("q7".to_owned()),
        element: Some(if transaction == "ITI-39" { retrieve_of(&["3"]) } else { stored_query() }),
        url: Some(format!("https://{target}.example:9443/xca")),
        ..bare.clone()
    };
    let failure = failure.map(|why| Phi::new(why.to_owned()));
    (opened, LegRef { failure, found: Some(1), dropped: Some(0), ..bare })
}

fn document(unique: &str, home: &str, ending: Option<&str>) -> DocumentRef {
    DocumentRef {
        home: home.into(),
        repository: "2.999.33.5".into(),
        unique: Phi::new(unique.to_owned()),
        kind: "OMP-01".into(),
        facility: "3310000001".into(),
        size: Some(7),
        bytes_sent: Some(7),
        sha256: Some([9; 32].into()),
        ending: ending.map(str::to_owned),
    }
}

fn told(event: &Event, closed: Option<&Event>, opened: Option<&Event>) -> Vec<Message> {
    let linked = Linked { sequence: 12, hash: &HASH, event, closed, opened, peers_told: false };
    messages(&linked, &source())
}

/// Event, action, outcome and type of each message.
fn heads(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| {
            let tree = Tree::parse(message.xml.reveal()).unwrap();
            let event = tree.elements().next().unwrap();
            let code = |name: &str| {
                let found = event.elements().find(|child| child.name() == name);
                found.and_then(|code| code.attribute("csd-code")).unwrap().to_owned()
            };
            let attribute = |name: &str| event.attribute(name).unwrap().to_owned();
            let (action, outcome) = (attribute("EventActionCode"), attribute("EventOutcomeIndicator"));
            format!("{} {action} {outcome} {}", code("EventID"), code("EventTypeCode"))
        })
        .collect()
}

fn objects(message: &Message, kind: &str, role: &str) -> Vec<String> {
    let tree = Tree::parse(message.xml.reveal()).unwrap();
    let fits = |object: &&Tree| {
        object.attribute("ParticipantObjectTypeCode") == Some(kind)
            && object.attribute("ParticipantObjectTypeCodeRole") == Some(role)
    };
    let all = tree.elements().filter(|child| child.name() == "ParticipantObjectIdentification");
    all.filter(fits).map(|object| object.attribute("ParticipantObjectID").unwrap().to_owned()).collect()
}

fn detail(message: &Message, kind: &str) -> Option<String> {
    use base64::Engine as _;
    let tree = Tree::parse(message.xml.reveal()).unwrap();
    let mut details = tree.elements().flat_map(Tree::elements);
    let value = details.find(|child| child.attribute("type") == Some(kind))?.attribute("value")?.to_owned();
    let bytes = base64::engine::general_purpose::STANDARD.decode(value).unwrap();
    Some(String::from_utf8(bytes).unwrap())
}

fn answered_query(ending: Ending) -> (Event, Event) {
    let (opened_legs, outcomes): (Vec<_>, Vec<_>) =
        [leg("tottori", "ITI-38", None), leg("shimane", "ITI-55", Some("timed out"))].into_iter().unzip();
    let opened =
        Event { legs: opened_legs, awaits_close: true, ..event(Kind::Open, Ending::Begun, "ITI-38") };
    let mut release = event(Kind::Release, ending, "ITI-38");
    release.legs = outcomes;
    release.query = Some(stored_query());
    release.closes = Some(11);
    (opened, release)
}

fn ended_retrieve(ending: Ending) -> [Event; 3] {
    let (opened_leg, outcome) = leg("tottori", "ITI-39", None);
    let opened = Event { legs: vec![opened_leg], ..event(Kind::Open, Ending::Begun, "ITI-39") };
    let mut release = event(Kind::Release, Ending::Partial, "ITI-39");
    release.legs = vec![outcome];
    release.query = Some(retrieve_of(&["1", "2", "3", "4"]));
    release.awaits_close = true;
    let mut close = release.closing(12);
    close.ending = ending;
    close.at_micros = 2_000_000;
    close.documents = vec![
        document("1", "2.999.33", Some("whole")),
        document("2", "2.999.33", Some("broken")),
        document("3", "2.999.31", Some("whole")),
    ];
    [opened, release, close]
}

/// A message of every kind, for readers elsewhere.
pub(crate) fn samples() -> Vec<Message> {
    let mut all = Vec::new();
    for ending in [Ending::Complete, Ending::Partial, Ending::Failed, Ending::Withheld, Ending::Unknown] {
        let (opened, release) = answered_query(ending);
        all.extend(told(&release, Some(&opened), Some(&opened)));
        all.extend(told(&release, None, None));
    }
    for ending in [Ending::Complete, Ending::Interrupted, Ending::AtMost, Ending::NothingReleased] {
        let [opened, release, close] = ended_retrieve(ending);
        all.extend(told(&close, Some(&release), Some(&opened)));
    }
    let (opened, _) = answered_query(Ending::Complete);
    all.extend(told(&opened.closing(11), Some(&opened), Some(&opened)));
    let kinds = [
        Kind::Refusal,
        Kind::AuthenticationFailure,
        Kind::MalformedMessage,
        Kind::ConsentChange,
        Kind::Configuration,
        Kind::PatientRecord,
        Kind::Start,
        Kind::Stop,
    ];
    for kind in kinds {
        let mut bare = event(kind, Ending::Refused, "ITI-55");
        all.extend(told(&bare, None, None));
        bare.transaction = None;
        bare.requester = None;
        bare.endpoint = None;
        bare.count = 9;
        bare.detail = Some(Phi::new("NodeAuthentication: \u{1} 行\n".to_owned()));
        all.extend(told(&bare, None, None));
    }
    all
}

#[test]
fn a_query_tells_the_asker_and_every_peer_with_an_outcome_each() {
    let (opened, release) = answered_query(Ending::Partial);
    let messages = told(&release, Some(&opened), Some(&opened));
    let expected = ["110112 E 0 ITI-38", "110112 E 4 ITI-38", "110112 E 0 ITI-38", "110112 E 8 ITI-55"];
    assert_eq!(heads(&messages), expected);
    let ids: Vec<&str> = messages.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(ids[0], "12.0.5f5f5f5f5f5f5f5f");
    assert_eq!(ids[3], "12.3.5f5f5f5f5f5f5f5f");
    for message in &messages {
        assert_eq!(detail(message, "kakehashi:correlation").unwrap(), "ab".repeat(16));
        assert_eq!(detail(message, "kakehashi:record").unwrap(), message.id);
    }
    let peers: Vec<_> = messages.iter().filter_map(|m| detail(m, "kakehashi:peer")).collect();
    assert_eq!(peers, ["hiroshima", "hiroshima", "tottori", "shimane"]);
    assert_eq!(objects(&messages[0], "2", "24"), ["urn:uuid:14d4debf"]);
    assert_eq!(objects(&messages[0], "1", "1"), [PATIENT]);
    assert_eq!(objects(&messages[2], "1", "1"), ["H-1^^^&2.999.31.1&ISO"], "the peer's number of the person");
    assert_eq!(objects(&messages[3], "2", "24"), ["q7@2.999.33.9"]);
    assert!(objects(&messages[3], "1", "1").is_empty(), "whoever asks with demographics has no number");
    assert!(messages[2].xml.reveal().contains("UserID=\"https://tottori.example:9443/xca\""));
    assert!(
        messages[2]
            .xml
            .reveal()
            .contains("NetworkAccessPointID=\"tottori.example\" NetworkAccessPointTypeCode=\"1\"")
    );
    assert!(
        messages[0]
            .xml
            .reveal()
            .contains("NetworkAccessPointID=\"2001:db8::1\" NetworkAccessPointTypeCode=\"2\"")
    );
    assert!(
        messages[0]
            .xml
            .reveal()
            .contains("UserID=\"https://[2001:db8::1]:9443/xca/query\" AlternativeUserID=\"4242\"")
    );
    assert!(messages[0].xml.reveal().contains("alias&lt;d1@https://hm.example/idp>"));
}

#[test]
fn the_query_in_a_message_is_the_recorded_element_byte_for_byte() {
    use base64::Engine as _;
    let (opened, release) = answered_query(Ending::Complete);
    let message = told(&release, None, Some(&opened)).remove(0);
    let tree = Tree::parse(message.xml.reveal()).unwrap();
    let query = tree.elements().flat_map(Tree::elements).find(|t| t.name() == "ParticipantObjectQuery");
    let bytes = base64::engine::general_purpose::STANDARD.decode(query.unwrap().text()).unwrap();
    assert_eq!(bytes, stored_query().bytes.unwrap().into_revealed().to_vec());
    let mut large = release;
    large.query = Some(element(&"x".repeat(QUERY_ELEMENT_BYTES_MAX + 1)));
    let message = told(&large, None, None).remove(0);
    assert_eq!(detail(&message, "kakehashi:query-length").unwrap(), "16385");
}

#[test]
fn a_retrieve_is_told_when_it_has_ended_whole_documents_apart_from_the_others() {
    let [opened, release, close] = ended_retrieve(Ending::Interrupted);
    assert!(told(&release, Some(&opened), Some(&opened)).is_empty());
    assert!(told(&opened, None, None).is_empty());
    let messages = told(&close, Some(&release), Some(&opened));
    assert_eq!(heads(&messages), ["110106 R 0 ITI-39", "110106 R 4 ITI-39", "110107 C 0 ITI-39"]);
    assert_eq!(objects(&messages[0], "2", "3"), ["1", "3"]);
    assert_eq!(objects(&messages[1], "2", "3"), ["2", "4"]);
    assert_eq!(objects(&messages[2], "2", "3"), ["3"], "from the peer came what is the peer's");
    assert_eq!(detail(&messages[0], "Repository Unique Id").unwrap(), "2.999.33.5");
    // For retrieves the source is where documents come from.
    let tree = Tree::parse(messages[0].xml.reveal()).unwrap();
    let first = tree.elements().find(|child| child.name() == "ActiveParticipant").unwrap();
    assert_eq!(first.attribute("UserIsRequestor"), Some("false"));
    assert_eq!(first.elements().next().unwrap().attribute("csd-code"), Some("110153"));
}

#[test]
fn what_may_have_been_sent_and_came_to_nothing_is_told_of_each_peer() {
    let (opened, _) = answered_query(Ending::Complete);
    let messages = told(&opened.closing(11), Some(&opened), Some(&opened));
    assert_eq!(heads(&messages), ["110112 E 8 ITI-38", "110112 E 8 ITI-55"]);
}

#[test]
fn what_is_no_transaction_has_its_own_event() {
    let head = |kind, detail: &str, transaction: Option<&str>| {
        let mut event = event(kind, Ending::Refused, "");
        event.transaction = transaction.map(str::to_owned);
        event.detail = Some(Phi::new(detail.to_owned()));
        heads(&told(&event, None, None)).join(", ")
    };
    assert_eq!(head(Kind::Start, "", None), "110100 E 0 110120");
    assert_eq!(head(Kind::Stop, "", None), "110100 E 0 110121");
    assert_eq!(head(Kind::AuthenticationFailure, "NodeAuthentication: x", None), "110113 E 8 110126");
    assert_eq!(head(Kind::AuthenticationFailure, "FailedCheck: x", None), "110114 E 8 110122");
    assert_eq!(head(Kind::ConsentChange, "import", None), "110113 E 0 110135");
    assert_eq!(head(Kind::Configuration, "peers", None), "110113 E 0 110131");
    assert_eq!(head(Kind::PatientRecord, "https://x.example:1/feed", Some("ITI-44")), "110110 U 0 ITI-44");
    assert_eq!(head(Kind::MalformedMessage, "malformed-xml", None), "110113 E 8 110132");
    assert_eq!(head(Kind::MalformedMessage, "malformed-xml", Some("ITI-55")), "110112 E 8 ITI-55");
    assert_eq!(head(Kind::Refusal, "not permitted", Some("ITI-39")), "110106 R 8 ITI-39");
}

#[test]
fn consents_of_many_persons_make_several_messages_and_nobody_is_left_out() {
    let mut change = event(Kind::ConsentChange, Ending::Complete, "");
    change.patients = (0..1201).map(|n| Phi::new(format!("N-{n}^^^&2.999.33.1&ISO"))).collect();
    let messages = told(&change, None, None);
    let named: usize = messages.iter().map(|message| objects(message, "1", "1").len()).sum();
    assert_eq!((messages.len(), named), (3, 1201));
}

#[test]
fn no_message_reaches_a_mebibyte_and_none_spans_lines() {
    let [opened, release, mut close] = ended_retrieve(Ending::Complete);
    let long = "&".repeat(5000);
    close.documents = (0..1000).map(|n| document(&format!("{n}{long}"), &long, Some("whole"))).collect();
    close.requester.as_mut().unwrap().role_codes =
        vec![CodeRef { value: long.clone(), system: long.clone(), display: long.clone() }; 500];
    close.patients = vec![Phi::new(long.clone()); 300];
    close.detail = Some(Phi::new(format!("{long}\n{long}")));
    close.policies = vec![long; 50];
    for message in told(&close, Some(&release), Some(&opened)) {
        let xml = message.xml.reveal();
        assert!(xml.len() < (1 << 20) - 4096, "{}", xml.len());
        assert!(!xml.contains('\n'));
        assert!(detail(&message, "kakehashi:record").is_some(), "what identifies it is never left out");
    }
    let left_out = detail(&told(&close, Some(&release), None)[0], "kakehashi:left-out").unwrap();
    assert!(left_out.parse::<usize>().unwrap() > 100);
}

#[test]
fn a_message_prints_nothing_that_may_be_a_patients() {
    let (opened, release) = answered_query(Ending::Partial);
    let messages = told(&release, Some(&opened), Some(&opened));
    let printed = format!("{messages:?}");
    assert!(!printed.contains("N-1^^^") && !printed.contains("医師"), "{printed}");
}

proptest! {
    #[test]
    fn the_same_record_gives_the_same_messages_and_any_text_is_well_formed(
        text in "\\PC{0,40}", odd in proptest::collection::vec(any::<char>(), 0..20), kind in 0..10_usize,
        legs in 0..3_usize, sequence: u64,
    ) {
        let odd: String = odd.into_iter().collect();
        let kinds = [
            Kind::Release, Kind::Close, Kind::Refusal, Kind::AuthenticationFailure, Kind::MalformedMessage,
            Kind::ConsentChange, Kind::Configuration, Kind::Start, Kind::Open, Kind::PatientRecord,
        ];
        let mut event = event(kinds[kind], Ending::Partial, if legs == 1 { "ITI-39" } else { &text });
        event.patients = vec![Phi::new(odd.clone()), Phi::new(text.clone())];
        event.detail = Some(Phi::new(odd.clone()));
        event.by = Some(text.clone());
        event.query = Some(element(&odd));
        event.legs = (0..legs).map(|_| leg("tottori", &text, Some(&odd)).1).collect();
        event.documents = vec![document(&odd, &text, None)];
        let linked = || Linked {
            sequence, hash: &HASH, event: &event, closed: None, opened: None, peers_told: false,
        };
        let (once, twice) = (messages(&linked(), &source()), messages(&linked(), &source()));
        let all = |messages: &[Message]| -> Vec<(String, String)> {
            messages.iter().map(|m| (m.id.clone(), m.xml.reveal().clone())).collect()
        };
        prop_assert_eq!(all(&once), all(&twice));
        for message in &once {
            prop_assert!(Tree::parse(message.xml.reveal()).is_ok());
        }
    }
}

#[test]
fn where_nobody_was_vouched_for_no_person_and_no_purpose_is_named() {
    let mut event = event(Kind::Release, Ending::Complete, "ITI-45");
    let told_of = |event: &Event| told(event, None, None)[0].xml.reveal().clone();
    assert!(told_of(&event).contains("PurposeOfUse"));
    let requester = crate::model::Requester {
        system: crate::model::TargetName("ward".into()),
        community: crate::model::CommunityId(crate::model::Oid::parse("2.999.33").unwrap()),
        vouched: None,
    };
    event.requester = Some((&requester).into());
    let text = told_of(&event);
    assert!(!text.contains("PurposeOfUse") && !text.contains("UserID=\"&lt;"), "{text}");
    use base64::Engine as _;
    let nobody = base64::engine::general_purpose::STANDARD.encode("nobody");
    assert!(text.contains(&format!("type=\"kakehashi:vouched-by\" value=\"{nobody}\"")), "{text}");
}
