//! Where something may have been written.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::disguises::Search;
use super::values::Planted;
use crate::simulators::process::Process;

/// Where patients' values lie on purpose, below the broker's folder: the audit log, and the store with
/// consents, emergency ids and the index of the log. Nowhere else.
const ALLOWED: [&str; 4] = ["var/audit/", "var/kakehashi.db", "var/kakehashi.db-wal", "var/kakehashi.db-shm"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.push(entry.path());
        }
    }
    all
}

fn is_allowed(root: &Path, file: &Path) -> bool {
    let name = file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    ALLOWED
        .iter()
        .any(|allowed| if allowed.ends_with('/') { name.starts_with(allowed) } else { name == *allowed })
}

/// All files of the folder, names and contents, but those that may hold values. The log is among them.
pub fn of_the_folder(root: &Path, written: &mut Vec<(String, Vec<u8>)>) {
    for file in files(root) {
        let name = file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        written.push((format!("name of {name}"), name.clone().into_bytes()));
        if !is_allowed(root, &file) && !name.starts_with("damaged/") {
            written.push((name, std::fs::read(&file).unwrap_or_default()));
        }
    }
}

/// Command line, environment and open files of the process.
pub fn of_the_process(pid: u32, written: &mut Vec<(String, Vec<u8>)>) {
    for page in ["cmdline", "environ", "status", "comm"] {
        let path = format!("/proc/{pid}/{page}");
        written.push((path.clone(), std::fs::read(path).unwrap()));
    }
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let name = std::fs::read(task.path().join("comm")).unwrap_or_default();
        written.push(("name of a thread".to_owned(), name));
    }
}

pub fn core_dump_filter(pid: u32) -> u32 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/coredump_filter")).unwrap();
    u32::from_str_radix(text.trim(), 16).unwrap()
}

/// What commands say that are not meant to show patients.
pub fn of_commands(broker: &Process, people: &[Planted], written: &mut Vec<(String, Vec<u8>)>) {
    let columns = kakehashi::policy::CONSENT_COLUMNS.join(",");
    let file = broker.path().join("rows.csv");
    for one in people.iter().step_by(10) {
        let text = format!("{columns}\n{}\n{}\n", one.values().join(","), one.line());
        std::fs::write(&file, text).unwrap();
        add(written, "consent import", broker.command(&["consent", "import", file.to_str().unwrap()]));
    }
    std::fs::remove_file(file).unwrap();
    add(written, "check", broker.command(&["check"]));
    add(written, "audit verify", broker.command(&["audit", "verify"]));
}

/// What verifying and starting say of a log that is damaged in the midst of values.
pub fn of_a_damaged_log(broker: &Process, written: &mut Vec<(String, Vec<u8>)>) {
    let log = broker.path().join("var/audit");
    let kept = broker.path().join("damaged");
    std::fs::create_dir(&kept).unwrap();
    for file in files(&log) {
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(kept.join(file.file_name().unwrap()), &bytes).unwrap();
        let mut bent = bytes.clone();
        for at in (0..bent.len()).step_by(4_001) {
            bent[at] ^= 0x21;
        }
        std::fs::write(&file, bent).unwrap();
    }
    let said = broker.command(&["audit", "verify"]);
    assert!(!said.status.success(), "the damage is not seen");
    add(written, "audit verify of a damaged log", said);
    let said = broker.command(&["serve"]);
    assert!(!said.status.success(), "it starts on a damaged log");
    add(written, "serve on a damaged log", said);
    for file in files(&kept) {
        std::fs::write(log.join(file.file_name().unwrap()), std::fs::read(&file).unwrap()).unwrap();
    }
    std::fs::remove_dir_all(kept).unwrap();
}

fn add(written: &mut Vec<(String, Vec<u8>)>, what: &str, said: std::process::Output) {
    assert!(said.status.code().is_some(), "{what} died");
    written.push((format!("{what}, standard output"), said.stdout));
    written.push((format!("{what}, standard error"), said.stderr));
}

/// Looks for every value in every place; gives how many bytes that were.
pub fn search(search: &Search, written: &[(String, Vec<u8>)]) -> usize {
    let mut searched = 0;
    let mut found = Vec::new();
    for (place, bytes) in written {
        searched += bytes.len();
        if let Some((value, at)) = search.first_in(bytes, |_| true) {
            let near = String::from_utf8_lossy(&bytes[at.saturating_sub(300)..(at + 100).min(bytes.len())])
                .into_owned();
            found.push(format!("value {value} in {place} at {at}: ...{near}..."));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    searched
}

/// The folder of the data and what may hold values are their owner's alone.
pub fn are_the_owners_alone(root: &Path) {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root.join("var/audit")), 0o700);
    let mut seen = 0;
    for file in files(root) {
        if is_allowed(root, &file) {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} files");
}

/// The search finds what it should where it may be: else it would find nothing anywhere.
pub fn hold_what_they_should(search: &Search, root: &Path) {
    for place in ["var/audit/", "var/kakehashi.db"] {
        let holds = |file: &&PathBuf| {
            let name = file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            name.starts_with(place) && search.first_in(&std::fs::read(file).unwrap(), |_| true).is_some()
        };
        let all = files(&root.join("var"));
        assert!(all.iter().filter(|file| is_allowed(root, file)).any(|f| holds(&f)), "no value in {place}");
    }
}
