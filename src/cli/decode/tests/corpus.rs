//! Replays the collected samples where they are at hand: each ends in the kind, status and verdict
//! written in `corpus.tsv` after reading its remark in the collection's manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::cli::decode::files;

fn folder(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus").join(name);
    path.is_dir().then_some(path)
}

fn replayed(folder: &Path) -> BTreeMap<String, Value> {
    let files = files(folder).unwrap().0.into_iter();
    files
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            let told = line(path.to_str(), &bytes, None, false).1;
            (path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), told)
        })
        .collect()
}

#[test]
fn every_soap_sample_ends_in_its_verdict() {
    let Some(folder) = folder("soap") else { return };
    let mut told = replayed(&folder);
    for row in include_str!("corpus.tsv").lines() {
        let [file, kind, status, code] = *row.split('\t').collect::<Vec<_>>() else { panic!("{row}") };
        let Some(told) = told.remove(file) else { continue };
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let found = [word(&told["kind"]), word(&told["status"]), word(&told["refusal"]["code"])];
        assert_eq!(found, [kind, status, code], "{file}: {told}");
        let is_refused = told["verdict"] == "refused";
        assert_eq!(is_refused, code != "-");
        assert!(!is_refused || !told["refusal"]["text"].as_str().unwrap().is_empty());
    }
    assert!(told.is_empty(), "samples without a row: {:?}", told.keys());
}

#[test]
fn a_declared_kind_is_taken_for_every_bare_sample_of_its_transaction() {
    let Some(folder) = folder("soap") else { return };
    for (file, told) in replayed(&folder) {
        if !told["kind"].is_null() || told["refusal"]["code"] == "malformed-xml" {
            continue;
        }
        let Some((transaction, rest)) = file.split_once('-') else { continue };
        let Some(number) = transaction.strip_prefix("iti") else { continue };
        let half = if rest.starts_with("req") { "request" } else { "response" };
        let kind = format!("ITI-{number} {half}");
        let bytes = std::fs::read(folder.join(&file)).unwrap();
        assert_eq!(line(None, &bytes, Some(&kind), false).1["kind"], kind.as_str(), "{file}");
    }
}

#[test]
fn fhir_samples_are_named_and_never_refused() {
    let Some(folder) = folder("fhir") else { return };
    for (file, told) in replayed(&folder) {
        let kind = told["kind"].as_str().unwrap_or_default();
        let is_named = kind.starts_with("FHIR ") || kind == "JWT claims";
        assert!(is_named || file.ends_with(".tsv"), "{file}: {told}");
        assert!(!is_named || told["verdict"] == "accepted", "{file}: {told}");
    }
}

#[test]
fn storage_samples_are_refused_only_where_the_file_is_at_fault() {
    let Some(folder) = folder("ssmix2") else { return };
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for (file, told) in replayed(&folder) {
        if told["verdict"] == "refused" {
            let is_odd = file.contains("odd/") || file.contains("nho-testdata") || file.ends_with(".tsv");
            assert!(is_odd, "{file}: {told}");
            *refused.entry(refusal(&told).to_owned()).or_default() += 1;
        }
        // Only the path may hold the number.
        let number = file.rsplit('/').next().unwrap().split('_').next().unwrap().to_owned();
        if number.len() > 6 && number.bytes().all(|b| b.is_ascii_digit()) {
            let mut rest = told.clone();
            rest["file"] = Value::Null;
            assert!(!rest.to_string().contains(&number), "{file}: {told}");
        }
    }
    let words: Vec<&str> = refused.keys().map(String::as_str).collect();
    let expected = [
        "empty-file",
        "path-inconsistent",
        "pid-differs-from-path",
        "temporary-file",
        "truncated",
        "unknown-format",
    ];
    assert_eq!(words, expected, "{refused:?}");
}
