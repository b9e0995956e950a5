//! Suites about ITI-20: rsyslog as the audit repository, the DICOM schema, IPF's audit parser.

use std::panic::catch_unwind;
use std::path::Path;

use serde_json::json;

use super::program::Program;
use super::rsyslog;
use super::table::Row;

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

/// Every message that two networks make of a day's records: by the DICOM schema, and by IPF.
pub fn messages(folder: &Path, gateway: &mut Program) -> Result<Vec<Row>, String> {
    let path = folder.join("audit-messages.txt");
    let valid = panicked(|| {
        rsyslog::every_message_of_two_networks_is_valid(folder);
    });
    let case = "every message of two networks";
    let mut rows = vec![row("xmllint", case, "valid by the DICOM schema", valid)];
    let command = json!({ "cmd": "audit", "file": path });
    let answer = super::ipf::obey(gateway, &command)?;
    let is_good =
        answer["complaints"].as_array().is_some_and(Vec::is_empty) && answer["messages"].as_u64() > Some(0);
    let complaint = (!is_good).then(|| answer.to_string());
    rows.push(row("IPF 5.1-20250424", case, "parsed and valid", complaint));
    Ok(rows)
}

fn panicked(test: impl FnOnce() + std::panic::UnwindSafe) -> Option<String> {
    let why = catch_unwind(test).err()?;
    let text = why.downcast_ref::<String>().cloned();
    let text = text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Some(text.unwrap_or_else(|| "it panicked".to_owned()))
}
