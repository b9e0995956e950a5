use proptest::prelude::*;

use super::super::samples;
use super::*;
use crate::model::QueryKey;

fn written(query: &DocumentQuery) -> (Envelope, Sent) {
    let (payload, sent) =
        RegistryStoredQuery::write_request(query, &samples::addressing(), &PeerProfile::default());
    (Envelope::bare(&payload.xml), sent)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_request_reads_as_it_was_written_with_a_home_and_without(
        query in prop_oneof![samples::query(), samples::query_within()],
        is_homeless in any::<bool>(),
    ) {
        let query = DocumentQuery { home: query.home.clone().filter(|_| !is_homeless), ..query };
        let (request, _) = written(&query);
        prop_assert_eq!(request.source().contains(" home="), query.home.is_some());
        let read = RegistryStoredQuery::read_request(&request, &PeerProfile::default());
        prop_assert_eq!(read.unwrap(), query);
    }
}

#[test]
fn what_a_registry_says_without_a_home_is_its_communitys() {
    let query = samples::find_documents();
    let (request, sent) = written(&query);
    let QueryKey::Patient(asked) = query.by else { panic!() };
    let entry = samples::plain_entry().with(|entry| entry.patient = asked);
    let answer = Answer::found(vec![RegistryObject::Entry(entry.clone())]);
    let reply = RegistryStoredQuery::write_answer(
        &request,
        &samples::addressing(),
        &PeerProfile::default(),
        Ok(answer),
    );
    let Reply::Payload(payload) = reply else { panic!() };
    let said = format!(" home=\"{}\"", entry.id.community);
    assert!(payload.xml.contains(&said), "{}", payload.xml);
    let homeless = Envelope::bare(&payload.xml.replace(&said, ""));
    let sent = Sent { home: samples::home(), message: crate::model::MessageId(String::new()), ..sent };
    let received = Received { envelope: homeless, parts: None };
    let read = RegistryStoredQuery::read_answer(received, &sent, &PeerProfile::default()).unwrap();
    let homes: Vec<_> =
        read.found.iter().filter_map(RegistryObject::entry).map(|e| &e.id.community).collect();
    assert_eq!(homes, [&samples::home()]);
}

#[test]
fn an_unknown_patient_has_no_documents_whatever_the_portals_file_says() {
    let (request, _) = written(&samples::find_documents());
    let profile =
        PeerProfile { patient_unknown_policy: PatientUnknownPolicy::Error, ..PeerProfile::default() };
    for answer in
        [Ok(Answer::default()), Err(Refusal::Withheld), Err(Refusal::UnknownPatient(samples::patient()))]
    {
        let reply = RegistryStoredQuery::write_answer(&request, &samples::addressing(), &profile, answer);
        let Reply::Payload(payload) = reply else { panic!() };
        assert!(payload.xml.contains("ResponseStatusType:Success"), "{}", payload.xml);
        assert!(!payload.xml.contains("RegistryError "), "{}", payload.xml);
    }
}
