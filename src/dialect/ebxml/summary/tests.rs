use std::path::PathBuf;

use futures_util::stream;

use super::super::{CrossGatewayQuery, CrossGatewayRetrieve, metadata, samples};
use super::*;
use crate::dialect::soap::{self, Limits};
use crate::dialect::{Addressing, Received, Reply, Sent, Transaction};
use crate::model::{Answer, CommunityId, DocumentStream, MessageId, QueryId, RegistryObject};

fn summary(kind: &str, message: &Envelope) -> Summary {
    match kind {
        "iti18-req" => query_request(message, HomeRule::Optional),
        "iti38-req" => query_request(message, HomeRule::Required),
        "iti18-resp" => query_response(message, HomeRule::Optional),
        "iti38-resp" => query_response(message, HomeRule::Required),
        "iti43-req" => retrieve_request(message, HomeRule::Optional),
        "iti39-req" => retrieve_request(message, HomeRule::Required),
        "iti43-resp" => retrieve_response(message, HomeRule::Optional, None),
        "iti39-resp" => retrieve_response(message, HomeRule::Required, None),
        _ => registry_response(message),
    }
}

const FIND: &str = "<q:AdhocQueryRequest xmlns:q='urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0' \
     xmlns='urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'><q:ResponseOption returnType='LeafClass'/>\
     <AdhocQuery id='14d4debf-8f97-4251-9a74-a90016b0af0d' home='2.999.2'>\
     <Slot name='$XDSDocumentEntryPatientId'><ValueList><Value>('1^^^NS&amp;2.999&amp;ISO')</Value></ValueList></Slot>\
     <Slot name='$XDSDocumentEntryStatus'><ValueList><Value>('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')</Value></ValueList></Slot>\
     <Slot name='$XDSDocumentEntryCreationTimeFrom'><ValueList><Value>'2026'</Value></ValueList></Slot>\
     <Slot name='extra'/></AdhocQuery></q:AdhocQueryRequest>";

#[test]
fn every_deviation_of_a_request_is_listed() {
    let summary = query_request(&Envelope::bare(FIND), HomeRule::Required);
    let codes: Vec<_> = summary.warnings.iter().map(|warning| warning.code).collect();
    let expected = [
        "single-value-list",
        "quoted-number",
        "slot-without-dollar",
        "id-without-urn",
        "home-without-urn",
        "cx-namespace",
    ];
    assert_eq!(codes, expected);
    assert_eq!((summary.found.query, summary.refusal), (Some("FindDocuments"), None));
}

#[test]
fn a_message_is_shown_in_its_own_words() {
    let Carried::Query(query) = query_request(&Envelope::bare(FIND), HomeRule::Required).carried else {
        panic!()
    };
    assert_eq!((query.home.as_deref(), query.returns.as_str()), (Some("2.999.2"), "LeafClass"));
    let values: Vec<_> = query.slots.iter().flat_map(|slot| &slot.values).map(Phi::reveal).collect();
    assert_eq!(values.first().map(|v| v.as_str()), Some("('1^^^NS&2.999&ISO')"));
    let entry = super::super::extrinsic_object::encode(&samples::plain_entry()).unwrap();
    let xml = format!(
        "<q:AdhocQueryResponse xmlns:q='{QUERY}' xmlns:rim='{RIM}' status='Success'>\
         <rim:RegistryObjectList>{entry}</rim:RegistryObjectList></q:AdhocQueryResponse>"
    );
    let summary = query_response(&Envelope::bare(&xml), HomeRule::Required);
    let Carried::Objects(CarriedObjects { entries, .. }) = &summary.carried else { panic!() };
    let [entry] = entries.as_slice() else { panic!() };
    assert_eq!(entry.patient.as_ref().map(|cx| cx.reveal().as_str()), Some("P-0001^^^&2.999.1.3&ISO"));
    assert_eq!(entry.view.title, "処方 2026-04-01");
    assert!(!format!("{summary:?}").contains("P-0001"));
}

#[test]
fn an_unknown_query_is_refused_and_a_known_one_that_is_not_offered_is_not() {
    let other = |id: &str| {
        query_request(
            &Envelope::bare(&FIND.replace("14d4debf-8f97-4251-9a74-a90016b0af0d", id)),
            HomeRule::Required,
        )
    };
    let unknown = other("urn:uuid:00000000-0000-0000-0000-000000000000");
    assert_eq!(unknown.refusal.map(|r| r.code), Some("XDSUnknownStoredQuery"));
    let exclude = other("urn:uuid:4308b1df-36de-4bef-8e2e-ba91f593c435");
    assert_eq!((exclude.found.query, exclude.refusal), (Some("FindDocumentsExclude"), None));
}

#[test]
fn objects_are_counted_by_kind_before_anything_is_dropped() {
    let set = scheme_of("urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd");
    let xml = format!(
        "<q:AdhocQueryResponse xmlns:q='{QUERY}' xmlns='{RIM}' status='Failure'><RegistryObjectList>\
         <ExtrinsicObject/><ExtrinsicObject/><RegistryPackage id='a'>{set}</RegistryPackage><RegistryPackage id='b'/>\
         <Classification classifiedObject='urn:uuid:B' classificationNode='URN:UUID:D9D542F3-6CC4-48B6-8870-EA235FBC94C2'/>\
         <Association/><ObjectRef/></RegistryObjectList></q:AdhocQueryResponse>"
    );
    let summary = query_response(&Envelope::bare(&xml), HomeRule::Required);
    let found = Found {
        entries: Some(2),
        folders: Some(1),
        submission_sets: Some(1),
        associations: Some(1),
        object_refs: Some(1),
        ..Found::default()
    };
    assert_eq!((summary.found, summary.status), (found, Some("Failure")));
    assert!(summary.refusal.is_some_and(|refusal| refusal.why.contains("fill_missing_status")));
}

fn scheme_of(node: &str) -> String {
    format!("<Classification classificationNode='{node}'/>")
}

#[test]
fn a_part_that_the_package_lacks_refuses_the_answer() {
    let xml = "<RetrieveDocumentSetResponse xmlns='urn:ihe:iti:xds-b:2007'>\
         <r:RegistryResponse xmlns:r='urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0' status='x:Success'/>\
         <DocumentResponse><Document><Include xmlns='http://www.w3.org/2004/08/xop/include' href='cid:1'/></Document></DocumentResponse>\
         </RetrieveDocumentSetResponse>";
    let message = Envelope::bare(xml);
    let refusal = |has: Option<&dyn Fn(&str) -> bool>| {
        retrieve_response(&message, HomeRule::Optional, has).refusal.map(|refusal| refusal.code)
    };
    assert_eq!(refusal(Some(&|href| href == "cid:1")), None);
    assert_eq!(refusal(Some(&|_| false)), Some("mtom-part-missing"));
    assert_eq!(refusal(None), None);
}

// The verdicts that wire.md 13, 15, 21 and the corpus's own remarks imply; all others are accepted.
const REFUSED: &[(&str, &str)] = &[
    ("iti18-req-01-", "XDSStoredQueryMissingParam"),
    ("iti18-req-04-", "XDSRegistryError"),
    ("iti18-req-07-", "XDSRegistryError"),
    ("iti18-req-08-", "XDSRegistryError"),
    ("iti18-req-09-", "XDSRegistryError"),
    ("iti18-req-11-", "XDSStoredQueryMissingParam"),
    ("iti18-req-12-", "XDSRegistryError"),
    ("iti18-req-13-", "XDSRegistryError"),
    ("iti18-req-15-", "XDSStoredQueryMissingParam"),
    ("iti18-req-16-", "XDSStoredQueryParamNumber"),
    ("iti18-req-19-", "XDSStoredQueryParamNumber"),
    ("iti18-req-29-", "XDSStoredQueryParamNumber"),
    ("iti18-resp-05-", "XDSRegistryError"),
    ("iti18-resp-06-", "XDSRegistryError"),
    ("iti38-req-01-", "XDSRegistryError"),
    ("iti38-req-08-", "XDSMissingHomeCommunityId"),
    ("iti38-req-11-", "malformed-xml"),
    ("iti38-resp-03-", "XDSRegistryError"),
    ("iti39-req-05-", "charset-mismatch"),
];

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/soap");
    let Ok(folder) = folder.read_dir() else { return Vec::new() };
    let mut files: Vec<_> = folder
        .filter_map(Result::ok)
        .map(|file| (file.file_name().to_string_lossy().into_owned(), file.path()))
        .filter(|(name, _)| {
            ["iti18-", "iti38-", "iti43-", "iti39-", "regresp-"].iter().any(|start| name.starts_with(start))
        })
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

async fn receive(bytes: Vec<u8>) -> Result<Received, Malformed> {
    let body: DocumentStream = Box::pin(stream::iter([Ok(bytes.into())]));
    soap::receive_any(None, body, Limits::default()).await.map_err(|unreceived| match unreceived {
        soap::Unreceived::Malformed(malformed) => malformed,
        soap::Unreceived::Interrupted(interrupted) => panic!("{interrupted}"),
    })
}

fn kind(name: &str) -> String {
    // Two samples are deferred results and acknowledgements, which are RegistryResponses.
    if name.contains("-ack") || name.starts_with("regresp") {
        return "regresp".to_owned();
    }
    let kind: Vec<&str> = name.split('-').take(2).collect();
    kind.join("-")
}

#[tokio::test]
async fn every_sample_of_the_corpus_gets_its_verdict() {
    let mut wrong = Vec::new();
    for (name, bytes) in corpus() {
        let refused = match receive(bytes).await {
            Err(malformed) => Some(malformed),
            Ok(received) => summary(&kind(&name), &received.envelope).refusal,
        };
        let expected = REFUSED.iter().find(|(start, _)| name.starts_with(start)).map(|(_, code)| *code);
        if refused.as_ref().map(|refusal| refusal.code) != expected {
            wrong.push(format!("{name}: {refused:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_corpus_is_counted_before_anything_is_dropped() {
    let table = [
        ("iti38-resp-01-", "Success", 2, None),
        ("iti38-resp-02-", "Failure", 2, Some("failure-with-documents")),
        ("iti38-resp-05-", "PartialSuccess", 0, Some("error-list-namespace")),
        ("iti38-resp-08-", "Failure", 0, None),
        ("iti38-resp-11-", "Success", 3, Some("unknown-status")),
        ("iti18-resp-01-", "Success", 1, Some("short-status")),
        ("iti18-resp-09-", "PartialSuccess", 2, None),
        ("iti39-resp-01-", "Success", 2, None),
        ("iti39-resp-04-", "Failure", 2, Some("failure-with-documents")),
        ("iti43-resp-06-", "Failure", 0, Some("short-severity")),
        ("iti43-resp-08-", "PartialSuccess", 0, Some("partial-without-documents")),
        ("regresp-01-", "Failure", 0, Some("status-contradicts-errors")),
        ("regresp-02-", "Success", 0, Some("status-contradicts-errors")),
    ];
    let corpus = corpus();
    for (start, status, count, warning) in table {
        let Some((name, bytes)) = corpus.iter().find(|(name, _)| name.starts_with(start)) else { continue };
        let received = receive(bytes.clone()).await.unwrap();
        let summary = summary(&kind(name), &received.envelope);
        assert_eq!(summary.status, Some(status), "{name}");
        let counted = summary.found.entries.or(summary.found.documents).unwrap_or(0);
        assert_eq!(counted, count, "{name}");
        let is_warned = warning.is_none_or(|code| summary.warnings.iter().any(|w| w.code == code));
        assert!(is_warned, "{name}: {:?}", summary.warnings);
    }
}

#[tokio::test]
async fn the_entries_of_the_corpus_survive_being_passed_on() {
    let mut count = 0;
    for (name, bytes) in corpus().into_iter().filter(|(name, _)| name.contains("-resp-")) {
        let Ok(received) = receive(bytes).await else { continue };
        let Some(home) = first_home(&received.envelope) else { continue };
        let message = &received.envelope;
        let relates_to = message.header.relates_to.clone();
        let sent = |home: &CommunityId| Sent { home: home.clone(), ..asked() };
        let first = Sent { message: relates_to.unwrap_or_else(|| asked().message), ..sent(&home) };
        let profile =
            PeerProfile { fill_missing_home: true, fill_missing_status: true, ..PeerProfile::default() };
        let first = query_response::read(message, &first, &profile).unwrap();
        let keys = |answer: &Answer<RegistryObject>| -> Vec<String> {
            let key = |object: &RegistryObject| match object {
                RegistryObject::Entry(entry) => {
                    format!(
                        "{:?} {:?} {:?} {:?}",
                        metadata(entry).unwrap(),
                        entry.class,
                        entry.hash,
                        entry.size
                    )
                }
                RegistryObject::Association(a) => format!("{} {:?} {:?}", a.kind, a.source, a.target),
                RegistryObject::Package(package) => format!("{:?} {:?}", package.kind, package.availability),
            };
            answer.found.iter().map(key).collect()
        };
        let before = keys(&first);
        count += before.len();
        let addressing = Addressing { community: home.clone(), ..samples::addressing() };
        let request = CrossGatewayQuery::write_request(&samples::find_documents(), &addressing, &profile).0;
        let request = Envelope::bare(&request.xml);
        let reply = CrossGatewayQuery::write_answer(&request, &addressing, &profile, Ok(first));
        let Reply::Payload(payload) = reply else { panic!("{name}") };
        let second =
            query_response::read(&Envelope::bare(&payload.xml), &sent(&home), &PeerProfile::default());
        let second = second.unwrap();
        if !payload.xml.contains("XDSResultNotSinglePatient") {
            assert_eq!(keys(&second), before, "{name}");
        }
    }
    assert!(count >= 5 || corpus().is_empty(), "{count}");
}

fn asked() -> Sent {
    Sent {
        message: MessageId(String::new()),
        query: QueryId { root: String::new(), extension: None },
        home: samples::home(),
        patient: None,
        documents: Vec::new(),
    }
}

fn first_home(message: &Envelope) -> Option<CommunityId> {
    let mut home = None;
    let head = query_response::scan(message, |object| {
        home = home.clone().or(object.home()).or(Some(samples::home()));
        Ok(())
    });
    head.ok().and(home)
}

#[tokio::test]
async fn no_single_byte_of_a_sample_makes_a_reader_panic() {
    let (_, payload) = (0, samples::find_documents());
    let own =
        CrossGatewayQuery::write_request(&payload, &samples::addressing(), &PeerProfile::default()).0.xml;
    let mut samples_read =
        vec![("iti38-req-own".to_owned(), own.into_bytes()), ("iti38-req-find".to_owned(), FIND.into())];
    samples_read.extend(corpus().into_iter().filter(|(_, bytes)| bytes.len() < 12_000));
    let sent = asked();
    for (n, (name, bytes)) in samples_read.into_iter().enumerate() {
        let kind = kind(&name);
        // A few places a sample, spread over it and different in each.
        let step = bytes.len() / 9 + 1;
        for at in (n % step..bytes.len()).step_by(step) {
            for with in [b'<', b'\'', 0xe3, b'0'] {
                let mut mutated = bytes.clone();
                mutated[at] = with;
                let Ok(received) = receive(mutated).await else { continue };
                let _ = summary(&kind, &received.envelope);
                let profile = PeerProfile::default();
                let _ = CrossGatewayQuery::read_request(&received.envelope, &profile);
                let _ = CrossGatewayRetrieve::read_request(&received.envelope, &profile);
                let again = || Received { envelope: received.envelope.clone(), parts: None };
                let _ = CrossGatewayQuery::read_answer(again(), &sent, &profile);
                let _ = CrossGatewayRetrieve::read_answer(again(), &sent, &profile);
            }
        }
    }
}
