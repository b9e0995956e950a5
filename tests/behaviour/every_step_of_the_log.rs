//! The audit log's disk fails at one step after another: whatever left is on the disk, and what is
//! not on the disk has not left.

use kakehashi::audit::{Fault, SimulatedDisk};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{Answer, CommunityId, FoundPatient, PatientMatch};

use crate::simulators::client::{PHYSICIAN, discovery, oid, patient};
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::HANAKO;
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan};
use crate::simulators::records::left_by_a_power_cut;
use crate::simulators::waiting::attained;

const STEPS: u64 = 8;

/// The test asks again and again until the log works.
const OFTEN: &str = "peer_burst = 10_000\nperson_burst = 10_000";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_of_the_log_fails_nothing_leaves_without_its_record() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        let found = FoundPatient {
            community: CommunityId(oid("2.999.34")),
            id: patient("2.999.34.1", "H-1"),
            demographics: Some(HANAKO.bare().into()),
            confidence: 95,
            also: Vec::new(),
        };
        arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![PatientMatch::Found(found)])))
    })
    .await;
    let disk = SimulatedDisk::new();
    let mut plan = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).limits(OFTEN);
    plan.disk = Some(disk.clone());
    let okayama = plan.start().await;
    let portal = okayama.portal(PHYSICIAN).expecting(HIROSHIMA);
    let (mut answered, mut refused) = (0, 0);
    for fault in [Fault::Io, Fault::Full] {
        for step in 0..STEPS {
            let before = hiroshima.seen().len();
            disk.fail_at(disk.operations() + step, fault, true);
            let message =
                portal.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
            let reply = portal.send(&message).await;
            for arrived in hiroshima.seen().split_off(before) {
                let id = arrived.message().0;
                assert!(left_by_a_power_cut(&disk, id.as_bytes()), "{fault:?} {step}: it left unrecorded");
            }
            if reply.status == 200 {
                answered += 1;
                assert!(reply.text().contains("H-1"), "{}", reply.text());
                assert!(left_by_a_power_cut(&disk, message.sent.message.0.as_bytes()));
            } else {
                refused += 1;
                assert_eq!(reply.fault().code, "Receiver");
                assert!(!reply.text().contains("H-1") && !reply.text().contains("架橋"));
            }
            disk.mend();
            // A first record makes the writer notice what it has not met yet.
            attained("it works again by itself", || async {
                let message =
                    portal.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
                (portal.send(&message).await.status == 200).then_some(())
            })
            .await;
        }
    }
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
    let left = kakehashi::audit::verify_disk(&disk, None).unwrap();
    assert!(left.is_sound(), "{:?}", left.breaks);
}
