//! The queries that portals ask a patient manager, and their answers.

use std::sync::LazyLock;

use kakehashi::dialect::hl7v3::PixQuery;
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Payload, Received, Reply, Sent, Transaction};
use kakehashi::model::{Answer, Authority, PatientId, PatientIdLookup, PeerProfile};

use super::hl7::{addressing, oid};

fn written<T: Transaction>(request: &T::Request) -> (Envelope, Sent) {
    let (payload, sent) = T::write_request(request, &addressing(), &PeerProfile::default());
    (Envelope::bare(&payload.xml), sent)
}

/// ITI-45 requests. What is taken and written is taken again.
pub fn pix_query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let asked = |envelope: &Envelope| PixQuery::read_request(envelope, &PeerProfile::default()).ok();
    let Some(first) = asked(&Envelope::bare(text)) else { return };
    let once = written::<PixQuery>(&first).0;
    let second = asked(&once).unwrap_or_else(|| panic!("our own request is refused: {}", once.source()));
    assert!(second == first, "a request changed by being written: {}", once.source());
}

static ASKED: LazyLock<(Envelope, Sent)> = LazyLock::new(|| {
    let known = PatientId::new(Authority(oid("2.999.33.1")), "1");
    written::<PixQuery>(&PatientIdLookup { known, demographics: None, authorities: Vec::new() })
});

/// The answer to an ITI-45 of ours. The ids in it can be written and are found again.
pub fn pix_answer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let profile = PeerProfile::default();
    let read = |text: &str| {
        let received = Received { envelope: Envelope::bare(text), parts: None };
        PixQuery::read_answer(received, &ASKED.1, &profile)
    };
    let Ok(first) = read(text) else { return };
    let found = Answer::found(first.found.clone());
    let reply = PixQuery::write_answer(&ASKED.0, &addressing(), &profile, Ok(found));
    let Reply::Payload(Payload { xml, .. }) = reply else { panic!("an answer became a fault") };
    let again = read(&xml).unwrap_or_else(|failure| panic!("{failure}: {xml}"));
    let ids = |answer: &Answer<_>| -> Vec<PatientId> {
        answer.found.iter().map(|found: &kakehashi::model::FoundPatient| found.id.clone()).collect()
    };
    assert!(ids(&again) == ids(&first), "an id changed: {xml}");
}
