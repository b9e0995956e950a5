//! Peers that are slow, break off, answer nonsense or somebody else's document: each costs its own
//! time only, is named, and nothing of it is passed on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::dialect::soap::Fault;
use kakehashi::model::{Answer, Refusal, RegistryObject};

use crate::simulators::client::{PHYSICIAN, discovery, documents_of, patient, retrieve_of};
use crate::simulators::gateway::{Body, Gateway, document, entry};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, consent};
use crate::simulators::records::Records;

fn plain(status: u16, content_type: &str, text: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).header("content-type", content_type).body(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_peer_costs_its_timeout_until_its_breaker_opens_and_the_rest_is_answered() {
    let hiroshima = Gateway::start(HIROSHIMA, |_| std::future::pending::<Response<Body>>()).await;
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer_with(
            HIROSHIMA,
            hiroshima.port,
            "timeout_ms = 300\nbreaker = { failures = 2, open_ms = 600_000 }",
        )
        .start()
        .await;
    let portal = okayama.portal(PHYSICIAN);
    for attempt in 1..=4 {
        let since = Instant::now();
        let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
        assert_eq!(reply.registry_status(), "PartialSuccess", "attempt {attempt}");
        assert_eq!(reply.error_codes(), ["XDSUnavailableCommunity"]);
        assert_eq!(reply.text().matches("<rim:ExtrinsicObject").count(), 4, "ours is all there");
        assert!(since.elapsed() < Duration::from_secs(5), "not more than its own time");
        if attempt > 2 {
            assert_eq!(hiroshima.seen().len(), 2, "while its breaker is open it is not asked");
        }
    }
    let records = okayama.stop().await;
    assert_eq!(records.of("release").await.iter().filter(|r| r.ending == "partial").count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_nonsense_a_peer_answers_it_is_named_and_not_passed_on() {
    const SECRET: &str = "at jp.example.Gateway.main(Gateway.java:1) host gw7.internal";
    let answers = [
        plain(500, "text/html", SECRET),
        plain(200, "text/html", SECRET),
        plain(200, "application/soap+xml", "<a>at jp.example.Gateway</b>"),
        plain(302, "text/plain", ""),
    ];
    for answer in answers {
        let once = std::sync::Mutex::new(Some(answer));
        let hiroshima = Gateway::start(HIROSHIMA, move |_| {
            let answer = once.lock().unwrap().take().unwrap();
            async { answer }
        })
        .await;
        let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
        let portal = okayama.portal(PHYSICIAN);
        let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.34.1", "H-1"))).await;
        assert_eq!(reply.registry_status(), "Failure");
        assert_eq!(reply.error_codes(), ["XDSUnavailableCommunity"]);
        assert!(!reply.text().contains("jp.example") && !reply.text().contains("gw7"));
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_peer_is_asked_once_more_in_a_message_of_its_own_that_is_on_record_first() {
    for times in [1, 2] {
        let log = Arc::new(OnceLock::<Records>::new());
        let (seen, busy) = (Arc::clone(&log), Arc::new(AtomicUsize::new(0)));
        let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
            let (log, busy) = (Arc::clone(&seen), Arc::clone(&busy));
            async move {
                assert!(log.get().unwrap().hold(arrived.message().0.as_bytes()), "its MessageID");
                let is_busy = busy.fetch_add(1, Ordering::SeqCst) % 4 < times;
                match (arrived.path.as_str(), is_busy) {
                    ("/xcpd", true) => {
                        arrived.answer::<CrossGatewayPatientDiscovery>(Err(Refusal::Throttled(1)))
                    }
                    ("/xcpd", false) => {
                        arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(Vec::new())))
                    }
                    (_, true) => arrived.answer::<CrossGatewayQuery>(Err(Refusal::Throttled(1))),
                    (_, false) => {
                        let one = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), "2.999.34.7.1");
                        arrived
                            .answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])))
                    }
                }
            }
        })
        .await;
        let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
        assert!(log.set(okayama.records()).is_ok());
        let portal = okayama.portal(PHYSICIAN);
        let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.34.1", "H-1"))).await;
        let expected = if times == 1 { "Success" } else { "Failure" };
        assert_eq!(reply.registry_status(), expected, "busy {times} times: {}", reply.text());
        let seen = hiroshima.seen();
        assert_eq!(seen.len(), 2, "once more and no more");
        assert_ne!(seen[0].message(), seen[1].message());
        if times == 1 {
            // The simulator is busy with every fourth message: pass over the third and the fourth.
            portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.34.1", "H-1"))).await;
            portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.34.1", "H-1"))).await;
            let before = hiroshima.seen().len();
            let reply = portal
                .ask_raw::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics()))
                .await
                .text();
            assert!(reply.contains("\"NF\""), "{reply}");
            let seen = hiroshima.seen().split_off(before);
            let queries: Vec<&str> = seen
                .iter()
                .map(|arrived| arrived.envelope.split("<queryId").nth(1).unwrap().split('>').next().unwrap())
                .collect();
            assert_eq!(queries.len(), 2);
            assert_ne!(queries[0], queries[1], "a new queryId as well");
        }
        let records = okayama.stop().await;
        records.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_peer_is_not_asked_again_when_no_time_is_left() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        arrived.answer::<CrossGatewayQuery>(Err(Refusal::Throttled(1)))
    })
    .await;
    let okayama = Plan::new(OKAYAMA).peer_with(HIROSHIMA, hiroshima.port, "timeout_ms = 200").start().await;
    let portal = okayama.portal(PHYSICIAN);
    portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.34.1", "H-1"))).await;
    assert!(hiroshima.seen().len() <= 1);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_a_peer_and_an_answer_to_another_message_count_as_no_answer() {
    for is_fault in [true, false] {
        let hiroshima = Gateway::start(HIROSHIMA, move |arrived| async move {
            if is_fault {
                let fault = kakehashi::dialect::soap::write_fault(
                    &Fault::sender(&["wsse:FailedAuthentication"], "not you"),
                    None,
                    None,
                );
                return plain(500, "application/soap+xml", Box::leak(fault.into_boxed_str()));
            }
            let message = arrived.message().0;
            let one = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), "2.999.34.7.1");
            let found = Ok(Answer::found(vec![RegistryObject::Entry(one)]));
            arrived.answer_bent::<CrossGatewayQuery>(found, |truth| truth.replace(&message, "urn:uuid:other"))
        })
        .await;
        let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
        let portal = okayama.portal(PHYSICIAN);
        let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.34.1", "H-1"))).await;
        assert_eq!(reply.registry_status(), "Failure", "{}", reply.text());
        assert_eq!(reply.error_codes(), ["XDSUnavailableCommunity"]);
        assert!(!reply.text().contains("ExtrinsicObject"));
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_was_not_asked_for_is_not_passed_on_and_the_missing_one_is_named() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        let (good, other) = ("2.999.34.7.1", "2.999.34.7.2");
        if arrived.path == "/xca/query" {
            let one = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), good);
            return arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])));
        }
        // The package is bent in flight: another document under the id that was asked for.
        let mut lied = arrived.clone();
        lied.envelope = lied.envelope.replace(good, other);
        let asked = lied.request::<CrossGatewayRetrieve>().documents;
        lied.answer::<CrossGatewayRetrieve>(Ok(Answer::found(vec![document(&asked[0], "another's")])))
    })
    .await;
    let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
    let portal = okayama.portal(PHYSICIAN).expecting(HIROSHIMA);
    let entries = portal.entries(&patient("2.999.34.1", "H-1")).await;
    let reply = portal.ask_raw::<CrossGatewayRetrieve>(&retrieve_of([entries[0].id.clone()])).await;
    assert_eq!((reply.status, reply.registry_status().as_str()), (200, "Failure"));
    assert!(!reply.text().contains("another's"));
    assert!(reply.text().contains("2.999.34.7.1"), "the error names the document");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retrieve_names_every_document_that_cannot_be_had() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1);
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let good = physician.entries(&patient("2.999.33.1", "N-1")).await.remove(0).id.clone();
    let with = |community: &str, repository: &str, unique: &str| kakehashi::model::DocumentId {
        community: kakehashi::model::CommunityId(crate::simulators::client::oid(community)),
        repository: kakehashi::model::RepositoryId(crate::simulators::client::oid(repository)),
        unique: kakehashi::model::Phi::new(unique.to_owned()),
    };
    let repository = hospital.repository();
    let request = retrieve_of([
        good.clone(),
        with("2.999.33", &repository, "2.25.1"),
        with("2.999.33", "2.999.33.404", "2.25.2"),
        with("2.999.404", &repository, "2.25.3"),
    ]);
    let reply = physician.ask_raw::<CrossGatewayRetrieve>(&request).await;
    assert_eq!(reply.registry_status(), "PartialSuccess");
    let mut codes = reply.error_codes();
    codes.sort();
    assert_eq!(codes, ["XDSDocumentUniqueIdError", "XDSUnknownCommunity", "XDSUnknownRepositoryId"]);
    okayama.stop().await;
}
