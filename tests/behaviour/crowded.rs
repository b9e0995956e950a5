//! A broker with no place free says so, with a time to come back, and on record; and one that is told
//! so does not take the other for dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::model::{Answer, RegistryObject};
use tokio::io::AsyncWriteExt;

use crate::simulators::client::{PHYSICIAN, documents_of, patient};
use crate::simulators::gateway::{Gateway, entry};
use crate::simulators::hospital::Hospital;
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, TOTTORI};
use crate::simulators::raw::connect;
use crate::simulators::waiting::attained;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_place_is_told_when_to_come_back_and_is_on_record() {
    let hospital = Hospital::okayama_university();
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).peer(TOTTORI, 2);
    let okayama = plan.limits("peer_in_flight = 1").start().await;
    // One message that has not come whole holds the only place of its system.
    let mut half = connect("tottori-gateway", okayama.peer_port(), "http/1.1").await;
    let head = "POST /xca/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n<";
    half.write_all(head.as_bytes()).await.unwrap();
    half.flush().await.unwrap();
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    let physician = okayama.asked_by(TOTTORI, PHYSICIAN);
    let reply = attained("the place is taken", || async {
        let reply = physician.ask_raw::<CrossGatewayQuery>(&request).await;
        (reply.status == 503).then_some(reply)
    })
    .await;
    assert_eq!(reply.headers["retry-after"], "1");
    assert!(okayama.admin("/metrics").await.1.contains("what=\"in_flight\""));
    let others = okayama.asked_by(HIROSHIMA, PHYSICIAN).ask_raw::<CrossGatewayQuery>(&request).await;
    assert_eq!(others.registry_status(), "Success", "who has places is answered");
    drop(half);
    let records = okayama.stop().await;
    assert!(!records.of("refusal").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_names_a_time_to_come_back_is_busy_and_not_dead() {
    for (header, outcome) in [("retry-after", "busy"), ("x-nothing", "unreachable")] {
        let is_busy = Arc::new(AtomicBool::new(true));
        let busy = Arc::clone(&is_busy);
        let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
            let is_busy = busy.load(Ordering::SeqCst);
            async move {
                if is_busy {
                    let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
                    return Response::builder().status(503).header(header, "1").body(body).unwrap();
                }
                let one = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), "2.999.34.7.1");
                arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])))
            }
        })
        .await;
        let breaker = "breaker = { failures = 1, open_ms = 600_000 }";
        let okayama = Plan::new(OKAYAMA).peer_with(HIROSHIMA, hiroshima.port, breaker).start().await;
        let portal = okayama.portal(PHYSICIAN);
        let request = documents_of(&patient("2.999.34.1", "H-1"));
        portal.ask_raw::<CrossGatewayQuery>(&request).await;
        let metrics = okayama.admin("/metrics").await.1;
        let counted = format!("outcome=\"{outcome}\",target=\"hiroshima\"");
        assert!(metrics.contains(&counted), "{header}: {metrics}");
        is_busy.store(false, Ordering::SeqCst);
        let reply = portal.ask_raw::<CrossGatewayQuery>(&request).await;
        let is_asked_again = reply.text().contains("<rim:ExtrinsicObject");
        assert_eq!(is_asked_again, outcome == "busy", "{header}: the breaker opens only for the dead");
        okayama.stop().await;
    }
}
