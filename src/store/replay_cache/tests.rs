//! What the replay cache promises, also under concurrency and across a restart.

use std::time::{Duration, Instant};

use super::table::Held;
use super::together::GATHER;
use super::*;

mod durability;
mod model;

const NOW: Timestamp = Timestamp::from_micros(1_775_000_000_000_000);

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    (folder, store)
}

/// Messages and assertions held of each system.
fn held(store: &Store) -> Vec<(u32, u32)> {
    let held = store
        .takes
        .with_table(|table| table.held.values().map(|held| (held.messages, held.assertions)).collect());
    held.unwrap()
}

/// Rows in the database.
async fn rows(store: &Store) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM replay_taken").fetch_one(&store.reader).await.unwrap()
}

fn message(n: u32) -> MessageId {
    MessageId(format!("urn:uuid:{n}"))
}

fn presented<'a>(spki: &'a str, message: &'a MessageId, assertion: &'a str) -> Presented<'a> {
    Presented {
        spki_sha256: spki,
        message,
        body: &[7; 32],
        resend_s: None,
        issuer: "urn:issuer",
        assertion,
        one_use: false,
        until: NOW.plus_seconds(600),
    }
}

#[tokio::test]
async fn a_message_is_taken_once_and_its_number_is_free_at_another_system() {
    let (_folder, store) = store().await;
    let id = message(1);
    assert_eq!(store.take_message(&presented("a", &id, "_1"), NOW).await.unwrap(), Taken::Fresh);
    assert_eq!(store.take_message(&presented("a", &id, "_1"), NOW).await.unwrap(), Taken::Duplicate);
    assert_eq!(store.take_message(&presented("b", &id, "_2"), NOW).await.unwrap(), Taken::Fresh);
}

#[tokio::test]
async fn of_many_takes_at_the_same_moment_exactly_one_is_fresh() {
    let (_folder, store) = store().await;
    let takes = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(
            async move { store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap() },
        )
    });
    let mut fresh = 0;
    for take in takes.collect::<Vec<_>>() {
        fresh += usize::from(take.await.unwrap() == Taken::Fresh);
    }
    assert_eq!(fresh, 1);
}

#[tokio::test]
async fn statements_of_messages_that_come_together_are_apart() {
    let (_folder, store) = store().await;
    let began = Instant::now();
    for n in 0..4 {
        let (one, other) = (message(2 * n), message(2 * n + 1));
        let (one, other) = (presented("a", &one, "x"), presented("a", &other, "x"));
        let taken = tokio::join!(store.take_message(&one, NOW), store.take_message(&other, NOW));
        assert_eq!((taken.0.unwrap(), taken.1.unwrap()), (Taken::Fresh, Taken::Fresh));
    }
    assert!(began.elapsed() >= GATHER * 3);
}

#[tokio::test]
async fn a_message_that_comes_alone_waits_for_no_other() {
    let (_folder, store) = store().await;
    for n in 0..4 {
        let message = message(n);
        store.take_message(&presented("a", &message, "x"), NOW).await.unwrap();
        let next = Waiting::new(&store, shown(&presented("a", &message, "y"), NOW));
        assert_eq!(store.takes.rest(), Some(Duration::ZERO));
        assert_eq!(next.told().await.unwrap(), Taken::Duplicate);
    }
}

#[tokio::test]
async fn what_was_taken_is_known_after_a_restart() {
    let (folder, store) = store().await;
    store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap();
    drop(store);
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    assert_eq!(store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap(), Taken::Duplicate);
    let stolen = store.take_message(&presented("b", &message(2), "_1"), NOW).await.unwrap();
    assert_eq!(stolen, Taken::AssertionElsewhere);
}

#[tokio::test]
async fn a_portal_has_its_message_carried_out_three_times_with_the_same_bytes_and_in_time() {
    let (_folder, store) = store().await;
    let id = message(1);
    let portal = Presented { resend_s: Some(30), ..presented("a", &id, "_1") };
    assert_eq!(store.take_message(&portal, NOW).await.unwrap(), Taken::Fresh);
    let other = Presented { body: &[8; 32], ..portal };
    assert_eq!(store.take_message(&other, NOW.plus_seconds(1)).await.unwrap(), Taken::Duplicate);
    assert_eq!(store.take_message(&portal, NOW.plus_seconds(31)).await.unwrap(), Taken::Duplicate);
    for attempt in [2, 3] {
        assert_eq!(
            store.take_message(&portal, NOW.plus_seconds(30)).await.unwrap(),
            Taken::Again { attempt }
        );
    }
    assert_eq!(store.take_message(&portal, NOW.plus_seconds(30)).await.unwrap(), Taken::Duplicate);
}

#[tokio::test]
async fn a_freed_message_may_come_again_and_a_freed_repeat_does_not_count() {
    let (_folder, store) = store().await;
    let id = message(1);
    let portal = Presented { resend_s: Some(30), ..presented("a", &id, "_1") };
    for _ in 0..5 {
        assert_eq!(store.take_message(&portal, NOW).await.unwrap(), Taken::Fresh);
        store.free_message("a", &id).await.unwrap();
    }
    store.take_message(&portal, NOW).await.unwrap();
    for _ in 0..5 {
        assert_eq!(store.take_message(&portal, NOW).await.unwrap(), Taken::Again { attempt: 2 });
        store.free_message("a", &id).await.unwrap();
    }
    store.free_message("a", &message(9)).await.unwrap();
}

#[tokio::test]
async fn an_assertion_serves_many_messages_of_the_system_that_first_showed_it_and_no_other() {
    let (_folder, store) = store().await;
    let ids = [message(1), message(2), message(3)];
    let take = |spki, n: usize, now| {
        let (store, ids) = (&store, &ids);
        async move { store.take_message(&presented(spki, &ids[n], "_1"), now).await.unwrap() }
    };
    assert_eq!(take("a", 0, NOW).await, Taken::Fresh);
    assert_eq!(take("a", 1, NOW).await, Taken::Fresh);
    assert_eq!(take("b", 2, NOW).await, Taken::AssertionElsewhere);
    // Refused, so nothing of the message is kept.
    assert_eq!(take("a", 2, NOW).await, Taken::Fresh);
    let same_id = Presented { issuer: "urn:other", ..presented("b", &ids[0], "_1") };
    assert_eq!(store.take_message(&same_id, NOW).await.unwrap(), Taken::Fresh);
}

#[tokio::test]
async fn a_one_use_assertion_serves_one_message_and_its_repeats() {
    let (_folder, store) = store().await;
    let (first, second) = (message(1), message(2));
    let once = Presented { one_use: true, resend_s: Some(30), ..presented("a", &first, "_1") };
    assert_eq!(store.take_message(&once, NOW).await.unwrap(), Taken::Fresh);
    assert_eq!(store.take_message(&once, NOW).await.unwrap(), Taken::Again { attempt: 2 });
    let other = Presented { message: &second, ..once };
    assert_eq!(store.take_message(&other, NOW).await.unwrap(), Taken::AssertionUsed);
}

#[tokio::test]
async fn what_is_over_is_forgotten_and_what_is_not_stays() {
    let (_folder, store) = store().await;
    let id = message(1);
    store.take_message(&presented("a", &id, "_1"), NOW).await.unwrap();
    assert_eq!(store.purge_replays(NOW.plus_seconds(599)).await.unwrap(), 0);
    let later = NOW.plus_seconds(600);
    let again = Presented { until: later.plus_seconds(9), ..presented("a", &id, "_1") };
    assert_eq!(store.take_message(&again, later).await.unwrap(), Taken::Fresh);
    assert_eq!(store.purge_replays(later.plus_seconds(9)).await.unwrap(), 2);
    assert_eq!(held(&store), [(0, 0)]);
}

#[tokio::test]
async fn a_system_that_holds_too_much_is_refused_forgets_nothing_and_takes_no_others_room() {
    let (_folder, store) = store().await;
    store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap();
    assert_eq!((store.replays_used(Some("a")) * f64::from(ROWS)).round(), 1.0);
    let fill = |act: fn(&mut Held)| store.takes.with_table(|table| act(table.held.get_mut(&0).unwrap()));
    fill(|held| held.messages = ROWS);
    assert_eq!([Some("a"), Some("b"), None].map(|of| store.replays_used(of)), [1.0, 0.0, 1.0]);
    assert_eq!(store.take_message(&presented("a", &message(2), "_1"), NOW).await.unwrap(), Taken::Full);
    assert_eq!(store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap(), Taken::Duplicate);
    fill(|held| held.assertions = ROWS);
    assert_eq!(store.take_message(&presented("a", &message(2), "_2"), NOW).await.unwrap(), Taken::Full);
    assert_eq!(store.take_message(&presented("b", &message(2), "_3"), NOW).await.unwrap(), Taken::Fresh);
}

#[tokio::test]
async fn a_system_whose_messages_are_freed_again_and_again_writes_no_more_than_its_share() {
    let (_folder, store) = store().await;
    let rows =
        || store.takes.with_table(|table| table.held.values().map(|held| held.rows).sum::<u32>()).unwrap();
    for number in 0..10 {
        store.take_message(&presented("a", &message(number), "_1"), NOW).await.unwrap();
        store.free_message("a", &message(number)).await.unwrap();
    }
    assert_eq!((held(&store), rows()), (vec![(0, 1)], 20));
    store.takes.with_table(|table| table.held.get_mut(&0).unwrap().rows = WRITTEN).unwrap();
    assert_eq!(store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap(), Taken::Full);
    assert_eq!(store.take_message(&presented("b", &message(1), "_2"), NOW).await.unwrap(), Taken::Fresh);
    // With the minute in which they were over the rows are gone, and room is there again.
    store.purge_replays(NOW.plus_seconds(700)).await.unwrap();
    assert_eq!(rows(), WRITTEN - 20);
}

#[tokio::test]
async fn an_assertion_that_is_over_moves_to_the_next_system_with_its_count() {
    let (_folder, store) = store().await;
    store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap();
    let (id, later) = (message(2), NOW.plus_seconds(600));
    let next = Presented { until: later.plus_seconds(600), ..presented("b", &id, "_1") };
    assert_eq!(store.take_message(&next, later).await.unwrap(), Taken::Fresh);
    assert_eq!(store.purge_replays(later.plus_seconds(600)).await.unwrap(), 3);
    assert_eq!(held(&store), [(0, 0), (0, 0)]);
}

#[tokio::test]
async fn messages_taken_together_are_each_fresh_once_and_what_is_not_is_told_apart() {
    let (_folder, store) = store().await;
    store.take_message(&presented("a", &message(100), "_100"), NOW).await.unwrap();
    // 64 new ones, one that was taken before, one whose assertion another system showed first.
    let takes = (0..66).map(|number| {
        let store = store.clone();
        let (spki, id, assertion) = match number {
            64 => ("a", 100, "_other".to_owned()),
            65 => ("b", 65, "_100".to_owned()),
            number => ("a", number, format!("_{number}")),
        };
        tokio::spawn(async move {
            store.take_message(&presented(spki, &message(id), &assertion), NOW).await.unwrap()
        })
    });
    let mut taken = Vec::new();
    for take in takes.collect::<Vec<_>>() {
        taken.push(take.await.unwrap());
    }
    assert!(taken[..64].iter().all(|taken| *taken == Taken::Fresh), "{taken:?}");
    assert_eq!(taken[64..], [Taken::Duplicate, Taken::AssertionElsewhere]);
    for number in 0..64 {
        let again = store.take_message(&presented("a", &message(number), "_new"), NOW).await.unwrap();
        assert_eq!(again, Taken::Duplicate, "{number}");
    }
    // Nothing is kept of what was refused.
    assert_eq!(store.take_message(&presented("b", &message(65), "_65b"), NOW).await.unwrap(), Taken::Fresh);
    assert_eq!(store.take_message(&presented("b", &message(66), "_other"), NOW).await.unwrap(), Taken::Fresh);
}
