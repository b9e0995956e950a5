//! Replays the collected samples where they are at hand: every odd file ends in the verdict written
//! here, every storage file is read, and chains come out as the hospital meant them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Chain, ChainKey, State, StorageFile, read_file, read_path};
use crate::model::NameScript;

fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/ssmix2");
    path.is_dir().then_some(path)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Folder, refusal or empty, codes of warnings.
const ODD: &[(&str, &str, &[&str])] = &[
    ("charset-spelled-isoir87", "", &["charset-spelling"]),
    ("cp932-body", "", &["charset-mismatch"]),
    ("crlf-terminators", "", &["line-terminator"]),
    ("delimiter-bytes-in-kanji", "", &[]),
    ("empty-file", "empty-file", &[]),
    ("geta-and-box", "", &["replacement-mark"]),
    ("half-width-kana-escape", "", &["half-width-kana"]),
    ("jis78-and-roman-escapes", "", &["jis78-escape", "jis-roman-escape"]),
    ("jisx0212-escape", "", &["jisx0212-escape"]),
    ("kana-hiragana-and-halfwidth-blank", "", &["name-split-inferred"]),
    ("lf-terminators", "", &["line-terminator"]),
    ("missing-shift-back", "", &["missing-shift-back"]),
    ("name-in-family-only", "", &["name-split-inferred"]),
    ("no-final-terminator", "", &["no-final-terminator"]),
    ("pid-differs-from-path", "pid-differs-from-path", &[]),
    ("six-part-name", "", &["department-missing"]),
    ("temp-file-name", "temporary-file", &[]),
    ("truncated", "truncated", &[]),
    ("unknown-birthdate", "", &["birth-date-missing", "sex-unknown"]),
    ("utf8-declared", "", &["charset-not-standard"]),
    ("utf8-undeclared", "", &["charset-mismatch"]),
    ("vendor-extension-kanji", "", &["vendor-kanji"]),
    ("wareki-birthdate", "", &["era-date"]),
    ("xpn-off-by-one", "", &["name-representation-shifted"]),
];

#[test]
fn every_odd_file_ends_in_its_verdict() {
    let Some(corpus) = corpus() else { return };
    let odd = corpus.join("kakehashi/odd");
    let mut seen = 0;
    for path in files_below(&odd) {
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let (_, refusal, warnings) =
            ODD.iter().find(|row| row.0 == folder).unwrap_or_else(|| panic!("{folder}"));
        let bytes = std::fs::read(&path).unwrap();
        match read_path(path.to_str().unwrap().as_bytes(), &bytes) {
            Err(malformed) => assert_eq!(malformed.code, *refusal, "{folder}: {malformed}"),
            Ok(read) => {
                let mut codes: Vec<&str> = read.warnings.iter().map(|w| w.code).collect();
                codes.dedup();
                assert_eq!((codes.as_slice(), *refusal), (*warnings, ""), "{folder}");
                assert_eq!((read.found_entries(), read.found_patients()), (1, 1), "{folder}");
                let person = read.demographics.unwrap().into_revealed();
                let kanji = person.name(NameScript::Ideographic).unwrap();
                assert!(!kanji.family.is_empty() && !kanji.given.is_empty(), "{folder}");
            }
        }
        seen += 1;
    }
    assert_eq!(seen, ODD.len());
}

#[test]
fn every_storage_file_is_read_or_refused_with_its_word() {
    let Some(corpus) = corpus() else { return };
    let mut refusals: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut read_files = 0;
    for path in files_below(&corpus) {
        let text = path.to_str().unwrap();
        if ["/odd/", "_TRN", ".csv", ".tsv"].iter().any(|part| text.contains(part)) {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        match read_path(text.as_bytes(), &bytes) {
            Ok(read) => {
                read_files += 1;
                assert!(!read.warnings.iter().any(|w| w.code == "undecodable"), "{text}");
                // Our own tree is written as the guideline wants it.
                let own = text.contains("kakehashi/") && !text.contains("_ANX");
                let deletion = read.found_entries() == 0;
                assert!(!own || deletion || read.warnings.is_empty(), "{text}: {:?}", read.warnings);
            }
            Err(malformed) => {
                assert!(text.contains("nho-testdata"), "{text}: {malformed}");
                *refusals.entry(malformed.code).or_default() += 1;
            }
        }
    }
    assert!(read_files > 100, "{read_files}");
    let words: Vec<&str> = refusals.keys().copied().collect();
    assert_eq!(words, ["path-inconsistent", "pid-differs-from-path"], "{refusals:?}");
}

#[test]
fn the_trees_of_three_hospitals_have_one_current_file_a_chain() {
    let Some(corpus) = corpus() else { return };
    let mut chains: BTreeMap<ChainKey, Vec<StorageFile>> = BTreeMap::new();
    for root in ["3319999901_STD01", "3319999919_STD01", "3419999904_STD01", "3319999901_ANX01"] {
        let root = corpus.join("kakehashi").join(root);
        for path in files_below(&root) {
            let relative = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let file = StorageFile::parse_relative(relative.as_bytes()).unwrap();
            assert_eq!(file.relative_path().reveal().replace("_-_", "_"), relative.replace("_-_", "_"));
            let bytes = std::fs::read(&path).unwrap();
            assert!(read_file(file.clone(), &bytes).is_ok());
            chains.entry(file.key()).or_default().push(file);
        }
    }
    let (mut current, mut deleted) = (0, 0);
    for files in chains.values() {
        let chain = Chain::resolve(&files.iter().collect::<Vec<_>>());
        assert!(!chain.lost_current);
        let count = |wanted: fn(&State) -> bool| chain.states.iter().filter(|state| wanted(state)).count();
        current += usize::from(count(|state| *state == State::Current) > 0);
        deleted += usize::from(count(|state| *state == State::Deleted) == files.len());
    }
    assert_eq!(current + deleted, chains.len());
    assert!(deleted > 5);
}
