//! The reference page lists every code that readers write into the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::decode::files;
use crate::dialect::hl7v2::deviation::DEVIATIONS;

// Calls that take a code as their first text.
const CALLS: [&str; 12] = [
    "Warning::new(",
    "Malformed::new(",
    ".warn(",
    "malformed_at(",
    ".malformed(",
    "message.at(",
    "judge(",
    "here(",
    "found.insert(",
    ".at(",
    "variant(",
    "at(",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn is_code(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let is_stable = text.contains('-') && text.starts_with(|c: char| c.is_ascii_lowercase());
    (is_stable && text.chars().all(is_word) && !text.ends_with('-'))
        || text
            .strip_prefix("XDS")
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(char::is_alphanumeric))
}

fn codes_of(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for call in CALLS {
        for (at, _) in code.match_indices(call) {
            let rest: String = code[at + call.len()..].chars().take(120).collect();
            let rest = rest.split(';').next().unwrap_or_default();
            found.extend(rest.split('"').nth(1).filter(|text| is_code(text)).map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_code_stands_on_the_reference_page() {
    let page = std::fs::read_to_string(root().join("docs/reference/decode-codes.md")).unwrap();
    let mut codes: BTreeSet<String> = DEVIATIONS.iter().map(|deviation| deviation.code.to_owned()).collect();
    for folder in ["src/cli/decode", "src/dialect", "src/xml", "src/identity"] {
        for file in files(&root().join(folder)).unwrap().0 {
            let name = file.to_string_lossy().into_owned();
            if name.ends_with(".rs") && !name.contains("tests") && !name.ends_with("corpus.rs") {
                codes.extend(codes_of(&std::fs::read_to_string(&file).unwrap()));
            }
        }
    }
    let missing: Vec<&String> = codes.iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    for word in [
        "status-contradicts-errors",
        "failure-with-documents",
        "text-not-base64",
        "line-terminator",
        "charset-mismatch",
        "half-width-kana",
        "name-split-inferred",
        "era-date",
        "trust-not-checked",
    ] {
        assert!(codes.contains(word), "{word}");
    }
}
