//! The queries that portals ask a patient manager, and their answers.

use std::sync::LazyLock;

use kakehashi::dialect::hl7v3::{
    DuplicatesResolved, PdqCancellation, PdqContinuation, PdqQuery, PixQuery, PixUpdateNotification,
    RecordAdded,
};
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Payload, Received, Reply, Sent, Transaction};
use kakehashi::matching;
use kakehashi::model::{
    Answer, Authority, DemographicsQuery, FoundPatient, PatientDiscovery, PatientId, PatientIdLookup,
    PatientMatch, PatientRecord, PeerProfile, Phi,
};

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
        answer.found.iter().map(|found: &FoundPatient| found.id.clone()).collect()
    };
    assert!(ids(&again) == ids(&first), "an id changed: {xml}");
}

/// What a PIX manager or a registry tells (ITI-44, ITI-46). What is taken and written is taken again.
pub fn pix_feed(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let envelope = Envelope::bare(text);
    told::<RecordAdded>(&envelope);
    told::<PixUpdateNotification>(&envelope);
    told::<DuplicatesResolved>(&envelope);
}

fn told<T: Transaction<Request = PatientRecord>>(envelope: &Envelope) {
    let profile = PeerProfile::default();
    let Ok(first) = T::read_request(envelope, &profile) else { return };
    let once = written::<T>(&first).0;
    let second = T::read_request(&once, &profile);
    let second = second.unwrap_or_else(|_| panic!("our own message is refused: {}", once.source()));
    let ids = |record: &PatientRecord| (record.ids.clone(), record.others.clone(), record.subsumed.clone());
    assert!(ids(&second) == ids(&first), "an id changed by being written: {}", once.source());
    let twice = written::<T>(&second).0;
    assert_eq!(twice.source(), once.source(), "a message changes with every writing");
}

/// What becomes of something that was told, or of a query that was given up.
pub fn acknowledgement(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let profile = PeerProfile::default();
    let received = || Received { envelope: Envelope::bare(text), parts: None };
    let told = RecordAdded::read_answer(received(), &ASKED.1, &profile);
    if let Ok(answer) = &told {
        assert!(answer.answered == 1 && answer.found.is_empty(), "an acknowledgement told of somebody");
    }
    let given_up = PdqCancellation::read_answer(received(), &SOUGHT.1, &profile);
    assert!(given_up.is_ok() == told.is_ok(), "one acknowledgement, read in two ways");
}

/// ITI-47 requests. What is taken and written is taken again, and from then on stays the same.
pub fn pdq_query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let asked = |envelope: &Envelope| PdqQuery::read_request(envelope, &PeerProfile::default()).ok();
    let Some(first) = asked(&Envelope::bare(text)) else { return };
    let person = first.person.demographics.reveal();
    let _ = matching::grade(person, person);
    let once = written::<PdqQuery>(&first).0;
    let second = asked(&once).unwrap_or_else(|| panic!("our own request is refused: {}", once.source()));
    assert!(second.person.ids == first.person.ids, "an id changed by being written: {}", once.source());
    let paging = |query: &DemographicsQuery| (query.query.clone(), query.page, query.authorities.clone());
    assert!(paging(&second) == paging(&first), "paging changed by being written: {}", once.source());
    let twice = written::<PdqQuery>(&second).0;
    assert_eq!(twice.source(), once.source(), "a request changes with every writing");
}

/// Continuations and cancellations.
pub fn pdq_continuation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (envelope, profile) = (Envelope::bare(text), PeerProfile::default());
    if let Ok(first) = PdqContinuation::read_request(&envelope, &profile) {
        let once = written::<PdqContinuation>(&first).0;
        let second = PdqContinuation::read_request(&once, &profile);
        assert!(second.as_ref() == Ok(&first), "a continuation changed: {}", once.source());
    }
    if let Ok(first) = PdqCancellation::read_request(&envelope, &profile) {
        let once = written::<PdqCancellation>(&first).0;
        let second = PdqCancellation::read_request(&once, &profile);
        assert!(second.as_ref() == Ok(&first), "a cancellation changed: {}", once.source());
    }
}

static SOUGHT: LazyLock<(Envelope, Sent)> = LazyLock::new(|| {
    let known = PatientId::new(Authority(oid("2.999.33.1")), "1");
    let person = PatientDiscovery { demographics: Phi::default(), ids: vec![known] };
    let query = addressing().query;
    written::<PdqQuery>(&DemographicsQuery { person, authorities: Vec::new(), query, page: None })
});

/// The answer to an ITI-47 of ours. Who is found in it can be written and is found again.
pub fn pdq_answer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let profile = PeerProfile::default();
    let read = |text: &str| {
        let received = Received { envelope: Envelope::bare(text), parts: None };
        PdqQuery::read_answer(received, &SOUGHT.1, &profile)
    };
    let Ok(first) = read(text) else { return };
    let reply =
        PdqQuery::write_answer(&SOUGHT.0, &addressing(), &profile, Ok(Answer::found(first.found.clone())));
    let Reply::Payload(Payload { xml, .. }) = reply else { panic!("an answer became a fault") };
    let again = read(&xml).unwrap_or_else(|failure| panic!("{failure}: {xml}"));
    let told = |answer: &Answer<PatientMatch>| -> Vec<_> {
        let found = answer.found.iter().filter_map(|found| match found {
            PatientMatch::Found(found) => Some(found),
            PatientMatch::Graded(_) | PatientMatch::MoreAttributes { .. } => None,
        });
        found.map(|f| (f.id.clone(), f.also.clone(), f.community.clone(), f.confidence)).collect()
    };
    assert!(told(&again) == told(&first), "a person changed: {xml}");
}
