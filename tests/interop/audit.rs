//! Suites about ITI-20: rsyslog as the audit repository, the DICOM schema, IPF's audit parser.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::program::Program;
use super::rsyslog::{self, Rsyslog};
use super::table::Row;
use super::world::World;

fn row(program: &str, case: &str, verdict: &str, complaint: Option<String>) -> Row {
    Row {
        program: program.to_owned(),
        transaction: "ITI-20".to_owned(),
        direction: "is asked".to_owned(),
        case: case.to_owned(),
        verdict: verdict.to_owned(),
        passed: complaint.is_none(),
        detail: complaint.unwrap_or_default(),
    }
}

/// A real rsyslog, and either side killed.
pub fn repository() -> Result<Vec<Row>, String> {
    let complaint = panicked(rsyslog::nothing_is_lost_when_either_side_is_killed);
    let case = "RFC 5425 over mutual TLS, dead at first, either side killed at random moments";
    let verdict = "nothing lost by record id; doubled only within the window";
    Ok(vec![row("rsyslog 8", case, verdict, complaint)])
}

/// An rsyslog to which Okayama's broker forwards, started before it.
pub fn repository_of(world: &World) -> Result<Rsyslog, String> {
    let failed = |error: std::io::Error| error.to_string();
    let (certs, folder) = (world.folder().join("okayama/certs"), world.folder().join("rsyslog"));
    std::fs::create_dir_all(&folder).map_err(failed)?;
    rsyslog::keys(&certs);
    let mut repository = Rsyslog::new(&folder, &certs);
    repository.start();
    let settings = world.folder().join("okayama/kakehashi.toml");
    let audit = format!(
        "\n[audit]\nforward = \"syslog+tls://localhost:{}\"\ntls = {{ ca = \"audit-ca\", client = \"client\" }}\n",
        repository.port
    );
    let text = std::fs::read_to_string(&settings).map_err(failed)? + &audit;
    std::fs::write(&settings, text).map_err(failed)?;
    Ok(repository)
}

/// What the broker's traffic left on record, failures and refusals too: all of it at the repository,
/// and valid.
pub fn carried(world: &World, repository: &Rsyslog, gateway: &mut Program) -> Result<Vec<Row>, String> {
    let until = Instant::now() + Duration::from_secs(30);
    let (messages, missing) = loop {
        let expected = rsyslog::messages_of(&world.folder().join("okayama/var/audit"));
        let received = repository.received();
        let there: BTreeSet<String> = received.iter().map(|(_, xml)| rsyslog::record_id(xml)).collect();
        let missing = expected.keys().find(|id| !there.contains(*id)).cloned();
        if missing.is_none() || Instant::now() > until {
            break (expected.into_values().collect::<Vec<_>>(), missing);
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let case = "a broker's traffic with IPF, refusals and failures too";
    let kinds = ["110112", "110106", "110107", "110114", "110113"];
    let absent = kinds.iter().find(|kind| !messages.iter().any(|xml| xml.contains(**kind)));
    let complaint = missing.or(absent.map(|kind| format!("no message of {kind}")));
    let mut rows = vec![row("rsyslog 8", case, "every message there", complaint)];
    let valid = panicked(|| rsyslog::all_are_valid(&messages));
    rows.push(row("xmllint", case, "valid by the DICOM schema", valid));
    let path = world.folder().join("traffic.txt");
    std::fs::write(&path, messages.join("\n") + "\n").map_err(|error| error.to_string())?;
    rows.push(row("IPF 5.1-20250424", case, "parsed and valid", parsed(&path, gateway)?));
    Ok(rows)
}

/// What IPF's parser complains of.
fn parsed(path: &Path, gateway: &mut Program) -> Result<Option<String>, String> {
    let answer = super::ipf::obey(gateway, &json!({ "cmd": "audit", "file": path }))?;
    let has_none = answer["complaints"].as_array().is_some_and(Vec::is_empty);
    let is_good = has_none && answer["messages"].as_u64() > Some(0);
    Ok((!is_good).then(|| answer.to_string()))
}

/// Every message that two networks make of a day's records: by the DICOM schema, and by IPF.
pub fn messages(folder: &Path, gateway: &mut Program) -> Result<Vec<Row>, String> {
    let path = folder.join("audit-messages.txt");
    let valid = panicked(|| {
        rsyslog::every_message_of_two_networks_is_valid(folder);
    });
    let case = "every message of two networks";
    let mut rows = vec![row("xmllint", case, "valid by the DICOM schema", valid)];
    rows.push(row("IPF 5.1-20250424", case, "parsed and valid", parsed(&path, gateway)?));
    Ok(rows)
}

fn panicked(test: impl FnOnce()) -> Option<String> {
    let why = catch_unwind(AssertUnwindSafe(test)).err()?;
    let text = why.downcast_ref::<String>().cloned();
    let text = text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Some(text.unwrap_or_else(|| "it panicked".to_owned()))
}
