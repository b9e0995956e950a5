//! Many requests of all sorts while a peer and a source fail at random, by a seed: every answer has
//! its record, nothing withheld is in it, nothing is late, and what is missing is named.

use std::time::{Duration, Instant};

use http::Response;
use http_body_util::{BodyExt, Full};
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{Answer, CommunityId, FoundPatient, PatientMatch, Purpose, RegistryObject};

use crate::simulators::client::{
    Client, Message, NURSE, PHYSICIAN, Who, discovery, documents_of, oid, patient, retrieve_of,
};
use crate::simulators::gateway::{Arrived, Body, Gateway, document, entry};
use crate::simulators::hospital::{HANAKO, Hospital, NOBODY, TARO};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, consent};

const REQUESTS: usize = 80;
// Rates and budgets are out of the way: which misses count depends on when an outage is seen.
const OFTEN: &str = "peer_burst = 10_000\nperson_burst = 10_000\npeer_per_second = 10_000\n\
    budgets = { person_misses = [1_000, 1_000, 1_000], facility_misses = [1_000, 1_000, 1_000], \
    peer_misses = [1_000, 1_000, 1_000] }";
const PATIENT_TIMEOUT: Duration = Duration::from_secs(8);

/// splitmix64.
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

async fn as_the_seed_says(arrived: Arrived, choice: usize) -> Response<Body> {
    let nonsense = || {
        let body = Full::new("<html/>".into()).map_err(|never| match never {}).boxed_unsync();
        Response::builder().status(502).body(body).unwrap()
    };
    match (choice, arrived.path.as_str()) {
        (0, _) => std::future::pending().await,
        (1, _) => nonsense(),
        (_, "/xcpd") => {
            let found = FoundPatient {
                community: CommunityId(oid("2.999.34")),
                id: patient("2.999.34.1", "H-1"),
                demographics: Some(HANAKO.bare().into()),
                confidence: 95,
                also: Vec::new(),
            };
            arrived
                .answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![PatientMatch::Found(found)])))
        }
        (_, "/xca/query") => {
            let one = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), "2.999.34.7.1");
            arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])))
        }
        _ => {
            let asked = arrived.request::<CrossGatewayRetrieve>().documents;
            let found = asked.iter().map(|id| document(id, "<p>theirs</p>")).collect();
            arrived.answer::<CrossGatewayRetrieve>(Ok(Answer::found(found)))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_every_answer_is_recorded_in_time_and_complete_or_says_what_is_missing() {
    let choices = std::sync::Mutex::new(Seed(0x6b61_6b65));
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let choice = choices.lock().unwrap().below(5);
        as_the_seed_says(arrived, choice)
    })
    .await;
    let (one, two) = (Hospital::okayama_university(), Hospital::kurashiki());
    one.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    one.file("0000012345", &HANAKO, "OML-11", "02");
    one.files("0000067890", &TARO, &["ADT-00", "OMP-01"]);
    two.files("0000054321", &HANAKO, &["ADT-00", "OMP-01"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&one)
        .hospital(&two)
        .consent(consent("N-1", &one, "0000012345", HIROSHIMA))
        .consent(consent("N-1", &two, "0000054321", HIROSHIMA))
        .peer_with(
            HIROSHIMA,
            hiroshima.port,
            "timeout_ms = 150\nbreaker = { failures = 1000, open_ms = 10 }\nlimits = { per_second = 1000 }",
        )
        .limits(OFTEN)
        .start()
        .await;
    let hidden = hidden_from_hiroshima(&okayama.portal(PHYSICIAN)).await;
    let emergency_nurse = Who { purpose: Purpose::Emergency, ..NURSE };
    let askers: Vec<(bool, Client)> = vec![
        (false, okayama.asked_by(HIROSHIMA, PHYSICIAN)),
        (false, okayama.asked_by(HIROSHIMA, NURSE)),
        (false, okayama.asked_by(HIROSHIMA, emergency_nurse)),
        (true, okayama.portal(PHYSICIAN)),
        (true, okayama.portal(NURSE)),
    ];
    let mut seed = Seed(1);
    let mut is_away = false;
    let mut named = 0;
    for number in 0..REQUESTS {
        if seed.below(10) == 0 {
            let (there, away) = (two.standard(), two.standard().with_extension("away"));
            let (from, to) = if is_away { (away, there) } else { (there, away) };
            std::fs::rename(from, to).unwrap();
            is_away = !is_away;
        }
        let (is_home, asker) = &askers[seed.below(askers.len())];
        let message = any_request(asker, &mut seed, &hidden).await;
        let since = Instant::now();
        let reply = asker.send(&message).await;
        assert!(since.elapsed() < PATIENT_TIMEOUT, "request {number} took {:?}", since.elapsed());
        assert!([200, 500].contains(&reply.status));
        assert!(
            !reply.headers.contains_key("retry-after"),
            "request {number}: no limit is meant to be reached"
        );
        let id = message.sent.message.0.as_bytes();
        let text = reply.text();
        assert!(okayama.records().hold(id), "request {number} to {} without a record: {text}", message.path);
        if !is_home {
            // What was asked stands in the answer; the hospital's numbers were not asked.
            for word in ["0000012345", "0000054321", "0000067890", "theirs"] {
                assert!(!text.contains(word), "request {number}: {word}");
            }
            let entries = text.matches("<rim:ExtrinsicObject").count();
            assert!(entries <= 4 && !text.contains("<rim:ExtrinsicObject") || message.path == "/xca/query");
        }
        if reply.status == 200 && text.contains("ResponseStatusType:PartialSuccess") {
            assert!(!reply.error_codes().is_empty(), "request {number}: partial, and nothing named");
            named += 1;
        }
    }
    assert!(named > 0, "nothing ever failed");
    let records = okayama.stop().await;
    assert!(records.all().await.iter().all(|event| event.ending != "at-most"));
}

/// Unique ids that only our own side may see.
async fn hidden_from_hiroshima(portal: &Client) -> Vec<kakehashi::model::DocumentId> {
    let entries = portal.entries(&patient("2.999.33.20.1", "0000067890")).await;
    assert!(!entries.is_empty());
    entries.into_iter().map(|entry| entry.id.clone()).collect()
}

async fn any_request(asker: &Client, seed: &mut Seed, hidden: &[kakehashi::model::DocumentId]) -> Message {
    match seed.below(3) {
        0 => {
            let who = [&HANAKO, &TARO, &NOBODY][seed.below(3)];
            asker.write::<CrossGatewayPatientDiscovery>(&discovery(who.demographics())).await
        }
        1 => {
            let id = ["N-1", "N-2"][seed.below(2)];
            asker.write::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", id))).await
        }
        _ => {
            let theirs = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), "2.999.34.7.1").id.clone();
            let documents = [hidden[seed.below(hidden.len())].clone(), theirs];
            asker.write::<CrossGatewayRetrieve>(&retrieve_of(documents)).await
        }
    }
}
