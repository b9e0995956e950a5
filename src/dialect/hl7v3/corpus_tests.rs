//! Replays the samples of real systems, where they are at hand.

use std::path::PathBuf;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

use super::*;
use crate::dialect::Received;
use crate::dialect::soap::{
    Envelope, Fault, Limits, Offered, Unreceived, check_request, receive, receive_any,
};
use crate::model::{Interrupted, PatientMatch, PeerProfile};

fn sample(name: &str) -> Option<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/soap");
    std::fs::read(folder.join(name)).ok()
}

fn received(bytes: Vec<u8>) -> Result<Received, Unreceived> {
    let body = Box::pin(stream::once(async move { Ok(Bytes::from(bytes)) }));
    receive_any(None, body, Limits::default()).now_or_never().unwrap()
}

fn decoded(name: &str) -> Option<Decoded> {
    let bytes = sample(name)?;
    Some(match received(bytes) {
        Ok(received) => decode(&received.envelope).unwrap(),
        Err(Unreceived::Malformed(refusal)) => Decoded {
            carried: Carried::Request(None),
            status: None,
            patients: None,
            errors: Vec::new(),
            warnings: Vec::new(),
            refusal: Some(refusal),
        },
        Err(other) => panic!("{other}"),
    })
}

// File, status, patients, some of the warnings, refusal.
type Sample<'a> = (&'a str, Option<&'a str>, Option<usize>, &'a [&'a str], Option<&'a str>);

#[test]
fn each_sample_of_iti_55_is_accepted_or_refused_as_its_manifest_says() {
    let table: [Sample<'_>; 13] = [
        ("iti55-req-01-ihe-soap.xml", None, None, &["children-order", "parameter-capitalised"], None),
        ("iti55-req-02-ihe-deferred-illformed.xml", None, None, &[], Some("malformed-xml")),
        ("iti55-req-03-ipf.xml", None, None, &[], None),
        (
            "iti55-req-04-nist-dob-gender-name.xml",
            None,
            None,
            &["accept-ack-code", "birth-date-impossible"],
            None,
        ),
        ("iti55-req-05-nist-no-birthtime.xml", None, None, &["accept-ack-code"], Some("missing-parameter")),
        ("iti55-resp-01-ihe-match.xml", Some("OK"), Some(2), &["query-ack-incomplete"], None),
        ("iti55-resp-02-ihe-ae-responderbusy.xml", Some("AE"), Some(0), &["issue-code"], None),
        ("iti55-resp-03-ihe-more-demographics.xml", Some("OK"), Some(0), &["attribute-misspelt"], None),
        ("iti55-resp-04-ihe-deferred-ack-illformed.xml", None, None, &[], Some("malformed-xml")),
        ("iti55-resp-05-ihe-deferred-nack-illformed.xml", None, None, &[], Some("malformed-xml")),
        ("iti55-resp-06-ipf-match.xml", Some("OK"), Some(2), &[], None),
        ("iti55-resp-08-connect-one-match.xml", Some("OK"), Some(1), &["root-not-oid"], None),
        ("iti55-resp-10-connect-qe.xml", Some("QE"), Some(0), &["issue-misplaced", "query-error"], None),
    ];
    for (name, status, patients, warnings, refusal) in table {
        let Some(decoded) = decoded(name) else { return };
        assert_eq!(decoded.refusal.as_ref().map(|r| r.code), refusal, "{name}: {:?}", decoded.refusal);
        assert_eq!(decoded.status.as_deref(), status, "{name}");
        if refusal.is_none() {
            assert_eq!(decoded.patients, patients, "{name}");
        }
        for warning in warnings {
            let found: Vec<_> = decoded.warnings.iter().map(|w| w.code).collect();
            assert!(found.contains(warning), "{name}: {found:?}");
        }
        if let (Carried::Response(found), Some(2)) = (&decoded.carried, patients) {
            assert_eq!(found.iter().filter(|m| matches!(m, PatientMatch::Found(_))).count(), 2, "{name}");
        }
    }
}

#[test]
fn queries_for_ids_by_real_systems_are_read() {
    use crate::dialect::Transaction;
    for (name, known, wanted) in [
        ("iti45-req-01-ihe.xml", "38273N237", 0),
        ("iti45-req-03-nist-unknown-id.xml", "", 0),
        ("iti45-req-04-nist-unknown-aa.xml", "", 0),
        ("iti45-req-05-epd-soap.xml", "900010", 2),
    ] {
        let Some(bytes) = sample(name) else { return };
        let envelope = received(bytes).unwrap().envelope;
        let read = PixQuery::read_request(&envelope, &PeerProfile::default()).unwrap();
        assert!(known.is_empty() || read.known.value.reveal() == known, "{name}");
        assert!(wanted == 0 || read.authorities.len() == wanted, "{name}");
        let written = PixQuery::write_request(&read, &super::tests::addressing(), &PeerProfile::default()).0;
        let again = PixQuery::read_request(&Envelope::bare(&written.xml), &PeerProfile::default());
        assert_eq!(again, Ok(read), "{name}");
    }
    for (name, ids) in [("iti45-resp-01-ihe.xml", 1), ("iti45-resp-02-epd-soap.xml", 1)] {
        let Some(bytes) = sample(name) else { return };
        let received = received(bytes).unwrap();
        let body = received.envelope.body_tree().unwrap();
        let read = super::answer_read::Read::of(&body, PIX_RESPONSE_ROOT).unwrap();
        let query = read.query.clone().unwrap();
        let message =
            received.envelope.header.relates_to.clone().unwrap_or_else(|| super::tests::addressing().message);
        let sent = crate::dialect::Sent { query, message, ..super::iti55::sent(&super::tests::addressing()) };
        let answer = PixQuery::read_answer(received, &sent, &PeerProfile::default()).unwrap();
        assert!(answer.found.len() >= ids, "{name}: {} ids", answer.found.len());
    }
}

#[test]
fn feeds_of_real_systems_are_read_and_one_about_two_persons_is_refused() {
    use super::{DuplicatesResolved, RecordAdded};
    use crate::dialect::Transaction;
    use crate::model::{PatientRecord, Refusal};
    type Reading = fn(&Envelope, &PeerProfile) -> Result<PatientRecord, Refusal>;
    let (added, merged): (Reading, Reading) = (RecordAdded::read_request, DuplicatesResolved::read_request);
    for (name, read, expected) in [
        ("iti44-req-01-ihe-added.xml", added, Ok(0)),
        ("iti44-req-02-ihe-duplicates.xml", merged, Ok(1)),
        ("iti44-req-03-ipf-two-subjects.xml", added, Err("several-subjects")),
        ("iti44-req-04-epd-soap.xml", added, Ok(0)),
    ] {
        let Some(bytes) = sample(name) else { return };
        let envelope = received(bytes).unwrap().envelope;
        let got = match read(&envelope, &PeerProfile::default()) {
            Ok(record) => Ok(record.subsumed.len()),
            Err(Refusal::Malformed(malformed)) => Err(malformed.code),
            Err(other) => panic!("{name}: {other}"),
        };
        assert_eq!(got, expected, "{name}");
    }
    for name in ["iti44-resp-01-ihe-ack.xml", "iti44-resp-02-epd-soap.xml"] {
        let received = received(sample(name).unwrap()).unwrap();
        let addressing = super::tests::addressing();
        let message =
            received.envelope.header.relates_to.clone().unwrap_or_else(|| addressing.message.clone());
        let sent = crate::dialect::Sent { message, ..super::iti55::sent(&addressing) };
        let taken = RecordAdded::read_answer(received, &sent, &PeerProfile::default());
        assert!(taken.is_ok(), "{name}: {taken:?}");
    }
}

#[test]
fn queries_for_persons_by_real_systems_and_their_pages_are_read() {
    use crate::dialect::Transaction;
    let profile = PeerProfile::default();
    for (name, page, ids, authorities) in [
        ("iti47-req-01-ihe.xml", Some(2), 0, 3),
        ("iti47-req-02-ipf-id-query.xml", Some(2), 3, 0),
        ("iti47-req-03-ipf-ns-issue.xml", None, 0, 0),
        ("iti47-req-05-epd-soap.xml", None, 0, 0),
    ] {
        let Some(bytes) = sample(name) else { return };
        let envelope = received(bytes).unwrap().envelope;
        let read = PdqQuery::read_request(&envelope, &profile).unwrap();
        assert!(page.is_none() || read.page == page, "{name}: {:?}", read.page);
        assert!(read.person.ids.len() >= ids && read.authorities.len() >= authorities, "{name}");
        let written = PdqQuery::write_request(&read, &super::tests::addressing(), &profile).0;
        let again = PdqQuery::read_request(&Envelope::bare(&written.xml), &profile).unwrap();
        let twice = PdqQuery::write_request(&again, &super::tests::addressing(), &profile).0;
        assert_eq!(written.xml, twice.xml, "{name}");
    }
    let next = received(sample("iti47-cont-01-ihe.xml").unwrap()).unwrap().envelope;
    let read = PdqContinuation::read_request(&next, &profile).unwrap();
    assert_eq!((read.from, read.page), (None, Some(1)));
    let end = received(sample("iti47-cont-02-ihe-cancel.xml").unwrap()).unwrap().envelope;
    assert_eq!(PdqCancellation::read_request(&end, &profile).unwrap().query, read.query);
    for (name, persons, remaining) in [
        ("iti47-resp-01-ihe.xml", 2, 3),
        ("iti47-resp-02-ipf-empty.xml", 0, 0),
        ("iti47-resp-03-ipf-xsitype-wrong.xml", 1, 0),
        ("iti47-resp-04-epd-soap.xml", 1, 0),
    ] {
        let received = received(sample(name).unwrap()).unwrap();
        let body = received.envelope.body_tree().unwrap();
        let query = super::answer_read::Read::of(&body, RESPONSE_ROOT).unwrap().query.unwrap();
        let addressing = super::tests::addressing();
        let message =
            received.envelope.header.relates_to.clone().unwrap_or_else(|| addressing.message.clone());
        let sent = crate::dialect::Sent { query, message, ..super::iti55::sent(&addressing) };
        let answer = PdqQuery::read_answer(received, &sent, &profile).unwrap();
        assert!(answer.found.len() >= persons, "{name}: {} persons", answer.found.len());
        assert_eq!(answer.page.remaining, remaining, "{name}");
    }
}

#[test]
fn packages_of_real_systems_are_cut_where_they_say() {
    let document = b"This is my document.\r\n\r\nIt is great!\r\n\r\n".to_vec();
    let unix = b"This is my document.\n\nIt is great!\n\n".to_vec();
    for (name, href) in [
        ("mtom-req-01-nist-xop.mime", "cid:1.b5b57d7287e4fa4b528a8f050c41f8ad829c20332f23b48d@apache.org"),
        (
            "mtom-req-02-nist-encoded-cid.mime",
            "cid:fdf975cc-9f08-4d94-b7f6-99f4807f3654-1@urn%3Aihe%3Aiti%3Axds-b%3A2007",
        ),
        ("iti43-resp-03-him-mtom.mime", "cid:9422c6dd-ae49-41cf-a0ad-9ff91a0f3b8a%40null"),
    ] {
        let Some(bytes) = sample(name) else { return };
        let parts = received(bytes).unwrap().parts.unwrap();
        let body = parts.document(href).collect::<Vec<_>>().now_or_never().unwrap();
        let body: Result<Vec<Bytes>, Interrupted> = body.into_iter().collect();
        let body = body.unwrap().concat();
        assert!(body == document || body == unix || body == b"My test document", "{name}: {body:?}");
    }
    let refused = received(sample("iti39-req-05-nhn-mtom.mime").unwrap());
    assert!(matches!(refused, Err(Unreceived::Malformed(m)) if m.code == "charset-mismatch"));
    let http = sample("mtom-http-04-nist-full.http").unwrap();
    let http = String::from_utf8(http).unwrap();
    let blank = http.find("\r\n\r\n").map(|at| at + 4).or(http.find("\n\n").map(|at| at + 2)).unwrap();
    let (head, body) = http.split_at(blank);
    let content_type = head.lines().find_map(|line| line.strip_prefix("Content-Type:"));
    let body = Bytes::copy_from_slice(body.as_bytes());
    let body = Box::pin(stream::once(async move { Ok(body) }));
    let read = receive(content_type, body, Limits::default()).now_or_never().unwrap().unwrap();
    let action = read.envelope.header.action.as_deref();
    assert_eq!(action, Some("urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"));
}

#[test]
fn faults_and_broken_envelopes_of_real_systems_are_told_apart() {
    for (name, code) in [
        ("soap-fault-01-connect-wsa2004.xml", "Receiver"),
        ("soap-fault-02-connect-server-code.xml", "Receiver"),
        ("soap-fault-03-nist-not-mtom.xml", "Sender"),
    ] {
        let Some(bytes) = sample(name) else { return };
        let fault = Fault::read(&received(bytes).unwrap().envelope).unwrap().unwrap();
        assert_eq!(fault.code, code, "{name}");
    }
    let offered = [Offered { action: "urn:a", ns: NS, root: REQUEST_ROOT }];
    let judged = |name: &str| {
        let text = String::from_utf8(sample(name).unwrap()).unwrap();
        let envelope = Envelope::read(&text).unwrap();
        check_request(&envelope, &offered, &PeerProfile::default()).map_err(|fault| fault.subcodes)
    };
    let required = vec!["wsa:MessageAddressingHeaderRequired".to_owned()];
    assert_eq!(judged("soap-msg-06-nist-pnr-noaction.xml"), Err(required));
    let empty = String::from_utf8(sample("soap-msg-04-nist-empty-body.xml").unwrap()).unwrap();
    assert_eq!(Envelope::read(&empty).unwrap().body_tree().unwrap_err().code, "not-soap");
    let broken = String::from_utf8(sample("soap-msg-05-nist-parse-error.xml").unwrap()).unwrap();
    let read = Envelope::read(&broken).and_then(|envelope| envelope.body_tree());
    assert_eq!(read.unwrap_err().code, "malformed-xml");
}

#[test]
fn no_single_byte_change_of_a_sample_brings_the_readers_down() {
    for name in
        ["iti55-req-01-ihe-soap.xml", "iti55-resp-02-ihe-ae-responderbusy.xml", "iti43-resp-03-him-mtom.mime"]
    {
        let Some(bytes) = sample(name) else { return };
        for at in (0..bytes.len()).step_by(61) {
            for byte in [0, b'<', b'-', b'\n', 0xff] {
                let mut changed = bytes.clone();
                changed[at] = byte;
                if let Ok(received) = received(changed) {
                    let _ = decode(&received.envelope);
                }
            }
        }
    }
}
