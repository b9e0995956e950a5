//! Two brokers in a chain: a portal in Hiroshima finds, lists and opens what Okayama shows.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use kakehashi::store::IndexedEvent;
use kakehashi::transport::CertificateFacts;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::simulators::client::PHYSICIAN;
use crate::simulators::hospital::{HANAKO, Hospital, TARO};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, consent, free_port};
use crate::simulators::pki;

const KINDS: [&str; 5] = ["ADT-00", "ADT-61", "OMP-01", "OML-11", "PPR-01"];

#[tokio::test(flavor = "multi_thread")]
async fn another_network_finds_lists_and_fetches_what_the_agreement_shows() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &KINDS);
    let plan =
        Plan::new(OKAYAMA).hospital(&hospital).consent(consent("N-1", &hospital, "0000012345", HIROSHIMA));
    let okayama = plan.peer(HIROSHIMA, 1).start().await;

    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let found = physician.find_one(HANAKO.demographics()).await;
    assert_eq!(found.id.value.reveal(), "N-1");
    let entries = physician.entries(&found.id).await;
    assert_eq!(entries.len(), 5);
    for entry in &entries {
        let bytes = physician.fetch(&entry.id).await.unwrap();
        let hash = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes));
        assert_eq!((entry.hash.as_deref(), entry.size), (Some(hash.as_str()), Some(bytes.len() as u64)));
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_of_either_side_finds_lists_and_opens_what_the_other_shows() {
    let (kurashiki, university) = (Hospital::kurashiki(), Hospital::hiroshima_university());
    kurashiki.files("0000012345", &HANAKO, &KINDS);
    university.files("0000067890", &TARO, &KINDS);
    let (one, two) = (free_port(), free_port());
    let mut okayama = Plan::new(OKAYAMA)
        .hospital(&kurashiki)
        .consent(consent("N-1", &kurashiki, "0000012345", HIROSHIMA))
        .peer(HIROSHIMA, two);
    let mut hiroshima = Plan::new(HIROSHIMA)
        .hospital(&university)
        .consent(consent("H-1", &university, "0000067890", OKAYAMA))
        .peer(OKAYAMA, one);
    (okayama.peer_port, hiroshima.peer_port) = (Some(one), Some(two));
    let (okayama, hiroshima) = (okayama.start().await, hiroshima.start().await);
    for (asking, other, who, id) in
        [(&hiroshima, OKAYAMA, &HANAKO, "N-1"), (&okayama, HIROSHIMA, &TARO, "H-1")]
    {
        let portal = asking.portal(PHYSICIAN).expecting(other);
        let found = portal.find_one(who.demographics()).await;
        assert_eq!(found.id.value.reveal(), id);
        let entries = portal.entries(&found.id).await;
        assert_eq!(entries.len(), 5);
        for entry in &entries {
            let bytes = portal.fetch(&entry.id).await.unwrap();
            assert_eq!(entry.hash, Some(hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes)).into()));
            assert_eq!(entry.size, Some(bytes.len() as u64));
        }
    }
    let (theirs, ours) = (okayama.stop().await, hiroshima.stop().await);
    for records in [&theirs, &ours] {
        // One to find, one to list, five to fetch, asked on each side of the border.
        assert_eq!(records.of("release").await.len(), 14);
        assert_eq!(records.of("open").await.len(), 7, "the asking side's, before anything left");
        let left = records.all().await.into_iter().filter(|event| event.ending == "at-most").count();
        assert_eq!(left, 0, "every stream has its own closing record");
    }
    for (records, server) in [(&theirs, "hiroshima-server"), (&ours, "okayama-server")] {
        let certificate = CertificateDer::from_pem_file(pki::file(&format!("{server}.pem"))).unwrap();
        let key = CertificateFacts::of(&certificate).unwrap().spki_sha256;
        assert!(records.hold(key.as_bytes()), "who answered stands on record, by the key of {server}");
    }
    let requests = |events: Vec<IndexedEvent>| -> BTreeSet<String> {
        events.into_iter().map(|event| event.request).filter(|id| !id.is_empty()).collect()
    };
    assert_eq!(requests(theirs.all().await), requests(ours.all().await), "one request, one id on both sides");
}
