use std::collections::BTreeSet;

use time::Date;
use time::macros::date;

use super::*;
use crate::model::{Demographics, Oid, Purpose};
use crate::store::{AddError, Basis, ClaimRow, ConsentChange, ConsentRow, ConsentState, Terms};

/// A morning of 2026-05-01 in Japan.
const NOW: Timestamp = Timestamp::from_micros(1_777_590_000_000_000);

fn id(number: &str) -> PatientId {
    PatientId::from_cx(&format!("{number}^^^&2.999.34.1&ISO")).unwrap()
}

fn there() -> CommunityId {
    CommunityId(Oid::parse("2.999.34").unwrap())
}

fn person(value: &str) -> Phi<String> {
    Phi::new(value.to_owned())
}

fn card(number: &str, from: Option<Date>, until: Option<Date>) -> ConsentRow {
    ConsentRow {
        network_id: person("N-1"),
        facility: "3310000001".to_owned(),
        patient_no: person("100"),
        community: there(),
        viewers: Terms::All,
        kinds: Terms::All,
        purposes: vec![Purpose::Treatment],
        state: ConsentState::Granted,
        valid_from: date!(2026 - 01 - 01),
        valid_until: None,
        form: "f".to_owned(),
        evidence: "e".to_owned(),
        entered_by: "clerk".to_owned(),
        card: Some(Card { id: id(number), from, until }),
    }
}

async fn store(folder: &tempfile::TempDir) -> Store {
    Store::open_file(&folder.path().join("k.db")).await.unwrap()
}

async fn add(store: &Store, row: ConsentRow) -> Result<(ConsentChange, Ended), AddError> {
    let change = ConsentChange {
        version: 0,
        at: NOW,
        action: "import".to_owned(),
        source: "c.csv".to_owned(),
        sha256: String::new(),
        rows: 0,
        entered_by: "clerk".to_owned(),
    };
    store.add_consents(&[row], change).await
}

/// The values of the ids that end with it.
async fn enter(store: &Store, row: ConsentRow) -> BTreeSet<String> {
    let (_, ended) = add(store, row).await.unwrap();
    ended.into_values().flatten().map(|id| id.reveal().clone()).collect()
}

/// A request uses it, and the manager is told.
async fn used(store: &Store, number: &str, until: Timestamp) {
    let version = store.consent_version().await.unwrap();
    let told = Demographics::default();
    let rests_on = [PatientId::from_cx("B-7^^^&2.999.33.21.1&ISO").unwrap()];
    let basis = Basis { ids: &rests_on, fed: Some(&told), is_card: true };
    let whose = (&person("N-1"), &there());
    assert!(store.keep_learned(whose, &[id(number)], (NOW, until), version, basis).await.unwrap());
    for row in store.feed_due(NOW, 9).await.unwrap() {
        store.feed_sent(row.position, NOW).await.unwrap();
        store.feed_taken(row.position).await.unwrap();
    }
}

async fn shown(store: &Store) {
    let row = |n: u8, patient: &str| ClaimRow {
        object: [n; 16],
        unique: [n; 16],
        repository: None,
        community: there(),
        patient: Phi::new(format!("{patient}^^^&2.999.33.1&ISO")),
    };
    let rows = [row(1, "N-1"), row(2, "100"), row(3, "B-7"), row(4, "H-1"), row(5, "N-12"), row(6, "N-2")];
    store.keep_claims("portal", &rows, NOW).await.unwrap();
}

async fn left(store: &Store) -> BTreeSet<u8> {
    let ids: Vec<_> = (1..7_u8).map(|n| [n; 16]).collect();
    let left = store.shown_under("portal", &ids, Timestamp::from_micros(0)).await.unwrap();
    left.into_iter().map(|(id, _, _)| id[0]).collect()
}

async fn taken_back(store: &Store) -> Vec<PatientId> {
    let due = store.feed_due(NOW.plus_seconds(10 * 86_400), 9).await.unwrap();
    due.into_iter().filter(|row| row.change == crate::store::FeedChange::Ended).map(|row| row.id).collect()
}

#[tokio::test]
async fn a_card_issued_anew_ends_what_was_shown_and_told_with_the_old_one_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    assert!(enter(&store, card("H-1", None, None)).await.is_empty(), "nothing was known before");
    used(&store, "H-1", OPEN).await;
    shown(&store).await;
    let again = ConsentRow { evidence: "another".to_owned(), ..card("H-1", None, None) };
    assert!(enter(&store, again).await.is_empty(), "the same card ends nothing");
    assert_eq!(left(&store).await.len(), 6);
    let ended = enter(&store, card("H-2", None, None)).await;
    assert!(["N-1", "100", "B-7", "H-1"].iter().all(|id| ended.contains(*id)), "{ended:?}");
    assert_eq!(left(&store).await, [5, 6].into());
    assert!(store.correlations(&person("N-1"), NOW).await.unwrap().is_empty());
    assert_eq!(taken_back(&store).await, [id("H-1")], "and the manager is told so");
    assert_eq!(store.consents().await.unwrap().1.last().unwrap().card, card("H-2", None, None).card);
}

#[tokio::test]
async fn a_card_ends_with_its_last_day_and_with_the_day_on_which_the_next_begins() {
    for (next, over_at) in [
        (None, NOW.plus_seconds(3 * 86_400)),
        (Some(card("H-2", Some(date!(2026 - 05 - 02)), None)), NOW.plus_seconds(86_400)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let first = card("H-1", None, Some(date!(2026 - 05 - 03)));
        let until = first.card.as_ref().and_then(Card::ends).unwrap();
        enter(&store, first).await;
        used(&store, "H-1", until).await;
        shown(&store).await;
        if let Some(next) = next {
            assert!(enter(&store, next).await.is_empty(), "it has not begun");
        }
        assert!(store.end_cards_over(over_at.plus_seconds(-86_400)).await.unwrap().is_empty());
        assert_eq!((left(&store).await.len(), taken_back(&store).await.len()), (6, 0));
        assert_eq!(store.purge_correlations(over_at).await.unwrap(), 0, "it is not passed over");
        assert_eq!(store.end_cards_over(over_at).await.unwrap().len(), 1);
        assert_eq!(left(&store).await, [5, 6].into());
        assert_eq!(taken_back(&store).await, [id("H-1")]);
    }
}

#[tokio::test]
async fn a_card_that_goes_on_longer_is_not_ended_with_its_former_last_day_and_one_that_is_closed_is_at_once()
{
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let first = card("H-1", None, Some(date!(2026 - 05 - 03)));
    let until = first.card.as_ref().and_then(Card::ends).unwrap();
    enter(&store, first).await;
    used(&store, "H-1", until).await;
    assert!(enter(&store, card("H-1", None, Some(date!(2026 - 05 - 31)))).await.is_empty());
    assert!(store.end_cards_over(until).await.unwrap().is_empty());
    assert_eq!(store.purge_feed(until).await.unwrap(), 0);
    assert!(taken_back(&store).await.is_empty());
    let ended = enter(&store, card("H-1", None, Some(date!(2026 - 04 - 30)))).await;
    assert!(ended.contains("H-1"), "{ended:?}");
    assert_eq!(taken_back(&store).await, [id("H-1")]);
}

#[tokio::test]
async fn a_withdrawal_ends_what_a_card_has_brought_and_the_same_row_again_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    enter(&store, card("H-1", None, None)).await;
    used(&store, "H-1", OPEN).await;
    shown(&store).await;
    let withdrawn = ConsentRow { state: ConsentState::Withdrawn, card: None, ..card("H-0", None, None) };
    assert!(enter(&store, withdrawn.clone()).await.contains("H-1"));
    assert_eq!(left(&store).await, [5, 6].into());
    assert_eq!(taken_back(&store).await, [id("H-1")]);
    assert!(enter(&store, withdrawn).await.is_empty());
}

#[tokio::test]
async fn a_card_is_one_persons_as_long_as_it_is_not_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    enter(&store, card("H-1", None, None)).await;
    let others =
        || ConsentRow { network_id: person("N-2"), patient_no: person("200"), ..card("H-1", None, None) };
    let refused = add(&store, others()).await.unwrap_err();
    assert!(matches!(refused, AddError::OtherPerson(at) if at == [(0, "card_id")]));
    let elsewhere = CommunityId(Oid::parse("2.999.31").unwrap());
    add(&store, ConsentRow { community: elsewhere, ..others() }).await.unwrap();
    enter(&store, card("H-1", None, Some(date!(2026 - 04 - 30)))).await;
    add(&store, others()).await.unwrap();
    let (again, _) = add(&store, card("H-1", None, None)).await.unwrap();
    assert_eq!(again.rows, 0, "the same file once more: its row stands there already");
}

#[tokio::test]
async fn a_card_is_one_persons_also_before_the_next_of_its_holder_begins() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    enter(&store, card("H-1", None, None)).await;
    enter(&store, card("H-9", Some(date!(2027 - 01 - 01)), None)).await;
    let others = |number, from, until| ConsentRow {
        network_id: person("N-2"),
        patient_no: person("200"),
        ..card(number, from, until)
    };
    for (number, from, until) in [
        ("H-1", None, None),
        ("H-1", Some(date!(2026 - 12 - 31)), None),
        ("H-9", None, None),
        ("H-9", None, Some(date!(2027 - 01 - 01))),
    ] {
        let refused = add(&store, others(number, from, until)).await.unwrap_err();
        assert!(matches!(refused, AddError::OtherPerson(at) if at == [(0, "card_id")]), "{number} {from:?}");
    }
    add(&store, others("H-9", None, Some(date!(2026 - 12 - 31)))).await.unwrap();
    add(&store, others("H-1", Some(date!(2027 - 01 - 01)), None)).await.unwrap();
}

#[tokio::test]
async fn a_card_ends_what_a_look_up_has_brought_for_somebody_else_under_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    enter(&store, ConsentRow { card: None, ..card("H-0", None, None) }).await;
    let (told, version) = (Demographics::default(), store.consent_version().await.unwrap());
    let rests_on = [PatientId::from_cx("B-7^^^&2.999.33.21.1&ISO").unwrap()];
    let basis = Basis { ids: &rests_on, fed: Some(&told), is_card: false };
    let whose = (&person("N-1"), &there());
    assert!(store.keep_learned(whose, &[id("H-1")], (NOW, OPEN), version, basis).await.unwrap());
    let told = store.feed_due(NOW, 9).await.unwrap();
    store.feed_sent(told[0].position, NOW).await.unwrap();
    store.feed_taken(told[0].position).await.unwrap();
    shown(&store).await;
    let theirs =
        ConsentRow { network_id: person("N-2"), patient_no: person("200"), ..card("H-1", None, None) };
    assert!(enter(&store, theirs).await.contains("N-1"));
    assert_eq!(left(&store).await, [5, 6].into());
    assert!(store.correlations(&person("N-1"), NOW).await.unwrap().is_empty());
    assert_eq!(taken_back(&store).await, [id("H-1")]);
}

#[tokio::test]
async fn what_rests_on_a_card_ends_with_the_last_day_of_the_consent() {
    let last_day = Some(date!(2026 - 05 - 03));
    let day_after = NOW.plus_seconds(3 * 86_400);
    let open = || card("H-1", None, None);
    for next in [
        ConsentRow { valid_until: last_day, evidence: "another".to_owned(), ..open() },
        ConsentRow { valid_until: last_day, card: None, ..open() },
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        enter(&store, open()).await;
        used(&store, "H-1", OPEN).await;
        shown(&store).await;
        assert!(enter(&store, next.clone()).await.is_empty(), "{next:?}");
        assert!(store.end_cards_over(day_after.plus_seconds(-86_400)).await.unwrap().is_empty());
        assert_eq!(store.end_cards_over(day_after).await.unwrap().len(), 1, "{next:?}");
        assert_eq!(left(&store).await, [5, 6].into());
        assert_eq!(taken_back(&store).await, [id("H-1")]);
    }
}

#[tokio::test]
async fn what_was_shown_with_a_looked_up_id_stays_when_that_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let whose = (&person("N-1"), &there());
    let basis = Basis::default();
    assert!(store.keep_learned(whose, &[id("H-1")], (NOW, OPEN), 0, basis).await.unwrap());
    shown(&store).await;
    assert!(store.give_up(&person("N-1"), &there()).await.unwrap().is_empty());
    assert!(store.correlations(&person("N-1"), NOW).await.unwrap().is_empty());
    assert_eq!(left(&store).await.len(), 6);
}

#[tokio::test]
async fn a_card_that_its_network_has_given_up_is_so_until_it_is_entered_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    enter(&store, card("H-1", None, None)).await;
    let is_given_up = async || store.is_given_up(&person("N-1"), &there(), &id("H-1")).await.unwrap();
    assert!(!is_given_up().await);
    used(&store, "H-1", OPEN).await;
    shown(&store).await;
    assert!(store.give_up(&person("N-1"), &there()).await.unwrap().contains_key(&there()));
    assert!(is_given_up().await);
    assert_eq!(left(&store).await, [5, 6].into());
    enter(&store, card("H-1", None, Some(date!(2027 - 03 - 31)))).await;
    assert!(!is_given_up().await);
}

#[tokio::test]
async fn a_first_and_a_last_day_are_told_apart_and_a_row_without_card_is_the_same_as_before_there_were_cards()
{
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let day = Some(date!(2026 - 06 - 01));
    for row in
        [card("H-1", day, None), card("H-1", None, day), ConsentRow { card: None, ..card("H-0", None, None) }]
    {
        assert_eq!(add(&store, row.clone()).await.unwrap().0.rows, 1);
        assert_eq!(add(&store, row.clone()).await.unwrap().0.rows, 0);
        assert_eq!(store.consents().await.unwrap().1.last().unwrap(), &row);
    }
    let sha256: String = sqlx::query_scalar("SELECT sha256 FROM consent WHERE card IS NULL")
        .fetch_one(&store.reader)
        .await
        .unwrap();
    assert_eq!(sha256, BEFORE_CARDS);
}

/// As the program before cards wrote it.
const BEFORE_CARDS: &str = "d1ac8dbbb0284d6b382712b03a196347cca4822f898d0b4f6606b155772b5249";
