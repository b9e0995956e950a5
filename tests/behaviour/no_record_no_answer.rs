//! A disclosure has its record first; where none can be written, nothing leaves.

use kakehashi::audit::{Fault, SimulatedDisk};
use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::Refusal;

use crate::simulators::client::{PHYSICIAN, discovery, documents_of, patient};
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::{HANAKO, Hospital, NOBODY};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, consent};
use crate::simulators::waiting::attained;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_released_while_the_audit_log_cannot_be_written() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let disk = SimulatedDisk::new();
    let mut plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer(HIROSHIMA, 1);
    plan.disk = Some(disk.clone());
    let okayama = plan.start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    physician.find_one(HANAKO.demographics()).await;

    disk.fail_at(disk.operations(), Fault::Io, true);
    for who in [HANAKO, NOBODY] {
        let message = physician.write::<CrossGatewayPatientDiscovery>(&discovery(who.demographics())).await;
        let fault = physician.send(&message).await.fault();
        assert_eq!(fault.code, "Receiver", "known or not, the answer is the same");
    }
    let reply = physician.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
    assert_eq!(reply.fault().code, "Receiver");
    assert!(!reply.text().contains("ExtrinsicObject"));
    attained("health tells", || async {
        let (status, body) = okayama.admin("/healthz").await;
        (status == 503 && body.contains("audit")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn demographics_are_on_record_before_they_leave_for_a_peer() {
    let log = std::sync::Arc::new(std::sync::OnceLock::new());
    let seen = std::sync::Arc::clone(&log);
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let log: std::sync::Arc<std::sync::OnceLock<crate::simulators::records::Records>> =
            std::sync::Arc::clone(&seen);
        async move {
            let records = log.get().unwrap();
            let message = arrived.message().0;
            assert!(records.hold(message.as_bytes()), "its MessageID stands in the log already");
            assert!(records.hold("架橋".as_bytes()), "and what is asked");
            arrived.answer::<CrossGatewayPatientDiscovery>(Err(Refusal::Withheld))
        }
    })
    .await;
    let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
    assert!(log.set(okayama.records()).is_ok());
    assert!(okayama.portal(PHYSICIAN).find(HANAKO.demographics()).await.is_empty());
    assert_eq!(hiroshima.seen().len(), 1);
    let records = okayama.stop().await;
    assert_eq!(records.of("open").await.len(), 1);
}
