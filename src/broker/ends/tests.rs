use super::*;
use crate::model::{
    CommunityId, FoundPatient, PatientId, PatientMatch, Phi, Purpose, QueryId, RequestContext, Side,
};
use crate::policy::fixture::{self, HIROSHIMA, OKAYAMA, community, foreign_entry, network_id, noon};
use crate::store::Basis;

const DAY_S: i64 = 86_400;

fn asker() -> RequestContext {
    fixture::context(Side::Home, OKAYAMA, "physician", Purpose::Treatment)
}

fn query() -> QueryId {
    QueryId { root: "2.999.1".to_owned(), extension: None }
}

async fn remembered(folder: &tempfile::TempDir) -> Remembered {
    Remembered {
        ends: Arc::default(),
        authorizer: Arc::new(fixture::okayama(Vec::new())),
        entry_cache: Arc::new(EntryCache::new(100)),
        pages: Arc::default(),
        store: Store::open_file(&folder.path().join("k.db")).await.unwrap(),
    }
}

/// N1 is called so by a card until then, and portals were shown a document and a page of theirs.
async fn shown(remembered: &Remembered, until: Timestamp) -> CommunityId {
    let (there, person) = (community(HIROSHIMA), network_id("N1"));
    let card = [PatientId::from_cx("H-1^^^&2.999.34.1&ISO").unwrap()];
    let basis = Basis { is_card: true, ..Basis::default() };
    let whose = (&person.value, &there);
    assert!(remembered.store.keep_learned(whose, &card, (noon(), until), 0, basis).await.unwrap());
    let mut entry = foreign_entry(HIROSHIMA, "");
    entry.patient = person.clone();
    remembered.entry_cache.insert(&asker(), &[RegistryObject::Entry(entry)]);
    let found = FoundPatient {
        community: community(OKAYAMA),
        id: person,
        demographics: None,
        confidence: 100,
        also: Vec::new(),
    };
    remembered.pages.keep(&asker(), &query(), 0, vec![PatientMatch::Found(found)], Phi::default());
    there
}

/// Whether the entry and the page are known.
fn known(remembered: &Remembered) -> (bool, bool) {
    let entry = remembered.entry_cache.shown(&asker(), &foreign_entry(HIROSHIMA, "").id);
    (entry.is_some(), remembered.pages.knows(&asker(), &query()))
}

async fn swept(remembered: &Remembered, now: Timestamp) {
    let Turn::Begins { looks, done, .. } = remembered.ends.turn(now, || false) else {
        panic!("nothing to do")
    };
    remembered.clone().sweep(&asker().id, now, (looks, done)).await;
}

#[tokio::test]
async fn the_first_request_after_a_cards_last_day_forgets_what_was_shown_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let remembered = remembered(&folder).await;
    let until = noon().plus_seconds(DAY_S);
    shown(&remembered, until).await;
    swept(&remembered, noon()).await;
    assert_eq!((known(&remembered), remembered.ends.count()), ((true, true), 0), "it is not over");
    assert!(matches!(remembered.ends.turn(noon().plus_seconds(60), || false), Turn::Over), "once a day");
    swept(&remembered, until).await;
    assert_eq!((known(&remembered), remembered.ends.count()), ((false, false), 1));
}

#[tokio::test]
async fn what_a_request_has_ended_is_forgotten_before_the_next_one_and_kept_by_none_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let remembered = remembered(&folder).await;
    let there = shown(&remembered, noon().plus_seconds(9 * DAY_S)).await;
    swept(&remembered, noon()).await;
    remembered.ends.note(Ended::from([(there, BTreeSet::from([network_id("N1").value]))]));
    assert_eq!(remembered.ends.count(), 1, "whoever runs sees it at once");
    swept(&remembered, noon()).await;
    assert_eq!(known(&remembered), (false, false));
    assert!(matches!(remembered.ends.turn(noon(), || false), Turn::Over));
}

#[tokio::test]
async fn whoever_comes_during_a_sweep_waits_for_it_and_no_longer_than_it_lasts() {
    let ends = Ends::default();
    let Turn::Begins { done, .. } = ends.turn(noon(), || false) else { panic!("it has not looked yet") };
    let Turn::Waits(mut over) = ends.turn(noon(), || false) else { panic!("it is under way") };
    drop(done);
    assert!(over.changed().await.is_err());
    assert!(matches!(ends.turn(noon(), || false), Turn::Begins { looks: true, .. }), "as if none had been");
}

#[tokio::test]
async fn where_the_store_fails_all_in_memory_is_forgotten_and_it_is_left_alone_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let remembered = remembered(&folder).await;
    shown(&remembered, noon().plus_seconds(9 * DAY_S)).await;
    let url = format!("sqlite://{}", folder.path().join("k.db").display());
    let broken = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("DROP TABLE correlation").execute(&broken).await.unwrap();
    swept(&remembered, noon()).await;
    assert_eq!((known(&remembered), remembered.ends.count()), ((false, false), 1));
    assert!(matches!(remembered.ends.turn(noon().plus_seconds(9), || false), Turn::Over));
    let again = remembered.ends.turn(noon().plus_seconds(10), || false);
    assert!(matches!(again, Turn::Begins { looks: true, .. }));
}
