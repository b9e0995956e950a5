//! A table of lies: what a peer may answer instead of the truth, each told to one running broker over
//! mutual TLS. Nothing of a lie reaches the portal, and each shows in a metric of that peer.

mod lies;
mod on_the_wire;
mod registries;
mod registry_lies;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt;
use http::Response;
use http_body_util::{BodyExt, Full};
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{
    Answer, Code, CommunityId, Criteria, DocumentEntry, DocumentQuery, FoundPatient, PatientMatch, Phi,
    QueryKey, RegistryObject,
};

use self::lies::{LIES, Lie, Told};
use crate::simulators::client::{
    Client, Message, PHYSICIAN, discovery, documents_of, oid, patient, retrieve_of,
};
use crate::simulators::gateway::{Arrived, Body, Gateway, document, entry};
use crate::simulators::hospital::HANAKO;
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan};

/// What a lie is told in answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Discovery,
    Query,
    /// With a class that the truth is not of.
    QueryOfClass,
    QueryById,
    /// Of an entry that announced the size and hash of "truth".
    Retrieve,
}

/// Stands in all that must not be passed on.
pub const MARK: &str = "EVIL";

fn true_entry(number: u32) -> DocumentEntry {
    let mut entry = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), &format!("2.999.34.7.{number}"));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, b"truth!");
    entry.hash = Some(digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect());
    entry.size = Some(6);
    entry
}

/// What an honest peer would say, bodies and all.
async fn truth(arrived: &Arrived) -> Told {
    let response = match arrived.path.as_str() {
        "/xcpd" => {
            let found = |number: u32| {
                PatientMatch::Found(FoundPatient {
                    community: CommunityId(oid("2.999.34")),
                    id: patient("2.999.34.1", &format!("H-{number}")),
                    demographics: Some(HANAKO.bare().into()),
                    confidence: 99,
                    also: Vec::new(),
                })
            };
            arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![found(1), found(2)])))
        }
        "/xca/query" => {
            let found = [1, 2].map(|number| RegistryObject::Entry(true_entry(number))).to_vec();
            arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(found)))
        }
        _ => {
            let asked = arrived.request::<CrossGatewayRetrieve>().documents;
            arrived.answer::<CrossGatewayRetrieve>(Ok(Answer::found(vec![document(&asked[0], "truth!")])))
        }
    };
    whole(response).await
}

/// What would be told honestly, to be bent.
async fn whole(honest: Response<Body>) -> Told {
    let (head, body) = honest.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Told {
        status: head.status.as_u16(),
        content_type: head.headers["content-type"].to_str().unwrap().to_owned(),
        header: None,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn response(told: Told) -> Response<Body> {
    let body = Full::new(Bytes::from(told.body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::builder().status(told.status).header("content-type", told.content_type);
    if let Some((name, value)) = told.header {
        response = response.header(name, value);
    }
    response.body(body).unwrap()
}

/// Counters of findings dropped and of answers that were none.
fn counted(metrics: &str) -> f64 {
    let is_of_peer = |line: &&str| {
        line.contains("target=\"hiroshima\"")
            && (line.starts_with("kakehashi_dropped_findings_total")
                || (line.starts_with("kakehashi_outbound_requests_total") && !line.contains("\"success\"")))
    };
    let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    metrics.lines().filter(is_of_peer).map(value).sum()
}

/// All that came before the end, or before it broke.
async fn heard(portal: &Client, message: &Message) -> String {
    // An answer that breaks at its beginning may end the connection before its head has left.
    let Ok(arriving) = portal.attempt(message).await else { return String::new() };
    let mut body = arriving.stream();
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = body.next().await {
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn ask(okayama: &Network, asked: Asked) -> String {
    // A connection of its own: one whose answer broke is ended.
    let portal = okayama.portal(PHYSICIAN).expecting(HIROSHIMA);
    let person = patient("2.999.34.1", "H-1");
    let message = match asked {
        Asked::Discovery => {
            portal.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await
        }
        Asked::Query => portal.write::<CrossGatewayQuery>(&documents_of(&person)).await,
        Asked::QueryOfClass => {
            let mut query = documents_of(&person);
            query.criteria =
                Criteria { classes: vec![Code::new("other", "2.999.9.1", "")], ..query.criteria };
            portal.write::<CrossGatewayQuery>(&query).await
        }
        Asked::QueryById => {
            let by = QueryKey::UniqueIds(vec![Phi::new("2.999.34.7.1".to_owned())]);
            let home = Some(CommunityId(oid("2.999.34")));
            let query = DocumentQuery { by, home, criteria: Criteria::default(), ..documents_of(&person) };
            portal.write::<CrossGatewayQuery>(&query).await
        }
        Asked::Retrieve => {
            portal.write::<CrossGatewayRetrieve>(&retrieve_of([true_entry(1).id.clone()])).await
        }
    };
    heard(&portal, &message).await
}

/// A broker with one peer that tells whatever lie is set.
async fn okayama(lie: &Arc<Mutex<Option<&'static Lie>>>) -> (Network, Gateway) {
    let set = Arc::clone(lie);
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let set = Arc::clone(&set);
        async move {
            let truth = truth(&arrived).await;
            let lie = *set.lock().unwrap();
            response(match lie {
                Some(lie) => (lie.tell)(truth, &arrived.message().0),
                None => truth,
            })
        }
    })
    .await;
    let more = "timeout_ms = 5000\nlimits = { per_second = 10_000, answer_bytes_max = 4_194_304 }\n\
                breaker = { failures = 1000, open_ms = 10 }";
    let plan = Plan::new(OKAYAMA).peer_with(HIROSHIMA, hiroshima.port, more).limits(
        "peer_per_second = 10_000\npeer_burst = 10_000\nperson_per_minute = 100_000\nperson_burst = 10_000",
    );
    (plan.start().await, hiroshima)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lie_of_a_peer_is_passed_on_and_each_is_counted_against_it() {
    let lie = Arc::new(Mutex::new(None));
    let (okayama, hiroshima) = okayama(&lie).await;
    // The truth is passed on, so that what is missing later is missing because it is a lie.
    let (found, listed) = (ask(&okayama, Asked::Discovery).await, ask(&okayama, Asked::Query).await);
    assert!(found.contains("\"H-1\""), "{found}");
    assert_eq!(listed.matches("<rim:ExtrinsicObject").count(), 2, "{listed}");
    let fetched = ask(&okayama, Asked::Retrieve).await;
    assert!(fetched.contains("truth!"), "{fetched}");
    let mut wrong = Vec::new();
    for row in LIES {
        let before = counted(&okayama.admin("/metrics").await.1);
        let seen = hiroshima.seen().len();
        *lie.lock().unwrap() = Some(row);
        let reply = ask(&okayama, row.asked).await;
        *lie.lock().unwrap() = None;
        let after = counted(&okayama.admin("/metrics").await.1);
        let honest =
            reply.matches("<rim:ExtrinsicObject").count() + reply.matches("<registrationEvent").count();
        if reply.contains(MARK) || honest > row.honest {
            wrong.push(format!("{:?} {}: passed on: {reply}", row.asked, row.name));
        }
        if after <= before {
            wrong.push(format!("{:?} {}: not counted: {reply}", row.asked, row.name));
        }
        assert!(hiroshima.seen().len() > seen, "{}: it was asked", row.name);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), LIES.len(), wrong.join("\n"));
    assert!(LIES.len() >= 40, "{}", LIES.len());
    // And the peer is believed again as soon as it tells the truth.
    assert_eq!(ask(&okayama, Asked::Query).await.matches("<rim:ExtrinsicObject").count(), 2);
    println!("{} lies, 0 passed on, all counted", LIES.len());
    okayama.stop().await;
}
