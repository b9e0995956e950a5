//! Every record reaches the audit repository at least once, and nobody waits for it.

use std::collections::BTreeSet;

use kakehashi::audit::{AuditSource, every_message};

use crate::simulators::client::{PHYSICIAN, patient};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, consent, free_port};
use crate::simulators::records::Records;
use crate::simulators::repository::{Repository, detail, forwarding};
use crate::simulators::waiting::{attained, until};

fn plan(hospital: &Hospital, port: u16) -> Plan {
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let mut plan = Plan::new(OKAYAMA).hospital(hospital).peer(HIROSHIMA, 1);
    plan.tables = forwarding(port);
    plan.consent(consent("N-1", hospital, "0000012345", HIROSHIMA))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_dead_from_the_start_stops_no_disclosure_and_misses_no_record() {
    let hospital = Hospital::okayama_university();
    let port = free_port();
    let okayama = plan(&hospital, port).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    physician.find_one(HANAKO.demographics()).await;
    assert_eq!(physician.entries(&patient("2.999.33.1", "N-1")).await.len(), 2);
    let waits = format!("kakehashi_audit_forward_backlog_records{{repository=\"localhost:{port}\"}} ");
    attained("health warns and the backlog is counted", || async {
        let (status, health) = okayama.admin("/healthz").await;
        let (_, metrics) = okayama.admin("/metrics").await;
        let backlog = metrics.split_once(&waits).map(|(_, rest)| rest.lines().next().unwrap().to_owned());
        let is_told = status == 200 && health.contains("audit repository") && health.contains("\"warning\"");
        (is_told && backlog.is_some_and(|records| records.parse::<u64>().unwrap() >= 3)).then_some(())
    })
    .await;

    let repository = Repository::default();
    repository.listen(port).await;
    until("all records arrive", || repository.record_ids().len() >= 3).await;
    let records = okayama.stop().await;
    until("the stop too", || repository.messages().iter().any(|m| m.contains("Application Stop"))).await;
    let sequences: BTreeSet<u64> =
        repository.record_ids().iter().map(|id| id.split('.').next().unwrap().parse().unwrap()).collect();
    let all: BTreeSet<u64> = records.all().await.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, all);
    let query = repository.messages().into_iter().find(|m| m.contains("csd-code=\"ITI-38\"")).unwrap();
    assert!(query.starts_with("<85>1 ") && query.contains(" IHE+RFC-3881 - <?xml"), "{query}");
    let correlation = detail(&query, "kakehashi:correlation");
    assert!(records.all().await.iter().any(|event| event.request == correlation));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_each_end_of_a_connection_the_same_messages_come_again_under_the_same_ids() {
    let hospital = Hospital::okayama_university();
    let port = free_port();
    let repository = Repository::default();
    repository.listen(port).await;
    let okayama = plan(&hospital, port).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    physician.find_one(HANAKO.demographics()).await;
    until("all records arrive", || repository.record_ids() == every_id(&okayama.records())).await;
    let once = repository.messages();
    repository.cut();
    until("they come again", || repository.messages().len() == 2 * once.len()).await;
    assert_eq!(repository.messages()[once.len()..], once, "byte for byte");

    // Our own end is an end as well.
    let okayama = okayama.restarted().await;
    let times = |id: &str| repository.record_ids().iter().filter(|other| *other == id).count();
    let first = repository.record_ids().remove(0);
    until("they come a third time", || times(&first) == 3).await;
    let records = okayama.stop().await;
    let expected: BTreeSet<String> = every_id(&records).into_iter().collect();
    until("every record", || repository.record_ids().into_iter().collect::<BTreeSet<_>>() == expected).await;
}

/// The ids of all messages that the log makes, in order.
fn every_id(records: &Records) -> Vec<String> {
    let source = AuditSource { device: "2.999.33.0.1".to_owned(), community: "2.999.33".to_owned() };
    let mut ids = Vec::new();
    every_message(records.folder(), &source, |message| {
        ids.push(message.id.clone());
        Ok(())
    })
    .unwrap();
    ids
}
