//! What the PIX manager is told: once, in order, and nothing of what never left.

use super::*;
use crate::store::Basis;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

fn id(value: &str) -> PatientId {
    PatientId::new(Authority(Oid::parse("2.999.34.1").unwrap()), value)
}

fn person(family: &str) -> Demographics {
    let name = PersonName {
        script: Some(NameScript::Ideographic),
        family: family.to_owned(),
        given: "花子".to_owned(),
    };
    let birth = PartialDate::day(1980, 4, 1);
    Demographics { names: vec![name], birth, sex: Some(Sex::Female), ..Demographics::default() }
}

struct Fed {
    store: Store,
    _folder: tempfile::TempDir,
}

impl Fed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
        Self { store, _folder: folder }
    }

    async fn learn(&self, network_id: &str, ids: &[&str], family: &str) {
        let ids: Vec<PatientId> = ids.iter().copied().map(id).collect();
        let (there, known) = (CommunityId(Oid::parse("2.999.34").unwrap()), Phi::new(network_id.to_owned()));
        let (times, person) = ((NOW, NOW.plus_seconds(60)), person(family));
        let basis = Basis { fed: Some(&person), ..Basis::default() };
        self.store.keep_learned((&known, &there), &ids, times, 0, basis).await.unwrap();
    }

    /// What waits, told as it comes: change, id, subsumed, our id, family name.
    async fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(row) = self.store.feed_due(NOW, 1).await.unwrap().pop() {
            let change = match &row.change {
                FeedChange::Merged(old) => format!("merged {}", old.value.reveal()),
                change => format!("{change:?}").to_lowercase(),
            };
            let family =
                row.person.reveal().names.first().map(|name| name.family.clone()).unwrap_or_default();
            told.push(format!("{} {change} of {} {family}", row.id.value.reveal(), row.network_id.reveal()));
            assert!(self.store.feed_sent(row.position, NOW.plus_seconds(9)).await.unwrap());
            self.store.feed_taken(row.position).await.unwrap();
        }
        told
    }
}

#[tokio::test]
async fn an_id_is_told_when_it_comes_changes_takes_anothers_place_or_goes_and_never_twice() {
    let fed = Fed::new().await;
    fed.learn("N-1", &["H-1"], "山田").await;
    fed.learn("N-1", &["H-1"], "山田").await;
    assert_eq!(fed.told().await, ["H-1 added of N-1 山田"]);
    fed.learn("N-1", &["H-1"], "鈴木").await;
    assert_eq!(fed.told().await, ["H-1 revised of N-1 鈴木"]);
    fed.learn("N-1", &["H-2"], "鈴木").await;
    assert_eq!(fed.told().await, ["H-2 merged H-1 of N-1 鈴木"]);
    fed.learn("N-1", &["H-3", "H-4"], "鈴木").await;
    assert_eq!(fed.told().await, ["H-2 ended of N-1 ", "H-3 added of N-1 鈴木", "H-4 added of N-1 鈴木"]);
    fed.learn("N-2", &["H-3"], "佐藤").await;
    assert_eq!(fed.told().await, ["H-3 revised of N-2 佐藤"], "another person's from now on");
    assert_eq!(fed.store.purge_feed(NOW.plus_seconds(61)).await.unwrap(), 0);
    assert_eq!(fed.store.feed_backlog().await.unwrap().waiting, 2, "both may be remembered no longer");
}

#[tokio::test]
async fn an_id_told_of_another_person_moves_and_what_it_takes_the_place_of_is_taken_back() {
    let fed = Fed::new().await;
    fed.learn("N-1", &["H-1"], "山田").await;
    fed.learn("N-2", &["H-2"], "佐藤").await;
    assert_eq!(fed.told().await.len(), 2);
    fed.learn("N-1", &["H-2"], "山田").await;
    assert_eq!(fed.told().await, ["H-1 ended of N-1 ", "H-2 revised of N-1 山田"]);
}

#[tokio::test]
async fn what_never_left_is_not_told_and_what_it_replaced_is_taken_back() {
    let fed = Fed::new().await;
    let ended = async |network_id: &str| {
        let mut tx = fed.store.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
        super::ended(&mut tx, network_id, "2.999.34", NOW).await.unwrap();
        tx.commit().await.unwrap();
    };
    fed.learn("N-1", &["H-1"], "山田").await;
    ended("N-1").await;
    assert_eq!(fed.told().await, [""; 0]);
    fed.learn("N-1", &["H-1"], "山田").await;
    fed.told().await;
    fed.learn("N-1", &["H-2"], "山田").await;
    ended("N-1").await;
    assert_eq!(fed.told().await, ["H-1 ended of N-1 "], "H-2 was never told");
    fed.learn("N-1", &["H-5"], "山田").await;
    let row = fed.store.feed_due(NOW, 1).await.unwrap().remove(0);
    fed.store.feed_sent(row.position, NOW).await.unwrap();
    ended("N-1").await;
    assert_eq!(fed.told().await, ["H-5 added of N-1 山田", "H-5 ended of N-1 "], "it may have arrived");
}

#[tokio::test]
async fn of_each_person_only_the_first_message_may_leave_and_others_do_not_wait_for_it() {
    let fed = Fed::new().await;
    fed.learn("N-1", &["H-1"], "山田").await;
    fed.learn("N-1", &["H-1"], "鈴木").await;
    fed.learn("N-2", &["H-9"], "佐藤").await;
    let due = async |at| -> Vec<String> {
        let due = fed.store.feed_due(at, 9).await.unwrap();
        due.iter().map(|row| format!("{} {}", row.id.value.reveal(), row.attempts)).collect()
    };
    assert_eq!(due(NOW).await, ["H-1 0", "H-9 0"]);
    let first = fed.store.feed_due(NOW, 1).await.unwrap().remove(0);
    fed.store.feed_sent(first.position, NOW.plus_seconds(5)).await.unwrap();
    assert_eq!(due(NOW).await, ["H-9 0"], "what comes after it waits with it");
    let again = fed.store.feed_due(NOW.plus_seconds(5), 1).await.unwrap().remove(0);
    assert_eq!((again.position, again.attempts), (first.position, 1));
    assert_eq!(again.message, first.message, "told by the same name");
    let backlog = fed.store.feed_backlog().await.unwrap();
    assert_eq!((backlog.waiting, backlog.since, backlog.attempts), (3, Some(NOW), 1));
}
