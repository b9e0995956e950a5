//! Two brokers in a chain: a portal in Hiroshima finds, lists and opens what Okayama shows.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::simulators::client::PHYSICIAN;
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, consent};

#[tokio::test(flavor = "multi_thread")]
async fn another_network_finds_lists_and_fetches_what_the_agreement_shows() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "ADT-61", "OMP-01", "OML-11", "PPR-01"]);
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
        assert_eq!((entry.hash.as_ref(), entry.size), (Some(&hash), Some(bytes.len() as u64)));
    }
    okayama.stop().await;
}
