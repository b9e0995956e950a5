//! Replays what real portals, registries and repositories have sent (ITI-18, ITI-43) as our portal's endpoint
//! and our client toward a registry read it; the samples lie beside the checkout and may be absent.

use std::path::PathBuf;

use futures_util::{FutureExt, stream};

use super::samples;
use super::{RegistryStoredQuery, RetrieveDocumentSet};
use crate::dialect::soap::{self, Envelope, Limits};
use crate::dialect::{Received, Sent, Transaction};
use crate::model::{
    CommunityId, DocumentId, DocumentRetrieve, DocumentStream, Failure, PeerProfile, Phi, QueryKey, Refusal,
    RepositoryId,
};
use crate::xml::Tree;

const FILLED: [(&str, &str); 7] = [
    ("$patient_id$", "P-1^^^&amp;2.999.3&amp;ISO"),
    ("$patientid$", "P-1^^^&amp;2.999.3&amp;ISO"),
    ("$home$", "urn:oid:2.999.1"),
    ("$returnType$", "LeafClass"),
    ("$rt0$", "LeafClass"),
    ("$repuid$", "2.999.1.4"),
    // OIDs that IHE's own samples shorten.
    ("1.3.6.1.4...", "1.3.6.1.4.1."),
];

fn sample(name: &str) -> Option<Received> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/soap");
    let mut bytes = std::fs::read(folder.join(name)).ok()?;
    // What a test tool fills in.
    if let Ok(mut text) = String::from_utf8(bytes.clone()) {
        for (place, value) in FILLED {
            text = text.replace(place, value);
        }
        bytes = text.into_bytes();
    }
    let body: DocumentStream = Box::pin(stream::iter([Ok(bytes.into())]));
    soap::receive_any(None, body, Limits::default()).now_or_never().unwrap().ok()
}

fn code<T>(read: Result<T, Refusal>) -> String {
    match read {
        Ok(_) => "-".to_owned(),
        Err(Refusal::Malformed(malformed)) => malformed.code.to_owned(),
        Err(other) => other.to_string(),
    }
}

/// Queries of real portals, each with what becomes of it; and what becomes of it where the portal's file has
/// `accept_unquoted_params`.
const QUERIES: [(&str, &str, &str); 22] = [
    ("iti18-req-01-ihe-soap.xml", "XDSStoredQueryMissingParam", "XDSStoredQueryMissingParam"),
    ("iti18-req-02-epd-soap-xua.xml", "-", "-"),
    ("iti18-req-03-nhn-soap-xua.xml", "-", "-"),
    ("iti18-req-04-nhn-getassociations.xml", "XDSRegistryError", "-"),
    ("iti18-req-06-nist-ok.xml", "-", "-"),
    ("iti18-req-07-nist-bad-code.xml", "XDSRegistryError", "XDSRegistryError"),
    ("iti18-req-08-nist-unquoted-pid.xml", "XDSRegistryError", "-"),
    ("iti18-req-09-nist-status-no-parens.xml", "XDSRegistryError", "-"),
    ("iti18-req-11-nist-missing-status.xml", "XDSStoredQueryMissingParam", "XDSStoredQueryMissingParam"),
    ("iti18-req-12-ipf-sql-injection.xml", "XDSRegistryError", "XDSRegistryError"),
    ("iti18-req-13-him-unquoted.xml", "XDSRegistryError", "-"),
    ("iti18-req-14-nist-and-or.xml", "-", "-"),
    ("iti18-req-15-nist-getall.xml", "XDSStoredQueryMissingParam", "XDSStoredQueryMissingParam"),
    ("iti18-req-16-nist-getdocuments.xml", "XDSStoredQueryParamNumber", "XDSStoredQueryParamNumber"),
    ("iti18-req-18-nist-getrelated.xml", "-", "-"),
    ("iti18-req-19-nist-getss-contents.xml", "XDSStoredQueryParamNumber", "XDSStoredQueryParamNumber"),
    ("iti18-req-20-nist-getss.xml", "-", "-"),
    ("iti18-req-21-nist-byrefid.xml", "-", "-"),
    ("iti18-req-22-nist-findfolders.xml", "-", "-"),
    ("iti18-req-25-nist-old-scheme.xml", "-", "-"),
    ("iti18-req-26-nist-objectref.xml", "-", "-"),
    ("iti18-req-27-nist-ondemand.xml", "-", "-"),
];

#[test]
fn queries_of_real_portals_are_read_without_a_home_and_written_as_they_were_read() {
    let unquoted = PeerProfile { accept_unquoted_params: true, ..PeerProfile::default() };
    let mut wrong = Vec::new();
    for (name, strict, lenient) in QUERIES {
        let Some(Received { envelope, .. }) = sample(name) else { return };
        for (profile, expected) in [(&PeerProfile::default(), strict), (&unquoted, lenient)] {
            let read = RegistryStoredQuery::read_request(&envelope, profile);
            if let Ok(query) = &read {
                let written = RegistryStoredQuery::write_request(query, &samples::addressing(), profile).0;
                let again = RegistryStoredQuery::read_request(&Envelope::bare(&written.xml), profile);
                assert_eq!(again.as_ref(), Ok(query), "{name}");
                assert!(
                    !matches!(&query.by, QueryKey::Patient(id) if id.value.reveal().is_empty()),
                    "{name}"
                );
            }
            let got = code(read);
            if got != expected {
                wrong.push(format!("{name}: {got}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn retrieves_of_real_portals_are_read_with_homes_and_without() {
    let mut wrong = Vec::new();
    for (name, homed, homeless) in [
        ("iti43-req-01-ihe-soap.xml", 0, 2),
        ("iti43-req-02-epd-soap-xua.xml", 1, 0),
        ("iti43-req-03-nhn-soap-xua.xml", 1, 0),
        ("iti43-req-05-nist-wrong-order.xml", 0, 2),
        ("iti43-req-06-nist-bad-repuid.xml", 0, 1),
    ] {
        let Some(Received { envelope, .. }) = sample(name) else { return };
        let profile = PeerProfile::default();
        let read = RetrieveDocumentSet::read_request(&envelope, &profile).unwrap();
        let count = (read.documents.len(), read.homeless.len());
        if count != (homed, homeless) {
            wrong.push(format!("{name}: {count:?}"));
        }
        let written = RetrieveDocumentSet::write_request(&read, &samples::addressing(), &profile).0;
        let again = RetrieveDocumentSet::read_request(&Envelope::bare(&written.xml), &profile);
        assert_eq!(again, Ok(read), "{name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn sent(received: &Received) -> Sent {
    let (_, sent) = RegistryStoredQuery::write_request(
        &samples::find_documents(),
        &samples::addressing(),
        &PeerProfile::default(),
    );
    let message = received.envelope.header.relates_to.clone();
    Sent {
        message: message.unwrap_or_else(|| sent.message.clone()),
        patient: None,
        home: samples::home(),
        ..sent
    }
}

#[test]
fn lists_of_real_registries_are_their_communitys_whether_or_not_they_say_a_home() {
    let mut wrong = Vec::new();
    for (name, found, dropped) in [
        // Shortened: without its repository.
        ("iti18-resp-01-ihe-soap.xml", 0, 1),
        ("iti18-resp-02-epd.xml", 1, 0),
        // Under an authority that is no OID, so that nobody could say whose they are.
        ("iti18-resp-03-him.xml", 0, 4),
        ("iti18-resp-05-nist-no-objecttype.xml", 1, 1),
        ("iti18-resp-06-nist-no-status.xml", 1, 1),
        ("iti18-resp-07-nist-objectref.xml", 0, 0),
        // Shortened, too.
        ("iti18-resp-09-openxds-unavailable.xml", 0, 2),
    ] {
        let Some(received) = sample(name) else { return };
        let mut sent = sent(&received);
        if let Some(home) = home_said(&received.envelope) {
            sent.home = home;
        }
        let (home, profile) = (sent.home.clone(), PeerProfile::default());
        let answer = RegistryStoredQuery::read_answer(received, &sent, &profile).unwrap();
        let count = (answer.found.len(), answer.set_aside);
        if count != (found, dropped) {
            wrong.push(format!("{name}: {count:?} {:?}", answer.reported));
        }
        assert!(answer.found.iter().all(|object| *object.community() == home), "{name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn home_said(envelope: &Envelope) -> Option<CommunityId> {
    fn find(tree: &Tree) -> Option<&str> {
        tree.attribute("home").or_else(|| tree.elements().find_map(find))
    }
    let tree = envelope.body_tree().unwrap();
    let home = find(&tree)?.trim_start_matches("urn:oid:").to_owned();
    crate::model::Oid::parse(&home).map(CommunityId)
}

#[test]
fn documents_of_real_repositories_are_found_under_the_ids_they_were_asked_by() {
    let mut wrong = Vec::new();
    for (name, expected) in [
        // The same document twice.
        ("iti43-resp-01-ihe-soap.xml", Ok(1)),
        // Only the root of its package was kept.
        ("iti43-resp-02-epd-xop.xml", Ok(0)),
        ("iti43-resp-03-him-mtom.mime", Ok(1)),
        ("iti43-resp-04-nist-soap.xml", Ok(1)),
        ("iti43-resp-06-connect-repoerror-short-severity.xml", Ok(0)),
        ("iti43-resp-08-connect-partial-nodocs.xml", Ok(0)),
        // Of a repository whose id is no OID.
        ("iti43-resp-09-connect-success.xml", Ok(0)),
    ] {
        let Some(received) = sample(name) else { return };
        let mut sent = sent(&received);
        sent.documents = documents_said(&received.envelope, &sent.home);
        let answer = RetrieveDocumentSet::read_answer(received, &sent, &PeerProfile::default());
        let got: Result<usize, Failure> = answer.map(|answer| answer.found.len());
        if got != expected {
            wrong.push(format!("{name}: {got:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn documents_said(envelope: &Envelope, home: &CommunityId) -> Vec<DocumentId> {
    let tree = envelope.body_tree().unwrap();
    let said = |part: &Tree, local: &str| {
        part.elements().find(|child| child.name() == local).map(|child| child.text().trim().to_owned())
    };
    let document = |part: &Tree| {
        let community = said(part, "HomeCommunityId")
            .and_then(|home| crate::model::Oid::parse(home.trim_start_matches("urn:oid:")).map(CommunityId));
        let repository = said(part, "RepositoryUniqueId")?;
        let repository = crate::model::Oid::parse(repository.trim_start_matches("urn:oid:"))?;
        Some(DocumentId {
            community: community.unwrap_or_else(|| home.clone()),
            repository: RepositoryId(repository),
            unique: Phi::new(said(part, "DocumentUniqueId")?),
        })
    };
    let parts = tree.elements().filter(|part| part.name() == "DocumentResponse");
    DocumentRetrieve::of(parts.filter_map(document).collect()).documents
}
