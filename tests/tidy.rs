//! The house rules a compiler does not hold: floors, sizes, file heads, banned words. Reads sources
//! as text, links nothing of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

// A room may import only what its row names (docs/architecture.md 2); all from floor 2 up know
// `model`.
const FLOORS: [(&str, &str); 19] = [
    ("model", ""),
    ("xml", "model"),
    ("config", ""),
    ("dialect", "xml"),
    ("matching", ""),
    ("telemetry", ""),
    ("demo", "dialect config"),
    ("store", "config"),
    ("transport", "config telemetry"),
    ("identity", "store config xml"),
    ("policy", "store config telemetry"),
    ("audit", "policy store transport config telemetry xml"),
    ("community", "identity dialect matching transport store config telemetry xml"),
    ("broker", "audit policy matching store config telemetry"),
    ("endpoint", "broker audit identity dialect transport config telemetry xml store"),
    ("admin", "broker policy audit store transport config telemetry"),
    ("app", "*"),
    ("cli", "*"),
    ("main", "cli"),
];

const LINES_MAX: usize = 600;
const BANNED_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
}

fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&root().join("src"), ".rs", &mut paths);
    assert!(paths.len() > 50, "the sources are not where they should be");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root().join("src")).unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

// The part of a file before its tests, comments and strings kept.
fn code(text: &str) -> &str {
    let cut = ["#[cfg(test)]\nmod tests", "#[cfg(test)]\npub mod"];
    cut.iter().filter_map(|mark| text.find(mark)).min().map_or(text, |at| &text[..at])
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/") || name.contains("simulated")
}

fn none(faults: Vec<String>, rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn a_room_imports_only_from_the_floors_below_it() {
    let floors: BTreeMap<&str, BTreeSet<&str>> =
        FLOORS.iter().map(|(room, knows)| (*room, knows.split_whitespace().collect())).collect();
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let room = name.split(['/', '.']).next().unwrap();
        if room == "lib" {
            continue;
        }
        let Some(knows) = floors.get(room) else {
            faults.push(format!("{name}: the room `{room}` stands on no floor"));
            continue;
        };
        for (number, line) in code(&text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for path in line.split("crate::").skip(1).chain(line.split("kakehashi::").skip(1).filter(|_| room == "main")) {
                let other: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let allowed = other == room || other == "model" || knows.contains("*") || knows.contains(&*other);
                if !other.is_empty() && !allowed {
                    faults.push(format!("{name}:{}: `{room}` may not know `{other}`", number + 1));
                }
            }
        }
    }
    none(faults, "floors");
}

#[test]
fn no_file_is_long_and_the_median_is_short() {
    let mut sizes: Vec<(usize, String)> = sources()
        .into_iter()
        .filter(|(name, _)| !is_test(name) && !name.ends_with("mod.rs"))
        .map(|(name, text)| (code(&text).lines().count(), name))
        .collect();
    sizes.sort();
    let faults = sizes.iter().filter(|(lines, _)| *lines > LINES_MAX).map(|(lines, name)| format!("{name}: {lines} lines"));
    none(faults.collect(), "files over 600 lines");
    let median = sizes[sizes.len() / 2].0;
    assert!(median < 200, "the median file has {median} lines");
}

#[test]
fn every_file_says_what_it_is() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let head = text.lines().take_while(|line| line.starts_with("//!")).count();
        if !is_test(&name) && !(1..=12).contains(&head) {
            faults.push(format!("{name}: a head of {head} lines"));
        }
    }
    none(faults, "file heads (`//!`)");
}

#[test]
fn a_mod_file_is_a_door_plate() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        if name.ends_with("mod.rs") && (text.lines().count() > 80 || code(&text).contains("fn ")) {
            faults.push(format!("{name}: holds more than its doc, its mod lines and its pub use"));
        }
    }
    none(faults, "door plates");
}

#[test]
fn every_file_is_part_of_the_house() {
    let sources = sources();
    let mut faults = Vec::new();
    for (name, _) in &sources {
        let path = Path::new(name);
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let folder = path.parent().unwrap().to_string_lossy().into_owned();
        if name == "lib.rs" || name == "main.rs" {
            continue;
        }
        let (parent, module) = if stem == "mod" {
            let above = Path::new(&folder).parent().unwrap().to_string_lossy().into_owned();
            (above, Path::new(&folder).file_name().unwrap().to_string_lossy().into_owned())
        } else {
            (folder, stem)
        };
        let doors = if parent.is_empty() {
            vec!["lib.rs".to_owned()]
        } else {
            vec![format!("{parent}/mod.rs"), format!("{parent}.rs")]
        };
        let declared = sources.iter().filter(|(door, _)| doors.contains(door)).any(|(_, text)| {
            text.contains(&format!("mod {module};")) || text.contains(&format!("mod r#{module};"))
        });
        if !declared {
            faults.push(format!("{name}: nobody declares it"));
        }
    }
    none(faults, "files nobody imports");
}

#[test]
fn names_and_words_are_those_of_the_house() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let stem = Path::new(&name).file_stem().unwrap().to_string_lossy().into_owned();
        if BANNED_NAMES.contains(&stem.as_str()) {
            faults.push(format!("{name}: says nothing about what is in it"));
        }
        for (number, line) in text.lines().enumerate() {
            for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("unimplemented", "!(")] {
                if line.contains(word) {
                    faults.push(format!("{name}:{}: `{word}`", number + 1));
                }
            }
        }
        for word in ["println!(", "eprintln!(", "dbg!("] {
            let speaks = name.starts_with("cli/") || name == "main.rs" || is_test(&name) || name.starts_with("demo/");
            if code(&text).contains(word) && !speaks {
                faults.push(format!("{name}: `{word}` outside the command line; log it"));
            }
        }
    }
    none(faults, "names and words");
}

#[test]
fn patient_values_are_not_opened_where_logs_and_metrics_are_written() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let shut = ["telemetry/", "transport/", "config/", "admin/"].iter().any(|room| name.starts_with(room));
        if shut && code(&text).contains(".reveal()") {
            faults.push(format!("{name}: opens a Phi"));
        }
        for (number, line) in code(&text).lines().enumerate() {
            let logs = ["tracing::", "info!(", "warn!(", "error!(", "debug!("].iter().any(|word| line.contains(word));
            if logs && line.contains("reveal()") {
                faults.push(format!("{name}:{}: a patient value in a log", number + 1));
            }
        }
    }
    none(faults, "patient values");
}

#[test]
fn nothing_names_a_machine_or_a_registry_host() {
    let mut paths = Vec::new();
    for (folder, ending) in [("src", ".rs"), ("docs", ".md"), ("policies", ""), ("dashboards", ""), ("tests", ""), ("peers", "")] {
        files(&root().join(folder), ending, &mut paths);
    }
    paths.extend(["README.md", "Makefile", ".ci/run", "Cargo.toml", "deny.toml"].map(|name| root().join(name)));
    let banned = [
        concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("crates", ".io"), concat!("pypi", ".org"),
        concat!("registry.npm", "js"), concat!("repo1.ma", "ven"), concat!("deb.deb", "ian.org"),
    ];
    let mut faults = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for word in banned {
            if text.contains(word) {
                faults.push(format!("{}: names `{word}`", path.display()));
            }
        }
    }
    none(faults, "machines and hosts");
}
