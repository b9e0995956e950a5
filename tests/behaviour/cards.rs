//! A person whom another network knows by a card (HM-net): it is asked under the card's id, nothing is looked
//! up, nobody else learns the id, and a card that has ended is used no more, even where its network goes on
//! answering for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kakehashi::app::control::ControlRequest;
use kakehashi::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use kakehashi::dialect::hl7v3::PixQuery;
use kakehashi::model::{
    Answer, Criteria, DocumentEntry, DocumentQuery, DocumentRetrieve, Homeless, PatientIdLookup, QueryKey,
    RecordChange, RegistryObject, ReturnType, Timestamp,
};
use kakehashi::policy::{CARD_COLUMNS, CONSENT_COLUMNS, Consents};
use kakehashi::store::{Basis, Store};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::remembered::{look_up, unknown};
use crate::simulators::client::{PHYSICIAN, documents_of, patient, retrieve_of};
use crate::simulators::gateway::{Arrived, Gateway, document, entry};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Place, Plan, TOTTORI, consent, settings};
use crate::simulators::pix::{Known, Manager, with_manager};
use crate::simulators::waiting::until;

const OLD: &str = "2.999.34.7.1";

/// A network where HANAKO has cards with one document each, the first four, and goes on answering for all
/// of them but those below the number of the moment. By demographics it finds that one.
async fn network(
    place: Place,
    letter: &'static str,
    now: &Arc<AtomicUsize>,
) -> (Gateway, Arc<Vec<DocumentEntry>>) {
    let community = place.community;
    let of = move |number: usize| patient(&format!("{community}.1"), &format!("{letter}-{number}"));
    let entries = (1..=4).map(|number| entry(place, of(number), &format!("{community}.7.{number}")));
    let entries: Arc<Vec<DocumentEntry>> = Arc::new(entries.collect());
    let (now, held) = (Arc::clone(now), Arc::clone(&entries));
    let gateway = Gateway::start(place, move |arrived| {
        let (number, held) = (now.load(Ordering::SeqCst), Arc::clone(&held));
        async move {
            match arrived.path.as_str() {
                "/xcpd" => look_up(&arrived, &format!("{letter}-{number}")),
                "/xca/query" => {
                    let by = arrived.request::<CrossGatewayQuery>().by;
                    if matches!(&by, QueryKey::Patient(id) if held[..number - 1].iter().any(|e| e.patient == *id)) {
                        return unknown(&arrived).await;
                    }
                    let is_asked = |entry: &&DocumentEntry| match &by {
                        QueryKey::Patient(id) => entry.patient == *id,
                        QueryKey::Objects(ids) => ids.contains(&entry.object),
                        QueryKey::UniqueIds(ids) => ids.contains(&entry.id.unique),
                    };
                    let found = held.iter().filter(is_asked).cloned().map(RegistryObject::Entry);
                    arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(found.collect())))
                }
                _ => {
                    let id = arrived.request::<CrossGatewayRetrieve>().documents[0].clone();
                    arrived.answer::<CrossGatewayRetrieve>(Ok(Answer::found(vec![document(&id, "<p>one</p>")])))
                }
            }
        }
    })
    .await;
    (gateway, entries)
}

fn with_card(hospital: &Hospital, number: u32, days: &str) -> String {
    let row = consent("N-1", hospital, "0000012345", HIROSHIMA);
    format!("{row},H-{number}^^^&2.999.34.1&ISO,{days}")
}

fn day(days_from_now: i64) -> String {
    Timestamp::now().plus_seconds(days_from_now * 86_400).xs_date_time()[..10].to_owned()
}

/// Asks for HANAKO's documents as a portal does that knows no homes; gives what Hiroshima was asked for that,
/// and what the portal was shown.
async fn listed(okayama: &Network, hiroshima: &Gateway) -> (Vec<String>, String) {
    let before = hiroshima.seen().len();
    let query = documents_of(&patient("2.999.33.1", "N-1"));
    let shown = okayama.portal(PHYSICIAN).ask_raw::<RegistryStoredQuery>(&query).await;
    (since(hiroshima, before), shown.text())
}

// The paths it was asked at since then, with the card's number where a message names one.
fn since(hiroshima: &Gateway, before: usize) -> Vec<String> {
    let asked = |arrived: &Arrived| {
        let card = arrived.envelope.split("H-").nth(1).and_then(|rest| rest.split('^').next());
        let card = card.filter(|card| card.len() == 1).unwrap_or_default();
        format!("{} {card}", arrived.path).trim().to_owned()
    };
    hiroshima.seen().split_off(before).iter().map(asked).collect()
}

/// Tries every way to what the first card has brought. None of it comes, and Hiroshima is asked nothing under
/// the card's id, nor for the document.
async fn nothing_comes_of_the_first(okayama: &Network, hiroshima: &Gateway, one: &DocumentEntry) {
    let portal = okayama.portal(PHYSICIAN);
    let before = hiroshima.seen().len();
    let by_id =
        |by| DocumentQuery { by, home: None, criteria: Criteria::default(), returns: ReturnType::LeafClass };
    let objects = by_id(QueryKey::Objects(vec![one.object.clone()]));
    let uniques = by_id(QueryKey::UniqueIds(vec![one.id.unique.clone()]));
    let mut replies = Vec::new();
    for query in [&objects, &uniques, &documents_of(&one.patient)] {
        replies.push(portal.ask_raw::<RegistryStoredQuery>(query).await);
    }
    assert!(since(hiroshima, before).is_empty(), "it is not known any more whose they are");
    for query in [&objects, &uniques, &documents_of(&one.patient)] {
        let query = DocumentQuery { home: Some(one.id.community.clone()), ..query.clone() };
        replies.push(portal.ask_raw::<CrossGatewayQuery>(&query).await);
    }
    let ids = PatientIdLookup { known: one.patient.clone(), demographics: None, authorities: Vec::new() };
    replies.push(portal.ask_raw::<PixQuery>(&ids).await);
    let homeless = Homeless { repository: one.id.repository.clone(), unique: one.id.unique.clone() };
    for fetch in
        [retrieve_of([one.id.clone()]), DocumentRetrieve { documents: vec![], homeless: vec![homeless] }]
    {
        replies.push(portal.ask_raw::<RetrieveDocumentSet>(&fetch).await);
    }
    for reply in replies {
        let text = reply.text();
        assert!(!text.contains("<p>one</p>") && !text.contains("<rim:ExtrinsicObject"), "{text}");
        assert!(!text.contains("H-1^^^&amp;2.999.34.1&amp;ISO\""), "{text}");
    }
    let asked = since(hiroshima, before);
    assert!(asked.iter().all(|asked| asked == "/xca/query"), "by id alone: {asked:?}");
}

/// Okayama with its PIX manager, where HANAKO's consents name Hiroshima, with a card, and Tottori.
async fn okayama(
    (hiroshima, tottori): (&Gateway, &Gateway),
    known: &Known,
    days: &str,
) -> (Network, Hospital, (Manager, TempDir)) {
    let (hospital, policies) = (Hospital::okayama_university(), tempfile::tempdir().unwrap());
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    known.are_persons(&[&[patient("2.999.33.1", "N-1"), patient("2.999.33.20.1", "0000012345")]]);
    let manager = Manager::start(known).await;
    let plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(with_card(&hospital, 1, days))
        .consent(format!("{},,,", consent("N-1", &hospital, "0000012345", TOTTORI)))
        .peer(HIROSHIMA, hiroshima.port)
        .peer(TOTTORI, tottori.port)
        .permitting_everything(policies.path());
    (with_manager(plan, manager.port, "").start().await, hospital, (manager, policies))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_asked_with_without_a_look_up_and_one_issued_anew_ends_the_old_at_once() {
    let (now, known) = (Arc::new(AtomicUsize::new(1)), Known::default());
    let (hiroshima, cards) = network(HIROSHIMA, "H", &now).await;
    let (tottori, _) = network(TOTTORI, "T", &now).await;
    let (okayama, hospital, _kept) = okayama((&hiroshima, &tottori), &known, ",").await;
    let (asked, shown) = listed(&okayama, &hiroshima).await;
    assert_eq!(asked, ["/xca/query 1"], "no demographics");
    assert!(shown.contains(OLD) && !shown.contains("value=\"H-1^^^"), "{shown}");
    let portal = okayama.portal(PHYSICIAN);
    let before = hiroshima.seen().len();
    let fetch = retrieve_of([cards[0].id.clone()]);
    assert!(portal.ask_raw::<RetrieveDocumentSet>(&fetch).await.text().contains("<p>one</p>"));
    assert_eq!(since(&hiroshima, before), ["/xca/retrieve"], "the entry is remembered");
    let told = |change: RecordChange, ends: bool, number: &str| {
        let id = patient("2.999.34.1", number);
        let is = |record: &kakehashi::model::PatientRecord| {
            record.change == change && record.ids == [id.clone()] && record.others.is_empty() == ends
        };
        known.told().iter().any(|(_, record)| is(record))
    };
    until("the manager is told of the card", || told(RecordChange::Added, false, "H-1")).await;

    okayama.import(&[with_card(&hospital, 2, ",")]).await;
    nothing_comes_of_the_first(&okayama, &hiroshima, &cards[0]).await;
    let (asked, shown) = listed(&okayama, &hiroshima).await;
    assert_eq!(asked, ["/xca/query 2"]);
    assert!(shown.contains("2.999.34.7.2") && !shown.contains(OLD), "{shown}");
    let (ids, before) = (patient("2.999.33.1", "N-1"), hiroshima.seen().len());
    let ids = PatientIdLookup { known: ids, demographics: None, authorities: Vec::new() };
    let answer = portal.ask_raw::<PixQuery>(&ids).await.text();
    assert!(answer.contains("\"H-2\"") && !answer.contains("\"H-1\""), "{answer}");
    assert!(since(&hiroshima, before).is_empty());
    until("the manager is told of its end", || told(RecordChange::Revised, true, "H-1")).await;
    until("and of the new one", || told(RecordChange::Added, false, "H-2")).await;

    let okayama = okayama.restarted().await;
    nothing_comes_of_the_first(&okayama, &hiroshima, &cards[0]).await;
    assert_eq!(listed(&okayama, &hiroshima).await.0, ["/xca/query 2"]);
    okayama.withdraw("N-1").await;
    let (asked, shown) = listed(&okayama, &hiroshima).await;
    assert!(asked.is_empty() && !shown.contains("2.999.34.7."), "a card is no consent: {shown}");
    nothing_comes_of_the_first(&okayama, &hiroshima, &cards[1]).await;
    until("that one is taken back, too", || told(RecordChange::Revised, true, "H-2")).await;
    for arrived in tottori.seen() {
        assert!(
            !arrived.envelope.contains("H-1") && !arrived.envelope.contains("H-2"),
            "{}",
            arrived.envelope
        );
    }
    assert!(tottori.seen().iter().any(|arrived| arrived.path == "/xcpd"), "Tottori was asked as ever");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_outside_its_days_or_given_up_or_another_persons_is_not_used() {
    let (now, known) = (Arc::new(AtomicUsize::new(1)), Known::default());
    let (hiroshima, cards) = network(HIROSHIMA, "H", &now).await;
    let (tottori, _) = network(TOTTORI, "T", &now).await;
    let days = format!("{},", day(3));
    let (okayama, hospital, _kept) = okayama((&hiroshima, &tottori), &known, &days).await;
    let (asked, shown) = listed(&okayama, &hiroshima).await;
    assert_eq!(asked, ["/xcpd"], "it has not begun, and is not taken from a look-up either");
    assert!(!shown.contains(OLD), "{shown}");
    okayama.import(&[with_card(&hospital, 1, &format!(",{}", day(3)))]).await;
    let (asked, shown) = listed(&okayama, &hiroshima).await;
    assert_eq!(asked, ["/xca/query 1"]);
    assert!(shown.contains(OLD), "{shown}");
    okayama.import(&[with_card(&hospital, 1, &format!(",{}", day(-2)))]).await;
    nothing_comes_of_the_first(&okayama, &hiroshima, &cards[0]).await;
    assert_eq!(listed(&okayama, &hiroshima).await.0, ["/xcpd"], "it is over");

    okayama.import(&[with_card(&hospital, 1, &format!(",{}", day(9)))]).await;
    now.store(3, Ordering::SeqCst);
    let (asked, shown) = listed(&okayama, &hiroshima).await;
    assert_eq!(asked, ["/xca/query 1", "/xcpd", "/xca/query 3"], "it is looked up within the same request");
    assert!(shown.contains("2.999.34.7.3") && !shown.contains(OLD), "{shown}");
    let asked = listed(&okayama, &hiroshima).await.0;
    assert_eq!(asked, ["/xcpd", "/xca/query 3"], "the old card is not tried again");
    okayama.import(&[with_card(&hospital, 3, ",")]).await;
    assert_eq!(listed(&okayama, &hiroshima).await.0, ["/xca/query 3"]);

    let columns: Vec<&str> = CONSENT_COLUMNS.into_iter().chain(CARD_COLUMNS).collect();
    let row = consent("N-2", &hospital, "0000099999", HIROSHIMA);
    let text = format!("{}\n{row},H-3^^^&2.999.34.1&ISO,,\n", columns.join(","));
    let reply = okayama.control(ControlRequest::ConsentImport { file: "c.csv".to_owned(), text }).await;
    assert!(!reply.ok && reply.text.starts_with("c.csv:2: column `card_id`: "), "{}", reply.text);
    assert!(!reply.text.contains("H-3"), "{}", reply.text);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_while_a_card_is_issued_anew_neither_shows_nor_remembers_what_the_old_one_brings()
{
    let okayama = issued_anew_under_way(|_| None).await;
    nothing_comes_of_the_first(&okayama.0, &okayama.1, &okayama.2).await;
    okayama.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_while_a_card_becomes_another_persons_shows_nothing_of_theirs() {
    let row = |hospital: &Hospital| consent("N-2", hospital, "0000099999", HIROSHIMA);
    let okayama =
        issued_anew_under_way(|hospital| Some(format!("{},H-1^^^&2.999.34.1&ISO,,", row(hospital)))).await;
    okayama.0.stop().await;
}

/// HANAKO's documents are asked for, and before Hiroshima answers her card is H-2, and this row is entered.
async fn issued_anew_under_way(
    more: impl Fn(&Hospital) -> Option<String>,
) -> (Network, Gateway, DocumentEntry, (Hospital, TempDir)) {
    let gate = Arc::new(Semaphore::new(0));
    let one = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), OLD);
    let (opened, held) = (Arc::clone(&gate), one.clone());
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let (gate, one) = (Arc::clone(&opened), held.clone());
        async move {
            let by = arrived.request::<CrossGatewayQuery>().by;
            let is_asked = match &by {
                QueryKey::Patient(id) => one.patient == *id,
                _ => true,
            };
            if by == QueryKey::Patient(one.patient.clone()) {
                gate.acquire().await.unwrap().forget();
            }
            let found = is_asked.then_some(RegistryObject::Entry(one));
            arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(found.into_iter().collect())))
        }
    })
    .await;
    let (hospital, policies) = (Hospital::okayama_university(), tempfile::tempdir().unwrap());
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).consent(with_card(&hospital, 1, ","));
    let plan = plan.peer(HIROSHIMA, hiroshima.port).permitting_everything(policies.path());
    let okayama = plan.start().await;
    let issued_anew = async {
        until("Hiroshima is asked", || !hiroshima.seen().is_empty()).await;
        let rows: Vec<String> = [with_card(&hospital, 2, ",")].into_iter().chain(more(&hospital)).collect();
        okayama.import(&rows).await;
        gate.add_permits(1);
    };
    let ((asked, shown), ()) = tokio::join!(listed(&okayama, &hiroshima), issued_anew);
    assert_eq!(asked, ["/xca/query 1"]);
    assert!(!shown.contains(OLD), "{shown}");
    (okayama, hiroshima, one, (hospital, policies))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_shown_under_the_cards_own_id_is_fetched_no_more_while_that_counts_for_nobody() {
    let (now, known) = (Arc::new(AtomicUsize::new(1)), Known::default());
    let (hiroshima, cards) = network(HIROSHIMA, "H", &now).await;
    let (tottori, _) = network(TOTTORI, "T", &now).await;
    let (okayama, hospital, _kept) = okayama((&hiroshima, &tottori), &known, ",").await;
    let portal = okayama.portal(PHYSICIAN);
    // Nobody's so far.
    let second = &cards[1];
    let shown = portal.ask_raw::<RegistryStoredQuery>(&documents_of(&second.patient)).await.text();
    assert!(shown.contains("2.999.34.7.2"), "{shown}");
    let fetch = retrieve_of([second.id.clone()]);
    assert!(portal.ask_raw::<RetrieveDocumentSet>(&fetch).await.text().contains("<p>one</p>"));
    okayama.import(&[with_card(&hospital, 2, &format!("{},", day(3)))]).await;
    let before = hiroshima.seen().len();
    let fetched = portal.ask_raw::<RetrieveDocumentSet>(&fetch).await.text();
    assert!(!fetched.contains("<p>one</p>"), "{fetched}");
    assert!(!since(&hiroshima, before).contains(&"/xca/retrieve".to_owned()));
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_listed_with_a_card_is_not_known_any_more_once_its_time_is_over() {
    let (now, known) = (Arc::new(AtomicUsize::new(1)), Known::default());
    let (hiroshima, cards) = network(HIROSHIMA, "H", &now).await;
    let (tottori, _) = network(TOTTORI, "T", &now).await;
    let (okayama, _hospital, _kept) = okayama((&hiroshima, &tottori), &known, ",").await;
    assert!(listed(&okayama, &hiroshima).await.1.contains(OLD));
    let by_id = DocumentQuery {
        by: QueryKey::Objects(vec![cards[0].object.clone()]),
        home: None,
        criteria: Criteria::default(),
        returns: ReturnType::LeafClass,
    };
    let asked = async |okayama: &Network| {
        let before = hiroshima.seen().len();
        okayama.portal(PHYSICIAN).ask_raw::<RegistryStoredQuery>(&by_id).await;
        since(&hiroshima, before).len()
    };
    let okayama = okayama.restarted().await;
    assert_eq!(asked(&okayama).await, 1, "it is known whose it is");
    let store = Store::open(&settings(okayama.path()).broker.store_url).await.unwrap();
    let whose = (&patient("2.999.33.1", "N-1").value, &cards[0].id.community);
    let until = Timestamp::now().plus_seconds(-1);
    let basis = Basis { is_card: true, ..Basis::default() };
    let version = store.consent_version().await.unwrap();
    let ids = [cards[0].patient.clone()];
    assert!(store.keep_learned(whose, &ids, (until, until), version, basis).await.unwrap());
    let okayama = okayama.restarted().await;
    assert_eq!(asked(&okayama).await, 0);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_card_cannot_be_used_at_the_moment_its_network_is_missing_and_no_demographics_cross() {
    let (now, known) = (Arc::new(AtomicUsize::new(1)), Known::default());
    let (hiroshima, _) = network(HIROSHIMA, "H", &now).await;
    let (tottori, _) = network(TOTTORI, "T", &now).await;
    let (okayama, hospital, _kept) = okayama((&hiroshima, &tottori), &known, ",").await;
    // The consents in force are not those in the store any more.
    let store = Store::open(&settings(okayama.path()).broker.store_url).await.unwrap();
    let columns: Vec<&str> = CONSENT_COLUMNS.into_iter().chain(CARD_COLUMNS).collect();
    let row = consent("N-2", &hospital, "0000099999", TOTTORI);
    let text = format!("{}\n{row},,,\n", columns.join(","));
    let elsewhere = Consents::load(&store).await.unwrap();
    elsewhere.import(&store, "c.csv", text.as_bytes(), Timestamp::now()).await.unwrap();
    let (asked, shown) = listed(&okayama, &hiroshima).await;
    assert!(asked.is_empty(), "{asked:?}");
    assert!(shown.contains("PartialSuccess") && shown.contains("XDSUnavailableCommunity"), "{shown}");
    okayama.stop().await;
}
