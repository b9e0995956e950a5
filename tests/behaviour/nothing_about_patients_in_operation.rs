//! Logs, metrics and health are for operators: no patient value stands in them, also when the broker
//! logs all it can and is sent what it cannot use.

use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;

use crate::simulators::client::{Message, PHYSICIAN, discovery, documents_of, patient};
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, TOTTORI, consent};

const OF_THE_PATIENT: [&str; 9] =
    ["架橋", "花子", "カキョウ", "N-1", "0000012345", "19480405", "1948-04-05", "086-000-1111", "架空町"];

#[tokio::test(flavor = "multi_thread")]
async fn no_patient_stands_in_logs_metrics_or_health() {
    let tottori = Gateway::start(TOTTORI, |arrived| async move {
        arrived.answer::<CrossGatewayPatientDiscovery>(Err(kakehashi::model::Refusal::Withheld))
    })
    .await;
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let odd = hospital.file("0000012345", &HANAKO, "OML-11", "01");
    std::fs::write(&odd, "MSH|^~\\&|\rPID|||0000099999^^^^PI||架橋^花子\r").unwrap();
    let mut plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).peer(TOTTORI, tottori.port);
    plan.is_process = true;
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let found = physician.find_one(HANAKO.demographics()).await;
    let entries = physician.entries(&found.id).await;
    physician.fetch(&entries[0].id).await.unwrap();
    let portal = okayama.portal(PHYSICIAN);
    portal.ask_raw::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
    portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.20.1", "0000012345"))).await;
    let good = physician.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
    for (from, to) in [("</s:Body>", ""), ("<family>", "<family><架橋/>"), ("19480405", "架橋")] {
        physician.send(&Message { body: good.body.replace(from, to), ..good.clone() }).await;
    }
    okayama.import(&[consent("N-1", &hospital, "0000012345", TOTTORI)]).await;
    okayama.withdraw("N-1").await;

    let (metrics, health) = (okayama.admin("/metrics").await.1, okayama.admin("/healthz").await.1);
    assert!(metrics.contains("transaction=\"ITI-38\"") && metrics.contains("hiroshima"));
    let log = okayama.log();
    assert!(log.matches("\"answered\"").count() >= 5, "{log}");
    assert!(log.contains("\"target_name\":\"hiroshima\""), "who gave no answer is named");
    for line in log.lines() {
        assert_eq!(line.matches("\"target\":").count(), 1, "a key twice is read as either: {line}");
    }
    for word in OF_THE_PATIENT {
        assert!(!metrics.contains(word) && !health.contains(word), "{word} in metrics or health");
        let line = log.lines().find(|line| line.contains(word));
        assert!(line.is_none(), "{word} in the log: {line:?}");
    }
    okayama.stop().await;
}
