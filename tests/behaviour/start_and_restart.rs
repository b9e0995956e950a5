//! What a broker knows when it starts, and still knows after a restart.

use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;

use crate::simulators::client::{Client, IN_AN_EMERGENCY, PHYSICIAN, discovery, documents_of, patient};
use crate::simulators::hospital::{HANAKO, Hospital, TARO};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, consent};
use crate::simulators::waiting::attained;

const KINDS: [&str; 5] = ["ADT-00", "ADT-61", "OMP-01", "OML-11", "PPR-01"];

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_ready_before_the_first_index_is_complete() {
    let hospital = Hospital::okayama_university();
    for number in 1..=60 {
        hospital.files(&format!("{number:010}"), &TARO, &KINDS);
    }
    hospital.files("0000012345", &HANAKO, &KINDS);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1);
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start_unready().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let was_waiting = std::sync::atomic::AtomicBool::new(false);
    attained("ready", || async {
        let status = okayama.admin("/readyz").await.0;
        was_waiting.fetch_or(status == 503, std::sync::atomic::Ordering::Relaxed);
        (status == 200).then_some(())
    })
    .await;
    assert!(was_waiting.into_inner(), "it said so while it read");
    assert_eq!(physician.entries(&patient("2.999.33.1", "N-1")).await.len(), 5, "ready means complete");
    okayama.stop().await;
}

async fn unique_ids(client: &Client) -> Vec<String> {
    let entries = client.entries(&patient("2.999.33.1", "N-1")).await;
    let mut ids: Vec<String> = entries.into_iter().map(|entry| entry.id.unique.reveal().clone()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_once_shown_or_issued_is_known_after_a_restart() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    hospital.files("0000067890", &TARO, &["ADT-00", "OMP-01"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1);
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let message = physician.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
    assert_eq!(physician.send(&message).await.status, 200);
    let shown = unique_ids(&physician).await;
    let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY).find_one(TARO.demographics()).await;

    let okayama = okayama.restarted().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let fault = physician.send(&message).await.fault();
    assert!(fault.subcodes.iter().any(|code| code == "wsa:DuplicateMessageID"), "{fault:?}");
    assert_eq!(unique_ids(&physician).await, shown, "a rebuilt index gives the same unique ids");
    let physician = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
    assert_eq!(physician.entries(&emergency.id).await.len(), 2, "an emergency id lasts a day");
    let records = okayama.stop().await;
    assert_eq!(records.of("start").await.len(), 2);
    assert_eq!(records.of("stop").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_the_tree_shows_without_a_restart() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1);
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    let count = || async {
        let reply = physician.ask_raw::<CrossGatewayQuery>(&request).await;
        reply.text().matches("<rim:ExtrinsicObject").count()
    };
    assert_eq!(count().await, 1);
    let path = hospital.file("0000012345", &HANAKO, "OMP-01", "01");
    attained("a new file is seen", || async { (count().await == 2).then_some(()) }).await;
    std::fs::remove_file(path).unwrap();
    attained("a file that is gone is seen", || async { (count().await == 1).then_some(()) }).await;
    okayama.stop().await;
}
