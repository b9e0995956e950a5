//! What must hold of the answers to a portal that names no home.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::asking::{documents, error, list, that};
use super::{KIBI, NETWORK, OURS, REMOTE, SETO, THEIRS, each};

/// All ids of the persons that were told.
pub fn told(answer: &Value) -> BTreeSet<&str> {
    let ids = list(answer, "patients").iter().flat_map(|patient| list(patient, "ids"));
    ids.filter_map(Value::as_str).collect()
}

fn are(answer: &Value, expected: &[&str]) -> Result<(), String> {
    that(told(answer) == expected.iter().copied().collect(), "other ids")
}

pub fn other_ids(answer: &Value, _: &[Value]) -> Result<(), String> {
    are(answer, &[NETWORK, SETO, REMOTE])
}

pub fn remote_id(answer: &Value, _: &[Value]) -> Result<(), String> {
    are(answer, &[REMOTE])
}

pub fn all_ids(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(list(answer, "patients").len() == 1, "not one person")?;
    are(answer, &[NETWORK, KIBI, SETO])
}

pub fn one_domain(answer: &Value, _: &[Value]) -> Result<(), String> {
    are(answer, &[SETO])
}

pub fn no_person(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(
        list(answer, "patients").is_empty() && list(answer, "details").is_empty(),
        "somebody, or a complaint",
    )
}

/// The home that the standard has a place for tells whose each person is.
pub fn person_of_each(answer: &Value, _: &[Value]) -> Result<(), String> {
    let homes: Vec<&Value> = list(answer, "patients").iter().map(|patient| &patient["home"]).collect();
    that(homes == [&json!("2.999.33"), &json!("2.999.34")], "not one of each network")?;
    are(answer, &[NETWORK, KIBI, SETO, REMOTE])
}

fn placed(answer: &Value, end: &str) -> Result<(), String> {
    let [detail] = list(answer, "details") else { return Err("not one detail".to_owned()) };
    let place = detail["location"].as_str().unwrap_or_default();
    that(detail["code"] == json!("204") && place.ends_with(end), "not 204 at its place")
}

pub fn unknown_extension(answer: &Value, _: &[Value]) -> Result<(), String> {
    placed(answer, "hl7:patientIdentifier/hl7:value/@extension")
}

pub fn unknown_root(answer: &Value, _: &[Value]) -> Result<(), String> {
    placed(answer, "hl7:patientIdentifier/hl7:value/@root")
}

pub fn unknown_source(answer: &Value, _: &[Value]) -> Result<(), String> {
    placed(answer, "hl7:dataSource[2]/hl7:value/@root")
}

pub fn unknown_scope(answer: &Value, _: &[Value]) -> Result<(), String> {
    placed(answer, "hl7:otherIDsScopingOrganization[1]/hl7:value")
}

pub fn no_such_query(answer: &Value, _: &[Value]) -> Result<(), String> {
    placed(answer, "")
}

fn counts(answer: &Value, expected: [&str; 3]) -> Result<(), String> {
    let counts = [&answer["total"], &answer["current"], &answer["remaining"]];
    that(counts == expected.map(|count| json!(count)).each_ref(), "other counts")?;
    that(list(answer, "patients").len().to_string() == expected[1], "not as many as told")
}

pub fn first_page(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, ["3", "1", "2"])
}

pub fn second_page(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, ["3", "1", "1"])
}

/// Each page went through IPF's validator; the names are whole.
pub fn put_together(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, ["3", "3", "0"])?;
    that(
        answer["details"].to_string().contains("3 interactive HL7v3 continuation fragments"),
        "not three pages",
    )?;
    that(answer["patients"].to_string().contains("小林 結衣"), "a name is lost")
}

pub fn acknowledged(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(answer["root"] == json!("MCCI_IN000002UV01"), "another message")
}

/// Entries of both networks, each complete, all under the id that was asked by.
pub fn both(answer: &Value, _: &[Value]) -> Result<(), String> {
    let found = list(answer, "entries");
    let of = |home: &str| found.iter().filter(|entry| entry["home"] == json!(home)).count();
    that(of(THEIRS) == 3 && of(OURS) > 3 && of(THEIRS) + of(OURS) == found.len(), "not of both networks")?;
    let is_whole = |entry: &Value| entry["patient"] == json!(NETWORK) && entry["hash"].is_string();
    that(found.iter().all(is_whole), "another patient id, or no hash")
}

pub fn both_again(answer: &Value, listed: &[Value]) -> Result<(), String> {
    both(answer, listed)?;
    let sorted =
        |entries: &[Value]| each(entries, "uuid").iter().map(Value::to_string).collect::<BTreeSet<_>>();
    that(sorted(list(answer, "entries")) == sorted(listed), "not the same entries")
}

pub fn the_same(answer: &Value, listed: &[Value]) -> Result<(), String> {
    let found = list(answer, "references");
    that(each(found, "uuid") == each(listed, "uuid") && each(found, "home") == each(listed, "home"), "others")
}

fn only(answer: &Value, home: &str, listed: &[Value]) -> Result<(), String> {
    let expected: Vec<Value> = listed.iter().filter(|entry| entry["home"] == json!(home)).cloned().collect();
    that(each(list(answer, "entries"), "uuid") == each(&expected, "uuid"), "others")
}

pub fn only_theirs(answer: &Value, listed: &[Value]) -> Result<(), String> {
    only(answer, THEIRS, listed)
}

pub fn only_ours(answer: &Value, listed: &[Value]) -> Result<(), String> {
    error(answer, "UNAVAILABLE_COMMUNITY")?;
    only(answer, OURS, listed)
}

pub fn fewer(answer: &Value, listed: &[Value]) -> Result<(), String> {
    let found = list(answer, "entries");
    that(!found.is_empty() && found.len() < listed.len(), "a nurse sees as much as a physician")
}

/// Each by MTOM as its entry announced it.
fn delivered(answer: &Value, listed: &[Value]) -> Result<(), String> {
    documents(answer, listed)?;
    that(list(answer, "documents").len() == 5, "not all")
}

pub fn homeless(answer: &Value, listed: &[Value]) -> Result<(), String> {
    delivered(answer, listed)?;
    that(
        list(answer, "documents").iter().all(|document| document["home"].is_null()),
        "a home that was not named",
    )
}

pub fn with_homes(answer: &Value, listed: &[Value]) -> Result<(), String> {
    delivered(answer, listed)?;
    let home = |document: &Value| {
        listed.iter().find(|entry| entry["unique"] == document["unique"]).map(|e| &e["home"])
    };
    that(
        list(answer, "documents").iter().all(|document| home(document) == Some(&document["home"])),
        "another home",
    )
}

pub fn no_document(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, "DOCUMENT_UNIQUE_ID_ERROR")
}

/// Under one id, with the homes of both.
pub fn listed_twice(answer: &Value, listed: &[Value]) -> Result<(), String> {
    let found = list(answer, "entries");
    let ours = listed.iter().rfind(|entry| entry["home"] == json!(OURS)).map(|entry| &entry["uuid"]);
    let same: BTreeSet<String> = found
        .iter()
        .filter(|entry| Some(&entry["uuid"]) == ours)
        .map(|entry| entry["home"].to_string())
        .collect();
    that(same.len() == 2, "not under both homes")
}

pub fn one_of_ours(answer: &Value, _: &[Value]) -> Result<(), String> {
    let [entry] = list(answer, "entries") else { return Err("not one entry".to_owned()) };
    that(entry["home"] == json!(OURS), "not ours")
}
