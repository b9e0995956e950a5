//! Messages, read and written; the baseline is a pass over the same bytes that looks at nothing.

use std::hint::black_box;

use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Received, Reply, Sent, Transaction};
use kakehashi::model::{Answer, PatientDiscovery, PeerProfile, Phi, RegistryObject};
use quick_xml::NsReader;
use quick_xml::events::Event;

use super::samples::{addressing, entry, person, query_sent};

fn answer() -> Answer<RegistryObject> {
    answer_of(100)
}

fn answer_of(entries: usize) -> Answer<RegistryObject> {
    Answer::found((0..entries).map(|number| RegistryObject::Entry(entry(number))).collect())
}

fn written(request: &Envelope, answer: Answer<RegistryObject>) -> String {
    let (profile, ours) = (PeerProfile::default(), addressing("2.999.33", "2.999.34"));
    match CrossGatewayQuery::write_answer(request, &ours, &profile, Ok(answer)) {
        Reply::Payload(payload) => payload.xml,
        other => panic!("{other:?}"),
    }
}

fn events(xml: &str) -> usize {
    let mut reader = NsReader::from_str(xml);
    let mut count = 0;
    loop {
        match reader.read_resolved_event() {
            Ok((_, Event::Eof)) => return count,
            Ok(_) => count += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

pub fn query_answer_events(count: u32) {
    let xml = written(&query_sent().0, answer());
    for _ in 0..count {
        black_box(events(&xml));
    }
}

fn read(xml: &str, sent: &Sent) -> Answer<RegistryObject> {
    let received = Received { envelope: Envelope::bare(xml), parts: None };
    let answer = CrossGatewayQuery::read_answer(received, sent, &PeerProfile::default()).expect("an answer");
    assert!(answer.reported.is_empty() && !answer.found.is_empty());
    answer
}

pub fn query_answer_read(count: u32) {
    let (request, sent) = query_sent();
    let xml = written(&request, answer());
    for _ in 0..count {
        black_box(read(&xml, &sent));
    }
}

pub fn query_answer_write(count: u32) {
    let (request, _) = query_sent();
    let one = answer();
    for _ in 0..count {
        black_box(written(&request, Answer::found(one.found.clone())));
    }
}

fn relay(entries: usize, count: u32) {
    let (request, sent) = query_sent();
    let xml = written(&request, answer_of(entries));
    for _ in 0..count {
        black_box(written(&request, read(&xml, &sent)));
    }
}

pub fn query_answer_relay(count: u32) {
    relay(100, count);
}

pub fn query_answer_relay_1_000(count: u32) {
    relay(1_000, count);
}

pub fn query_answer_relay_10_000(count: u32) {
    relay(10_000, count);
}

fn discovery() -> String {
    let request = PatientDiscovery { demographics: Phi::new(person(7)), ids: Vec::new() };
    let ours = addressing("2.999.34", "2.999.33");
    CrossGatewayPatientDiscovery::write_request(&request, &ours, &PeerProfile::default()).0.xml
}

pub fn discovery_events(count: u32) {
    let xml = discovery();
    for _ in 0..count {
        black_box(events(&xml));
    }
}

pub fn discovery_read(count: u32) {
    let xml = discovery();
    let profile = PeerProfile::default();
    for _ in 0..count {
        let read = CrossGatewayPatientDiscovery::read_request(&Envelope::bare(&xml), &profile);
        black_box(read.expect("a request"));
    }
}
