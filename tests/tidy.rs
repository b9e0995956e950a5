//! The house rules a compiler does not hold: floors, sizes, file heads, banned words. Reads sources
//! as text, links nothing of ours. The floors are those of the table in `docs/architecture.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "all of this file is a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const HEAD_LINES_MAX: usize = 5;
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

// The part of a file before its tests, comments and strings kept. A test module that is a file of its
// own cuts nothing.
fn code(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text[from..].find("#[cfg(test)]\n") {
        let item = text[from + at..].lines().nth(1).unwrap_or_default();
        if item.contains("mod ") && item.ends_with('{') {
            return &text[..from + at];
        }
        from += at + 1;
    }
    text
}

// Room to what it may know, as the table of the rooms says: `| floor | room | knows | ... |`.
fn floors() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| floor |")).skip(2);
    let mut floors = BTreeMap::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let knows: BTreeSet<String> = words(cells[3]);
        for room in words(cells[2]) {
            floors.insert(room, knows.clone());
        }
    }
    assert!(floors.len() > 15, "the table of the rooms in docs/architecture.md cannot be read");
    floors
}

fn words(cell: &str) -> BTreeSet<String> {
    let all = if cell == "every room below" { "*" } else { cell };
    let all = if all == "nothing of ours" { "" } else { all };
    all.split([',', ' '])
        .map(|word| word.trim_matches('`').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

// The rooms a line names: `crate::store::Store`, and every member of `crate::{store, xml::Reader}`.
fn rooms_named(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for path in line.split("crate::").skip(1).chain(line.split("kakehashi::").skip(1)) {
        let members: Vec<&str> = match path.strip_prefix('{') {
            Some(group) => group.split(',').collect(),
            None => vec![path],
        };
        let name = |member: &str| -> String {
            member.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        };
        rooms.extend(members.into_iter().map(name).filter(|room| !room.is_empty()));
    }
    rooms
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/") || name.contains("simulated")
}

fn none(faults: Vec<String>, rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn a_room_imports_only_from_the_floors_below_it() {
    let floors = floors();
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
            if is_test(&name) || line.trim_start().starts_with("//") {
                continue;
            }
            for other in rooms_named(line) {
                let is_room = floors.contains_key(&other) && other != room && other != "model";
                if is_room && !knows.contains("*") && !knows.contains(&other) {
                    faults.push(format!("{name}:{}: `{room}` may not know `{other}`", number + 1));
                }
                // An endpoint gets what was released, and nothing that could release.
                let of_audit =
                    line.split("audit::").nth(1).filter(|_| room == "endpoint" && other == "audit");
                if of_audit.is_some_and(|names| names.contains("AuditLog") || names.contains("Opened")) {
                    faults.push(format!("{name}:{}: an endpoint may not make records", number + 1));
                }
            }
        }
    }
    none(faults, "floors");
}

#[test]
fn no_room_knows_a_room_that_knows_it() {
    let floors = floors();
    fn reaches(floors: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str, depth: usize) -> bool {
        depth < floors.len()
            && floors[from]
                .iter()
                .any(|next| next == to || (floors.contains_key(next) && reaches(floors, next, to, depth + 1)))
    }
    let circles =
        floors.keys().filter(|room| reaches(&floors, room, room, 0)).map(|room| format!("`{room}`"));
    none(circles.collect(), "rooms in a circle");
}

#[test]
fn no_function_is_longer_than_a_page() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        if is_test(&name) {
            continue;
        }
        let lines: Vec<&str> = code(&text).lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let bare = line.trim_start();
            let indent = line.len() - bare.len();
            let is_function = bare.starts_with("fn ") || bare.contains(" fn ");
            if !is_function || bare.starts_with("//") || bare.starts_with('"') {
                continue;
            }
            // The sources are formatted: a body ends with the next brace at the indent of its head.
            let shut = format!("{}}}", " ".repeat(indent));
            let body = lines[number..].iter().position(|line| {
                *line == shut
                    || line.trim_end().ends_with(';') && line.len() - line.trim_start().len() == indent
            });
            let length = body.unwrap_or_default();
            if length > FUNCTION_LINES_MAX + 1 {
                faults.push(format!("{name}:{}: a function of {length} lines", number + 1));
            }
        }
    }
    none(faults, "functions over 70 lines");
}

#[test]
fn no_file_is_long_and_the_median_is_short() {
    let mut sizes: Vec<(usize, String)> = sources()
        .into_iter()
        .filter(|(name, _)| !is_test(name) && !name.ends_with("mod.rs"))
        .map(|(name, text)| (code(&text).lines().count(), name))
        .collect();
    sizes.sort();
    let faults = sizes
        .iter()
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, name)| format!("{name}: {lines} lines"));
    none(faults.collect(), "files over 600 lines");
    let median = sizes[sizes.len() / 2].0;
    assert!(median < 200, "the median file has {median} lines");
}

#[test]
fn every_file_says_what_it_is() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let head = text.lines().take_while(|line| line.starts_with("//!")).count();
        if !is_test(&name) && !(1..=HEAD_LINES_MAX).contains(&head) {
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
            for word in [
                concat!("TO", "DO"),
                concat!("FIX", "ME"),
                concat!("todo", "!("),
                concat!("unimplemented", "!("),
            ] {
                if line.contains(word) {
                    faults.push(format!("{name}:{}: `{word}`", number + 1));
                }
            }
        }
        for (number, line) in code(&text).lines().enumerate() {
            if line.contains(" fn get_") || line.starts_with("fn get_") {
                faults.push(format!("{name}:{}: `get_` says nothing", number + 1));
            }
        }
        for word in ["println!(", "eprintln!(", "dbg!("] {
            let speaks =
                name.starts_with("cli/") || name == "main.rs" || is_test(&name) || name.starts_with("demo/");
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
        let shut =
            ["telemetry/", "transport/", "config/", "admin/"].iter().any(|room| name.starts_with(room));
        if shut && code(&text).contains(".reveal()") {
            faults.push(format!("{name}: opens a Phi"));
        }
        for (number, line) in code(&text).lines().enumerate() {
            let logs = ["tracing::", "info!(", "warn!(", "error!(", "debug!("]
                .iter()
                .any(|word| line.contains(word));
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
    for folder in ["src", "docs", "policies", "dashboards", "tests", "peers", "fuzz", "benches"] {
        files(&root().join(folder), "", &mut paths);
    }
    paths.extend(
        ["README.md", "Makefile", ".ci/run", "Cargo.toml", "deny.toml"].map(|name| root().join(name)),
    );
    let banned = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("registry.npm", "js"),
        concat!("repo1.ma", "ven"),
        concat!("deb.deb", "ian.org"),
    ];
    let mut faults = Vec::new();
    for path in paths {
        // Cargo itself writes where packages come from.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for word in banned.iter().filter(|_| !path.ends_with("Cargo.lock")) {
            if text.contains(word) {
                faults.push(format!("{}: names `{word}`", path.display()));
            }
        }
    }
    none(faults, "machines and hosts");
}
