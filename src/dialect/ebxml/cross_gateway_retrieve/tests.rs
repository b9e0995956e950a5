use bytes::Bytes;
use futures_util::{StreamExt, stream};
use proptest::prelude::*;

use super::super::samples;
use super::*;
use crate::dialect::soap::{self, Limits};
use crate::model::{
    CommunityId, DocumentId, DocumentStream, Failure, Interrupted, Outage, Phi, Reported, RepositoryId,
    Severity, TargetName,
};

fn id(unique: &str) -> DocumentId {
    DocumentId {
        community: samples::home(),
        repository: RepositoryId(samples::oid("2.999.1.4")),
        unique: Phi::new(unique.to_owned()),
    }
}

fn document(unique: &str, body: &'static str) -> Document {
    let body: DocumentStream =
        Box::pin(stream::iter([Ok::<_, Interrupted>(Bytes::from_static(body.as_bytes()))]));
    Document { id: id(unique), media_type: "text/html".to_owned(), size: None, body, passing: None }
}

fn request(uniques: &[&str]) -> (Envelope, Sent) {
    let documents = uniques.iter().map(|unique| id(unique)).collect();
    let addressing = Addressing { receiver: samples::home(), ..samples::addressing() };
    let (payload, sent) = CrossGatewayRetrieve::write_request(
        &DocumentRetrieve::of(documents),
        &addressing,
        &PeerProfile::default(),
    );
    (Envelope::bare(&payload.xml), sent)
}

fn answered(request: &Envelope, answer: Result<Answer<Document>, Refusal>) -> Payload {
    let reply =
        CrossGatewayRetrieve::write_answer(request, &samples::addressing(), &PeerProfile::default(), answer);
    match reply {
        Reply::Payload(payload) => payload,
        other => panic!("{other:?}"),
    }
}

async fn drain(mut body: DocumentStream) -> Result<Vec<u8>, Interrupted> {
    let mut all = Vec::new();
    while let Some(piece) = body.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

async fn over_the_wire(payload: Payload) -> Received {
    let (content_type, body) = soap::package("seed", "urn:a", payload.xml, payload.attachments);
    soap::receive_any(Some(&content_type), body, Limits::default()).await.unwrap()
}

#[tokio::test]
async fn documents_come_out_of_the_package_as_they_went_in() {
    let (request, sent) = request(&["1", "2", "3"]);
    let answer =
        Answer::found(vec![document("1", "<html>一</html>"), document("3", ""), document("2", "two")]);
    let received = over_the_wire(answered(&request, Ok(answer))).await;
    let answer = CrossGatewayRetrieve::read_answer(received, &sent, &PeerProfile::default()).unwrap();
    assert_eq!((answer.found.len(), answer.reported.len(), answer.answered), (3, 0, 1));
    let expected = [("1", "<html>一</html>"), ("3", ""), ("2", "two")];
    for (document, (unique, body)) in answer.found.into_iter().zip(expected) {
        assert_eq!((document.id, document.media_type.as_str()), (id(unique), "text/html"));
        assert_eq!(drain(document.body).await.unwrap(), body.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_request_reads_as_it_was_written(uniques in proptest::collection::btree_set("[0-9a-zA-Z.^<&'山]{1,30}", 1..8)) {
        let uniques: Vec<&str> = uniques.iter().map(String::as_str).collect();
        let (request, sent) = request(&uniques);
        let read = CrossGatewayRetrieve::read_request(&request, &PeerProfile::default()).unwrap();
        prop_assert_eq!(read.documents, sent.documents);
    }
}

#[test]
fn ids_are_echoed_to_the_byte_and_the_status_counts_documents() {
    let (request, _) = request(&["1", "2"]);
    let padded = request
        .source()
        .replace("urn:oid:2.999.1<", "\n urn:oid:2.999.1<")
        .replace(">2.999.1.4<", ">urn:oid:2.999.1.4 <");
    let request = Envelope::bare(&padded);
    let some = answered(&request, Ok(Answer::found(vec![document("1", "x")])));
    assert!(
        some.xml.contains("<xdsb:HomeCommunityId>\n urn:oid:2.999.1</xdsb:HomeCommunityId>"),
        "{}",
        some.xml
    );
    assert!(some.xml.contains("<xdsb:RepositoryUniqueId>urn:oid:2.999.1.4 </xdsb:RepositoryUniqueId>"));
    assert!(some.xml.contains("ResponseStatusType:PartialSuccess\""));
    assert!(some.xml.contains(
        "errorCode=\"XDSDocumentUniqueIdError\" codeContext=\"2\" severity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error\" \
         location=\"urn:oid:2.999.1\""
    ));
    let all = answered(&request, Ok(Answer::found(vec![document("2", "y"), document("1", "x")])));
    assert!(all.xml.contains("ResponseStatusType:Success\"/>") && all.attachments.len() == 2);
    let none = answered(&request, Ok(Answer::default()));
    assert!(none.xml.contains("ResponseStatusType:Failure\"") && !none.xml.contains("DocumentResponse>"));
}

#[test]
fn withheld_and_unknown_documents_are_the_same_to_the_byte() {
    let (request, _) = request(&["1"]);
    let unknown = answered(&request, Ok(Answer::found(Vec::new()))).xml;
    for refusal in [Refusal::Withheld, Refusal::UnknownPatient(samples::patient())] {
        assert_eq!(answered(&request, Err(refusal)).xml, unknown);
    }
}

#[test]
fn a_document_that_was_not_asked_for_never_leaves() {
    let (request, _) = request(&["1"]);
    let payload = answered(
        &request,
        Ok(Answer::found(vec![document("1", "x"), document("9", "y"), document("1", "z")])),
    );
    assert_eq!(payload.attachments.len(), 1);
    assert!(payload.xml.contains("Success") && !payload.xml.contains(">9<"));
}

#[test]
fn each_missing_document_is_named_with_the_code_that_fits() {
    let outage = |community: CommunityId, failure| Outage {
        target: TargetName("secret".into()),
        community,
        repository: None,
        failure,
    };
    let reported = |document, code: &str| Reported {
        code: code.to_owned(),
        context: "com.example.Stack".to_owned(),
        severity: Severity::Error,
        community: Some(samples::home()),
        document,
    };
    let (request, _) = request(&["1"]);
    let table: Vec<(Answer<Document>, &str)> = vec![
        (Answer::default(), "XDSDocumentUniqueIdError"),
        (
            Answer { unavailable: vec![outage(samples::home(), Failure::TimedOut)], ..Answer::default() },
            "XDSRepositoryError",
        ),
        (
            Answer { unavailable: vec![outage(samples::home(), Failure::Busy)], ..Answer::default() },
            "XDSRepositoryBusy",
        ),
        (
            Answer { unavailable: vec![outage(samples::peer(), Failure::TimedOut)], ..Answer::default() },
            "XDSDocumentUniqueIdError",
        ),
        (
            Answer {
                reported: vec![reported(Some(id("1")), "XDSRepositoryOutOfResources")],
                ..Answer::default()
            },
            "XDSRepositoryOutOfResources",
        ),
        (
            Answer { reported: vec![reported(None, "XDSRepositoryError")], ..Answer::default() },
            "XDSRepositoryError",
        ),
    ];
    for (answer, code) in table {
        let xml = answered(&request, Ok(answer)).xml;
        assert!(xml.contains(&format!("errorCode=\"{code}\" codeContext=\"1\"")), "{code}: {xml}");
        assert_eq!(xml.matches("<rs:RegistryError ").count(), 1);
        assert!(!xml.contains("secret") && !xml.contains("Stack"));
    }
}

#[test]
fn a_silent_peer_is_an_unavailable_community_toward_our_own_side() {
    let addressing = Addressing { community: samples::peer(), ..samples::addressing() };
    let (request, _) = request(&["1"]);
    let outage = Outage {
        target: TargetName("t".into()),
        community: samples::home(),
        repository: None,
        failure: Failure::TimedOut,
    };
    let answer = Answer { unavailable: vec![outage], ..Answer::default() };
    let reply =
        CrossGatewayRetrieve::write_answer(&request, &addressing, &PeerProfile::default(), Ok(answer));
    assert!(matches!(reply, Reply::Payload(p) if p.xml.contains("XDSUnavailableCommunity")));
}

#[test]
fn requests_that_can_never_be_served_are_answered_document_by_document() {
    let part = |home: &str, repository: &str, unique: &str| {
        format!(
            "<DocumentRequest>{home}<RepositoryUniqueId>{repository}</RepositoryUniqueId><DocumentUniqueId>{unique}</DocumentUniqueId></DocumentRequest>"
        )
    };
    let body = |parts: &[String]| {
        let xml = format!(
            "<RetrieveDocumentSetRequest xmlns='urn:ihe:iti:xds-b:2007'>{}</RetrieveDocumentSetRequest>",
            parts.concat()
        );
        Envelope::bare(&xml)
    };
    let home = "<homeCommunityId>urn:oid:2.999.1</homeCommunityId>";
    let mixed = body(&[
        part(home, "2.999.1.4", "1"),
        part("", "2.999.1.4", "2"),
        part("<HomeCommunityId>x</HomeCommunityId>", "2.999.1.4", "3"),
        part(home, "1.3...4", "4"),
        part(home, "urn:oid:2.999.1.4", "1"),
    ]);
    let read = CrossGatewayRetrieve::read_request(&mixed, &PeerProfile::default()).unwrap();
    assert_eq!(read.documents, [id("1")]);
    let xml = answered(&mixed, Ok(Answer::found(vec![document("1", "x")]))).xml;
    for (code, unique) in
        [("XDSMissingHomeCommunityId", "2"), ("XDSUnknownCommunity", "3"), ("XDSUnknownRepositoryId", "4")]
    {
        assert!(xml.contains(&format!("errorCode=\"{code}\" codeContext=\"{unique}\"")), "{xml}");
    }
    let code =
        |parts: &[String]| match CrossGatewayRetrieve::read_request(&body(parts), &PeerProfile::default()) {
            Err(Refusal::Malformed(malformed)) => malformed.code,
            other => panic!("{other:?}"),
        };
    assert_eq!(code(&[part("", "2.999", "1")]), "XDSMissingHomeCommunityId");
    assert_eq!(code(&[part(home, "2.999", " ")]), "XDSRepositoryError");
    let many: Vec<String> =
        (0..=super::retrieve_request::DOCUMENTS_MAX).map(|n| part(home, "2.999", &n.to_string())).collect();
    assert_eq!(code(&many), "XDSRepositoryOutOfResources");
    assert!(
        CrossGatewayRetrieve::read_request(&body(&[]), &PeerProfile::default()).unwrap().documents.is_empty()
    );
    assert!(answered(&body(&[]), Ok(Answer::default())).xml.contains("Success"));
}

#[test]
fn a_refusal_names_every_document_once() {
    let (request, _) = request(&["1", "2"]);
    let xml = answered(&request, Err(Refusal::Throttled(1000))).xml;
    assert_eq!(xml.matches("errorCode=\"XDSRepositoryBusy\"").count(), 2);
    let xml = answered(&Envelope::bare("<a/>"), Err(Refusal::Internal("inner".to_owned()))).xml;
    assert!(xml.contains("XDSRepositoryError") && !xml.contains("inner"));
}
