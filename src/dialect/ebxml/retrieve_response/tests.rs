use futures_util::StreamExt;

use super::super::samples;
use super::*;
use crate::model::{Answer, MessageId, QueryId, RepositoryId};

fn id(unique: &str) -> DocumentId {
    DocumentId {
        community: samples::peer(),
        repository: RepositoryId(samples::oid("2.999.2.4")),
        unique: Phi::new(unique.to_owned()),
    }
}

fn sent(uniques: &[&str]) -> Sent {
    Sent {
        message: MessageId("urn:uuid:1".to_owned()),
        query: QueryId { root: String::new(), extension: None },
        home: samples::peer(),
        patient: None,
        documents: uniques.iter().map(|unique| id(unique)).collect(),
    }
}

fn part(home: &str, unique: &str, content: &str) -> String {
    format!(
        "<DocumentResponse>{home}<DocumentUniqueId>{unique}</DocumentUniqueId><RepositoryUniqueId> urn:oid:2.999.2.4</RepositoryUniqueId>\
         <mimeType>text/xml\n</mimeType><Document>{content}</Document><Extra/></DocumentResponse>"
    )
}

const HOME: &str = "<HomeCommunityId>2.999.2</HomeCommunityId>";

fn response(status: &str, errors: &str, parts: &[String]) -> Received {
    let xml = format!(
        "<RetrieveDocumentSetResponse xmlns='{XDSB}' xmlns:rs='{RS}' xmlns:xop='{XOP}'>\
         <rs:RegistryResponse status='{status}'><rs:RegistryErrorList>{errors}</rs:RegistryErrorList></rs:RegistryResponse>{}\
         </RetrieveDocumentSetResponse>",
        parts.concat()
    );
    Received { envelope: Envelope::bare(&xml), parts: None }
}

fn error(code: &str, context: &str) -> String {
    format!(
        "<rs:RegistryError errorCode='{code}' codeContext='{context}' severity='Error' location='x.Class'/>"
    )
}

fn run(received: &Received, asked: &[&str]) -> Answer<Document> {
    read(received, &sent(asked), &PeerProfile::default()).unwrap()
}

fn reported(answer: &Answer<Document>) -> Vec<(&str, Option<&str>)> {
    let of = |r: &Reported| r.document.as_ref().map(|d| d.unique.reveal().as_str().to_owned());
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    answer.reported.iter().map(|r| (r.code.as_str(), of(r).map(leak))).collect()
}

#[tokio::test]
async fn inline_base64_is_decoded_whatever_white_space_it_holds() {
    let answer = run(&response("Success", "", &[part(HOME, "1", "aGV\n sbG8\t=")]), &["1"]);
    let [document] = <[Document; 1]>::try_from(answer.found).unwrap();
    assert_eq!((document.media_type.as_str(), document.size), ("text/xml", Some(5)));
    let pieces: Vec<_> = document.body.collect().await;
    assert_eq!(pieces, [Ok(Bytes::from_static(b"hello"))]);
}

#[tokio::test]
async fn text_that_is_not_base64_fails_its_document_unless_a_switch_takes_it() {
    let received = response("Success", "", &[part(HOME, "1", "<a>x</a>"), part(HOME, "2", "aGVsbG8=")]);
    let answer = run(&received, &["1", "2"]);
    assert_eq!((answer.found.len(), reported(&answer)), (1, vec![("XDSRepositoryError", Some("1"))]));
    let profile = PeerProfile { inline_text_documents: true, ..PeerProfile::default() };
    let mut answer = read(&received, &sent(&["1", "2"]), &profile).unwrap();
    let pieces: Vec<_> = answer.found.remove(0).body.collect().await;
    assert_eq!(pieces, [Ok(Bytes::from_static(b"<a>x</a>"))]);
}

#[test]
fn a_document_nobody_asked_for_is_dropped_and_reported() {
    let foreign = "<HomeCommunityId>urn:oid:2.999.77</HomeCommunityId>";
    let parts = [part(HOME, "1", ""), part(HOME, "9", ""), part(foreign, "2", ""), part(HOME, "1", "")];
    let answer = run(&response("Success", "", &parts), &["1", "2"]);
    assert_eq!(answer.found.len(), 1);
    assert_eq!(reported(&answer), [("XDSRepositoryError", None); 3]);
}

#[test]
fn a_response_without_home_counts_only_where_one_home_was_asked() {
    let received = response("Success", "", &[part("", "1", "")]);
    assert_eq!(run(&received, &["1"]).found.len(), 1);
    let mut sent = sent(&["1", "2"]);
    if let Some(other) = sent.documents.get_mut(1) {
        other.community = samples::home();
    }
    assert_eq!(read(&received, &sent, &PeerProfile::default()).unwrap().found.len(), 0);
}

#[test]
fn a_failure_with_documents_gives_none_and_its_errors_name_theirs() {
    let errors =
        error("XDSDocumentUniqueIdError", "no such document 1.23") + &error("XDSRepositoryError", "1.2");
    let answer = run(&response("Failure", &errors, &[part(HOME, "1.2", "")]), &["1.2", "1.23"]);
    assert_eq!((answer.found.len(), answer.answered), (0, 0));
    let expected = [("XDSDocumentUniqueIdError", Some("1.23")), ("XDSRepositoryError", Some("1.2"))];
    assert_eq!(reported(&answer), expected);
    let errors = error("XDSUnknownPatientId", "whoever it is");
    let answer = run(&response("Failure", &errors, &[part(HOME, "1.2", "")]), &["1.2"]);
    assert_eq!((answer.found.len(), answer.set_aside), (0, 1), "whatever failed");
}

#[test]
fn a_document_passed_over_in_silence_is_reported() {
    let answer = run(&response("Success", "", &[part(HOME, "1", "")]), &["1", "2"]);
    assert_eq!(reported(&answer), [("XDSRepositoryError", Some("2"))]);
    let answer = run(&response("PartialSuccess", &error("XDSRepositoryError", "general"), &[]), &["1", "2"]);
    assert_eq!(reported(&answer), [("XDSRepositoryError", None)]);
}

#[test]
fn a_reference_into_a_package_that_is_none_fails_its_document() {
    let include = "\n <xop:Include href='cid:a%40b'/> ";
    let answer = run(&response("Success", "", &[part(HOME, "1", include)]), &["1"]);
    assert_eq!(reported(&answer), [("XDSRepositoryError", Some("1"))]);
}

#[test]
fn busy_faults_and_what_cannot_be_read_are_told_apart() {
    let failure = |received: Received| read(&received, &sent(&["1"]), &PeerProfile::default()).unwrap_err();
    assert_eq!(failure(response("Failure", &error("XDSRepositoryBusy", ""), &[])), Failure::Busy);
    assert!(matches!(failure(response("?", "", &[])), Failure::Unreadable(_)));
    let bare = |xml: &str| Received { envelope: Envelope::bare(xml), parts: None };
    assert!(matches!(failure(bare("<a/>")), Failure::Unreadable(_)));
    assert!(matches!(
        failure(bare(&format!("<RetrieveDocumentSetResponse xmlns='{XDSB}'/>"))),
        Failure::Unreadable(_)
    ));
    let other = format!(
        "<s:Envelope xmlns:s='{}'><s:Header><w:RelatesTo xmlns:w='{}'>urn:uuid:2</w:RelatesTo></s:Header><s:Body/></s:Envelope>",
        ns::SOAP,
        ns::WSA
    );
    let other = Received { envelope: Envelope::read(&other).unwrap(), parts: None };
    assert!(matches!(failure(other), Failure::Unreadable(why) if why.contains("RelatesTo")));
}

#[test]
fn an_inline_document_may_be_larger_than_other_texts() {
    let text = "QUJD".repeat(2 << 20);
    let answer = run(&response("Success", "", &[part(HOME, "1", &text)]), &["1"]);
    assert_eq!(answer.found.first().and_then(|document| document.size), Some(3 * (2 << 20)));
}

#[test]
fn documents_are_matched_whatever_habits_their_response_has() {
    let lower = "<homeCommunityId>urn:oid:2.999.2</homeCommunityId>";
    let spaced = "<HomeCommunityId>\n URN:OID:2.999.2\t</HomeCommunityId>";
    for home in [lower, spaced, "<HomeCommunityId/>", ""] {
        let answer = run(&response("Success", "", &[part(home, " 1\n", "QUJD")]), &["1"]);
        assert_eq!((answer.found.len(), answer.reported.len()), (1, 0), "{home}");
    }
    let upper = part(HOME, "1", "QUJD").replace("text/xml\n", " Text/XML; charset=UTF-8");
    let answer = run(&response("Success", "", &[upper]), &["1"]);
    assert_eq!(answer.found[0].media_type, "Text/XML; charset=UTF-8", "kept as the gateway says it");
    let further = part(HOME, "1", "QUJD")
        .replace("<mimeType>", "<NewRepositoryUniqueId>1.2</NewRepositoryUniqueId><NewDocumentUniqueId>9</NewDocumentUniqueId><mimeType>")
        .replace("<DocumentResponse>", "<x:y xmlns:x='urn:x'><DocumentUniqueId>9</DocumentUniqueId></x:y><DocumentResponse>");
    assert_eq!(run(&response("Success", "", &[further]), &["1"]).found.len(), 1);
}
