//! Documents run through as they are read, in flat memory, and stop when consent does.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::model::{Document, DocumentId};

use crate::simulators::client::{Client, PHYSICIAN, documents_of, patient, retrieve_of};
use crate::simulators::gateway::{Gateway, document, entry};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, TOTTORI, consent};

const LARGE: usize = 40 << 20;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn okayama_with_a_large_summary() -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    hospital.summary("0000012345", LARGE);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1);
    (plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await, hospital)
}

async fn begin(client: &Client, id: &DocumentId) -> Document {
    let message = client.write::<CrossGatewayRetrieve>(&retrieve_of([id.clone()])).await;
    let mut documents = client.begin(&message).await.documents(&message).await;
    documents.pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_documents_cross_two_brokers_in_flat_memory_and_have_the_hash_that_was_promised() {
    let (okayama, _hospital) = okayama_with_a_large_summary().await;
    let hiroshima = Plan::new(HIROSHIMA).peer(OKAYAMA, okayama.peer_port()).start().await;
    let portal = hiroshima.portal(PHYSICIAN).expecting(OKAYAMA);
    let entries = portal.entries(&patient("2.999.33.1", "N-1")).await;
    let large = entries.iter().find(|entry| entry.size == Some(LARGE as u64)).unwrap();
    let before = resident_bytes();
    let mut most = 0;
    let mut running = Vec::new();
    for _ in 0..3 {
        running.push((begin(&portal, &large.id).await.body, Context::new(&SHA1_FOR_LEGACY_USE_ONLY), 0));
    }
    // All three side by side: each waits for its reader.
    while !running.is_empty() {
        let mut still = Vec::new();
        for (mut body, mut hash, mut bytes) in running {
            match body.next().await {
                Some(piece) => {
                    let piece = piece.unwrap();
                    hash.update(&piece);
                    bytes += piece.len();
                    still.push((body, hash, bytes));
                }
                None => {
                    assert_eq!(bytes, LARGE);
                    assert_eq!(large.hash, Some(hex::encode(hash.finish()).into()));
                }
            }
        }
        running = still;
        most = most.max(resident_bytes());
    }
    let grown = most.saturating_sub(before);
    // Held whole by either broker they would take three times their size; other tests run beside this.
    assert!(grown < 2 * LARGE, "three documents of {LARGE} bytes took {grown} bytes of memory");
    for records in [okayama.stop().await, hiroshima.stop().await] {
        let closes = records.of("close").await;
        let whole =
            closes.iter().filter(|close| close.bytes == Some(LARGE as u64) && close.ending == "complete");
        assert_eq!(whole.count(), 3, "each closing record says how many bytes left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_stops_a_document_on_its_way() {
    let (okayama, _hospital) = okayama_with_a_large_summary().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let entries = physician.entries(&patient("2.999.33.1", "N-1")).await;
    let large = entries.iter().find(|entry| entry.size == Some(LARGE as u64)).unwrap();
    let mut body = begin(&physician, &large.id).await.body;
    let mut bytes = body.next().await.unwrap().unwrap().len();
    okayama.withdraw("N-1").await;
    let mut is_broken = false;
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => bytes += piece.len(),
            Err(_) => is_broken = true,
        }
    }
    assert!(is_broken && bytes < LARGE, "{bytes} bytes came, broken: {is_broken}");
    let close = okayama.records().attained("close", 1).await.pop().unwrap();
    assert_eq!(close.ending, "interrupted");
    assert!(close.bytes.unwrap() < LARGE as u64);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_leaves_a_record_of_what_it_may_have_seen() {
    let (okayama, _hospital) = okayama_with_a_large_summary().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let entries = physician.entries(&patient("2.999.33.1", "N-1")).await;
    let large = entries.iter().find(|entry| entry.size == Some(LARGE as u64)).unwrap();
    let mut body = begin(&physician, &large.id).await.body;
    body.next().await.unwrap().unwrap();
    drop(body);
    drop(physician);
    let close = okayama.records().attained("close", 1).await.pop().unwrap();
    assert_eq!(close.ending, "interrupted");
    assert!((1..LARGE as u64).contains(&close.bytes.unwrap()));
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_whose_source_breaks_off_breaks_toward_the_portal_too() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        use kakehashi::dialect::ebxml::CrossGatewayQuery;
        use kakehashi::model::{Answer, Interrupted, RegistryObject};
        let one = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), "2.999.34.7.1");
        if arrived.path == "/xca/query" {
            return arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])));
        }
        let asked = arrived.request::<CrossGatewayRetrieve>().documents;
        let pieces = (0..100).map(|_| Ok(Bytes::from(vec![b'x'; 10_000])));
        let broken = std::iter::once(Err(Interrupted::Broken("pulled".to_owned())));
        let body = Box::pin(stream::iter(pieces.chain(broken)));
        let cut = Document { size: None, body, ..document(&asked[0], "") };
        arrived.answer::<CrossGatewayRetrieve>(Ok(Answer::found(vec![cut])))
    })
    .await;
    let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
    let portal = Arc::new(okayama.portal(PHYSICIAN).expecting(HIROSHIMA));
    let entries = portal.entries(&patient("2.999.34.1", "H-1")).await;
    let mut body = begin(&portal, &entries[0].id).await.body;
    let mut is_broken = false;
    while let Some(piece) = body.next().await {
        is_broken |= piece.is_err();
    }
    assert!(is_broken, "what is not whole must not look whole");
    let close = okayama.records().attained("close", 1).await.pop().unwrap();
    assert_eq!(close.ending, "interrupted");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_whose_answers_are_under_way_takes_its_own_places_and_nobody_elses() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    hospital.summary("0000012345", LARGE);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .peer_with(HIROSHIMA, 1, "rates = { peer_in_flight = 2 }")
        .peer(TOTTORI, 2)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .limits("in_flight_max = 3")
        .start()
        .await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let person = patient("2.999.33.1", "N-1");
    let entries = physician.entries(&person).await;
    let large = entries.iter().find(|entry| entry.size == Some(LARGE as u64)).unwrap();
    let running = [begin(&physician, &large.id).await, begin(&physician, &large.id).await];
    let third = physician.ask_raw::<CrossGatewayQuery>(&documents_of(&person)).await;
    assert_eq!(third.status, 503, "both places of the peer are taken");
    let other = okayama.asked_by(TOTTORI, PHYSICIAN);
    let reply = other.ask_raw::<CrossGatewayQuery>(&documents_of(&person)).await;
    assert_ne!(reply.status, 503, "another peer has its own");
    drop(running);
    drop(physician);
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    okayama.records().attained("close", 2).await;
    assert!(!physician.entries(&person).await.is_empty(), "what is given up is given back");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stands_still_is_cut_and_the_record_says_how_much_left() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    hospital.summary("0000012345", LARGE);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).limits("answer_idle_ms = 300");
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let entries = physician.entries(&patient("2.999.33.1", "N-1")).await;
    let large = entries.iter().find(|entry| entry.size == Some(LARGE as u64)).unwrap();
    let mut body = begin(&physician, &large.id).await.body;
    body.next().await.unwrap().unwrap();
    // Nothing more is read while the connection stays open.
    let close = okayama.records().attained("close", 1).await.pop().unwrap();
    assert_eq!(close.ending, "interrupted");
    assert!((1..LARGE as u64).contains(&close.bytes.unwrap()), "{:?}", close.bytes);
    drop(body);
    okayama.stop().await;
}
