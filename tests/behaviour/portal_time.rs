//! What a portal waits for is its own: what has answered by then is told, once each, and a portal that hangs
//! up ends what was asked for it elsewhere.

use std::time::{Duration, Instant};

use http::Response;
use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{
    Answer, CommunityId, FoundPatient, ObjectId, PatientMatch, Phi, QueryKey, RegistryObject,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::simulators::client::{PHYSICIAN, documents_of, oid, patient};
use crate::simulators::gateway::{Arrived, Body, Gateway, entry};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent};
use crate::simulators::waiting::attained;

async fn okayama(hiroshima: &Gateway, portal_ms: Option<u64>) -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let mut plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer_with(HIROSHIMA, hiroshima.port, "timeout_ms = 60_000");
    plan.portal_ms = portal_ms;
    (plan.start().await, hospital)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_gets_within_its_own_time_what_has_answered_and_who_was_silent_is_named() {
    let hiroshima = Gateway::start(HIROSHIMA, |_| std::future::pending::<Response<Body>>()).await;
    let (okayama, _hospital) = okayama(&hiroshima, Some(700)).await;
    let since = Instant::now();
    let portal = okayama.portal(PHYSICIAN);
    let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
    assert!(since.elapsed() < Duration::from_secs(8), "the broker's own time is 10 s, the peer's 60 s");
    assert_eq!(reply.registry_status(), "PartialSuccess", "{}", reply.text());
    assert_eq!(reply.error_codes(), ["XDSUnavailableCommunity"]);
    assert!(reply.text().contains("location=\"urn:oid:2.999.34\""), "the silent one is named");
    assert_eq!(reply.text().matches("<rim:ExtrinsicObject").count(), 4, "ours is all there");
    okayama.stop().await;
}

/// Tells when it is dropped.
struct Ended(UnboundedSender<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_hangs_up_ends_what_was_asked_upstream_and_leaves_a_closed_record() {
    let (told, mut ended) = unbounded_channel();
    let hiroshima = Gateway::start(HIROSHIMA, move |_| {
        let under_way = Ended(told.clone());
        async move {
            let _under_way = under_way;
            std::future::pending::<Response<Body>>().await
        }
    })
    .await;
    let (okayama, _hospital) = okayama(&hiroshima, None).await;
    let portal = okayama.portal(PHYSICIAN);
    let message = portal.write::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
    let asking = tokio::spawn(async move { portal.attempt(&message).await.map(|_| ()) });
    attained("the peer has been asked", || async { (hiroshima.seen().len() == 1).then_some(()) }).await;
    asking.abort();
    let ended = tokio::time::timeout(Duration::from_secs(9), ended.recv()).await;
    assert_eq!(ended, Ok(Some(())), "sooner than any time-out of ours");
    let records = okayama.stop().await;
    assert_eq!(records.of("close").await.len(), 1, "sent, and nothing released");
    assert!(records.of("release").await.is_empty());
}

/// One record under two numbers: each is asked about, and the entry comes with both.
fn twice(arrived: &Arrived) -> Response<Body> {
    if arrived.path == "/xcpd" {
        let found = ["H-1", "H-2"].map(|number| {
            PatientMatch::Found(FoundPatient {
                community: CommunityId(oid("2.999.34")),
                id: patient("2.999.34.1", number),
                demographics: Some(HANAKO.bare().into()),
                confidence: 95,
                also: Vec::new(),
            })
        });
        return arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(found.into())));
    }
    let QueryKey::Patient(asked) = arrived.request::<CrossGatewayQuery>().by else { panic!() };
    let object = ObjectId(Phi::new("urn:uuid:3f0c6a9e-6f5c-4b93-9f0e-27d7f4a4c1aa".to_owned()));
    let one = entry(HIROSHIMA, asked, "2.999.34.7.1").with(|entry| entry.object = object);
    let found = vec![RegistryObject::Entry(one)];
    arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(found)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_comes_twice_is_shown_once() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move { twice(&arrived) }).await;
    let (okayama, _hospital) = okayama(&hiroshima, None).await;
    let portal = okayama.portal(PHYSICIAN);
    let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
    assert_eq!(reply.registry_status(), "Success");
    assert_eq!(hiroshima.seen().len(), 3, "a look-up, and a query for each number");
    assert_eq!(reply.text().matches("home=\"urn:oid:2.999.34\"").count(), 1, "{}", reply.text());
    okayama.stop().await;
}
