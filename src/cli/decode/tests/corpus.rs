//! Replays the collected samples where they are at hand. What each file must come to follows from the
//! remark in the collection's manifest and is held in the tables beside this file; a file that no
//! table knows fails by its name. The tables are printed: file, expected, got.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::*;
use crate::cli::decode::files;
use crate::dialect::respelling::{encoded, respelt};

fn folder(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus").join(name);
    path.is_dir().then_some(path)
}

/// Rows of a manifest: file to kind or transaction, and remark.
fn manifest(folder: &Path, columns: [usize; 2]) -> BTreeMap<String, (String, String)> {
    let text = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.map(|row| (row[0].to_owned(), (row[columns[0]].to_owned(), row[columns[1]].to_owned()))).collect()
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

/// What a file came to or must come to. Of the warnings the table names those that the remark speaks
/// of; others may stand beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    kind: String,
    status: String,
    refusal: String,
    warnings: BTreeSet<String>,
}

impl Verdict {
    fn of(told: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let refusal = word(&told["refusal"]["code"]);
        assert_eq!(told["verdict"] == "refused", refusal != "-", "{told}");
        assert!(refusal == "-" || !told["refusal"]["text"].as_str().unwrap().is_empty(), "{told}");
        let warnings = codes(told).into_iter().map(str::to_owned).collect();
        Self { kind: word(&told["kind"]), status: word(&told["status"]), refusal, warnings }
    }

    fn row(text: &str) -> (String, Self) {
        let [file, kind, status, refusal, warnings] = *text.split('\t').collect::<Vec<_>>() else {
            panic!("not five columns: {text}")
        };
        let warnings = warnings.split(' ').filter(|code| *code != "-").map(str::to_owned).collect();
        let (kind, status, refusal) = (kind.to_owned(), status.to_owned(), refusal.to_owned());
        (file.to_owned(), Self { kind, status, refusal, warnings })
    }

    fn is_met_by(&self, got: &Self) -> bool {
        let plain = |verdict: &Self| (verdict.kind.clone(), verdict.status.clone(), verdict.refusal.clone());
        plain(self) == plain(got) && self.warnings.is_subset(&got.warnings)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let warnings: Vec<&str> = self.warnings.iter().map(String::as_str).collect();
        write!(f, "{}, {}, {} [{}]", self.kind, self.status, self.refusal, warnings.join(" "))
    }
}

fn table(text: &str) -> BTreeMap<String, Verdict> {
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(Verdict::row).collect()
}

/// Holds what was got against what is expected of every file, and prints both.
fn compare(
    name: &str,
    got: &BTreeMap<String, Value>,
    expected: impl Fn(&str) -> Option<Verdict>,
) -> Vec<String> {
    let begun = Instant::now();
    let mut printed = String::new();
    let mut wrong = Vec::new();
    for (file, told) in got {
        let got = Verdict::of(told);
        let wanted = expected(file);
        let shown = wanted.as_ref().map_or_else(|| "nothing".to_owned(), Verdict::to_string);
        let is_met = wanted.is_some_and(|wanted| wanted.is_met_by(&got));
        let mark = if is_met { "" } else { "!! " };
        let line = format!("{mark}{file} | {shown} | {got}");
        writeln!(printed, "{line}").unwrap();
        if !is_met {
            wrong.push(line);
        }
    }
    // Past the captured output of tests; the whole table where somebody asks for it.
    let summary =
        format!("corpus {name}: {} files, {} contradictions, {:?}", got.len(), wrong.len(), begun.elapsed());
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/corpus-{name}.txt"));
    let _ = std::fs::write(&table, format!("file | expected | got\n{printed}{summary}\n"));
    let is_asked = std::env::var_os("KAKEHASHI_TABLES").is_some() || !wrong.is_empty();
    let _ = writeln!(std::io::stderr(), "{}{summary}", if is_asked { printed.as_str() } else { "" });
    wrong
}

#[test]
fn every_soap_sample_comes_to_what_its_remark_says() {
    let Some(folder) = folder("soap") else { return };
    let manifest = manifest(&folder, [1, 7]);
    let table = table(include_str!("corpus.tsv"));
    let mut told = replayed(&folder);
    assert_eq!(refusal(&told.remove("manifest.tsv").unwrap()), "unknown-format");
    let wrong = compare("soap", &told, |file| table.get(file).cloned());
    assert!(wrong.is_empty(), "file | expected | got\n{}", wrong.join("\n"));
    let gone: Vec<_> = table.keys().filter(|file| !manifest.contains_key(*file)).collect();
    assert!(gone.is_empty(), "rows without a sample: {gone:?}");
    // A sample that its manifest calls bad is refused or warned of, unless only data can tell.
    for (file, (_, remark)) in manifest.iter().filter(|(_, (_, remark))| remark.starts_with("bad:")) {
        let expected = &table[file];
        let is_told = expected.refusal != "-" || !expected.warnings.is_empty() || expected.status == "QE";
        assert!(is_told || ONLY_DATA_TELLS.contains(&file.as_str()), "{file}: {remark}, and nothing is told");
    }
}

/// Bad for one registry, not in itself: which homes are known is no property of a message.
const ONLY_DATA_TELLS: [&str; 1] = ["iti38-req-09-nist-unknown-home.xml"];

#[test]
fn a_sample_says_the_same_in_any_spelling() {
    let Some(folder) = folder("soap") else { return };
    let mut count = 0;
    for (file, told) in replayed(&folder) {
        let path = folder.join(&file);
        let bytes = std::fs::read(&path).unwrap();
        let is_xml = file.ends_with(".xml") && told["verdict"] == "accepted";
        let Ok(source) = String::from_utf8(bytes) else { continue };
        // An escaped text within a text has a spelling of its own.
        if !is_xml || crate::xml::Tree::parse(&source).is_err() {
            continue;
        }
        count += 1;
        for seed in 0..6 {
            let spelt = respelt(&source, seed, false);
            let again = line(path.to_str(), &encoded(&spelt, seed), None, false).1;
            for key in ["kind", "status", "verdict", "found", "errors", "message"] {
                assert_eq!(again[key], told[key], "{file}, seed {seed}, {key}: {spelt}");
            }
        }
    }
    assert!(count > 80, "{count}");
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

/// What a file of a storage comes to: by its row, else by the kind its manifest gives it, without
/// any warning.
fn storage_verdict(file: &str, kind: &str, table: &BTreeMap<String, Verdict>) -> Option<Verdict> {
    let row = table.iter().find(|(part, _)| file.contains(part.as_str())).map(|(_, verdict)| verdict.clone());
    let plain = |kind: String| Verdict {
        kind,
        status: "-".to_owned(),
        refusal: "-".to_owned(),
        warnings: BTreeSet::new(),
    };
    let by_kind = match kind {
        "ODD" | "INDEXDB" | "DEMOGRAPHICS" | "TRUTH" => return row,
        "EXT" => plain("SS-MIX2 extension file".to_owned()),
        "TRANSACTION" => plain("SS-MIX2 transaction file".to_owned()),
        kind => plain(format!("SS-MIX2 {kind}")),
    };
    row.or(Some(by_kind))
}

#[test]
fn every_storage_sample_comes_to_what_its_remark_says() {
    let Some(folder) = folder("ssmix2") else { return };
    let manifest = manifest(&folder, [1, 6]);
    let table = table(include_str!("corpus_storage.tsv"));
    let mut told = replayed(&folder);
    told.remove("manifest.tsv");
    let wrong = compare("ssmix2", &told, |file| {
        manifest.get(file).and_then(|(kind, _)| storage_verdict(file, kind, &table))
    });
    assert!(wrong.is_empty(), "file | expected | got\n{}", wrong.join("\n"));
    let gone: Vec<_> = manifest.keys().filter(|file| !told.contains_key(*file)).collect();
    assert!(gone.is_empty(), "rows of the manifest without a file: {gone:?}");
    let unused: Vec<_> =
        table.keys().filter(|part| !told.keys().any(|file| file.contains(part.as_str()))).collect();
    assert!(unused.is_empty(), "rows without a sample: {unused:?}");
    for (file, told) in told {
        // Our own trees hold to the guideline; a deletion has no more to say than whom it is about.
        let is_plain = file.contains("_STD01") && told["found"]["entries"] != 0;
        assert!(!is_plain || told["warnings"] == serde_json::json!([]), "{file}: {told}");
        // Only the path may hold the number.
        let number = file.rsplit('/').next().unwrap().split('_').next().unwrap().to_owned();
        if number.len() > 6 && number.bytes().all(|b| b.is_ascii_digit()) {
            let mut rest = told.clone();
            rest["file"] = Value::Null;
            assert!(!rest.to_string().contains(&number), "{file}: {told}");
        }
    }
}
