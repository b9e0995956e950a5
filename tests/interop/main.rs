//! Foreign programs against the real thing: each suite starts what it needs, tries its cases and hands
//! in rows; the page made of all rows must be `docs/interop.md` (README.md beside this file).
//! `cargo test --test interop -- ipf` runs one suite alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this file is a test"
)]

mod audit;
mod ipf;
mod program;
mod python;
mod rsyslog;
mod table;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use table::Row;

/// What a suite is asked for: its rows, or why it could not be run.
type Suite = fn() -> Result<Vec<Row>, String>;

const SUITES: [(&str, Suite); 6] = [
    ("rsyslog", audit::repository),
    ("ipf", ipf::suite),
    ("zeep", python::zeep),
    ("assertions", python::assertions),
    ("tls", python::tls),
    ("ssmix2", python::ssmix2),
];

/// As many suites at a time as the smallest machine has cores.
const AT_ONCE: usize = 2;

fn main() -> ExitCode {
    // The rsyslog suite starts this program as a process that can be killed.
    rsyslog::writer::run_if_asked();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if std::env::args().any(|word| word == "--list") {
        SUITES.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let suites: Vec<(&str, Suite)> = SUITES
        .into_iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())))
        .collect();
    if let Some(missing) = missing() {
        return if std::env::var("INTEROP_MISSING").is_ok_and(|word| word == "allow") {
            println!("interop: skipped, INTEROP_MISSING=allow and {missing}");
            println!("\ntest result: ok. 0 passed; 0 failed; {} ignored", suites.len());
            ExitCode::SUCCESS
        } else {
            eprintln!("interop: {missing}; `make tools` installs it, INTEROP_MISSING=allow goes on without");
            ExitCode::FAILURE
        };
    }
    println!("\nrunning {} suites with foreign programs", suites.len());
    let mut outcomes = run(&suites);
    outcomes.sort_by_key(|(name, ..)| SUITES.iter().position(|(suite, _)| suite == name));
    let (mut passed, mut failed, mut rows) = (0, 0, Vec::new());
    for (name, outcome) in outcomes {
        match outcome {
            Ok(of_it) => {
                failed += of_it.iter().filter(|row| !row.passed).count();
                passed += of_it.iter().filter(|row| row.passed).count();
                rows.extend(of_it);
            }
            Err(why) => {
                failed += 1;
                println!("suite {name} could not be run: {why}");
            }
        }
    }
    if wanted.is_empty() && failed == 0 {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/interop.md");
        if let Err(difference) = table::compare(&rows, &kept) {
            failed += 1;
            println!("{difference}");
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Outcome = (&'static str, Result<Vec<Row>, String>);

fn run(suites: &[(&'static str, Suite)]) -> Vec<Outcome> {
    let waiting = Mutex::new(suites.iter().copied());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((name, suite)) = next else { break };
                    let begun = Instant::now();
                    let outcome = suite();
                    tell(name, &outcome, begun);
                    done.lock().unwrap().push((name, outcome));
                }
            });
        }
    });
    done.into_inner().unwrap()
}

fn tell(name: &str, outcome: &Result<Vec<Row>, String>, begun: Instant) {
    let took = begun.elapsed().as_secs();
    let Ok(rows) = outcome else {
        println!("suite {name} ... FAILED ({took} s)");
        return;
    };
    let failed: Vec<&Row> = rows.iter().filter(|row| !row.passed).collect();
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!("suite {name} ... {word}, {} rows ({took} s)", rows.len());
    for row in failed {
        let Row { program, transaction, direction, case, verdict, detail, .. } = row;
        println!("  {program} {direction}, {transaction}, {case}: {verdict}\n      {detail}");
    }
}

/// The first foreign program that is not here. Daemons lie where an ordinary PATH may not lead.
fn missing() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(["/usr/sbin".into()]).collect();
    let here = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    let programs = ["java", "jar", "mvn", "python3", "openssl", "xmlsec1", "xmllint", "rsyslogd"];
    let program = programs.iter().find(|program| !here(program)).map(|program| format!("`{program}`"));
    // The plain package of rsyslog speaks no TLS.
    let lies_here = |folder: PathBuf| folder.join("rsyslog/lmnsd_ossl.so").is_file();
    let has_driver =
        std::fs::read_dir("/usr/lib").is_ok_and(|all| all.flatten().any(|one| lies_here(one.path())));
    let driver = (!has_driver).then(|| "rsyslog's TLS driver (rsyslog-openssl)".to_owned());
    program.or(driver).map(|what| format!("{what} is not here"))
}
