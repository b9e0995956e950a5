use super::*;
use crate::store::database_as_of;

/// Two unique ids with the same checksum.
const ALIKE: [&str; 2] = ["2.999.33.41048.17358", "2.999.33.41973.180261"];

fn document(unique: &str) -> IndexedDocument {
    IndexedDocument {
        home: "2.999.33".into(),
        repository: "2.999.33.1".into(),
        unique: unique.to_owned(),
        kind: "OML-11".into(),
        facility: "3310000001".into(),
        bytes_sent: None,
        sha256: None,
    }
}

fn event(sequence: u64, patient: &str, uniques: &[&str]) -> IndexedEvent {
    let documents: Vec<_> = uniques.iter().map(|unique| document(unique)).collect();
    IndexedEvent {
        sequence,
        request: format!("{sequence:032x}"),
        patients: vec![Phi::new(patient.to_owned())],
        documents: documents.into(),
        ..IndexedEvent::default()
    }
}

fn place(next: u64) -> AuditPosition {
    AuditPosition { next, segment: "s".to_owned(), at: next, hash: [7; 32] }
}

async fn holding(folder: &tempfile::TempDir, events: &[IndexedEvent]) -> Store {
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let to = place(events.len() as u64);
    assert!(store.audit_index(&AuditPosition::default(), events, &to).await.unwrap());
    store
}

async fn found(store: &Store, query: AuditQuery) -> Vec<u64> {
    store.find_audit(&query).await.unwrap().events.iter().map(|event| event.sequence).collect()
}

fn of_document(unique: &str, limit: usize) -> AuditQuery {
    AuditQuery { document: Some(Phi::new(unique.to_owned())), limit, ..AuditQuery::default() }
}

#[tokio::test]
async fn documents_whose_words_are_the_same_are_not_taken_for_each_other() {
    let events: Vec<_> = (0..6).map(|n| event(n, "P1", &[ALIKE[usize::from(n >= 3)]])).collect();
    assert_eq!(words_wanted(&of_document(ALIKE[0], 1)), words_wanted(&of_document(ALIKE[1], 1)));
    let folder = tempfile::tempdir().unwrap();
    let store = holding(&folder, &events).await;
    assert_eq!(found(&store, of_document(ALIKE[0], 10)).await, [0, 1, 2]);
    assert_eq!(found(&store, of_document(ALIKE[1], 10)).await, [3, 4, 5]);
    // The three later ones, which are not meant, take nothing of the limit.
    assert_eq!(found(&store, of_document(ALIKE[0], 2)).await, [1, 2]);
    assert!(found(&store, of_document(ALIKE[0], 0)).await.is_empty());
}

#[tokio::test]
async fn a_patient_a_document_and_a_request_of_the_same_text_are_not_mixed_up() {
    let mut events = vec![event(0, "7", &["8"]), event(1, "8", &["7"]), event(2, "7", &["7", "8", "8"])];
    events[1].request = "7".to_owned();
    let folder = tempfile::tempdir().unwrap();
    let store = holding(&folder, &events).await;
    let all = AuditQuery { limit: 10, ..AuditQuery::default() };
    let patient = Some(Phi::new("7".to_owned()));
    assert_eq!(found(&store, of_document("7", 10)).await, [1, 2]);
    assert_eq!(found(&store, AuditQuery { patient: patient.clone(), ..all.clone() }).await, [0, 2]);
    assert_eq!(found(&store, AuditQuery { patient, ..of_document("8", 10) }).await, [0, 2]);
    assert_eq!(found(&store, AuditQuery { request: Some("7".to_owned()), ..all }).await, [1]);
}

#[tokio::test]
async fn everything_of_an_event_comes_back_in_its_order() {
    let mut events: Vec<_> = (0..70).map(|n| event(n, "P1^^^&2.999.1&ISO", &["a", "b", "a"])).collect();
    let mut rich = event(70, "P\n2", &["", "患者", "\"'\\ \u{1}"]);
    rich.patients.push(Phi::new(String::new()));
    let mut sent = document("sent");
    (sent.kind, sent.bytes_sent, sent.sha256) = ("11488-4".into(), Some(u64::MAX), Some("ab".repeat(32)));
    rich.documents = [rich.documents.reveal().clone(), vec![sent, document("last")]].concat().into();
    (rich.bytes, rich.closes, rich.emergency) = (Some(3), Some(69), true);
    events.push(rich);
    let folder = tempfile::tempdir().unwrap();
    let store = holding(&folder, &events).await;
    let all = AuditQuery { limit: 100, ..AuditQuery::default() };
    assert_eq!(store.find_audit(&all).await.unwrap().events, events);
    assert_eq!(found(&store, of_document("患者", 100)).await, [70]);
    let patient = Some(Phi::new("P\n2".to_owned()));
    assert_eq!(found(&store, AuditQuery { patient, ..all }).await, [70]);
}

#[tokio::test]
async fn an_emptied_index_finds_nothing_and_takes_the_same_events_in_again() {
    let events = [event(0, "P1", &["a"]), event(1, "P2", &["b"])];
    let folder = tempfile::tempdir().unwrap();
    let store = holding(&folder, &events).await;
    store.clear_audit_index().await.unwrap();
    assert!(found(&store, of_document("a", 10)).await.is_empty());
    let words: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_word WHERE audit_word MATCH 'd*'")
        .fetch_one(&store.reader)
        .await
        .unwrap();
    assert_eq!(words, 0);
    assert!(store.audit_index(&AuditPosition::default(), &events, &place(2)).await.unwrap());
    assert_eq!(found(&store, of_document("a", 10)).await, [0]);
}

#[tokio::test]
async fn a_database_of_the_layout_before_is_taken_over_with_an_index_at_the_beginning_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.db");
    let before = database_as_of(&path, 15).await;
    let rows = "INSERT INTO audit_event VALUES (5, 1, 'release', 'complete', '', '', '', '', '', '', '', '', '', '', '',
            '', 1, 0, NULL, 0, 0, NULL, NULL, 1, 'P1', '[]');
        INSERT INTO audit_patient VALUES ('P1', 'P1', 5);
        INSERT INTO audit_document VALUES ('a', 5);
        INSERT INTO audit_index_position VALUES (1, 6, 's', 9, zeroblob(32));
        INSERT INTO audit_forwarded VALUES (1, 6, 's', 9, zeroblob(32));";
    sqlx::raw_sql(rows).execute(&before).await.unwrap();
    before.close().await;
    let store = Store::open_file(&path).await.unwrap();
    assert_eq!(store.audit_position().await.unwrap(), AuditPosition::default());
    assert!(found(&store, AuditQuery { limit: 10, ..AuditQuery::default() }).await.is_empty());
    // What was forwarded is not known from the log: it stays.
    assert_eq!(store.audit_forwarded().await.unwrap().next, 6);
    assert!(
        store.audit_index(&AuditPosition::default(), &[event(5, "P1", &["a"])], &place(6)).await.unwrap()
    );
    assert_eq!(found(&store, of_document("a", 10)).await, [5]);
}
