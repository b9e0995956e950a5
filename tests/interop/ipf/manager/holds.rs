//! What must hold of answers while IPF is Okayama's PIX manager.

use serde_json::{Value, json};

use super::super::asking::{error, list, that};
use super::super::portal::{NETWORK, OURS, REMOTE, SETO, THEIRS, told};
use super::SURVIVOR;

const KIBI_REPOSITORY: &str = "2.999.33.11.2";
const SETO_REPOSITORY: &str = "2.999.33.12.2";

/// Whether entries of the two hospitals and of the other network are there, all under this id.
fn listed(answer: &Value, expected: [bool; 3], under: &str) -> Result<(), String> {
    let found = list(answer, "entries");
    let at = |key: &str, value: &str| found.iter().any(|entry| entry[key] == json!(value));
    let there = [at("repository", KIBI_REPOSITORY), at("repository", SETO_REPOSITORY), at("home", THEIRS)];
    that(there == expected, "not the entries of these")?;
    that(found.iter().all(|entry| entry["patient"] == json!(under)), "another patient id")
}

pub fn all_three(answer: &Value, _: &[Value]) -> Result<(), String> {
    listed(answer, [true, true, true], NETWORK)?;
    that(answer["asked"].to_string().contains("/manager/pix/query"), "the manager was not asked")
}

pub fn both_numbers(answer: &Value, _: &[Value]) -> Result<(), String> {
    that([NETWORK, SETO, REMOTE].iter().all(|id| told(answer).contains(id)), "an id is missing")
}

pub fn only_kibi(answer: &Value, _: &[Value]) -> Result<(), String> {
    listed(answer, [true, false, true], NETWORK)
}

pub fn nothing_new(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(list(answer, "entries").is_empty() && list(answer, "errors").is_empty(), "not empty")
}

pub fn under_the_other(answer: &Value, _: &[Value]) -> Result<(), String> {
    listed(answer, [true, false, false], SURVIVOR)
}

pub fn own_missing(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, &format!("community {OURS}"))?;
    that(!list(answer, "entries").iter().any(|entry| entry["home"] == json!(OURS)), "ours are listed")
}

/// An acknowledgement is about nobody.
pub fn under_nobody(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(answer["root"] == json!("MCCI_IN000002UV01"), "another message")?;
    that(list(answer, "details").is_empty(), "a complaint")
}

/// Whether this is a message of the feed, with this interaction, that IPF found valid.
pub fn told_as(seen: &Value, change: &str) -> bool {
    seen["transaction"] == json!("ITI-44")
        && seen["validator"] == json!("valid")
        && seen["asked"]["change"] == json!(format!("PRPA_IN2013{change}UV02"))
}
