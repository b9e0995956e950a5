use clap::Parser;

use super::*;
use crate::audit::{AuditLog, AuditOptions, Note, NoteKind, catch_up};
use crate::model::{Authority, Oid, PatientId};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    audit: AuditArgs,
}

fn parsed(line: &str) -> AuditArgs {
    Line::try_parse_from(line.split(' ')).unwrap().audit
}

async fn log_of_one_change(folder: &Path) {
    let (log, _) = AuditLog::start(folder, AuditOptions::default()).unwrap();
    let authority = Authority(Oid::parse("2.999.33").unwrap());
    log.note(Note {
        kind: NoteKind::ConsentChange,
        by: "secretariat".to_owned(),
        text: Phi::new("withdrawn".to_owned()),
        patients: vec![PatientId::new(authority, "P1")],
        consent_version: Some(2),
        policy_set: None,
    })
    .await
    .unwrap();
    log.stop().await;
}

#[tokio::test]
async fn search_prints_a_table_under_headings_in_two_languages_and_objects_with_json() {
    let folder = tempfile::tempdir().unwrap();
    log_of_one_change(folder.path()).await;
    let AuditCommand::Search(wanted) = parsed("audit search --patient P1").command else { panic!() };
    let mut table = Vec::new();
    run_search(folder.path(), None, &wanted, false, &mut table).await.unwrap();
    let table = String::from_utf8(table).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("番号") && lines[1].starts_with("record"));
    assert!(lines[2].contains("P1^^^&2.999.33&ISO") && lines[2].contains("consent-change complete"));
    let column = |line: &str, word: &str| columns_of(&line[..line.find(word).unwrap()]);
    assert_eq!(column(lines[0], "患者"), column(lines[2], "P1^"));
    let mut objects = Vec::new();
    run_search(folder.path(), None, &wanted, true, &mut objects).await.unwrap();
    let object: serde_json::Value = serde_json::from_slice(&objects).unwrap();
    assert_eq!(object["record"], 1);
    assert_eq!(object["system"], "secretariat");
}

#[tokio::test]
async fn verify_says_sound_or_names_the_break_and_exits_accordingly() {
    let folder = tempfile::tempdir().unwrap();
    log_of_one_change(folder.path()).await;
    let mut out = Vec::new();
    let code = run_verify(folder.path(), None, false, &mut out).await.unwrap();
    assert_eq!(code, ExitCode::SUCCESS);
    assert!(String::from_utf8(out).unwrap().contains("3 records, 3 events, 0 breaks"));
    let segment = folder.path().join("00000000000000000000.segment");
    let mut content = std::fs::read(&segment).unwrap();
    content[40] ^= 1;
    std::fs::write(&segment, content).unwrap();
    let mut out = Vec::new();
    let code = run_verify(folder.path(), None, false, &mut out).await.unwrap();
    assert_eq!(code, ExitCode::from(EX_DATAERR));
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("00000000000000000000.segment @0: checksum does not fit"), "{text}");
}

#[tokio::test]
async fn verify_compares_with_the_index_and_tells_a_cut_end() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit");
    log_of_one_change(&log).await;
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    catch_up(&log, &store, None).await.unwrap();
    let segment = log.join("00000000000000000000.segment");
    let content = std::fs::read(&segment).unwrap();
    // The stop record is the last; an order of the writer would have kept it.
    let first = u32::from_be_bytes(content[..4].try_into().unwrap()) as usize + 8;
    std::fs::write(&segment, &content[..first]).unwrap();
    let mut out = Vec::new();
    run_verify(&log, Some(&store), false, &mut out).await.unwrap();
    assert!(String::from_utf8(out).unwrap().contains("the log has 1 records and once had 3"));
}

#[tokio::test]
async fn a_store_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("none.db").display());
    assert!(open_existing(Some(&url), false).await.unwrap().is_none());
    assert!(!folder.path().join("none.db").exists());
}

#[tokio::test]
async fn a_rebuild_brings_an_older_store_up_to_date_and_without_a_store_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit");
    log_of_one_change(&log).await;
    let path = folder.path().join("k.db");
    let url = format!("sqlite:{}", path.display());
    let rebuild = || async {
        let line = format!("audit search --store {url} --rebuild");
        run(parsed(&line), &log, None).await
    };
    assert_eq!(rebuild().await, ExitCode::from(EX_NOINPUT));
    crate::store::database_as_of(&path, 15).await.close().await;
    assert_eq!(run(parsed(&format!("audit search --store {url}")), &log, None).await, ExitCode::SUCCESS);
    assert_eq!(rebuild().await, ExitCode::SUCCESS);
    let store = Store::open_for_reading(&url).await.unwrap();
    assert_eq!(store.audit_position().await.unwrap().next, 3);
}

#[tokio::test]
async fn the_index_of_the_broker_is_not_filled_from_another_folder_by_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, copy) = (folder.path().join("audit"), folder.path().join("copy"));
    log_of_one_change(&ours).await;
    log_of_one_change(&copy).await;
    let path = folder.path().join("k.db");
    let store = Store::open_file(&path).await.unwrap();
    let place = catch_up(&ours, &store, None).await.unwrap();
    let args = parsed(&format!("audit search --rebuild --folder {}", copy.display()));
    let url = format!("sqlite:{}", path.display());
    assert_eq!(run(args, &ours, Some(&url)).await, ExitCode::from(EX_USAGE));
    assert_eq!(store.audit_position().await.unwrap(), place);
}

#[test]
fn a_day_is_a_day_in_japan_and_the_last_one_counts_whole() {
    let at = |t: Result<Timestamp, String>| t.unwrap().xs_date_time();
    assert_eq!(at(first_moment("2026-04-01")), "2026-03-31T15:00:00.000Z");
    assert_eq!(at(end_moment("2026-04-01")), "2026-04-01T15:00:00.000Z");
    assert_eq!(at(end_moment("2026-04-01T09:00:00+09:00")), "2026-04-01T00:00:00.000Z");
    assert!(first_moment("2026-02-30").is_err() && first_moment("yesterday").is_err());
}

#[test]
fn a_name_from_elsewhere_cannot_steer_the_terminal() {
    let event = IndexedEvent { person_name: "a\u{1b}[2Jb\nc".to_owned(), ..IndexedEvent::default() };
    assert!(!row(&event)[2].chars().any(char::is_control));
}
