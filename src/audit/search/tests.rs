use super::super::event::{Ending, Event, Kind};
use super::super::references::{DocumentRef, RequesterRef};
use super::super::segments::{Entry, Segments};
use super::super::writer::AuditOptions;
use super::super::{Head, verify};
use super::*;
use crate::model::Phi;
use crate::store::database_as_of;

/// Events with patients, persons, documents and times that overlap in all ways.
fn events() -> Vec<Event> {
    let event = |n: u64| {
        let mut event = Event::new(Kind::Release, Ending::Complete);
        event.at_micros = i64::try_from(n * 1_000_000).unwrap();
        event.request = Some([u8::try_from(n % 7).unwrap(); 16].into());
        event.patients = vec![Phi::new(format!("P{}^^^&2.999.{}&ISO", n % 3, 1 + n % 2))];
        event.documents = vec![DocumentRef {
            home: "2.999.33".into(),
            repository: "2.999.33.1".into(),
            unique: Phi::new(format!("2.999.33.1.{}", n % 4)),
            kind: "OML-11".into(),
            facility: "3310000001".into(),
            size: Some(3),
            bytes_sent: None,
            sha256: None,
            ending: None,
        }];
        event.requester = Some(RequesterRef {
            system: "hiroshima".to_owned(),
            community: "2.999.34".to_owned(),
            organization: format!("2.999.34.{}", n % 2),
            organization_name: if n.is_multiple_of(2) { "広島病院" } else { "呉診療所" }.to_owned(),
            person: format!("d{}", n % 5),
            person_name: format!("Doctor {}", n % 5),
            alias: None,
            roles: vec!["physician".to_owned()],
            role_codes: Vec::new(),
            purpose: if n.is_multiple_of(6) { "EMERGENCY" } else { "TREATMENT" }.to_owned(),
            issuer: "i".to_owned(),
            assertion: "_a".to_owned(),
            vouched_by: None,
        });
        event.more_attributes = n.is_multiple_of(8);
        event
    };
    (0..40).map(event).collect()
}

fn queries() -> Vec<AuditQuery> {
    let all = AuditQuery { limit: 100, ..AuditQuery::default() };
    let patient = |text: &str| AuditQuery { patient: Some(Phi::new(text.to_owned())), ..all.clone() };
    let person = |text: &str| AuditQuery { person: Some(text.to_owned()), ..all.clone() };
    let organization = |text: &str| AuditQuery { organization: Some(text.to_owned()), ..all.clone() };
    vec![
        all.clone(),
        patient("P1"),
        patient("P1^^^&2.999.1&ISO"),
        patient("P9"),
        person("d3"),
        person("Doctor"),
        organization("urn:oid:2.999.34.1"),
        organization("広島"),
        AuditQuery {
            request: Some("0101010101010101010101010101010101".get(..32).unwrap().to_owned()),
            ..all.clone()
        },
        AuditQuery { document: Some(Phi::new("2.999.33.1.2".to_owned())), ..all.clone() },
        AuditQuery { from_micros: Some(5_000_000), until_micros: Some(9_000_000), ..all.clone() },
        AuditQuery { emergency: true, ..all.clone() },
        AuditQuery { more_attributes: true, ..all.clone() },
        AuditQuery { emergency: true, ..patient("P0") },
        AuditQuery { limit: 4, ..all },
    ]
}

fn write(folder: &Path, events: &[Event]) {
    let disk = FolderDisk::for_writing(folder).unwrap();
    let (mut segments, _) = Segments::recover(Box::new(disk), 2000, None).ok().unwrap();
    for event in events {
        segments.commit(&[Entry::new(event)]).unwrap();
    }
}

#[tokio::test]
async fn index_and_log_find_the_same_and_an_index_that_is_behind_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let log = folder.path().join("audit");
    write(&log, &events());
    catch_up(&log, &store, Some(25)).await.unwrap();
    for query in queries() {
        let with_index = search(&log, Some(&store), &query).await.unwrap();
        let without = search(&log, None, &query).await.unwrap();
        assert_eq!(with_index.events, without.events, "{query:?}");
        assert_eq!(with_index.origin, Origin::Index { behind: 15 });
        assert_eq!(without.origin, Origin::Log);
        let expected = events().len().min(query.limit);
        assert!(with_index.events.len() <= expected);
    }
    let sizes: Vec<usize> = {
        let mut sizes = Vec::new();
        for query in queries() {
            sizes.push(search(&log, None, &query).await.unwrap().events.len());
        }
        sizes
    };
    assert_eq!(sizes, [40, 13, 6, 0, 8, 40, 20, 20, 6, 10, 4, 7, 5, 7, 4]);
}

#[tokio::test]
async fn a_rebuilt_index_is_the_grown_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let log = folder.path().join("audit");
    let (first, second) = (events()[..10].to_vec(), events()[10..].to_vec());
    write(&log, &first);
    catch_up(&log, &store, None).await.unwrap();
    write(&log, &second);
    let grown_to = catch_up(&log, &store, None).await.unwrap();
    let all = AuditQuery { limit: 1000, ..AuditQuery::default() };
    let grown = store.find_audit(&all).await.unwrap().events;
    store.clear_audit_index().await.unwrap();
    assert_eq!(store.audit_position().await.unwrap(), AuditPosition::default());
    assert_eq!(catch_up(&log, &store, None).await.unwrap(), grown_to);
    assert_eq!(store.find_audit(&all).await.unwrap().events, grown);
    let verified = verify(&log, Some(Head { records: grown_to.next, hash: grown_to.hash })).unwrap();
    assert!(verified.is_sound());
}

#[tokio::test]
async fn two_that_fill_the_index_at_once_take_nothing_in_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let log = folder.path().join("audit");
    write(&log, &events());
    let begin = AuditPosition::default();
    let (batch, to) = read(&log, &begin, 10).await.unwrap();
    let batch: Vec<_> = batch.into_iter().map(indexed_event).collect();
    assert!(store.audit_index(&begin, &batch, &to).await.unwrap());
    assert!(!store.audit_index(&begin, &batch, &to).await.unwrap());
    assert_eq!(catch_up(&log, &store, None).await.unwrap().next, 40);
}

#[tokio::test]
async fn the_index_follows_the_writer_and_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let path = folder.path().join("audit");
    let (log, _) = AuditLog::start(&path, AuditOptions::default()).unwrap();
    let task = tokio::spawn(keep_index(&log, path.clone(), store.clone()));
    for event in events() {
        log.handle.append(&event, None).await.unwrap();
    }
    log.stop().await;
    task.await.unwrap();
    assert_eq!(store.audit_position().await.unwrap().next, 42);
    assert_eq!(log.stats().index_behind, 0);
}

#[tokio::test]
async fn a_log_that_is_shorter_than_its_index_is_not_indexed_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let log = folder.path().join("audit");
    write(&log, &events());
    catch_up(&log, &store, None).await.unwrap();
    let refused = catch_up(&log, &store, Some(3)).await;
    assert!(matches!(refused, Err(SearchError::Ahead { log: 3, index: 40 })));
}

#[tokio::test]
async fn an_index_of_an_older_layout_fills_itself_anew_and_a_search_misses_nothing_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.db");
    let log = folder.path().join("audit");
    write(&log, &events());
    {
        let before = database_as_of(&path, 15).await;
        let place = "INSERT INTO audit_index_position (id, next, segment, at_bytes, hash) VALUES (1, 40, 'x', 7, x'00')";
        sqlx::query(place).execute(&before).await.unwrap();
        before.close().await;
    }
    let store = Store::open_file(&path).await.unwrap();
    for filled_to in [0, 25, 40] {
        catch_up(&log, &store, Some(filled_to)).await.unwrap();
        for query in queries() {
            let with_index = search(&log, Some(&store), &query).await.unwrap();
            assert_eq!(with_index.events, search(&log, None, &query).await.unwrap().events, "{query:?}");
            assert_eq!(with_index.origin, Origin::Index { behind: 40 - filled_to });
        }
    }
}

fn all() -> AuditQuery {
    AuditQuery { limit: 1000, ..AuditQuery::default() }
}

fn damage(segment: &Path, at: usize) {
    let mut content = std::fs::read(segment).unwrap();
    content[at] ^= 1;
    std::fs::write(segment, content).unwrap();
}

async fn indexed(folder: &Path, log: &Path) -> Store {
    let store = Store::open_file(&folder.join("k.db")).await.unwrap();
    catch_up(log, &store, None).await.unwrap();
    store
}

#[tokio::test]
async fn an_index_of_another_log_answers_nothing_and_takes_nothing_in() {
    let folder = tempfile::tempdir().unwrap();
    let [log, other, earlier] = ["audit", "other", "earlier"].map(|name| folder.path().join(name));
    write(&log, &events());
    write(&earlier, &events()[..10]);
    // As long and longer, record by record of the same length, by another person.
    let mut others: Vec<Event> = events().into_iter().chain(events()).collect();
    others.iter_mut().for_each(|event| event.requester.as_mut().unwrap().person = "x".to_owned());
    write(&other, &others);
    let store = indexed(folder.path(), &log).await;
    for (of, until) in [(&other, 80), (&earlier, 10)] {
        let found = search(of, Some(&store), &all()).await.unwrap();
        assert_eq!(found.origin, Origin::NotItsIndex);
        assert_eq!(found.events, search(of, None, &all()).await.unwrap().events);
        let refused = catch_up(of, &store, Some(until)).await.unwrap_err();
        let is_told = matches!(refused, SearchError::OtherLog | SearchError::Ahead { log: 10, index: 40 });
        assert!(is_told, "{refused}");
    }
    assert_eq!(store.find_audit(&all()).await.unwrap().events.len(), 40);
    assert_eq!(search(&log, Some(&store), &all()).await.unwrap().origin, Origin::Index { behind: 0 });
}

#[tokio::test]
async fn a_durable_record_that_cannot_be_read_is_told_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit");
    write(&log, &events()[..20]);
    let store = indexed(folder.path(), &log).await;
    let place = store.audit_position().await.unwrap();
    write(&log, &events()[20..]);
    damage(&log.join(&place.segment), usize::try_from(place.at).unwrap() + 40);
    let refused = catch_up(&log, &store, Some(40)).await;
    assert!(matches!(refused, Err(SearchError::Unreadable { record: 20 })), "{refused:?}");
}

#[tokio::test]
async fn a_search_tells_where_a_log_without_its_oldest_segments_begins() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit");
    write(&log, &events());
    let store = indexed(folder.path(), &log).await;
    std::fs::remove_file(log.join("00000000000000000000.segment")).unwrap();
    let found = search(&log, None, &all()).await.unwrap();
    let first = found.events[0].sequence;
    assert!(first > 0 && found.begins_at == Some(first), "{:?}", found.begins_at);
    let found = search(&log, Some(&store), &all()).await.unwrap();
    assert_eq!((found.events.len(), found.begins_at), (40, None), "the index still has them");
    let refused = rebuild(&log, &store).await.unwrap_err();
    assert!(matches!(refused, SearchError::Older { indexed: 0, .. }), "{refused}");
    assert_eq!(store.find_audit(&all()).await.unwrap().events.len(), 40, "it is as it was");
    store.clear_audit_index().await.unwrap();
    let found = search(&log, Some(&store), &all()).await.unwrap();
    assert_eq!(found.begins_at, Some(first));
    assert_eq!(found.origin, Origin::Index { behind: 40 - first }, "what is not there is not read");
    rebuild(&log, &store).await.unwrap();
    let found = search(&log, Some(&store), &all()).await.unwrap();
    assert_eq!((found.begins_at, found.origin), (Some(first), Origin::Index { behind: 0 }));
}

#[tokio::test]
async fn behind_damage_the_index_still_answers_and_is_not_given_up_for_less() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit");
    write(&log, &events());
    let store = indexed(folder.path(), &log).await;
    let place = store.audit_position().await.unwrap();
    damage(&log.join(&place.segment), 40);
    let found = search(&log, Some(&store), &all()).await.unwrap();
    assert_eq!((found.events.len(), found.origin), (40, Origin::Index { behind: 0 }));
    let found = search(&log, None, &all()).await.unwrap();
    assert_eq!(found.stops_at, Some(u64::try_from(found.events.len()).unwrap()), "damage is told");
    let refused = rebuild(&log, &store).await.unwrap_err();
    assert!(matches!(refused, SearchError::Unreadable { .. }), "{refused}");
    std::fs::remove_dir_all(&log).unwrap();
    let found = search(&log, Some(&store), &all()).await.unwrap();
    assert_eq!((found.events.len(), found.origin), (40, Origin::IndexAlone), "a lost log leaves its index");
}
