//! HL7 V3 discovery both ways, and HL7 v2 in every character set it claims.

use kakehashi::dialect::hl7v2;
use kakehashi::dialect::hl7v3::{CrossGatewayPatientDiscovery, decode};
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Received, Sent, Transaction};
use kakehashi::matching;
use kakehashi::model::{Authority, CommunityId, MessageId, Oid, PeerProfile, QueryId};

/// ITI-55 requests.
pub fn request(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let envelope = Envelope::bare(text);
    let _ = decode(&envelope);
    if let Ok(asked) = CrossGatewayPatientDiscovery::read_request(&envelope, &PeerProfile::default()) {
        // Whatever demographics come in must be fit for matching.
        let person = asked.demographics.reveal();
        let _ = matching::grade(person, person);
    }
}

/// The answer to an ITI-55 of ours.
pub fn answer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let envelope = Envelope::bare(text);
    let _ = decode(&envelope);
    let oid = |text: &str| Oid::parse(text).expect("an OID");
    let sent = Sent {
        message: MessageId("urn:uuid:1".to_owned()),
        query: QueryId { root: "2.999.33.9".to_owned(), extension: Some("1".to_owned()) },
        home: CommunityId(oid("2.999.34")),
        patient: None,
        documents: Vec::new(),
    };
    let profile = PeerProfile { authorities: vec![Authority(oid("2.999.34.1"))], ..PeerProfile::default() };
    let _ = CrossGatewayPatientDiscovery::read_answer(Received { envelope, parts: None }, &sent, &profile);
}

/// Bytes of a message: character set, delimiters, escapes, PID.
pub fn er7(data: &[u8]) {
    let decoded = hl7v2::decode(data);
    assert!(decoded.text.len() <= data.len().saturating_mul(4), "text grows beyond reason");
    let Ok(parsed) = hl7v2::Message::parse(data) else { return };
    for segment in parsed.message.segments() {
        for number in 0..=segment.len() {
            for repetition in segment.field(number).repetitions() {
                let _ = (repetition.text(), repetition.component(1).subcomponent(1));
            }
        }
    }
    let (person, _) = hl7v2::demographics(&parsed.message);
    let _ = matching::grade(&person, &person);
}
