//! Okayama's portal asks through its broker, and IPF answers as Hiroshima's gateway: well, badly, or
//! not at all. IPF's validators and OpenSAML read each of our messages besides.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::super::program::Program;
use super::super::table::Row;
use super::super::world::{World, run};
use super::{obey, row};

const PERSON: [&str; 12] = [
    "--family",
    "試験",
    "--given",
    "花子",
    "--kana",
    "シケン ハナコ",
    "--birth",
    "19700101",
    "--sex",
    "F",
    "--phone",
    "082-999-0000",
];
const PATIENT: &str = "IPF000001^^^&2.999.34.1&ISO";
const DOCUMENTS: [&str; 2] =
    ["2.999.34|2.999.34.19.2|2.999.34.19.3.1", "2.999.34|2.999.34.19.2|2.999.34.19.3.2"];
const LARGE: &str = "2.999.34|2.999.34.19.2|2.999.34.19.3.100";
const LARGE_BYTES: u64 = 100 << 20;

/// How the gateway behaves, what is asked, what it is, verdict for the table, exit code of `ask`, what
/// its output must hold, what it must not.
struct Case {
    behave: &'static str,
    transaction: &'static str,
    case: &'static str,
    verdict: &'static str,
    exit: i32,
    says: &'static [&'static str],
    hides: &'static [&'static str],
}

const fn case(
    behave: &'static str,
    transaction: &'static str,
    case: &'static str,
    (verdict, exit): (&'static str, i32),
    says: &'static [&'static str],
    hides: &'static [&'static str],
) -> Case {
    Case { behave, transaction, case, verdict, exit, says, hides }
}

const NOBODY: &[&str] = &["IPF000001"];
const NO_TITLES: &[&str] = &["診療情報提供書"];

const CASES: &[Case] = &[
    case("match", "ITI-55", "one patient", ("found", 0), &[PATIENT], &[]),
    case("unknown", "ITI-55", "nobody (NF)", ("nobody", 1), &[], NOBODY),
    case("more-attributes", "ITI-55", "more attributes", ("told to the portal", 1), &["--phone"], NOBODY),
    case("busy", "ITI-55", "busy (AE), twice", ("named as unavailable", 1), &["2.999.34"], NOBODY),
    case("error", "ITI-55", "AE", ("named as unavailable", 1), &["2.999.34"], NOBODY),
    case("soap-fault", "ITI-55", "SOAP fault", ("named as unavailable", 1), &["2.999.34"], NOBODY),
    case("wrong-home", "ITI-55", "another home", ("dropped", 1), &[], NOBODY),
    case("wrong-patient", "ITI-55", "another person", ("dropped", 1), &[], NOBODY),
    case(
        "match",
        "ITI-38",
        "three entries",
        ("listed", 0),
        &["診療情報提供書（循環器内科）", "胸部Ｘ線写真　読影報告書"],
        &[],
    ),
    case("unknown", "ITI-38", "no entries", ("empty", 1), &[], NO_TITLES),
    case("busy", "ITI-38", "XDSRegistryBusy, twice", ("named as unavailable", 1), &["XDS"], NO_TITLES),
    case(
        "partial",
        "ITI-38",
        "PartialSuccess",
        ("entries and the error", 0),
        &["診療情報提供書", "XDSRegistryError"],
        &[],
    ),
    case("error", "ITI-38", "Failure", ("the error is passed on", 1), &["XDSRegistryError"], NO_TITLES),
    case(
        "soap-fault",
        "ITI-38",
        "SOAP fault",
        ("XDSUnavailableCommunity", 1),
        &["XDSUnavailableCommunity"],
        NO_TITLES,
    ),
    case("wrong-home", "ITI-38", "entries of another home", ("dropped", 1), &[], NO_TITLES),
    case("wrong-patient", "ITI-38", "entries of another patient", ("dropped", 1), &[], NO_TITLES),
    case("match", "ITI-39", "two documents", ("whole, hash as announced", 0), &["files"], &[]),
    case("partial", "ITI-39", "one of two", ("one and the error", 0), &["XDS"], &[]),
    case("error", "ITI-39", "Failure", ("an error", 1), &["XDS"], &[]),
    case(
        "soap-fault",
        "ITI-39",
        "SOAP fault",
        ("XDSUnavailableCommunity", 1),
        &["XDSUnavailableCommunity"],
        &[],
    ),
    case("cut-off", "ITI-39", "cut off, chunked", ("nothing is kept", 69), &["nothing was kept"], &[]),
    case(
        "cut-off-length",
        "ITI-39",
        "cut off, with Content-Length",
        ("nothing is kept", 69),
        &["nothing was kept"],
        &[],
    ),
    case("large", "ITI-39", "100 MB", ("whole, hash as announced", 0), &["files"], &[]),
];

pub fn all(world: &World, gateway: &mut Program) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut seen = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        obey(gateway, &json!({ "cmd": "behave", "case": case.behave }))?;
        let complaint = try_one(world, case, number)?;
        let drained = obey(gateway, &json!({ "cmd": "seen" }))?;
        let drained = drained["seen"].as_array().cloned().unwrap_or_default();
        let complaint = complaint.or_else(|| not_twice(case, &drained));
        rows.push(row(case.transaction, "is asked", case.case, case.verdict, complaint));
        seen.extend(drained);
    }
    obey(gateway, &json!({ "cmd": "close" }))?;
    let (code, said) = world.ask("okayama", &["list", "--patient", PATIENT])?;
    let is_named = code == 1 && said.contains("XDSUnavailableCommunity");
    rows.push(row(
        "ITI-38",
        "is asked",
        "not listening",
        "XDSUnavailableCommunity",
        (!is_named).then_some(said),
    ));
    obey(gateway, &json!({ "cmd": "open" }))?;
    obey(gateway, &json!({ "cmd": "behave", "case": "match" }))?;
    for transaction in ["ITI-55", "ITI-38", "ITI-39"] {
        rows.extend(heard(transaction, &seen));
    }
    Ok(rows)
}

fn try_one(world: &World, case: &Case, number: usize) -> Result<Option<String>, String> {
    let out = world.folder().join(format!("fetched-{number}"));
    let (code, said) = match case.transaction {
        "ITI-55" => world.ask("okayama", &[&["find"][..], &PERSON].concat())?,
        "ITI-38" => world.ask("okayama", &["list", "--patient", PATIENT])?,
        _ => {
            let wanted = if case.behave == "large" { vec![LARGE] } else { DOCUMENTS.to_vec() };
            let out = out.to_string_lossy();
            let mut words = vec!["fetch", "--out", &out];
            wanted.iter().for_each(|id| words.extend(["--document", id]));
            world.ask("okayama", &words)?
        }
    };
    let missing =
        case.says.iter().find(|word| !said.contains(**word)).map(|word| format!("`{word}` is missing"));
    let leaked =
        case.hides.iter().find(|word| said.contains(**word)).map(|word| format!("`{word}` came through"));
    let exit = (code != case.exit).then(|| format!("exit {code} for {}", case.exit));
    if let Some(why) = exit.or(missing).or(leaked) {
        return Ok(Some(format!("{why}: {said}")));
    }
    if case.transaction == "ITI-39" && code == 0 {
        return whole(world, &said, case.behave);
    }
    Ok(None)
}

/// A busy gateway is asked once more and no oftener, in a message with its own id.
fn not_twice(case: &Case, drained: &[Value]) -> Option<String> {
    if case.behave != "busy" {
        return None;
    }
    let came: Vec<&Value> = drained
        .iter()
        .filter(|one| one["transaction"] == json!(case.transaction))
        .map(|one| &one["message_id"])
        .collect();
    match came[..] {
        [first, second] if [first, second].contains(&&json!("")) => Some("no MessageID".to_owned()),
        [first, second] if first == second => Some(format!("the same MessageID twice: {first}")),
        [_, _] => None,
        _ => Some(format!("{} requests for 2", came.len())),
    }
}

/// Size and hash of what was fetched, against what the entries announced.
fn whole(world: &World, said: &str, behave: &str) -> Result<Option<String>, String> {
    let Some(fetched) = said.lines().find_map(|line| serde_json::from_str::<Value>(line).ok()) else {
        return Ok(Some(format!("no JSON: {said}")));
    };
    let (_, listed) = world.ask("okayama", &["list", "--patient", PATIENT])?;
    let files = fetched["files"].as_array().cloned().unwrap_or_default();
    let expected = if behave == "match" { 2 } else { 1 };
    if files.len() != expected {
        return Ok(Some(format!("{} files for {expected}: {said}", files.len())));
    }
    for file in files {
        let path = file["path"].as_str().unwrap_or_default();
        let hash = run(Command::new("sha1sum").arg(path))?;
        let hash = hash.split(' ').next().unwrap_or_default();
        let is_short = behave == "large" && file["bytes"] != json!(LARGE_BYTES);
        if is_short || !listed.contains(hash) {
            return Ok(Some(format!("{path}: {} bytes, SHA-1 {hash}, not as listed", file["bytes"])));
        }
        std::fs::remove_file(Path::new(path)).map_err(|error| error.to_string())?;
    }
    Ok(None)
}

/// What the gateway said of our own requests: of every assertion and every addressing, refused or not,
/// and of every message that came as far as the validator.
pub fn heard(transaction: &str, seen: &[Value]) -> Vec<Row> {
    let of_it: Vec<&Value> = seen.iter().filter(|one| one["transaction"] == json!(transaction)).collect();
    let looked_at = [
        ("validator", "valid", "our requests, by IPF's validator"),
        ("xua", "good", "our assertions, by OpenSAML"),
        ("addressing", "good", "our WS-Addressing"),
    ];
    let judge = |(key, word, case): (&str, &str, &str)| {
        let is_judged = |one: &&&Value| match key {
            "validator" => one[key] != json!("not reached"),
            // Within a network it need not be shown.
            "xua" => one[key] != json!("none"),
            _ => true,
        };
        let judged: Vec<&Value> = of_it.iter().filter(is_judged).copied().collect();
        let other = judged.iter().find(|one| one[key] != json!(word));
        let complaint = match other {
            Some(other) => Some(other.to_string()),
            None if judged.is_empty() => Some("none came".to_owned()),
            None => None,
        };
        row(transaction, "is asked", case, word, complaint)
    };
    looked_at.into_iter().map(judge).collect()
}
