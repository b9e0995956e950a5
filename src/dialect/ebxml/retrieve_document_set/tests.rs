use bytes::Bytes;
use futures_util::stream;
use proptest::prelude::*;

use super::super::samples;
use super::*;
use crate::model::{
    CommunityId, DocumentId, DocumentStream, Homeless, Interrupted, Phi, Reported, RepositoryId, Severity,
};

fn homeless(unique: &str) -> Homeless {
    Homeless { repository: RepositoryId(samples::oid("2.999.2.4")), unique: Phi::new(unique.to_owned()) }
}

fn document(id: DocumentId) -> Document {
    let body: DocumentStream = Box::pin(stream::iter([Ok::<_, Interrupted>(Bytes::from_static(b"x"))]));
    Document { id, media_type: "text/html".to_owned(), size: None, body, passing: None }
}

fn request(homed: &[&str], without: &[&str]) -> (DocumentRetrieve, Envelope) {
    let request = DocumentRetrieve {
        documents: homed.iter().map(|unique| homeless(unique).at(&samples::peer())).collect(),
        homeless: without.iter().map(|unique| homeless(unique)).collect(),
    };
    let written =
        RetrieveDocumentSet::write_request(&request, &samples::addressing(), &PeerProfile::default());
    (request, Envelope::bare(&written.0.xml))
}

fn answered(request: &Envelope, answer: Answer<Document>) -> String {
    let profile = PeerProfile::default();
    match RetrieveDocumentSet::write_answer(request, &samples::addressing(), &profile, Ok(answer)) {
        Reply::Payload(payload) => payload.xml,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_request_reads_as_it_was_written(
        homed in proptest::collection::btree_set("[0-9a-zA-Z.^<&'山]{1,30}", 0..4),
        without in proptest::collection::btree_set("[0-9a-zA-Z.^<&'山]{1,30}", 0..4),
    ) {
        let texts = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        let (homed, without) = (texts(&homed), texts(&without));
        let refs = |all: &[String]| all.iter().map(|one| one.as_str().to_owned()).collect::<Vec<_>>();
        let (homed, without) = (refs(&homed), refs(&without));
        let (asked, envelope) = request(
            &homed.iter().map(String::as_str).collect::<Vec<_>>(),
            &without.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        let read = RetrieveDocumentSet::read_request(&envelope, &PeerProfile::default());
        prop_assert_eq!(read.unwrap(), asked);
    }
}

#[test]
fn a_home_is_echoed_where_it_was_said_and_nowhere_else() {
    let (_, request) = request(&["1"], &["2"]);
    let found = ["1", "2"].map(|unique| document(homeless(unique).at(&samples::peer())));
    let xml = answered(&request, Answer::found(found.into()));
    assert!(xml.contains("ResponseStatusType:Success"), "{xml}");
    assert_eq!(xml.matches("<xdsb:HomeCommunityId>").count(), 1, "{xml}");
    let second = xml.split("<xdsb:DocumentResponse>").nth(2).unwrap();
    assert!(second.contains(">2<") && !second.contains("HomeCommunityId"), "{second}");
}

#[test]
fn an_error_of_a_document_without_home_is_the_one_told_with_it_and_names_its_repository() {
    let (_, request) = request(&[], &["1", "2"]);
    let about = |unique: &str, home: CommunityId, code: &str| Reported {
        code: code.to_owned(),
        context: String::new(),
        severity: Severity::Error,
        community: Some(home.clone()),
        document: Some(homeless(unique).at(&home)),
    };
    let reported = vec![
        about("1", samples::peer(), "XDSUnavailableCommunity"),
        about("2", samples::home(), "XDSMissingHomeCommunityId"),
    ];
    let xml = answered(&request, Answer { reported, ..Answer::default() });
    for (unique, code) in [("1", "XDSUnavailableCommunity"), ("2", "XDSMissingHomeCommunityId")] {
        let error = format!("errorCode=\"{code}\" codeContext=\"{unique}\"");
        assert!(xml.contains(&error), "{xml}");
    }
    assert_eq!(xml.matches("location=\"2.999.2.4\"").count(), 2, "{xml}");
    assert!(xml.contains("ResponseStatusType:Failure"));
}

#[test]
fn a_document_of_another_repository_than_the_one_named_never_leaves() {
    let (_, request) = request(&[], &["1"]);
    let elsewhere = Homeless { repository: RepositoryId(samples::oid("2.999.2.5")), ..homeless("1") }
        .at(&samples::peer());
    let xml = answered(&request, Answer::found(vec![document(elsewhere)]));
    assert!(xml.contains("XDSDocumentUniqueIdError") && !xml.contains("DocumentResponse>"), "{xml}");
}

#[test]
fn a_document_named_with_its_home_and_without_is_there_once_and_missing_nowhere() {
    let (_, request) = request(&["1"], &["1"]);
    let xml = answered(&request, Answer::found(vec![document(homeless("1").at(&samples::peer()))]));
    assert!(xml.contains("ResponseStatusType:Success") && !xml.contains("errorCode"), "{xml}");
    assert_eq!(xml.matches("<xdsb:DocumentResponse>").count(), 1, "{xml}");
}
