//! What another network calls a person is remembered as long as it allows: demographics do not cross again
//! for each question, and nothing is remembered longer than it may be, or past a withdrawal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Full};
use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::hl7v3::{CrossGatewayPatientDiscovery, PixQuery};
use kakehashi::model::{
    Answer, CommunityId, FoundPatient, PatientIdLookup, PatientMatch, Phi, QueryKey, Refusal, RegistryObject,
    Timestamp,
};
use kakehashi::store::Store;

use crate::simulators::client::{PHYSICIAN, documents_of, oid, patient};
use crate::simulators::gateway::{Arrived, Body, Gateway, entry};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent, settings};

const TO_LIVE: &str =
    "<x:CorrelationTimeToLive xmlns:x=\"urn:ihe:iti:xcpd:2009\">P0Y0M7D</x:CorrelationTimeToLive>";

/// Hiroshima, where HANAKO has the number that `number` gives; its answer to a look-up has this header.
/// Other numbers it does not know.
async fn hiroshima(number: impl Fn() -> String + Send + Sync + 'static, header: &'static str) -> Gateway {
    let number = Arc::new(number);
    Gateway::start(HIROSHIMA, move |arrived| {
        let number = number();
        async move {
            if arrived.path == "/xcpd" {
                return with_header(look_up(&arrived, &number), header).await;
            }
            let QueryKey::Patient(asked) = arrived.request::<CrossGatewayQuery>().by else { panic!() };
            if *asked.value.reveal() != number {
                return unknown(&arrived).await;
            }
            let one = entry(HIROSHIMA, asked, "2.999.34.7.1");
            arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])))
        }
    })
    .await
}

pub fn look_up(arrived: &Arrived, number: &str) -> http::Response<Body> {
    let found = PatientMatch::Found(FoundPatient {
        community: CommunityId(oid("2.999.34")),
        id: patient("2.999.34.1", number),
        demographics: Some(HANAKO.bare().into()),
        confidence: 95,
        also: Vec::new(),
    });
    arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![found])))
}

// As gateways say it that do not answer as for nobody.
pub async fn unknown(arrived: &Arrived) -> http::Response<Body> {
    let refused = arrived.answer::<CrossGatewayQuery>(Err(Refusal::TooManyResults));
    changed(refused, |text| {
        let (before, rest) = text.split_once("errorCode=\"").unwrap();
        let (_, after) = rest.split_once('"').unwrap();
        format!("{before}errorCode=\"XDSUnknownPatientId\"{after}")
    })
    .await
}

async fn with_header(answer: http::Response<Body>, header: &str) -> http::Response<Body> {
    changed(answer, |text| text.replacen("</s:Header>", &format!("{header}</s:Header>"), 1)).await
}

async fn changed(
    answer: http::Response<Body>,
    change: impl FnOnce(String) -> String,
) -> http::Response<Body> {
    let (head, body) = answer.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let body = Full::new(change(text).into()).map_err(|never| match never {});
    http::Response::from_parts(head, Body::new(body))
}

async fn okayama(hiroshima: &Gateway, more: &str) -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer_with(HIROSHIMA, hiroshima.port, more)
        .start()
        .await;
    (okayama, hospital)
}

/// Asks for HANAKO's documents; the paths that Hiroshima was asked at for that.
async fn asked(okayama: &Network, hiroshima: &Gateway) -> Vec<String> {
    let before = hiroshima.seen().len();
    let portal = okayama.portal(PHYSICIAN);
    let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
    assert_eq!(reply.registry_status(), "Success", "{}", reply.text());
    assert!(reply.text().contains("2.999.34.7.1"), "their document: {}", reply.text());
    hiroshima.seen().split_off(before).into_iter().map(|arrived| arrived.path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn demographics_cross_once_as_long_as_the_peer_lets_its_id_be_remembered_over_a_restart() {
    let hiroshima = hiroshima(|| "H-1".to_owned(), TO_LIVE).await;
    let (okayama, _hospital) = okayama(&hiroshima, "").await;
    assert_eq!(asked(&okayama, &hiroshima).await, ["/xcpd", "/xca/query"]);
    assert_eq!(asked(&okayama, &hiroshima).await, ["/xca/query"]);
    let okayama = okayama.restarted().await;
    assert_eq!(asked(&okayama, &hiroshima).await, ["/xca/query"]);
    let metrics = okayama.admin("/metrics").await.1;
    assert!(
        metrics.contains("correlations_total{outcome=\"remembered\",target=\"hiroshima\"} 1"),
        "{metrics}"
    );
    let records = okayama.stop().await;
    for arrived in hiroshima.seen() {
        assert!(records.hold(arrived.message().0.as_bytes()), "every message that left is on record");
    }
    assert_eq!(records.of("open").await.len(), 4, "before the look-up, and before each query");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_remembered_where_the_peers_file_says_so_unless_its_answer_does_not_allow_it() {
    const NOT_AT_ALL: &str =
        "<x:CorrelationTimeToLive xmlns:x=\"urn:ihe:iti:xcpd:2009\">P0D</x:CorrelationTimeToLive>";
    let cases = [("correlation_days = 7", "", 1), ("", "", 2), ("correlation_days = 7", NOT_AT_ALL, 2)];
    for (more, header, second) in cases {
        let hiroshima = hiroshima(|| "H-1".to_owned(), header).await;
        let (okayama, _hospital) = okayama(&hiroshima, more).await;
        assert_eq!(asked(&okayama, &hiroshima).await.len(), 2);
        assert_eq!(asked(&okayama, &hiroshima).await.len(), second, "{more} {header}");
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_the_peer_has_given_up_is_looked_up_anew_within_the_same_request() {
    let now = Arc::new(AtomicUsize::new(1));
    let number = Arc::clone(&now);
    let hiroshima = hiroshima(move || format!("H-{}", number.load(Ordering::SeqCst)), TO_LIVE).await;
    let (okayama, _hospital) = okayama(&hiroshima, "").await;
    asked(&okayama, &hiroshima).await;
    now.store(2, Ordering::SeqCst);
    assert_eq!(asked(&okayama, &hiroshima).await, ["/xca/query", "/xcpd", "/xca/query"]);
    assert_eq!(asked(&okayama, &hiroshima).await, ["/xca/query"], "the new one is remembered");
    let records = okayama.stop().await;
    for arrived in hiroshima.seen() {
        assert!(records.hold(arrived.message().0.as_bytes()), "every message that left is on record");
    }
    records.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_ends_what_was_learned_under_the_consent() {
    let hiroshima = hiroshima(|| "H-1".to_owned(), TO_LIVE).await;
    let (okayama, _hospital) = okayama(&hiroshima, "").await;
    let remembered = async || {
        let store = Store::open(&settings(okayama.path()).broker.store_url).await.unwrap();
        store.correlations(&Phi::new("N-1".to_owned()), Timestamp::now()).await.unwrap().len()
    };
    asked(&okayama, &hiroshima).await;
    assert_eq!(remembered().await, 1);
    okayama.withdraw("N-1").await;
    assert_eq!(remembered().await, 0);
    let before = hiroshima.seen().len();
    let portal = okayama.portal(PHYSICIAN);
    portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
    assert_eq!(hiroshima.seen().len(), before, "they are not asked at all");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_id_query_of_a_portal_has_learned_serves_its_next_questions() {
    let hiroshima = hiroshima(|| "H-1".to_owned(), TO_LIVE).await;
    let (okayama, _hospital) = okayama(&hiroshima, "").await;
    let portal = okayama.portal(PHYSICIAN);
    let known = patient("2.999.33.1", "N-1");
    let lookup = PatientIdLookup { known, demographics: None, authorities: Vec::new() };
    for _ in 0..2 {
        let answer = portal.ask::<PixQuery>(&lookup).await.unwrap();
        assert!(answer.found.iter().any(|found| found.id == patient("2.999.34.1", "H-1")));
        assert_eq!(hiroshima.seen().len(), 1, "asked once");
    }
    assert_eq!(asked(&okayama, &hiroshima).await, ["/xca/query"]);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_under_which_nothing_is_found_is_looked_up_anew_once_it_is_a_day_old() {
    let now = Arc::new(AtomicUsize::new(1));
    let number = Arc::clone(&now);
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let number = format!("H-{}", number.load(Ordering::SeqCst));
        async move {
            if arrived.path == "/xcpd" {
                return with_header(look_up(&arrived, &number), TO_LIVE).await;
            }
            let QueryKey::Patient(asked) = arrived.request::<CrossGatewayQuery>().by else { panic!() };
            // As kakehashi answers for an id it does not know: as for nobody.
            let own = (*asked.value.reveal() == number).then(|| entry(HIROSHIMA, asked, "2.999.34.7.1"));
            let found = own.into_iter().map(RegistryObject::Entry).collect();
            arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(found)))
        }
    })
    .await;
    let (okayama, _hospital) = okayama(&hiroshima, "").await;
    asked(&okayama, &hiroshima).await;
    now.store(2, Ordering::SeqCst);
    let portal = okayama.portal(PHYSICIAN);
    let person = patient("2.999.33.1", "N-1");
    let before = hiroshima.seen().len();
    portal.ask_raw::<CrossGatewayQuery>(&documents_of(&person)).await;
    assert_eq!(
        hiroshima.seen().len(),
        before + 1,
        "a moment old: who has no documents is not looked up each time"
    );
    let store = Store::open(&settings(okayama.path()).broker.store_url).await.unwrap();
    let (community, times) = (CommunityId(oid("2.999.34")), Timestamp::now());
    let times = (times.plus_seconds(-2 * 86_400), times.plus_seconds(86_400));
    let ids = [patient("2.999.34.1", "H-1")];
    let version = store.consent_version().await.unwrap();
    store.keep_correlations(&person.value, &community, &ids, times, version).await.unwrap();
    assert_eq!(asked(&okayama, &hiroshima).await, ["/xca/query", "/xcpd", "/xca/query"]);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_number_brought_stays_where_the_look_up_for_another_fails() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        if arrived.path == "/xcpd" {
            return arrived.answer::<CrossGatewayPatientDiscovery>(Err(Refusal::TooManyResults));
        }
        let QueryKey::Patient(asked) = arrived.request::<CrossGatewayQuery>().by else { panic!() };
        if *asked.value.reveal() == "H-2" {
            return unknown(&arrived).await;
        }
        let one = entry(HIROSHIMA, asked, "2.999.34.7.1");
        arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])))
    })
    .await;
    let (okayama, _hospital) = okayama(&hiroshima, "").await;
    let store = Store::open(&settings(okayama.path()).broker.store_url).await.unwrap();
    let (person, now) = (patient("2.999.33.1", "N-1"), Timestamp::now());
    let ids = ["H-1", "H-2"].map(|number| patient("2.999.34.1", number));
    let community = CommunityId(oid("2.999.34"));
    let (times, version) = ((now, now.plus_seconds(600)), store.consent_version().await.unwrap());
    store.keep_correlations(&person.value, &community, &ids, times, version).await.unwrap();
    let reply = okayama.portal(PHYSICIAN).ask_raw::<CrossGatewayQuery>(&documents_of(&person)).await;
    assert!(reply.text().contains("2.999.34.7.1"), "{}", reply.text());
    assert_eq!(reply.error_codes(), ["XDSUnavailableCommunity"], "and the failure is told");
    okayama.stop().await;
}
