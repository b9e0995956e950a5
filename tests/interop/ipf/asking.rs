//! IPF asks Okayama as Hiroshima's gateway: each case, and what must come of it.

use serde_json::{Value, json};

use super::super::program::Program;
use super::super::table::Row;
use super::{obey, row};

/// What must come back.
pub enum Must {
    /// An answer with this status word (HL7: queryResponseCode) of which this holds, given the entries
    /// that a plain find lists.
    Answer(&'static str, fn(&Value, &[Value]) -> Result<(), String>),
    /// The SOAP fault with this code or subcode.
    Fault(&'static str),
    /// No answer at all: the connection is refused.
    Nothing,
}
use Must::{Answer, Fault, Nothing};

type Case = (&'static str, &'static str, &'static str, Must);

/// Case word of the gateway, what it is, verdict for the table, what must come.
fn discoveries() -> Vec<Case> {
    vec![
        ("match", "a consented patient", "found, the network's own id only", Answer("OK", one_patient)),
        ("withheld", "a patient without consent", "nobody (NF)", Answer("NF", no_patient)),
        ("unknown", "a patient nobody knows", "nobody (NF)", Answer("NF", no_patient)),
        ("nurse", "a nurse asks", "found", Answer("OK", one_patient)),
        ("emergency", "a patient without consent, in an emergency", "found", Answer("OK", one_patient)),
        (
            "name-only",
            "name, birth date and sex only",
            "more attributes are asked for",
            Answer("OK", wants_more),
        ),
    ]
}

fn queries() -> Vec<Case> {
    vec![
        ("match", "FindDocuments, LeafClass", "entries that the validator takes", Answer("SUCCESS", entries)),
        ("object-ref", "FindDocuments, ObjectRef", "references with home", Answer("SUCCESS", references)),
        ("get-unique", "GetDocuments by uniqueId", "the one entry", Answer("SUCCESS", one_entry)),
        ("get-uuid", "GetDocuments by entryUUID", "the one entry", Answer("SUCCESS", one_entry)),
        ("unknown", "FindDocuments of a patient nobody knows", "empty", Answer("SUCCESS", nothing)),
        ("withheld", "GetDocuments of a withheld document", "empty", Answer("SUCCESS", nothing)),
        ("nurse", "a nurse asks", "fewer entries", Answer("SUCCESS", fewer_entries)),
        (
            "unknown-query",
            "a stored query that does not exist",
            "XDSUnknownStoredQuery",
            Answer("FAILURE", unknown_query),
        ),
        (
            "foreign-home",
            "a home that is not ours",
            "XDSUnknownCommunity",
            Answer("FAILURE", unknown_community),
        ),
    ]
}

fn retrieves() -> Vec<Case> {
    vec![
        ("one", "one document", "MTOM, size and hash as announced", Answer("SUCCESS", documents)),
        ("several", "three documents", "MTOM, in the order asked", Answer("SUCCESS", in_order)),
        ("large", "100 MB", "MTOM, whole, hash as announced", Answer("SUCCESS", large)),
        ("guessed", "a guessed uniqueId", "XDSDocumentUniqueIdError", Answer("FAILURE", no_such_document)),
        ("withheld", "a withheld document", "XDSDocumentUniqueIdError", Answer("FAILURE", no_such_document)),
        ("partial", "one there and one not", "PartialSuccess", Answer("PARTIAL_SUCCESS", no_such_document)),
        (
            "foreign-home",
            "a home that is not ours",
            "XDSUnknownCommunity",
            Answer("FAILURE", unknown_community),
        ),
    ]
}

/// What is refused alike in all three transactions.
fn refusals() -> Vec<Case> {
    vec![
        (
            "no-assertion",
            "no assertion",
            "fault wsse:SecurityTokenUnavailable",
            Fault("SecurityTokenUnavailable"),
        ),
        ("expired", "an expired assertion", "fault wsse:InvalidSecurityToken", Fault("InvalidSecurityToken")),
        (
            "wrong-audience",
            "an assertion for somebody else",
            "fault wsse:InvalidSecurityToken",
            Fault("InvalidSecurityToken"),
        ),
        (
            "foreign-signer",
            "an assertion signed by a stranger",
            "fault wsse:FailedCheck",
            Fault("FailedCheck"),
        ),
        ("altered", "an assertion altered after signing", "fault wsse:FailedCheck", Fault("FailedCheck")),
        (
            "unknown-role",
            "a role of no table",
            "fault wsse:InvalidSecurityToken",
            Fault("InvalidSecurityToken"),
        ),
        ("no-purpose", "no purpose of use", "fault wsse:InvalidSecurityToken", Fault("InvalidSecurityToken")),
        (
            "same-message-id",
            "the same MessageID again",
            "fault wsa:DuplicateMessageID",
            Fault("DuplicateMessageID"),
        ),
        (
            "reply-to",
            "ReplyTo that is not anonymous",
            "fault wsa:OnlyAnonymousAddressSupported",
            Fault("OnlyAnonymousAddressSupported"),
        ),
        ("no-certificate", "no client certificate", "no connection", Nothing),
    ]
}

pub fn all(gateway: &mut Program) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let found = obey(gateway, &json!({ "cmd": "ask", "transaction": "ITI-38", "case": "match" }))?;
    let listed = list(&found, "entries");
    for (transaction, cases) in [("ITI-55", discoveries()), ("ITI-38", queries()), ("ITI-39", retrieves())] {
        for (word, case, verdict, must) in cases.into_iter().chain(refusals()) {
            let command = json!({ "cmd": "ask", "transaction": transaction, "case": word });
            let answer = obey(gateway, &command)?;
            rows.push(row(transaction, "asks us", case, verdict, complaint(&answer, &must, listed)));
        }
        let command = json!({ "cmd": "ask", "transaction": transaction, "case": "other-message-id" });
        let again = obey(gateway, &command)?;
        let taken = (again["verdict"] != json!("answered")).then(|| again.to_string());
        rows.push(row(transaction, "asks us", "one assertion for two messages", "answered twice", taken));
    }
    Ok(rows)
}

pub fn complaint(answer: &Value, must: &Must, listed: &[Value]) -> Option<String> {
    let whole = || Some(answer.to_string());
    let verdict = answer["verdict"].as_str().unwrap_or_default();
    match must {
        Nothing => {
            if verdict == "no answer" {
                None
            } else {
                whole()
            }
        }
        Fault(word) => {
            let is_it = verdict == "fault" && answer["fault"].to_string().contains(word);
            if is_it { None } else { whole() }
        }
        Answer(status, holds) => {
            if verdict != "answered"
                || answer["validator"] != json!("valid")
                || answer["status"] != json!(status)
            {
                return whole();
            }
            holds(answer, listed).err().map(|why| format!("{why}: {answer}"))
        }
    }
}

pub fn list<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

pub fn that(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn one_patient(answer: &Value, _: &[Value]) -> Result<(), String> {
    let [patient] = list(answer, "patients") else { return Err("not one patient".to_owned()) };
    that(patient["authority"] == json!("2.999.33.1"), "an id that is not the network's own")
}

fn no_patient(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(list(answer, "patients").is_empty(), "a patient")
}

fn wants_more(answer: &Value, _: &[Value]) -> Result<(), String> {
    no_patient(answer, &[])?;
    that(answer["reasons"].to_string().contains("Requested"), "no attribute is asked for")
}

fn entries(answer: &Value, _: &[Value]) -> Result<(), String> {
    let found = list(answer, "entries");
    that(!found.is_empty(), "no entries")?;
    that(
        found.iter().all(|e| e["home"] == json!("urn:oid:2.999.33") && e["hash"].is_string()),
        "home or hash is missing",
    )
}

fn one_entry(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(list(answer, "entries").len() == 1, "not one entry")
}

fn references(answer: &Value, _: &[Value]) -> Result<(), String> {
    let found = list(answer, "references");
    that(
        !found.is_empty() && found.iter().all(|r| r["home"] == json!("urn:oid:2.999.33")),
        "no references with home",
    )
}

pub fn nothing(answer: &Value, _: &[Value]) -> Result<(), String> {
    that(list(answer, "entries").is_empty() && list(answer, "errors").is_empty(), "not empty")
}

pub fn error(answer: &Value, word: &str) -> Result<(), String> {
    that(answer["errors"].to_string().contains(word), "another error")
}

fn unknown_query(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, "UNKNOWN_STORED_QUERY")
}

fn unknown_community(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, "UNKNOWN_COMMUNITY")
}

fn no_such_document(answer: &Value, _: &[Value]) -> Result<(), String> {
    error(answer, "DOCUMENT_UNIQUE_ID_ERROR")
}

/// Fewer than a physician sees.
fn fewer_entries(answer: &Value, listed: &[Value]) -> Result<(), String> {
    entries(answer, listed)?;
    that(list(answer, "entries").len() < listed.len(), "a nurse sees as much as a physician")
}

/// By MTOM, each with the size and hash that its entry announced.
pub fn documents(answer: &Value, listed: &[Value]) -> Result<(), String> {
    that(answer["packaging"] == json!("mtom"), "not by MTOM")?;
    let found = list(answer, "documents");
    that(!found.is_empty(), "no document")?;
    let is_as_announced = |document: &Value| {
        let entry = listed.iter().find(|entry| entry["unique"] == document["unique"]);
        entry.is_some_and(|entry| entry["size"] == document["size"] && entry["hash"] == document["sha1"])
    };
    that(found.iter().all(is_as_announced), "not what its entry announced")
}

fn in_order(answer: &Value, listed: &[Value]) -> Result<(), String> {
    documents(answer, listed)?;
    // The gateway asks for the first three it found.
    let ids = |all: &[Value]| all.iter().take(3).map(|one| one["unique"].clone()).collect::<Vec<_>>();
    that(ids(list(answer, "documents")) == ids(listed), "not in the order asked")
}

fn large(answer: &Value, listed: &[Value]) -> Result<(), String> {
    documents(answer, listed)?;
    that(list(answer, "documents").iter().any(|d| d["size"] == json!(100_u64 << 20)), "it is not whole")
}
