//! What must hold of the portal's answers while IPF is behind us.

use serde_json::{Value, json};

use super::super::asking::{documents, error, list, that};
use super::super::portal::{KIBI, NETWORK, OURS, REMOTE, told};
use super::Of::{self, Network, Source};
use super::{SOURCE, is_of};

fn counts(answer: &Value, expected: [usize; 2]) -> Result<(), String> {
    let found = list(answer, "entries");
    let of = |of: Of| found.iter().filter(|entry| is_of(entry, of)).count();
    that([of(Source), of(Network)] == expected, "not as many of each")?;
    that(found.iter().all(|entry| entry["patient"] == json!(NETWORK)), "another patient id")
}

pub fn both(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [3, 3])?;
    let is_source = |entry: &Value| is_of(entry, Source) && entry["home"] != json!(OURS);
    that(!list(answer, "entries").iter().any(is_source), "the source is not under our home")
}

pub fn both_and_error(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, "REGISTRY_ERROR")?;
    counts(answer, [3, 3])
}

pub fn no_source(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(list(answer, "errors").is_empty(), "an error")?;
    counts(answer, [0, 3])
}

pub fn no_source_and_error(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, "the registry is out of order")?;
    counts(answer, [0, 3])
}

/// Which repository of ours, but not which hospital.
pub fn no_source_and_named(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, "repository 2.999.33.19.2 of urn:oid:2.999.33")?;
    counts(answer, [0, 3])
}

pub fn no_network(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(list(answer, "errors").is_empty(), "an error")?;
    counts(answer, [3, 0])
}

pub fn no_network_and_named(answer: &Value, listed: &[Value]) -> Result<(), String> {
    unavailable(answer, listed)?;
    counts(answer, [3, 0])
}

pub fn unavailable(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, "UNAVAILABLE_COMMUNITY")
}

pub fn neither(answer: &Value, listed: &[Value]) -> Result<(), String> {
    unavailable(answer, listed)?;
    error(answer, "2.999.33.19.2")?;
    counts(answer, [0, 0])?;
    that(!list(answer, "entries").is_empty(), "the hospitals' are missing too")
}

pub fn by_reference(answer: &Value, listed: &[Value]) -> Result<(), String> {
    both(answer, listed)?;
    let asked = answer["asked"].to_string();
    that(asked.contains("ObjectRef") && asked.contains("GET_DOCUMENTS"), "not asked for by reference")
}

pub fn four(answer: &Value, listed: &[Value]) -> Result<(), String> {
    documents(answer, listed)?;
    that(list(answer, "documents").len() == 4, "not all")
}

pub fn one_and_error(answer: &Value, listed: &[Value]) -> Result<(), String> {
    documents(answer, listed)?;
    error(answer, "DOCUMENT_UNIQUE_ID_ERROR")?;
    that(list(answer, "documents").len() == 1, "not the one")
}

pub fn none_and_error(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(
        list(answer, "documents").is_empty() && !list(answer, "errors").is_empty(),
        "no error, or a document",
    )
}

pub fn by_number(answer: &Value, _: &[Value]) -> Result<(), String> {
    that([SOURCE, NETWORK, KIBI].iter().all(|id| told(answer).contains(id)), "an id is missing")
}

/// Both pages, asked for by IPF's rules.
pub fn two_of_source(answer: &Value, _: &[Value]) -> Result<(), String> {
    let both = ["IPF000002^^^&2.999.33.19.1&ISO", "IPF000003^^^&2.999.33.19.1&ISO"];
    that(both.iter().all(|id| told(answer).contains(id)), "a person is missing")?;
    that(answer["asked"].to_string().contains("QUQI_IN000003UV01"), "no further page was asked for")
}

/// By a message that IPF finds valid, and with nobody of the crowd told.
pub fn cancelled(answer: &Value, _: &[Value]) -> Result<(), String> {
    let is_it = |one: &&Value| one["asked"]["then"] == json!("QUQI_IN000003UV01_Cancel");
    let cancel = list(answer, "asked").iter().find(is_it).ok_or("not cancelled")?;
    that(cancel["validator"] == json!("valid"), "not validly")?;
    // Whom the consents name she is with or without it.
    let is_of_crowd = |id: &&str| id.contains("&2.999.33.19.1&") && *id != SOURCE;
    that(!told(answer).iter().any(is_of_crowd), "somebody of the crowd is told")
}

fn named(answer: &Value, word: &str) -> Result<(), String> {
    that(answer["details"].to_string().contains(word), "not named")?;
    that(
        told(answer).contains(NETWORK) || told(answer).contains("00778899^^^&2.999.33.12.1&ISO"),
        "ours is missing",
    )
}

pub fn source_named(answer: &Value, _: &[Value]) -> Result<(), String> {
    named(answer, "repository 2.999.33.19.2")
}

pub fn network_named(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(!told(answer).contains(REMOTE), "theirs is told")?;
    named(answer, "urn:oid:2.999.34")
}

pub fn remote_told(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(told(answer).contains(REMOTE), "theirs is missing")?;
    that(answer["asked"].to_string().contains("ITI-47"), "whose it is was not looked up")
}

pub fn no_remote(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(!told(answer).contains(REMOTE) && list(answer, "details").is_empty(), "theirs, or a complaint")
}

pub fn neither_alike(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(!answer["patients"].to_string().contains("2.999.34.1"), "one of theirs is told")
}
