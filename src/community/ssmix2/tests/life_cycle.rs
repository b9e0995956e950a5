use super::fixture::{NUMBER, Storage, any_status, ask, context, er7, find, patient_id, put, shown};
use super::messages::message;
use crate::community::ssmix2::Ssmix2;
use crate::model::{
    Community, Demographics, Failure, Grade, NameScript, PartialDate, PatientDiscovery, PatientMatch,
    PersonName, Phi, Sex,
};

const FIRST: &str = "20240712100000000";
const SECOND: &str = "20240712110000000";

async fn look(source: &Ssmix2) {
    source.rescan(|_| ()).await.unwrap();
}

fn person(family: &str) -> Demographics {
    let name =
        PersonName { script: Some(NameScript::Ideographic), family: family.into(), given: "花子".into() };
    let birth = PartialDate::day(1948, 4, 5);
    Demographics { names: vec![name], birth, sex: Some(Sex::Female), ..Demographics::default() }
}

async fn discover(source: &Ssmix2, demographics: Demographics, ids: &[&str]) -> Vec<(String, Grade)> {
    let ids = ids.iter().map(|number| patient_id(number)).collect();
    let request = PatientDiscovery { demographics: Phi::new(demographics), ids };
    let (context, leg) = context();
    let found = source.patient_discovery(&context, &leg, &request).await.unwrap().found;
    let graded = found.into_iter().map(|found| match found {
        PatientMatch::Graded(record) => (record.id.value.into_revealed(), record.grade),
        other => panic!("{other:?}"),
    });
    graded.collect()
}

/// The family name in kanji of the record of a number, if it can be found.
async fn family(source: &Ssmix2, number: &str) -> Option<String> {
    let request = PatientDiscovery { demographics: Phi::default(), ids: vec![patient_id(number)] };
    let (context, leg) = context();
    let found = source.patient_discovery(&context, &leg, &request).await.unwrap().found;
    found.into_iter().find_map(|found| match found {
        PatientMatch::Graded(record) => {
            record.demographics.reveal().name(NameScript::Ideographic).map(|name| name.family.clone())
        }
        _ => None,
    })
}

#[tokio::test]
async fn nothing_is_answered_before_the_first_index_is_complete() {
    let storage = Storage::new();
    let source = storage.source();
    assert!(!source.ready());
    let (context, leg) = context();
    let answer = source.document_query(&context, &leg, &find(NUMBER, any_status())).await;
    assert!(matches!(answer, Err(Failure::Unreachable(_))));
    look(&source).await;
    assert!(source.ready());
}

#[tokio::test]
async fn every_kind_is_offered_as_original_and_as_rendition_of_one_patient() {
    let storage = Storage::new();
    for kind in &crate::dialect::ssmix2::KINDS {
        storage.file(kind.code, NUMBER, FIRST, 1);
    }
    let source = storage.source();
    look(&source).await;
    let report = source.report();
    assert_eq!((report.patients, report.people, report.files, report.entries), (1, 1, 26, 52));
    assert_eq!(report.quarantined_total(), 0, "{report:?}");
    assert_eq!(shown(&source, NUMBER).await.len(), 52);
}

#[tokio::test]
async fn a_correction_supersedes_and_a_deletion_hides_every_version() {
    let storage = Storage::new();
    let first = storage.file("OMP-01", NUMBER, FIRST, 1);
    let source = storage.source();
    look(&source).await;
    assert_eq!(shown(&source, NUMBER).await, ["OMP-01 html Approved", "OMP-01 original Approved"]);

    let superseded = storage.path("OMP-01", NUMBER, FIRST, 2);
    std::fs::rename(first, &superseded).unwrap();
    let second = storage.file("OMP-01", NUMBER, SECOND, 1);
    look(&source).await;
    let both = [
        "OMP-01 html Approved",
        "OMP-01 html Deprecated",
        "OMP-01 original Approved",
        "OMP-01 original Deprecated",
    ];
    assert_eq!(shown(&source, NUMBER).await, both);

    std::fs::rename(superseded, storage.path("OMP-01", NUMBER, FIRST, 0)).unwrap();
    std::fs::rename(second, storage.path("OMP-01", NUMBER, SECOND, 0)).unwrap();
    look(&source).await;
    assert!(shown(&source, NUMBER).await.is_empty());
}

#[tokio::test]
async fn a_document_id_does_not_change_when_its_file_is_renamed_or_indexed_anew() {
    let storage = Storage::new();
    let path = storage.file("OML-11", NUMBER, FIRST, 1);
    let source = storage.source();
    look(&source).await;
    let before = ask(&source, &find(NUMBER, any_status())).await;
    std::fs::rename(path, storage.path("OML-11", NUMBER, FIRST, 2)).unwrap();
    storage.file("OML-11", NUMBER, SECOND, 1);
    let anew = storage.source();
    for source in [&source, &anew] {
        look(source).await;
        let after = ask(source, &find(NUMBER, any_status())).await;
        assert!(
            before.iter().all(|entry| after.iter().any(|a| a.id == entry.id && a.object == entry.object))
        );
    }
}

#[tokio::test]
async fn a_version_whose_successor_has_not_appeared_stays_current_for_one_interval() {
    let storage = Storage::new();
    let path = storage.file("OMP-01", NUMBER, FIRST, 1);
    let source = storage.source();
    look(&source).await;
    std::fs::rename(path, storage.path("OMP-01", NUMBER, FIRST, 2)).unwrap();
    look(&source).await;
    assert_eq!(shown(&source, NUMBER).await, ["OMP-01 html Approved", "OMP-01 original Approved"]);
    // Within the same interval a document may be looked for again.
    source.index.refresh_one(NUMBER).await.unwrap();
    assert_eq!(shown(&source, NUMBER).await, ["OMP-01 html Approved", "OMP-01 original Approved"]);
    // The next interval comes to it without being told where.
    source.index.next_interval();
    source.index.rescan_some(Default::default()).await.unwrap();
    assert_eq!(shown(&source, NUMBER).await, ["OMP-01 html Deprecated", "OMP-01 original Deprecated"]);
    look(&source).await;
    assert_eq!(shown(&source, NUMBER).await, ["OMP-01 html Deprecated", "OMP-01 original Deprecated"]);
}

#[tokio::test]
async fn of_two_current_versions_the_newer_one_counts() {
    let storage = Storage::new();
    storage.file("ADT-61", NUMBER, FIRST, 1);
    storage.file("ADT-61", NUMBER, SECOND, 1);
    let source = storage.source();
    look(&source).await;
    let current = ask(&source, &find(NUMBER, super::fixture::approved())).await;
    assert_eq!(current.len(), 2);
}

#[tokio::test]
async fn demographics_are_those_of_the_latest_current_basics() {
    let storage = Storage::new();
    let first = storage.file("ADT-00", NUMBER, FIRST, 1);
    let source = storage.source();
    look(&source).await;
    assert_eq!(family(&source, NUMBER).await.as_deref(), Some("架橋"));

    std::fs::rename(first, storage.path("ADT-00", NUMBER, FIRST, 2)).unwrap();
    put(&storage.path("ADT-00", NUMBER, SECOND, 1), &er7(&message("ADT-00", NUMBER, "渡橋")));
    look(&source).await;
    assert_eq!(family(&source, NUMBER).await.as_deref(), Some("渡橋"));

    std::fs::rename(storage.path("ADT-00", NUMBER, SECOND, 1), storage.path("ADT-00", NUMBER, SECOND, 0))
        .unwrap();
    std::fs::rename(storage.path("ADT-00", NUMBER, FIRST, 2), storage.path("ADT-00", NUMBER, FIRST, 0))
        .unwrap();
    look(&source).await;
    assert_eq!(family(&source, NUMBER).await, None);
    assert_eq!(source.report().people, 0);
}

#[tokio::test]
async fn a_hospital_number_finds_its_record_and_only_under_this_authority() {
    let storage = Storage::new();
    storage.file("ADT-00", NUMBER, FIRST, 1);
    storage.file("ADT-00", "0000099999", FIRST, 1);
    let source = storage.source();
    look(&source).await;
    assert_eq!(
        discover(&source, Demographics::default(), &[NUMBER]).await,
        [(NUMBER.to_owned(), Grade::Auto)]
    );
    // Named by number, but somebody else by what else was said.
    let stranger = Demographics { birth: PartialDate::day(2001, 2, 3), ..person("別人") };
    assert_eq!(discover(&source, stranger, &[NUMBER]).await, [(NUMBER.to_owned(), Grade::None)]);
    let mut foreign = patient_id(NUMBER);
    foreign.authority = crate::model::Authority(crate::model::Oid::parse("2.999.1").unwrap());
    let request = PatientDiscovery { demographics: Phi::default(), ids: vec![foreign] };
    let (context, leg) = context();
    assert!(source.patient_discovery(&context, &leg, &request).await.unwrap().found.is_empty());
}

#[tokio::test]
async fn an_extension_folder_is_one_version_of_all_its_files() {
    let storage = Storage::new();
    let kind = "^退院時要約^^18842-5^退院時サマリー^LN";
    storage.extension_file(kind, FIRST, 1, "summary.xml", b"<a/>");
    let path = storage.extension_file(kind, FIRST, 1, "scan.pdf", b"%PDF-1.4");
    let source = storage.source();
    look(&source).await;
    assert_eq!(shown(&source, NUMBER).await, ["18842-5 original Approved"; 2]);
    let folder = path.parent().unwrap().to_path_buf();
    let deleted =
        folder.with_file_name(folder.file_name().unwrap().to_str().unwrap().replace("_11_1", "_11_0"));
    std::fs::rename(folder, deleted).unwrap();
    look(&source).await;
    assert!(shown(&source, NUMBER).await.is_empty());
}

#[tokio::test]
async fn a_message_in_the_extension_storage_has_a_rendition_too() {
    let storage = Storage::new();
    let observations = er7(&message("OMG-13", NUMBER, "架橋"));
    storage.extension_file("L-OBS^経過表^99ZL01", FIRST, 1, "main.hl7", &observations);
    let source = storage.source();
    look(&source).await;
    assert_eq!(shown(&source, NUMBER).await, ["L-OBS html Approved", "L-OBS original Approved"]);
}

#[tokio::test]
async fn a_kind_that_is_off_is_not_offered_but_still_tells_who_the_patient_is() {
    let storage = Storage::new();
    storage.file("ADT-00", NUMBER, FIRST, 1);
    storage.file("OMD", NUMBER, FIRST, 1);
    let mut settings = storage.settings();
    settings.kinds_on.clear();
    settings.kinds_off.insert("ADT-00".to_owned());
    let source = storage.source_with(settings);
    look(&source).await;
    assert!(shown(&source, NUMBER).await.is_empty());
    assert_eq!(discover(&source, person("架橋"), &[]).await.len(), 1);
}

#[tokio::test]
async fn a_hint_is_enough_to_see_a_new_patient() {
    let storage = Storage::new();
    let source = storage.source();
    look(&source).await;
    storage.file("ADT-00", NUMBER, FIRST, 1);
    let folder = std::path::PathBuf::from(format!("000/001/{NUMBER}"));
    let hints = [(NUMBER.to_owned(), [folder].into())].into();
    source.index.rescan_some(hints).await.unwrap();
    assert_eq!(shown(&source, NUMBER).await.len(), 2);
}

#[tokio::test]
async fn a_root_that_went_away_is_an_outage_and_not_an_empty_hospital() {
    let storage = Storage::new();
    storage.file("ADT-00", NUMBER, FIRST, 1);
    let source = storage.source();
    look(&source).await;
    let aside = storage.root().with_file_name("aside");
    std::fs::rename(storage.root(), &aside).unwrap();
    assert!(source.rescan(|_| ()).await.is_err());
    assert!(!source.reachable());
    let (context, leg) = context();
    let answer = source.document_query(&context, &leg, &find(NUMBER, any_status())).await;
    assert!(matches!(answer, Err(Failure::Unreachable(_))));
    std::fs::rename(aside, storage.root()).unwrap();
    look(&source).await;
    assert_eq!(shown(&source, NUMBER).await.len(), 2);
}

#[tokio::test]
async fn progress_ends_with_all_patients_done() {
    let storage = Storage::new();
    storage.file("ADT-00", NUMBER, FIRST, 1);
    storage.file("ADT-00", "0000099999", FIRST, 1);
    let source = storage.source();
    let seen = std::sync::Mutex::new(Vec::new());
    source.rescan(|progress| seen.lock().unwrap().push((progress.done, progress.total))).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(1, 2), (2, 2)]);
}

/// Waits for what the source promises to show within five seconds.
async fn shows_in_time(source: &Ssmix2, number: &str, count: usize) {
    let shown = async {
        while !source.ready() || shown(source, number).await.len() != count {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), shown).await.expect("seen within five seconds");
}

#[tokio::test]
async fn what_is_filed_corrected_and_deleted_is_followed_without_being_told() {
    let storage = Storage::new();
    let mut settings = storage.settings();
    settings.poll_ms = 100;
    let source = storage.source_with(settings);
    let stop = tokio_util::sync::CancellationToken::new();
    let changes = async {
        shows_in_time(&source, NUMBER, 0).await;
        let path = storage.file("OMP-01", NUMBER, FIRST, 1);
        shows_in_time(&source, NUMBER, 2).await;
        std::fs::rename(path, storage.path("OMP-01", NUMBER, FIRST, 2)).unwrap();
        storage.file("OMP-01", NUMBER, SECOND, 1);
        shows_in_time(&source, NUMBER, 4).await;
        std::fs::remove_dir_all(storage.root().join("000")).unwrap();
        shows_in_time(&source, NUMBER, 0).await;
        stop.cancel();
    };
    tokio::join!(source.follow(&stop), changes);
}
