//! How IPF behaves behind us, what the portal asks meanwhile, and what must come of it.

use serde_json::{Value, json};

use super::super::asking::Must::Answer;
use super::super::portal::{KIBI, NETWORK, each, find};
use super::Of::{self, Network, Source};
use super::holds::{
    both, both_and_error, by_number, by_reference, cancelled, four, neither_alike, network_named, no_network,
    no_network_and_named, no_remote, no_source, no_source_and_error, no_source_and_named, none_and_error,
    one_and_error, remote_told, source_named, two_of_source, unavailable,
};
use super::{Case, SOURCE, is_of};

/// The first two documents of one of them, without a home.
pub fn retrieve(listed: &[Value], of: Of) -> Value {
    let wanted = listed.iter().filter(|entry| is_of(entry, of)).take(2);
    let named = wanted.map(|entry| json!({ "repository": entry["repository"], "unique": entry["unique"] }));
    json!({ "documents": named.collect::<Vec<_>>() })
}

pub fn person(given: &str) -> (&'static str, Value) {
    let person = json!({ "family": "髙橋", "given": given, "birth": "19680412", "sex": "F" });
    ("ITI-47", json!({ "person": person }))
}

pub fn sources(listed: &[Value]) -> Vec<Case> {
    let all = [both_good(listed), source_persons(), source_lists(), source_documents(listed)];
    all.into_iter().flatten().collect()
}

fn both_good(listed: &[Value]) -> Vec<Case> {
    let of_both: Vec<Value> =
        listed.iter().filter(|e| is_of(e, Source) || is_of(e, Network)).cloned().collect();
    let by_unique = json!({ "query": "GetDocuments", "uniques": each(&of_both, "unique") });
    let all: Vec<Value> = [Source, Network].iter().flat_map(|of| of_retrieve(listed, *of)).collect();
    vec![
        (
            Source,
            "match",
            "ITI-18",
            ("both, by uniqueId and without home", "the same entries"),
            ("ITI-18", by_unique),
            Answer("SUCCESS", both),
        ),
        (
            Source,
            "match",
            "ITI-43",
            ("a source of ours and another network", "MTOM, size and hash as announced"),
            ("ITI-43", json!({ "documents": all })),
            Answer("SUCCESS", four),
        ),
    ]
}

fn source_persons() -> Vec<Case> {
    vec![
        (
            Source,
            "match",
            "ITI-47",
            ("a source: an id", "the person with it and all others"),
            ("ITI-47", json!({ "ids": [SOURCE] })),
            Answer("OK", by_number),
        ),
        (
            Source,
            "several",
            "ITI-47",
            ("a source: several persons, a page each", "every page is fetched"),
            person("美沙"),
            Answer("OK", two_of_source),
        ),
        (
            Source,
            "crowd",
            "ITI-47",
            ("a source: 249 persons, a page each", "cancelled after the first, none is told"),
            person("美沙"),
            Answer("OK", cancelled),
        ),
        (
            Source,
            "error",
            "ITI-47",
            ("a source: AE", "named beside what the hospitals know"),
            person("美咲"),
            Answer("OK", source_named),
        ),
        (
            Source,
            "soap-fault",
            "ITI-47",
            ("a source: SOAP fault", "named beside what the hospitals know"),
            person("美咲"),
            Answer("OK", source_named),
        ),
    ]
}

fn source_lists() -> Vec<Case> {
    let list = || ("ITI-18", find(NETWORK));
    vec![
        (
            Source,
            "partial",
            "ITI-18",
            ("a source: PartialSuccess", "entries and the error"),
            list(),
            Answer("PARTIAL_SUCCESS", both_and_error),
        ),
        (
            Source,
            "error",
            "ITI-18",
            ("a source: Failure", "the error is passed on"),
            list(),
            Answer("PARTIAL_SUCCESS", no_source_and_error),
        ),
        (
            Source,
            "busy",
            "ITI-18",
            ("a source: XDSRegistryBusy, twice", "named as unavailable"),
            list(),
            Answer("PARTIAL_SUCCESS", no_source_and_named),
        ),
        (
            Source,
            "soap-fault",
            "ITI-18",
            ("a source: SOAP fault", "named as unavailable"),
            list(),
            Answer("PARTIAL_SUCCESS", no_source_and_named),
        ),
        (
            Source,
            "too-many",
            "ITI-18",
            ("a source: XDSTooManyResults", "asked for by reference"),
            list(),
            Answer("SUCCESS", by_reference),
        ),
        (
            Source,
            "wrong-patient",
            "ITI-18",
            ("a source: entries of another patient", "dropped"),
            list(),
            Answer("SUCCESS", no_source),
        ),
    ]
}

fn source_documents(listed: &[Value]) -> Vec<Case> {
    let fetch = || ("ITI-43", retrieve(listed, Source));
    vec![
        (
            Source,
            "partial",
            "ITI-43",
            ("a source: one of two", "one and the error"),
            fetch(),
            Answer("PARTIAL_SUCCESS", one_and_error),
        ),
        (
            Source,
            "error",
            "ITI-43",
            ("a source: Failure", "an error"),
            fetch(),
            Answer("FAILURE", none_and_error),
        ),
        (
            Source,
            "soap-fault",
            "ITI-43",
            ("a source: SOAP fault", "an error"),
            fetch(),
            Answer("FAILURE", none_and_error),
        ),
    ]
}

fn of_retrieve(listed: &[Value], of: Of) -> Vec<Value> {
    retrieve(listed, of)["documents"].as_array().cloned().unwrap_or_default()
}

pub fn networks(listed: &[Value]) -> Vec<Case> {
    [network_persons(), network_lists(), network_documents(listed)].into_iter().flatten().collect()
}

fn network_persons() -> Vec<Case> {
    let ids = || ("ITI-45", json!({ "id": KIBI }));
    vec![
        (
            Network,
            "match",
            "ITI-45",
            ("a network: its manager knows our id", "theirs, and whose it is by ITI-47"),
            ids(),
            Answer("OK", remote_told),
        ),
        (
            Network,
            "unknown",
            "ITI-45",
            ("a network: an id it does not know", "none of theirs"),
            ids(),
            Answer("OK", no_remote),
        ),
        (
            Network,
            "error",
            "ITI-45",
            ("a network: AE", "named beside our ids"),
            ids(),
            Answer("OK", network_named),
        ),
        (
            Network,
            "soap-fault",
            "ITI-45",
            ("a network: SOAP fault", "named beside our ids"),
            ids(),
            Answer("OK", network_named),
        ),
        (
            Network,
            "several",
            "ITI-47",
            ("a network: two persons alike", "neither is told"),
            person("美沙"),
            Answer("OK", neither_alike),
        ),
    ]
}

fn network_lists() -> Vec<Case> {
    let list = || ("ITI-18", find(NETWORK));
    vec![
        (
            Network,
            "unknown",
            "ITI-18",
            ("a network: no entries", "none of theirs"),
            list(),
            Answer("SUCCESS", no_network),
        ),
        (
            Network,
            "partial",
            "ITI-18",
            ("a network: PartialSuccess", "entries and the error"),
            list(),
            Answer("PARTIAL_SUCCESS", both_and_error),
        ),
        (
            Network,
            "too-many",
            "ITI-18",
            ("a network: XDSTooManyResults", "asked for by reference"),
            list(),
            Answer("SUCCESS", by_reference),
        ),
        (
            Network,
            "wrong-patient",
            "ITI-18",
            ("a network: entries of another patient", "dropped"),
            list(),
            Answer("SUCCESS", no_network),
        ),
        (
            Network,
            "soap-fault",
            "ITI-18",
            ("a network: SOAP fault", "XDSUnavailableCommunity"),
            list(),
            Answer("PARTIAL_SUCCESS", no_network_and_named),
        ),
    ]
}

fn network_documents(listed: &[Value]) -> Vec<Case> {
    let fetch = || ("ITI-43", retrieve(listed, Network));
    vec![
        (
            Network,
            "partial",
            "ITI-43",
            ("a network: one of two", "one and the error"),
            fetch(),
            Answer("PARTIAL_SUCCESS", one_and_error),
        ),
        (
            Network,
            "error",
            "ITI-43",
            ("a network: Failure", "an error"),
            fetch(),
            Answer("FAILURE", none_and_error),
        ),
        (
            Network,
            "soap-fault",
            "ITI-43",
            ("a network: SOAP fault", "XDSUnavailableCommunity"),
            fetch(),
            Answer("FAILURE", unavailable),
        ),
    ]
}

/// The same network without an ITI-45 of its own: who a person is there, their demographics tell.
pub fn described() -> Vec<Case> {
    let ids = || ("ITI-45", json!({ "id": KIBI }));
    vec![
        (
            Network,
            "match",
            "ITI-47",
            ("a network without ITI-45: one person", "their id"),
            ids(),
            Answer("OK", remote_told),
        ),
        (
            Network,
            "unknown",
            "ITI-47",
            ("a network without ITI-45: nobody", "none of theirs"),
            ids(),
            Answer("OK", no_remote),
        ),
    ]
}
