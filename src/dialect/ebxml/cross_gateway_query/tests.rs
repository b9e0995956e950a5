use bytes::Bytes;
use futures_util::TryStreamExt;
use proptest::prelude::*;

use super::super::{extrinsic_object, metadata, samples};
use super::*;
use crate::dialect::soap;
use crate::model::{
    CommunityId, DocumentEntry, DocumentStream, Encoded, Failure, MessageId, ObjectId, Outage, Phi, QueryId,
    Reported, RepositoryId, ReturnType, Severity, TargetName,
};

fn bare(payload: Payload) -> Envelope {
    Envelope::bare(&payload.xml)
}

fn request(query: &DocumentQuery) -> Envelope {
    bare(CrossGatewayQuery::write_request(query, &samples::addressing(), &PeerProfile::default()).0)
}

fn sent_home() -> Sent {
    Sent {
        message: MessageId(String::new()),
        query: QueryId { root: String::new(), extension: None },
        home: samples::home(),
        patient: Some(samples::patient()),
        documents: Vec::new(),
    }
}

fn answered(query: &DocumentQuery, answer: Result<Answer<RegistryObject>, Refusal>) -> String {
    let reply = CrossGatewayQuery::write_answer(
        &request(query),
        &samples::addressing(),
        &PeerProfile::default(),
        answer,
    );
    match reply {
        Reply::Payload(payload) => payload.xml,
        other => panic!("{other:?}"),
    }
}

fn read(xml: &str) -> Outcome<RegistryObject> {
    let received = Received { envelope: Envelope::bare(xml), parts: None };
    CrossGatewayQuery::read_answer(received, &sent_home(), &PeerProfile::default())
}

fn entries(answer: &Answer<RegistryObject>) -> Vec<&DocumentEntry> {
    answer.found.iter().filter_map(RegistryObject::entry).collect()
}

// All that is the same on both ends of the wire.
fn key(entry: &DocumentEntry) -> String {
    let mut key = entry.clone();
    let view = metadata(&key).unwrap();
    let cx = key.patient.cx();
    let unique = key.id.unique.reveal().clone();
    key.encoded = Encoded::Metadata(match &samples::plain_entry().encoded {
        Encoded::Metadata(metadata) => std::sync::Arc::clone(metadata),
        Encoded::Ebxml(_) => unreachable!(),
    });
    format!("{key:?} {view:?} {} {unique} {}", cx.reveal(), key.object.0.reveal())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_request_reads_as_it_was_written(query in samples::query()) {
        let profile = PeerProfile { send_home_on_patient_query: true, ..PeerProfile::default() };
        let (payload, _) = CrossGatewayQuery::write_request(&query, &samples::addressing(), &profile);
        let read = CrossGatewayQuery::read_request(&bare(payload), &PeerProfile::default());
        prop_assert_eq!(read.unwrap(), query);
    }

    #[test]
    fn entries_read_as_they_were_written_and_again_when_they_are_passed_on(
        entries_sent in proptest::collection::vec(samples::entry(), 0..4)
    ) {
        let keys: Vec<String> = entries_sent.iter().map(key).collect();
        let found = entries_sent.into_iter().map(RegistryObject::Entry).collect();
        let first = answered(&samples::find_documents(), Ok(Answer::found(found)));
        let first = read(&first).unwrap();
        prop_assert_eq!(first.reported.len(), 0);
        prop_assert_eq!(&entries(&first).into_iter().map(key).collect::<Vec<_>>(), &keys);
        let second = answered(&samples::find_documents(), Ok(first));
        let second = read(&second).unwrap();
        prop_assert_eq!(&entries(&second).into_iter().map(key).collect::<Vec<_>>(), &keys);
    }
}

#[test]
fn an_answer_written_twice_is_the_same_to_the_byte() {
    let entry = || Ok(Answer::found(vec![RegistryObject::Entry(samples::plain_entry())]));
    let query = samples::find_documents();
    assert_eq!(answered(&query, entry()), answered(&query, entry()));
}

#[test]
fn nobody_found_and_withheld_are_the_same_to_the_byte() {
    let query = samples::find_documents();
    let nobody = answered(&query, Ok(Answer::found(Vec::new())));
    for refusal in [Refusal::Withheld, Refusal::UnknownPatient(samples::patient())] {
        assert_eq!(answered(&query, Err(refusal)), nobody);
    }
    assert!(nobody.contains("ResponseStatusType:Success\"><rim:RegistryObjectList/>"));
}

#[test]
fn an_answer_to_object_ref_holds_references_with_home_only() {
    let query = DocumentQuery { returns: ReturnType::ObjectRef, ..samples::find_documents() };
    let xml = answered(&query, Ok(Answer::found(vec![RegistryObject::Entry(samples::plain_entry())])));
    assert!(xml.contains(
        "<rim:RegistryObjectList><rim:ObjectRef id=\"urn:uuid:5d2e7c6a-3a52-4e5e-9f5c-1f4ce07d0002\" \
         home=\"urn:oid:2.999.1\"/></rim:RegistryObjectList>"
    ));
}

#[test]
fn entries_of_two_patients_are_no_answer() {
    let mut other = samples::plain_entry();
    other.patient.value = crate::model::Phi::new("P-0002".to_owned());
    let found = [samples::plain_entry(), other].map(RegistryObject::Entry).to_vec();
    let xml = answered(&samples::find_documents(), Ok(Answer::found(found)));
    assert!(xml.contains("Failure") && xml.contains("XDSResultNotSinglePatient") && !xml.contains("P-0002"));
}

fn outage(community: CommunityId, failure: Failure) -> Outage {
    Outage {
        target: TargetName("secret-hospital".into()),
        community,
        repository: Some(RepositoryId(samples::oid("2.999.1.4"))),
        failure,
    }
}

#[test]
fn the_status_follows_from_who_answered() {
    let query = samples::find_documents();
    let entry = || vec![RegistryObject::Entry(samples::plain_entry())];
    let down = || vec![outage(samples::home(), Failure::Unreachable("10.0.0.1 refused".to_owned()))];
    let none = Answer { unavailable: down(), ..Answer::default() };
    let some = Answer { unavailable: down(), ..Answer::found(Vec::new()) };
    let more = Answer { unavailable: down(), ..Answer::found(entry()) };
    for (answer, status) in [(none, "Failure"), (some, "PartialSuccess"), (more, "PartialSuccess")] {
        let xml = answered(&query, Ok(answer));
        assert!(xml.contains(&format!("ResponseStatusType:{status}\"")), "{xml}");
        assert!(
            xml.contains("errorCode=\"XDSRegistryError\"") && xml.contains("location=\"urn:oid:2.999.1\"")
        );
        assert!(!xml.contains("secret-hospital") && !xml.contains("10.0.0.1"), "{xml}");
        assert!(xml.find("RegistryErrorList").unwrap() < xml.find("RegistryObjectList").unwrap());
    }
    let failed = || Reported {
        code: "XDSTooManyResults".to_owned(),
        context: "c".to_owned(),
        severity: Severity::Error,
        community: Some(samples::peer()),
        document: None,
    };
    let refused = Answer { reported: vec![failed()], ..Answer::default() };
    assert!(answered(&query, Ok(refused)).contains("ResponseStatusType:Failure\""));
    let mixed = Answer { reported: vec![failed()], ..Answer::found(Vec::new()) };
    let xml = answered(&query, Ok(mixed));
    assert!(
        xml.contains("ResponseStatusType:PartialSuccess\"") && xml.contains("location=\"urn:oid:2.999.2\"")
    );
    let warned = Reported {
        code: "XDSExtraMetadataNotSaved".to_owned(),
        context: "w".to_owned(),
        severity: Severity::Warning,
        community: None,
        document: None,
    };
    let warned = Answer { reported: vec![warned], ..Answer::found(entry()) };
    let xml = answered(&query, Ok(warned));
    assert!(xml.contains("ResponseStatusType:Success\"") && xml.contains("ErrorSeverityType:Warning"));
}

#[test]
fn a_peer_that_is_silent_is_an_unavailable_community() {
    let answer =
        Answer { unavailable: vec![outage(samples::peer(), Failure::TimedOut)], ..Answer::found(Vec::new()) };
    let xml = answered(&samples::find_documents(), Ok(answer));
    assert!(xml.contains("XDSUnavailableCommunity") && xml.contains("location=\"urn:oid:2.999.2\""), "{xml}");
}

#[test]
fn the_request_id_is_echoed() {
    let request = request(&samples::find_documents());
    let with_id =
        request.source().replace("<query:AdhocQueryRequest ", "<query:AdhocQueryRequest id=\"urn:x\" ");
    let reply = CrossGatewayQuery::write_answer(
        &Envelope::bare(&with_id),
        &samples::addressing(),
        &PeerProfile::default(),
        Ok(Answer::default()),
    );
    assert!(matches!(reply, Reply::Payload(payload) if payload.xml.contains("requestId=\"urn:x\"")));
}

#[test]
fn an_entry_passed_on_carries_the_patient_id_and_home_of_the_model() {
    let xml = answered(
        &samples::find_documents(),
        Ok(Answer::found(vec![RegistryObject::Entry(samples::plain_entry())])),
    );
    let mut answer = read(&xml).unwrap();
    for object in &mut answer.found {
        if let RegistryObject::Entry(entry) = object {
            entry.patient.value = crate::model::Phi::new("ALIAS".to_owned());
            entry.id.community = samples::peer();
        }
    }
    let xml = answered(&samples::find_documents(), Ok(answer));
    assert!(
        xml.contains("value=\"ALIAS^^^&amp;2.999.1.3&amp;ISO\"") && xml.contains("home=\"urn:oid:2.999.2\"")
    );
    assert!(xml.contains("<rim:Value>P-0001^^^&amp;2.999.1.3&amp;ISO</rim:Value>"), "sourcePatientId stays");
}

fn whole(framed: soap::Framed) -> (String, DocumentStream) {
    let body: DocumentStream = match framed.body {
        soap::FramedBody::Whole(bytes) => Box::pin(futures_util::stream::iter([Ok(bytes)])),
        soap::FramedBody::Stream(stream) => stream,
    };
    (framed.content_type, body)
}

#[tokio::test]
async fn a_query_goes_over_real_envelopes_in_both_directions() {
    // The asker is the peer; we answer for home.
    let asking =
        Addressing { receiver: samples::home(), community: samples::peer(), ..samples::addressing() };
    let profile = PeerProfile::default();
    let query = DocumentQuery { home: None, ..samples::find_documents() };
    let (payload, sent) = CrossGatewayQuery::write_request(&query, &asking, &profile);
    let action = CrossGatewayQuery::REQUEST_ACTION;
    let framed = soap::frame_request(CrossGatewayQuery::PACKAGING, action, &asking, None, payload);
    let (content_type, body) = whole(framed);
    let request = soap::receive(Some(&content_type), body, soap::Limits::default()).await.unwrap().envelope;
    let (ns, root) = CrossGatewayQuery::REQUEST_ROOT;
    let offered = [soap::Offered { action, ns, root }];
    assert_eq!(soap::check_request(&request, &offered, &profile), Ok(0));
    assert_eq!(CrossGatewayQuery::read_request(&request, &profile).unwrap(), query);

    let answering = Addressing { message: MessageId("urn:uuid:2".to_owned()), ..samples::addressing() };
    let answer = Ok(Answer::found(vec![RegistryObject::Entry(samples::plain_entry())]));
    let reply = CrossGatewayQuery::write_answer(&request, &answering, &profile, answer);
    let action = CrossGatewayQuery::RESPONSE_ACTION;
    let framed = soap::frame_answer(
        CrossGatewayQuery::PACKAGING,
        action,
        &answering.message,
        Some(&request.header),
        reply,
    );
    let (content_type, body) = whole(framed);
    let received = soap::receive_any(Some(&content_type), body, soap::Limits::default()).await.unwrap();
    let answer = CrossGatewayQuery::read_answer(received, &sent, &profile).unwrap();
    assert_eq!(entries(&answer).into_iter().map(key).collect::<Vec<_>>(), [key(&samples::plain_entry())]);
}

/// The pieces in which an answer with so many entries leaves.
async fn pieces_of(answer: Answer<RegistryObject>) -> Vec<String> {
    let request = request(&samples::find_documents());
    let addressing = samples::addressing();
    let reply = CrossGatewayQuery::write_answer(&request, &addressing, &PeerProfile::default(), Ok(answer));
    let action = CrossGatewayQuery::RESPONSE_ACTION;
    let framed = soap::frame_answer(
        CrossGatewayQuery::PACKAGING,
        action,
        &addressing.message,
        Some(&request.header),
        reply,
    );
    let pieces: Vec<Bytes> = whole(framed).1.try_collect().await.unwrap();
    pieces.into_iter().map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn a_long_list_leaves_in_pieces_that_together_say_what_the_whole_would() {
    let numbered = |number: usize| {
        let object = ObjectId(Phi::new(format!("urn:uuid:00000000-0000-4000-8000-{number:012}")));
        RegistryObject::Entry(samples::plain_entry().with(|entry| entry.object = object))
    };
    let answer = |count: usize| Answer {
        unavailable: vec![Outage {
            target: TargetName("h".into()),
            community: samples::peer(),
            repository: None,
            failure: Failure::TimedOut,
        }],
        ..Answer::found((0..count).map(numbered).collect::<Vec<_>>())
    };
    assert_eq!(pieces_of(answer(10)).await.len(), 1);
    let (all, few) = (pieces_of(answer(400)).await, pieces_of(answer(0)).await.concat());
    assert!(all.len() > 10, "{} pieces", all.len());
    assert!(all.iter().all(|piece| piece.len() < 80 << 10));
    let objects: Vec<String> = (0..400)
        .map(|number| match numbered(number) {
            RegistryObject::Entry(entry) => extrinsic_object::encode(&entry).unwrap(),
            _ => unreachable!(),
        })
        .collect();
    let list = format!("<rim:RegistryObjectList>{}</rim:RegistryObjectList>", objects.concat());
    assert_eq!(all.concat(), few.replace("<rim:RegistryObjectList/>", &list));
}
