//! The same lies and those of their own kind from a hospital of ours and from another network that are
//! reached through PIX, PDQ and XDS: nothing of a lie reaches the portal, and each is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kakehashi::dialect::ebxml::{RegistryStoredQuery, RetrieveDocumentSet};
use kakehashi::dialect::hl7v3::PdqQuery;
use kakehashi::model::{
    Criteria, DemographicsQuery, DocumentQuery, DocumentRetrieve, Homeless, Interrupted, MessageId,
    PatientDiscovery, Phi, QueryId, QueryKey, RepositoryId, ReturnType,
};
use tempfile::TempDir;

use super::lies::Told;
use super::registry_lies::{LIES, Lie, Of};
use super::{MARK, heard, response, whole};
use crate::simulators::client::{PHYSICIAN, documents_of, oid, patient};
use crate::simulators::gateway::{Arrived, Body};
use crate::simulators::hospital::{HANAKO, Someone};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan};
use crate::simulators::site::{Bend, HUMANBRIDGE, Habits, Site};

/// Who may lie, and by what its own are known.
pub struct Place {
    /// Its name in metrics.
    pub target: &'static str,
    /// A patient's id there, and its authority.
    pub number: &'static str,
    pub authority: &'static str,
    pub repository: &'static str,
    /// A document of that patient's.
    pub unique: &'static str,
}

impl Place {
    /// The patient's id as it stands in a list.
    pub fn cx(&self) -> String {
        format!("{}^^^&amp;{}&amp;ISO", self.number, self.authority)
    }
}

const SOURCE: Place = Place {
    target: "site",
    number: "0000024001",
    authority: "2.999.33.24.1",
    repository: "2.999.33.24.9",
    unique: "2.999.33.24.5.1",
};

const PEER: Place = Place {
    target: "hiroshima",
    number: "H-1",
    authority: "2.999.34.1",
    repository: "2.999.34.9",
    unique: "2.999.34.7.1",
};

/// Half of it, and then the connection ends.
fn cut_off(told: Told) -> Response<Body> {
    let half = Bytes::from(told.body[..told.body.len() / 2].to_owned());
    let pieces = [Ok(Frame::data(half)), Err(Interrupted::Broken("cut off".to_owned()))];
    let body = StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync();
    Response::builder().status(200).header("content-type", told.content_type).body(body).unwrap()
}

// Counts what was told: a lie that cannot be told of an answer is none.
fn bending(of: Of, place: &'static Place, tell: super::registry_lies::Tell, told: &Arc<AtomicUsize>) -> Bend {
    let (at, count) = (of.path(), Arc::clone(told));
    Arc::new(move |arrived: Arrived, honest| {
        let count = Arc::clone(&count);
        Box::pin(async move {
            if arrived.path != at {
                return honest;
            }
            let told = tell(whole(honest).await, place, &arrived.message().0);
            count.fetch_add(1, Ordering::SeqCst);
            if told.header.as_ref().is_some_and(|(name, _)| *name == "cut-off") {
                return cut_off(told);
            }
            response(told)
        })
    })
}

/// Our site and Hiroshima, each with HANAKO and two documents of hers.
async fn world(above: &str, has_pix: bool) -> (Network, [(Site, &'static Place); 2], TempDir) {
    let habits = Habits { leaf_max: 1_000, ..HUMANBRIDGE };
    let one = Site::start(OKAYAMA, "3310000024", "2.999.33.24", habits).await;
    let two = Site::start(HIROSHIMA, "", "2.999.34", habits).await;
    for (site, place) in [(&one, &SOURCE), (&two, &PEER)] {
        site.register(place.number, &HANAKO);
        site.file(place.number, place.unique, "57833-6", "truth!");
        site.file(place.number, &format!("{}0", place.unique), "57833-6", "truth!");
    }
    let policies = tempfile::tempdir().unwrap();
    let calm = "timeout_ms = 5000\nlimits = { per_second = 10_000, answer_bytes_max = 4_194_304 }\n\
                breaker = { failures = 1000, open_ms = 10 }";
    let limits =
        "peer_per_second = 10_000\npeer_burst = 10_000\nperson_per_minute = 100_000\nperson_burst = 10_000";
    let mut plan = Plan::new(OKAYAMA)
        .consent(one.consent("N-1", SOURCE.number, HIROSHIMA))
        .limits(limits)
        .permitting_everything(policies.path());
    let pix = format!("patient_ids = \"https://127.0.0.1:{}/pix\"", two.gateway.port);
    let pages = format!("persons_per_page = 1\n{}", if has_pix { pix } else { String::new() });
    plan.peers.push(("site", one.as_source(calm, "persons_per_page = 1")));
    plan.peers.push(("hiroshima", two.as_peer(OKAYAMA, &format!("{calm}\n{above}"), &pages)));
    (plan.start().await, [(one, &SOURCE), (two, &PEER)], policies)
}

fn document(place: &Place) -> Homeless {
    let repository = RepositoryId(oid(place.repository));
    Homeless { repository, unique: Phi::new(place.unique.to_owned()) }
}

async fn ask(okayama: &Network, of: Of, place: &Place) -> String {
    // A connection of its own: one whose answer broke is ended.
    let portal = okayama.portal(PHYSICIAN);
    let message = match of {
        Of::Persons => {
            let person = PatientDiscovery { demographics: Phi::new(HANAKO.demographics()), ids: Vec::new() };
            let query = QueryId { root: "2.999.33.0.7".to_owned(), extension: Some(MessageId::fresh().0) };
            let query = DemographicsQuery { person, authorities: Vec::new(), query, page: None };
            portal.write::<PdqQuery>(&query).await
        }
        Of::List | Of::Ids => {
            portal.write::<RegistryStoredQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await
        }
        Of::ListById => {
            let by = QueryKey::UniqueIds(vec![Phi::new(place.unique.to_owned())]);
            let criteria = Criteria::default();
            let query = DocumentQuery { by, home: None, criteria, returns: ReturnType::LeafClass };
            portal.write::<RegistryStoredQuery>(&query).await
        }
        Of::Documents => {
            let retrieve = DocumentRetrieve { documents: Vec::new(), homeless: vec![document(place)] };
            portal.write::<RetrieveDocumentSet>(&retrieve).await
        }
    };
    heard(&portal, &message).await
}

/// How much of an answer comes from a place.
fn from(reply: &str, of: Of, place: &Place) -> usize {
    match of {
        Of::Persons => reply.matches(&format!("extension=\"{}\"", place.number)).count(),
        Of::List | Of::ListById | Of::Ids => reply.matches(&format!(">{}<", place.repository)).count(),
        Of::Documents => reply.matches("truth!").count(),
    }
}

fn counted(metrics: &str, place: &Place) -> f64 {
    let target = format!("target=\"{}\"", place.target);
    let is_of_it = |line: &&str| {
        line.contains(&target)
            && (line.starts_with("kakehashi_dropped_findings_total")
                || (line.starts_with("kakehashi_outbound_requests_total") && !line.contains("\"success\"")))
    };
    let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    metrics.lines().filter(is_of_it).map(value).sum()
}

/// Tells each lie of the table that may be told in answer to one of these; gives how many, and what was
/// wrong.
async fn told(
    okayama: &Network,
    places: &[(Site, &'static Place)],
    which: &[Of],
    wrong: &mut Vec<String>,
) -> usize {
    let mut lies = 0;
    for (site, place) in places {
        for lie in LIES {
            let Lie { name, honest, is_counted, tell, .. } = *lie;
            let is_told = |of: &&Of| lie.of.contains(of);
            for of in which.iter().filter(is_told).filter(|_| (lie.by)(place)) {
                lies += 1;
                let before = counted(&okayama.admin("/metrics").await.1, place);
                let (asked, count) = (site.gateway.seen().len(), Arc::new(AtomicUsize::new(0)));
                site.mood.lock().unwrap().bend = Some(bending(*of, place, tell, &count));
                let reply = ask(okayama, *of, place).await;
                site.mood.lock().unwrap().bend = None;
                let what = format!("{of:?} of {}, {name}", place.target);
                let shown = from(&reply, *of, place);
                if reply.contains(MARK) || reply.contains("card-") || shown > honest {
                    wrong.push(format!("{what}: {shown} passed on: {reply}"));
                }
                let after = counted(&okayama.admin("/metrics").await.1, place);
                if is_counted && after <= before {
                    wrong.push(format!("{what}: not counted: {reply}"));
                }
                let asked = site.gateway.seen().len() - asked;
                let count = count.load(Ordering::SeqCst);
                if count == 0 || asked > 60 {
                    wrong.push(format!("{what}: told {count} times, asked {asked} times"));
                }
            }
        }
    }
    lies
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lie_of_a_registry_repository_or_manager_is_passed_on_and_each_is_counted_against_it() {
    let (okayama, places, _kept) = world("correlation_days = 1", false).await;
    // The truth is passed on, so that what is missing later is missing because it is a lie.
    for of in [Of::Persons, Of::List, Of::ListById, Of::Documents] {
        for (_, place) in &places {
            let reply = ask(&okayama, of, place).await;
            assert!(from(&reply, of, place) > 0 && !reply.contains("card-"), "{of:?}: {reply}");
        }
    }
    let mut wrong = Vec::new();
    let all = [Of::Persons, Of::List, Of::ListById, Of::Documents];
    let count = told(&okayama, &places, &all, &mut wrong).await;
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 100, "{count}");
    // And both are believed again as soon as they tell the truth.
    for (_, place) in &places {
        assert_eq!(from(&ask(&okayama, Of::List, place).await, Of::List, place), 2);
    }
    println!("{count} lies of registries, 0 passed on");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lie_of_another_networks_pix_manager_brings_somebody_elses_documents() {
    let (okayama, places, _kept) = world("send_network_id = true", true).await;
    let (hiroshima, place) = &places[1];
    // Her twin, whose documents are hers alone.
    let twin = Someone { given: "花代", given_kana: "ハナヨ", ..HANAKO.clone() };
    hiroshima.register("H-2", &twin);
    hiroshima.file_as("H-2", "2.999.34.7.9", "hers", |entry| {
        entry.class.display = MARK.into();
    });
    hiroshima.mood.lock().unwrap().links.insert("N-1".to_owned(), "H-1");
    assert_eq!(from(&ask(&okayama, Of::Ids, place).await, Of::Ids, place), 2);
    let mut wrong = Vec::new();
    let count = told(&okayama, &places[1..], &[Of::Ids], &mut wrong).await;
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 20, "{count}");
    for arrived in hiroshima.gateway.seen().iter().filter(|arrived| arrived.path != "/registry") {
        assert!(!arrived.envelope.contains("花子"), "no demographics leave: {}", arrived.path);
    }
    println!("{count} lies of a PIX manager, 0 passed on");
    okayama.stop().await;
}
