//! What is on the disk: after a restart, after a write that failed, after an update, and when it is over.

use super::*;

async fn reopened(folder: &tempfile::TempDir, store: Store) -> Store {
    drop(store);
    Store::open_file(&folder.path().join("k.db")).await.unwrap()
}

/// Makes every write of a message fail.
async fn refuse_writes(store: &Store) {
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON replay_taken \
                   BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    sqlx::query(trigger).execute(&store.writer).await.unwrap();
}

async fn allow_writes(store: &Store) {
    sqlx::query("DROP TRIGGER full").execute(&store.writer).await.unwrap();
}

#[tokio::test]
async fn repeats_and_freed_ones_count_after_a_restart_as_before() {
    let (folder, store) = store().await;
    let ids = [message(1), message(2), message(3)];
    let portal = |n: usize| Presented { resend_s: Some(30), ..presented("a", &ids[n], "_1") };
    store.take_message(&portal(0), NOW).await.unwrap();
    store.take_message(&portal(0), NOW).await.unwrap();
    store.take_message(&portal(1), NOW).await.unwrap();
    store.free_message("a", &ids[1]).await.unwrap();
    store.take_message(&portal(2), NOW).await.unwrap();
    store.take_message(&portal(2), NOW).await.unwrap();
    store.free_message("a", &ids[2]).await.unwrap();
    let store = reopened(&folder, store).await;
    assert_eq!(store.take_message(&portal(0), NOW).await.unwrap(), Taken::Again { attempt: 3 });
    assert_eq!(store.take_message(&portal(0), NOW).await.unwrap(), Taken::Duplicate);
    assert_eq!(store.take_message(&portal(1), NOW).await.unwrap(), Taken::Fresh);
    assert_eq!(store.take_message(&portal(2), NOW).await.unwrap(), Taken::Again { attempt: 2 });
    // The assertion stays whose it was, also through what was freed.
    let stolen = presented("b", &ids[0], "_1");
    assert_eq!(store.take_message(&stolen, NOW).await.unwrap(), Taken::AssertionElsewhere);
}

#[tokio::test]
async fn a_one_use_assertion_remembers_its_message_after_a_restart() {
    let (folder, store) = store().await;
    let (first, second) = (message(1), message(2));
    let once = Presented { one_use: true, resend_s: Some(30), ..presented("a", &first, "_1") };
    store.take_message(&once, NOW).await.unwrap();
    let store = reopened(&folder, store).await;
    let other = Presented { message: &second, ..once };
    assert_eq!(store.take_message(&other, NOW).await.unwrap(), Taken::AssertionUsed);
    assert_eq!(store.take_message(&once, NOW).await.unwrap(), Taken::Again { attempt: 2 });
}

#[tokio::test]
async fn what_could_not_be_written_is_not_taken_in_memory_or_on_the_disk() {
    let (folder, store) = store().await;
    let id = message(1);
    let portal = Presented { resend_s: Some(30), ..presented("a", &id, "_1") };
    store.take_message(&portal, NOW).await.unwrap();
    refuse_writes(&store).await;
    // Two at once: the second would be a repeat of one that is not there.
    let (one, other) = (message(2), presented("b", &id, "_2"));
    let new = Presented { resend_s: Some(30), ..presented("a", &one, "_new") };
    let failed = tokio::join!(
        store.take_message(&new, NOW),
        store.take_message(&new, NOW),
        store.take_message(&other, NOW),
        store.take_message(&portal, NOW),
    );
    for failed in [failed.0, failed.1, failed.2, failed.3] {
        assert!(matches!(failed, Err(StoreError::Together(_))), "{failed:?}");
    }
    assert!(store.free_message("a", &id).await.is_err());
    assert_eq!((held(&store), rows(&store).await), (vec![(1, 1), (0, 0)], 1));
    allow_writes(&store).await;
    // The assertions are free for other systems, the portal's repeat has not counted.
    assert_eq!(store.take_message(&presented("c", &one, "_new"), NOW).await.unwrap(), Taken::Fresh);
    assert_eq!(store.take_message(&presented("a", &one, "_2"), NOW).await.unwrap(), Taken::Fresh);
    assert_eq!(store.take_message(&portal, NOW).await.unwrap(), Taken::Again { attempt: 2 });
    let store = reopened(&folder, store).await;
    assert_eq!(store.take_message(&other, NOW).await.unwrap(), Taken::AssertionElsewhere);
    assert_eq!(store.take_message(&portal, NOW).await.unwrap(), Taken::Again { attempt: 3 });
}

#[tokio::test]
async fn an_assertion_stays_with_its_system_when_only_a_later_message_with_it_was_written() {
    let (folder, store) = store().await;
    refuse_writes(&store).await;
    assert!(store.take_message(&presented("a", &message(1), "_1"), NOW).await.is_err());
    allow_writes(&store).await;
    assert_eq!(store.take_message(&presented("a", &message(2), "_1"), NOW).await.unwrap(), Taken::Fresh);
    for store in [store.clone(), reopened(&folder, store).await] {
        let stolen = store.take_message(&presented("b", &message(3), "_1"), NOW).await.unwrap();
        assert_eq!(stolen, Taken::AssertionElsewhere);
    }
}

#[tokio::test]
async fn nothing_is_taken_while_what_was_taken_cannot_be_read() {
    let (folder, store) = store().await;
    store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap();
    let damage = "INSERT INTO replay_taken (until_us, taken) VALUES (0, x'00')";
    sqlx::query(damage).execute(&store.writer).await.unwrap();
    let store = reopened(&folder, store).await;
    for n in [1, 2] {
        assert!(store.take_message(&presented("a", &message(n), "_1"), NOW).await.is_err());
    }
    sqlx::query("DELETE FROM replay_taken WHERE until_us = 0").execute(&store.writer).await.unwrap();
    assert_eq!(store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap(), Taken::Duplicate);
    assert_eq!(store.take_message(&presented("a", &message(2), "_1"), NOW).await.unwrap(), Taken::Fresh);
}

#[tokio::test]
async fn a_closed_database_takes_nothing() {
    let (_folder, store) = store().await;
    store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap();
    store.writer.close().await;
    assert!(store.take_message(&presented("a", &message(2), "_1"), NOW).await.is_err());
    assert_eq!(held(&store), [(1, 1)]);
}

#[tokio::test]
async fn a_message_taken_for_somebody_who_went_away_may_come_again() {
    let (folder, store) = store().await;
    let id = message(1);
    let first = presented("a", &id, "_1");
    let mut given_up = Box::pin(store.take_message(&first, NOW));
    assert!(futures_util::poll!(&mut given_up).is_pending());
    drop(given_up);
    // Whether it was withdrawn in the queue or freed after it was written.
    assert_eq!(store.take_message(&presented("a", &id, "_1"), NOW).await.unwrap(), Taken::Fresh);
    let store = reopened(&folder, store).await;
    assert_eq!(store.take_message(&presented("a", &id, "_1"), NOW).await.unwrap(), Taken::Duplicate);
}

#[tokio::test]
async fn a_message_told_to_nobody_is_freed() {
    let (_folder, store) = store().await;
    let id = message(1);
    let first = presented("a", &id, "_1");
    let mut given_up = Box::pin(store.take_message(&first, NOW));
    assert!(futures_util::poll!(&mut given_up).is_pending());
    // Told, but never looked at: the message after it is told later.
    assert_eq!(store.take_message(&presented("a", &message(2), "_1"), NOW).await.unwrap(), Taken::Fresh);
    assert_eq!(held(&store), [(2, 1)]);
    drop(given_up);
    assert_eq!(store.take_message(&presented("a", &id, "_1"), NOW).await.unwrap(), Taken::Fresh);
    assert_eq!(rows(&store).await, 4);
}

#[tokio::test]
async fn rows_leave_the_database_once_their_minute_is_over_and_no_others() {
    let (folder, store) = store().await;
    let long = message(0);
    let long = Presented { until: NOW.plus_seconds(7_200), ..presented("a", &long, "_long") };
    store.take_message(&long, NOW).await.unwrap();
    for n in 1..=3 {
        store.take_message(&presented("a", &message(n), "_1"), NOW).await.unwrap();
    }
    store.free_message("a", &message(3)).await.unwrap();
    assert_eq!(rows(&store).await, 5);
    let store = reopened(&folder, store).await;
    assert_eq!(store.purge_replays(NOW.plus_seconds(599)).await.unwrap(), 0);
    assert_eq!(store.purge_replays(NOW.plus_seconds(600)).await.unwrap(), 3);
    assert_eq!(store.purge_replays(NOW.plus_seconds(661)).await.unwrap(), 0);
    assert_eq!(rows(&store).await, 1);
    assert_eq!(store.take_message(&long, NOW.plus_seconds(661)).await.unwrap(), Taken::Duplicate);
}

#[tokio::test]
async fn rows_of_many_minutes_leave_the_database_together_and_are_no_longer_counted() {
    let (_folder, store) = store().await;
    for n in 0..50 {
        let (id, assertion, until) = (message(n), format!("_{n}"), NOW.plus_seconds(60 * i64::from(n)));
        let one = Presented { until, ..presented(["a", "b"][n as usize % 2], &id, &assertion) };
        store.take_message(&one, NOW.plus_seconds(-1)).await.unwrap();
    }
    let now = NOW.plus_seconds(60 * 30 + 30).micros();
    let over = |at_most| store.takes.with_table(|table| table.rows_over(now, at_most).len()).unwrap();
    assert_eq!((over(PURGED_AT_ONCE), over(7)), (30, 7), "of thirty minutes at once");
    store.purge_replays(NOW.plus_seconds(60 * 30 + 30)).await.unwrap();
    let counted =
        store.takes.with_table(|table| table.held.values().map(|held| held.rows).collect::<Vec<_>>());
    assert_eq!((rows(&store).await, counted.unwrap()), (20, vec![10, 10]));
}

#[tokio::test]
async fn what_is_over_is_not_known_after_a_restart_and_leaves_the_database() {
    let (folder, store) = store().await;
    store.take_message(&presented("a", &message(1), "_1"), NOW).await.unwrap();
    let store = reopened(&folder, store).await;
    let later = NOW.plus_seconds(661);
    assert_eq!(store.purge_replays(later).await.unwrap(), 0);
    assert_eq!(rows(&store).await, 0);
    let id = message(2);
    let moved = Presented { until: later.plus_seconds(60), ..presented("b", &id, "_1") };
    assert_eq!(store.take_message(&moved, later).await.unwrap(), Taken::Fresh);
}

#[tokio::test]
async fn an_update_of_the_broker_forgets_nothing_that_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let old = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let mut before = crate::store::schema::migrator();
    before.migrations.to_mut().retain(|step| step.version < 17);
    before.run(&old).await.unwrap();
    let sha256 = |parts: &[&str]| {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.finish().as_ref().to_vec()
    };
    for (number, attempt) in [(1, 1), (2, 2)] {
        sqlx::query("INSERT INTO replay_message (key, system, body, first_us, until_us, attempt) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(sha256(&["a", &message(number).0]))
            .bind(sha256(&["a"]))
            .bind([7_u8; 32].as_slice())
            .bind(NOW.micros())
            .bind(NOW.plus_seconds(600).micros())
            .bind(attempt)
            .execute(&old)
            .await
            .unwrap();
    }
    sqlx::query("INSERT INTO replay_assertion (key, system, message, until_us) VALUES ($1, $2, $3, $4)")
        .bind(sha256(&["urn:issuer", "_1"]))
        .bind(sha256(&["a"]))
        .bind(sha256(&["a", &message(1).0]))
        .bind(NOW.plus_seconds(300).micros())
        .execute(&old)
        .await
        .unwrap();
    old.close().await;

    let store = Store::open_file(&path).await.unwrap();
    let ids = [message(1), message(2), message(3)];
    let portal = |n: usize| Presented { resend_s: Some(30), ..presented("a", &ids[n], "_1") };
    let once = Presented { one_use: true, ..portal(2) };
    assert_eq!(store.take_message(&once, NOW).await.unwrap(), Taken::AssertionUsed);
    let late = NOW.plus_seconds(31);
    assert_eq!(store.take_message(&portal(0), late).await.unwrap(), Taken::Duplicate);
    let other = Presented { body: &[8; 32], ..portal(0) };
    assert_eq!(store.take_message(&other, NOW).await.unwrap(), Taken::Duplicate);
    assert_eq!(store.take_message(&portal(1), NOW).await.unwrap(), Taken::Again { attempt: 3 });
    let moved = presented("b", &ids[0], "_1");
    assert_eq!(store.take_message(&moved, NOW).await.unwrap(), Taken::AssertionElsewhere);
    assert_eq!(held(&store)[0], (2, 1));
    // What was there lasts as long as it did.
    assert_eq!(store.take_message(&portal(0), NOW.plus_seconds(599)).await.unwrap(), Taken::Duplicate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_knows_what_the_disk_tells_after_messages_given_up_and_writes_that_failed() {
    let (folder, store) = store().await;
    for round in 0..12 {
        if round % 3 == 1 {
            refuse_writes(&store).await;
        }
        let takes = (0..40).map(|number| {
            let store = store.clone();
            let (id, assertion) = (message(round * 20 + number), format!("_{round}-{}", number / 5));
            tokio::spawn(async move {
                let one = Presented { resend_s: Some(30), ..presented("a", &id, &assertion) };
                let mut take = Box::pin(store.take_message(&one, NOW));
                if number % 3 == 0 && futures_util::poll!(&mut take).is_pending() {
                    return;
                }
                let _ = take.await;
                if number % 7 == 0 {
                    let _ = store.free_message("a", &id).await;
                }
            })
        });
        for take in takes.collect::<Vec<_>>() {
            take.await.unwrap();
        }
        if round % 3 == 1 {
            allow_writes(&store).await;
        }
    }
    // What is freed for those who gave up has come to its end once a later one was decided.
    store.purge_replays(NOW).await.unwrap();
    store.purge_replays(NOW).await.unwrap();
    let known = held(&store);
    assert!(known[0].0 > 100, "{known:?}");
    let store = reopened(&folder, store).await;
    store.purge_replays(NOW).await.unwrap();
    assert_eq!(held(&store), known);
}
