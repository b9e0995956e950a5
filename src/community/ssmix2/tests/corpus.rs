//! Replays the sample trees beside the repository, where they are: three hospitals of synthetic
//! patients, guideline samples and the output of a public generator.

use std::path::Path;

use super::fixture::{Storage, any_status, ask, find};
use crate::community::ssmix2::Ssmix2;

async fn over(root: &str, extension: &str) -> Option<Ssmix2> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/ssmix2");
    if !corpus.join(root).is_dir() {
        return None;
    }
    let mut settings = Storage::new().settings();
    settings.roots = vec![corpus.join(root)];
    settings.extension = if extension.is_empty() { Vec::new() } else { vec![corpus.join(extension)] };
    let source = Storage::new().source_with(settings);
    source.rescan(|_| ()).await.unwrap();
    Some(source)
}

#[tokio::test]
async fn the_three_hospitals_are_indexed_whole() {
    for (root, extension, patients, people, files) in [
        ("kakehashi/3319999901_STD01", "kakehashi/3319999901_ANX01", 9, 8, 74),
        ("kakehashi/3319999919_STD01", "", 0, 0, 13),
        ("kakehashi/3419999904_STD01", "", 0, 0, 17),
    ] {
        let Some(source) = over(root, extension).await else { return };
        let report = source.report();
        println!("{root} {report:?}");
        assert_eq!(report.quarantined_total(), 0, "{report:?}");
        assert_eq!(report.files, files);
        if patients > 0 {
            assert_eq!((report.patients, report.people), (patients, people));
        }
    }
}

#[tokio::test]
async fn guideline_samples_of_other_patients_are_set_aside_and_never_merged() {
    let Some(source) = over("nho-testdata", "").await else { return };
    let report = source.report();
    println!("{report:?}");
    assert!(report.quarantined.get("pid-differs-from-path").is_some_and(|count| *count > 0));
    for entry in ask(&source, &find("9999013", any_status())).await {
        assert_eq!(entry.patient.value.reveal(), "9999013");
    }
}

#[tokio::test]
async fn the_public_generator_is_understood() {
    let Some(source) = over("twins", "").await else { return };
    let report = source.report();
    println!("{report:?}");
    assert_eq!(report.quarantined_total(), 0, "{report:?}");
    assert_eq!(report.files, 31);
}
