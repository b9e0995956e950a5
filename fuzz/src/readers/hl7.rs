//! HL7 V3 discovery both ways, and HL7 v2 in every character set it claims.

use std::sync::LazyLock;

use kakehashi::dialect::hl7v2;
use kakehashi::dialect::hl7v3::{CrossGatewayPatientDiscovery, decode};
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Addressing, Payload, Received, Reply, Sent, Transaction};
use kakehashi::matching;
use kakehashi::model::{
    Answer, Authority, CommunityId, FoundPatient, MessageId, Oid, PatientDiscovery, PatientId, PatientMatch,
    PeerProfile, Phi, QueryId, Timestamp,
};

pub(super) fn oid(text: &str) -> Oid {
    Oid::parse(text).expect("an OID")
}

pub(super) fn addressing() -> Addressing {
    Addressing {
        message: MessageId("urn:uuid:1".to_owned()),
        query: QueryId { root: "2.999.33.9".to_owned(), extension: Some("1".to_owned()) },
        at: Timestamp::from_micros(1_775_000_000_000_000),
        device: oid("2.999.33.1"),
        community: CommunityId(oid("2.999.34")),
        authority: Authority(oid("2.999.34.1")),
        receiver_device: oid("2.999.34.9"),
        receiver: CommunityId(oid("2.999.34")),
        to: String::new(),
    }
}

fn asked(envelope: &Envelope) -> Option<PatientDiscovery> {
    CrossGatewayPatientDiscovery::read_request(envelope, &PeerProfile::default()).ok()
}

fn written(request: &PatientDiscovery) -> Envelope {
    let profile = PeerProfile::default();
    Envelope::bare(&CrossGatewayPatientDiscovery::write_request(request, &addressing(), &profile).0.xml)
}

/// ITI-55 requests. What is taken and written is taken again, and from then on stays the same.
pub fn request(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let envelope = Envelope::bare(text);
    let _ = decode(&envelope);
    let Some(first) = asked(&envelope) else { return };
    // Whatever demographics come in must be fit for matching.
    let person = first.demographics.reveal();
    let _ = matching::grade(person, person);
    let once = written(&first);
    let second = asked(&once).unwrap_or_else(|| panic!("our own request is refused: {}", once.source()));
    assert!(second.ids == first.ids, "an id changed by being written: {}", once.source());
    let twice = written(&second);
    assert_eq!(twice.source(), once.source(), "a request changes with every writing");
}

static BY_ID: LazyLock<Envelope> = LazyLock::new(|| {
    let own = PatientId::new(Authority(oid("2.999.33.1")), "1");
    written(&PatientDiscovery { demographics: Phi::default(), ids: vec![own] })
});

fn persons(found: &[PatientMatch]) -> Vec<&FoundPatient> {
    let mut persons = Vec::new();
    for found in found {
        if let PatientMatch::Found(person) = found {
            persons.push(person);
        }
    }
    persons
}

/// The answer to an ITI-55 of ours. Who is found in it can be written and is found again.
pub fn answer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let envelope = Envelope::bare(text);
    let _ = decode(&envelope);
    let sent = Sent {
        message: MessageId("urn:uuid:1".to_owned()),
        query: QueryId { root: "2.999.33.9".to_owned(), extension: Some("1".to_owned()) },
        home: CommunityId(oid("2.999.34")),
        patient: None,
        documents: Vec::new(),
    };
    let profile = PeerProfile { authorities: vec![Authority(oid("2.999.34.1"))], ..PeerProfile::default() };
    let read = |envelope| {
        CrossGatewayPatientDiscovery::read_answer(Received { envelope, parts: None }, &sent, &profile)
    };
    let Ok(first) = read(envelope) else { return };
    let found = persons(&first.found).into_iter().cloned().map(PatientMatch::Found).collect();
    let reply =
        CrossGatewayPatientDiscovery::write_answer(&BY_ID, &addressing(), &profile, Ok(Answer::found(found)));
    let Reply::Payload(Payload { xml, .. }) = reply else { panic!("an answer became a fault") };
    let again = read(Envelope::bare(&xml)).unwrap_or_else(|failure| panic!("{failure}: {xml}"));
    let (before, after) = (persons(&first.found), persons(&again.found));
    assert_eq!(after.len(), before.len(), "a person was lost: {xml}");
    for (before, after) in before.into_iter().zip(after) {
        assert!(before.id == after.id && before.confidence == after.confidence, "a person changed: {xml}");
    }
}

// A field is found by counting from the segment's start, so looking at all of them takes the square.
const FIELDS_MAX: usize = 100;

/// Bytes of a message: character set, delimiters, escapes, PID.
pub fn er7(data: &[u8]) {
    let decoded = hl7v2::decode(data);
    assert!(decoded.text.len() <= data.len().saturating_mul(4), "text grows beyond reason");
    let Ok(parsed) = hl7v2::Message::parse(data) else { return };
    for segment in parsed.message.segments() {
        for number in 0..=segment.len().min(FIELDS_MAX) {
            for repetition in segment.field(number).repetitions().take(FIELDS_MAX) {
                let leaves = [repetition.text(), repetition.component(1).subcomponent(1)];
                for leaf in leaves {
                    let leaf: String = leaf.chars().filter(|c| !matches!(c, '\r' | '\u{1b}')).collect();
                    let escaped = hl7v2::escape(&leaf);
                    let plain = hl7v2::unescape(&escaped, hl7v2::Delimiters::default());
                    assert!(plain == leaf, "a leaf value changed by being escaped");
                }
            }
        }
    }
    let (person, _) = hl7v2::demographics(&parsed.message);
    let _ = matching::grade(&person, &person);
}
