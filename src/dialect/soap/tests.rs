//! Envelopes read, judged and written.

use super::*;
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply};
use crate::model::{
    Authority, CommunityId, Failure, Interrupted, MessageId, Oid, PeerProfile, QueryId, Refusal, Timestamp,
    Unauthenticated,
};
use crate::xml::Tree;

const OFFERED: [Offered; 2] = [
    Offered { action: "urn:a", ns: "urn:b", root: "A" },
    Offered { action: "urn:c", ns: "urn:b", root: "C" },
];

fn envelope(header: &str, body: &str) -> String {
    format!(
        "\n<!-- x --><s:Envelope xmlns:s='{}' xmlns:w='{}' xmlns:wsse='{}'><s:Header>{header}</s:Header>\
         <s:Body>{body}</s:Body></s:Envelope>",
        ns::SOAP,
        ns::WSA,
        ns::WSSE
    )
}

const ACTION: &str = "<w:Action> urn:a\n</w:Action>";
const ID: &str = "<w:MessageID>uuid:1</w:MessageID>";

fn judged(header: &str, body: &str, profile: &PeerProfile) -> Result<usize, Vec<String>> {
    let envelope = Envelope::read(&envelope(header, body)).unwrap();
    check_request(&envelope, &OFFERED, profile).map_err(|fault| {
        let read = Fault::read(&Envelope::read(&write_fault(&fault, None, None)).unwrap()).unwrap().unwrap();
        assert_eq!((&read.code, &read.subcodes), (&fault.code, &fault.subcodes));
        std::iter::once(fault.code).chain(fault.subcodes).collect()
    })
}

// Header, body, outcome.
type Judged<'a> = (String, &'a str, Result<usize, Vec<&'a str>>);

#[test]
fn each_header_rule_has_its_fault() {
    let reply =
        "<w:ReplyTo><w:Address>http://www.w3.org/2005/08/addressing/anonymous</w:Address></w:ReplyTo>";
    let elsewhere = "<w:ReplyTo><w:Address>https://evil.example</w:Address></w:ReplyTo>";
    let foreign = |must: &str| format!("{ACTION}{ID}<f:X xmlns:f='urn:f' {must}/>");
    let a = "<A xmlns='urn:b'/>";
    let invalid = "wsa:InvalidAddressingHeader";
    let required = "wsa:MessageAddressingHeaderRequired";
    let table: [Judged<'_>; 19] = [
        (format!("{ACTION}{ID}"), a, Ok(0)),
        (format!("{ACTION}{ID}{reply}"), a, Ok(0)),
        (foreign("mustUnderstand='1' w:mustUnderstand='1'"), a, Ok(0)),
        (foreign("s:mustUnderstand='0'"), a, Ok(0)),
        (foreign("s:mustUnderstand='1' s:role='urn:another'"), a, Ok(0)),
        (foreign("s:mustUnderstand='true'"), a, Err(vec!["MustUnderstand"])),
        (ID.into(), a, Err(vec!["Sender", required])),
        (ACTION.into(), a, Err(vec!["Sender", required])),
        (format!("<w:Action>urn:z</w:Action>{ID}"), a, Err(vec!["Sender", "wsa:ActionNotSupported"])),
        (format!("{ACTION}{ID}"), "<C xmlns='urn:b'/>", Err(vec!["Sender", invalid, "wsa:ActionMismatch"])),
        (format!("{ACTION}{ID}"), "<A/>", Err(vec!["Sender", invalid, "wsa:ActionMismatch"])),
        (format!("{ACTION}{ID}"), "<A xmlns='urn:b'/><A xmlns='urn:b'/>", Err(vec!["Sender"])),
        (format!("{ACTION}{ID}"), "<A xmlns='urn:b'><oops></A>", Err(vec!["Sender"])),
        (format!("{ACTION}{ID}"), "", Err(vec!["Sender"])),
        (format!("{ACTION}{ACTION}{ID}"), a, Err(vec!["Sender", invalid, "wsa:InvalidCardinality"])),
        (format!("{ACTION}{ID}{ID}"), a, Err(vec!["Sender", invalid, "wsa:InvalidCardinality"])),
        (format!("{ACTION}{ID}{reply}{reply}"), a, Err(vec!["Sender", invalid, "wsa:InvalidCardinality"])),
        (
            format!("{ACTION}{ID}<wsse:Security/><wsse:Security/>"),
            a,
            Err(vec!["Sender", "wsse:InvalidSecurity"]),
        ),
        (
            format!("{ACTION}{ID}{elsewhere}"),
            a,
            Err(vec!["Sender", invalid, "wsa:OnlyAnonymousAddressSupported"]),
        ),
    ];
    for (header, body, expected) in table {
        let expected = expected.map_err(|codes| codes.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(judged(&header, body, &PeerProfile::default()), expected, "{header} {body}");
    }
}

#[test]
fn a_peers_switches_admit_what_is_refused_otherwise() {
    let without_id = PeerProfile { accept_missing_message_id: true, ..PeerProfile::default() };
    assert_eq!(judged(ACTION, "<A xmlns='urn:b'/>", &without_id), Ok(0));
    let by_body = PeerProfile { route_by_body: true, ..PeerProfile::default() };
    assert_eq!(judged(&format!("{ACTION}{ID}"), "<C xmlns='urn:b'/>", &by_body), Ok(1));
    assert!(judged(&format!("{ACTION}{ID}"), "<D xmlns='urn:b'/>", &by_body).is_err());
    let blank = format!("<w:Action>urn: a</w:Action>{ID}");
    assert_eq!(judged(&blank, "<A xmlns='urn:b'/>", &by_body), Ok(0));
    assert!(judged(&blank, "<A xmlns='urn:b'/>", &PeerProfile::default()).is_err());
}

#[test]
fn the_content_type_may_say_the_encoding_in_any_way_or_not_at_all() {
    let text = envelope(&format!("{ACTION}{ID}"), "<A xmlns='urn:b'>山</A>");
    for content_type in [
        None,
        Some(""),
        Some("application/soap+xml"),
        Some("application/soap+xml;charset=utf-8"),
        Some("Application/SOAP+XML; CHARSET=\"UTF-8\"; action=\"urn:another\""),
        Some("application/soap+xml; action=\"urn:a with blanks\"; charset = utf8;"),
        Some("application/soap+xml; charset='UTF-8'"),
        Some("application/soap+xml; charset="),
        Some("text/xml; charset=\"utf-8\" ; "),
        Some("application/xml"),
        Some("application/xop+xml; type=\"application/soap+xml\""),
    ] {
        let body: crate::model::DocumentStream =
            Box::pin(futures_util::stream::iter([Ok(text.clone().into_bytes().into())]));
        let read = futures_util::FutureExt::now_or_never(receive(content_type, body, Limits::default()));
        let read = read.unwrap().unwrap_or_else(|why| panic!("{content_type:?}: {why}"));
        assert_eq!(read.envelope.body_tree().unwrap().text(), "山", "{content_type:?}");
        assert_eq!(read.envelope.warnings, [], "{content_type:?}");
    }
}

#[test]
fn a_request_without_header_is_refused_and_an_answer_without_one_is_read() {
    let headless = envelope("", "<A xmlns='urn:b'/>").replace("<s:Header></s:Header>", "");
    let empty = envelope("", "<A xmlns='urn:b'/>").replace("<s:Header></s:Header>", "<s:Header/>");
    for source in [headless, empty] {
        let read = Envelope::read(&source).unwrap();
        let fault = check_request(&read, &OFFERED, &PeerProfile::default()).unwrap_err();
        assert_eq!(fault.subcodes, ["wsa:MessageAddressingHeaderRequired"]);
        assert!(check_relates_to(&read.header, &MessageId("urn:uuid:1".into())).is_ok());
        assert!(read.body_tree().unwrap().is("urn:b", "A"));
    }
}

#[test]
fn what_does_not_belong_into_a_requests_header_changes_nothing() {
    let further = "<w:RelatesTo RelationshipType='urn:x'>uuid:9</w:RelatesTo><w:From><w:Address>x</w:Address></w:From>\
        <w:FaultTo><w:Address>y</w:Address></w:FaultTo><m:Mule xmlns:m='urn:mule' s:mustUnderstand='0'><m:t>1</m:t></m:Mule>\
        <t:traceparent xmlns:t='urn:t'>00-1</t:traceparent>\
        <o:Action xmlns:o='http://schemas.xmlsoap.org/ws/2004/08/addressing'>urn:other</o:Action>";
    assert_eq!(
        judged(&format!("{further}{ACTION}{ID}"), "<A xmlns='urn:b'/>", &PeerProfile::default()),
        Ok(0)
    );
    let of_2004 = envelope(
        "<o:Action xmlns:o='http://schemas.xmlsoap.org/ws/2004/08/addressing' s:mustUnderstand='1'>x</o:Action>",
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>r</s:Text></s:Reason></s:Fault>",
    );
    let fault = Fault::read(&Envelope::read(&of_2004).unwrap()).unwrap().unwrap();
    assert_eq!((fault.code.as_str(), fault.reason.as_str()), ("Receiver", "r"));
}

#[test]
fn what_is_no_soap_12_envelope_is_told_apart() {
    let soap_11 = format!("<s:Envelope xmlns:s='{}'/>", ns::SOAP_11);
    let malformed = Envelope::read(&soap_11).unwrap_err();
    assert_eq!(Fault::malformed(&malformed).code, "VersionMismatch");
    assert!(write_fault(&Fault::malformed(&malformed), None, None).contains("s:SupportedEnvelope"));
    assert_eq!(Envelope::read("<html/>").unwrap_err().code, "not-soap");
    let after = envelope("", "<a/>").replace("</s:Body>", "</s:Body><x/>");
    assert_eq!(Envelope::read(&after).unwrap().body_tree().unwrap_err().code, "not-soap");
}

fn addressing() -> Addressing {
    let oid = |text: &str| Oid::parse(text).unwrap();
    Addressing {
        message: MessageId("urn:uuid:2".into()),
        query: QueryId { root: "2.999.1".into(), extension: Some("7".into()) },
        at: Timestamp::from_micros(0),
        device: oid("2.999.1"),
        community: CommunityId(oid("2.999.2")),
        authority: Authority(oid("2.999.3")),
        receiver_device: oid("2.999.4"),
        receiver: CommunityId(oid("2.999.5")),
        to: "https://peer.example/a?b&c".into(),
    }
}

#[test]
fn a_request_is_read_back_as_it_was_written() {
    let security = format!("<x:Security xmlns:x='{}'/>", ns::WSSE);
    let payload = Payload { xml: "<A xmlns='urn:b'>山</A>".into(), attachments: Vec::new() };
    let framed = frame_request(Packaging::Simple, "urn:a", &addressing(), Some(&security), payload);
    assert_eq!(framed.content_type, "application/soap+xml; charset=UTF-8; action=\"urn:a\"");
    let FramedBody::Whole(bytes) = framed.body else { panic!() };
    let (text, warnings) = decode_text(Some("UTF-8"), &bytes).unwrap();
    assert_eq!(warnings, []);
    let read = Envelope::read(&text).unwrap();
    assert_eq!(check_request(&read, &OFFERED, &PeerProfile::default()), Ok(0));
    assert_eq!(read.header.to.as_deref(), Some("https://peer.example/a?b&c"));
    let security_range = read.header.security.clone().unwrap();
    assert_eq!(read.source().get(security_range), Some(security.as_str()));
}

#[test]
fn an_answer_names_the_message_it_answers_and_copies_reference_parameters() {
    let request = Envelope::read(&envelope(
        &format!(
            "{ACTION}{ID}<w:ReplyTo><w:Address>x</w:Address><w:ReferenceParameters><f:K xmlns:f='urn:f' w:Y='1'>v\
             </f:K></w:ReferenceParameters></w:ReplyTo>"
        ),
        "<A/>",
    ))
    .unwrap();
    let payload = Reply::Payload(Payload { xml: "<B xmlns='urn:b'/>".into(), attachments: Vec::new() });
    let message = MessageId("urn:uuid:3".into());
    let framed = frame_answer(Packaging::Simple, "urn:r", &message, Some(&request.header), payload);
    assert_eq!((framed.status, framed.content_type.as_str()), (200, "application/soap+xml; charset=UTF-8"));
    let FramedBody::Whole(bytes) = framed.body else { panic!() };
    let tree = Tree::parse(std::str::from_utf8(&bytes).unwrap()).unwrap();
    let header = tree.first(ns::SOAP, "Header").unwrap();
    assert_eq!(header.first(ns::WSA, "RelatesTo").unwrap().text(), "uuid:1");
    let copied = header.first("urn:f", "K").unwrap();
    assert_eq!(copied.element.attribute_ns(ns::WSA, "IsReferenceParameter"), Some("true"));
    assert_eq!(copied.text(), "v");
    let unread = write_answer("urn:r", Some(&message), Some(&Header::default()), "<B/>".to_owned());
    assert!(!unread.contains("RelatesTo"));
}

#[test]
fn an_mtom_answer_that_is_a_fault_goes_out_as_plain_soap_under_500() {
    let fault = Fault::must_understand(&[("urn:f".into(), "X".into())]);
    let message = MessageId("urn:uuid:3".into());
    let framed = frame_answer(Packaging::Mtom, "urn:r", &message, None, Reply::Fault(fault));
    assert_eq!((framed.status, framed.content_type.as_str()), (500, "application/soap+xml; charset=UTF-8"));
    let FramedBody::Whole(bytes) = framed.body else { panic!() };
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.contains("<s:NotUnderstood qname=\"nu:X\" xmlns:nu=\"urn:f\"/>"));
    assert!(text.contains("addressing/soap/fault"));
}

#[test]
fn every_refusal_that_is_a_fault_everywhere_carries_its_code_and_no_reason_that_tells() {
    let expired = Unauthenticated { word: "MessageExpired", why: "secret".into(), told: None };
    let signed = Unauthenticated { word: "FailedCheck", why: "secret".into(), told: None };
    for (refusal, code, subcode) in [
        (Refusal::AuditUnavailable, "Receiver", None),
        (Refusal::Denied, "Sender", Some("wsse:FailedAuthentication")),
        (Refusal::Unauthenticated(expired), "Sender", Some("wsu:MessageExpired")),
        (Refusal::Unauthenticated(signed), "Sender", Some("wsse:FailedCheck")),
    ] {
        let fault = Fault::of_refusal(&refusal).unwrap();
        assert_eq!((fault.code.as_str(), fault.subcodes.first().map(String::as_str)), (code, subcode));
        assert!(!fault.reason.contains("secret"));
    }
    assert_eq!(Fault::of_refusal(&Refusal::Withheld), None);
}

#[test]
fn a_peers_fault_is_classed_and_the_names_of_soap_11_are_read() {
    let read = |code: &str, subcode: &str| {
        let body = format!(
            "<s:Fault><s:Code><s:Value>{code}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>\
             <s:Reason><s:Text xml:lang='en'>a\n b</s:Text></s:Reason></s:Fault>"
        );
        Fault::read(&Envelope::read(&envelope("", &body)).unwrap()).unwrap().unwrap()
    };
    assert_eq!(read("s:Server", "x:y").code, "Receiver");
    assert_eq!(read("Client", "x:y").code, "Sender");
    assert_eq!(read("s:Sender", "x:y").reason, "a b");
    assert!(matches!(read("s:Server", "x:y").failure(), Failure::Unreachable(_)));
    assert!(matches!(read("s:Sender", "wsse:FailedCheck").failure(), Failure::Rejected(_)));
    assert!(matches!(read("s:Sender", "wsa:DestinationUnreachable").failure(), Failure::Unreachable(_)));
}

#[test]
fn a_message_is_classed_by_its_body_and_only_then_by_its_status() {
    let received = |source: &str| {
        Envelope::read(source)
            .map(|envelope| Received { envelope, parts: None })
            .map_err(Unreceived::Malformed)
    };
    let answer = envelope("", "<a/>");
    let fault = write_fault(&Fault::receiver("x"), None, None);
    assert_eq!(Fault::failure_of(500, &received(&answer)), None);
    assert!(matches!(Fault::failure_of(200, &received(&fault)), Some(Failure::Unreachable(_))));
    assert!(matches!(Fault::failure_of(503, &received("<html/>")), Some(Failure::Unreachable(_))));
    assert!(matches!(Fault::failure_of(200, &received("<html/>")), Some(Failure::Unreadable(_))));
    let idle = Err(Unreceived::Interrupted(Interrupted::Idle));
    assert_eq!(Fault::failure_of(200, &idle), Some(Failure::TimedOut));
}

#[test]
fn relates_to_may_be_missing_or_spelt_another_way_but_not_name_another_message() {
    let sent = MessageId("urn:uuid:ab".into());
    let of = |id: Option<&str>| {
        let header = Header { relates_to: id.map(|id| MessageId(id.into())), ..Header::default() };
        check_relates_to(&header, &sent).map(|warning| warning.map(|w| w.code))
    };
    assert_eq!(of(Some("urn:uuid:ab")), Ok(None));
    assert_eq!(of(Some("uuid:AB")), Ok(Some("relates-to-spelling")));
    assert_eq!(of(None), Ok(Some("relates-to-missing")));
    assert!(matches!(of(Some("urn:uuid:cd")), Err(Failure::Unreadable(_))));
}

#[test]
fn a_request_read_at_once_is_the_one_read_step_by_step() {
    let body = "<q:Ask xmlns:q='urn:q' a='1'>x<q:b/>&amp;y<![CDATA[z]]></q:Ask>";
    let header = "<w:Action>a</w:Action><w:MessageID>m</w:MessageID><x:o xmlns:x='urn:x' s:mustUnderstand='1'><x:p/></x:o>\
                  <e:Security xmlns:e='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'>\
                  <e:t>t</e:t></e:Security>";
    let of = |parts: &[&str]| {
        let parts = parts.concat();
        format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
             xmlns:w='http://www.w3.org/2005/08/addressing'>{parts}</s:Envelope>"
        )
    };
    let (header, body_of) =
        (format!("<s:Header>{header}</s:Header>"), |inner: &str| format!("<s:Body>{inner}</s:Body>"));
    let many = format!("<a>{}</a>", "<b/>".repeat(3_000));
    let large = format!("<a>{}</a>", "x".repeat(100 << 10));
    for source in [
        of(&[&header, &body_of(body)]),
        of(&[&body_of(body)]),
        of(&["<s:Header/>", "<other/>", &body_of(body)]),
        of(&[&header, &body_of("")]),
        of(&[&header, &body_of("text only")]),
        of(&[&header]),
        of(&[&header, &body_of("<a/><b/>")]),
        of(&[&header, &body_of("<a/>"), "<after/>"]),
        of(&[&header, &body_of("<a>")]),
        of(&[&header, &body_of("<a>&unknown;</a>")]),
        of(&[&header, &body_of("<p:a/>")]),
        of(&[&header, &body_of(&many)]),
        of(&[&header, &body_of(&large)]),
        of(&[&header, &body_of(body)]) + "<second/>",
        of(&["<s:Header><w:To>&none;</w:To></s:Header>", &body_of(body)]),
        of(&["<s:Header><x:o/></s:Header>", &body_of(body)]),
        "<a/>".to_owned(),
    ] {
        let (step, once) = (Envelope::read(&source), Envelope::read_request(source.clone()));
        let (step, once) = match (step, once) {
            (Ok(step), Ok(once)) => (step, once),
            (step, once) => {
                assert_eq!(step.err(), once.err(), "{source}");
                continue;
            }
        };
        assert_eq!(format!("{:?}", step.header), format!("{:?}", once.header), "{source}");
        for (ns, local) in [("urn:q", "Ask"), ("", "a"), (ns::SOAP, "Fault")] {
            let slow = step.body().map(|(_, payload)| payload.is(ns, local));
            assert_eq!(slow, once.holds(ns, local), "{source}");
            assert_eq!(slow, step.holds(ns, local), "{source}");
        }
        let well_formed = |envelope: &Envelope| envelope.well_formed().map(|whole| whole.text().to_owned());
        assert_eq!(well_formed(&step), well_formed(&once), "{source}");
        let told = |envelope: &Envelope| envelope.body_tree().map(|tree| format!("{tree:?}"));
        assert_eq!(told(&step), told(&once), "{source}");
    }
}
