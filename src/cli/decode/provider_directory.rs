//! HPD messages in DSML (ITI-58, ITI-59, wire.md 18.5): what is asked or fed, and the result codes.

use serde_json::json;

use super::report::{Carried, Report};
use super::xml::Message;
use crate::model::Phi;
use crate::xml::Tree;

pub(super) const DSML: &str = "urn:oasis:names:tc:DSML:2:0:core";

/// Reads a batch.
pub(super) fn read(message: &Message<'_>, body: &Tree) -> Report {
    let is_request = body.name() == "batchRequest";
    let half = if is_request { "request" } else { "response" };
    let is_search = |name: &str| name.starts_with("search");
    let mut names: Vec<&str> = body.elements().map(Tree::name).take(1000).collect();
    let is_error = |name: &&str| *name == "errorResponse";
    let told = match names.iter().find(|name| !is_error(name)) {
        Some(name) if is_search(name) => Some("ITI-58"),
        Some(_) => Some("ITI-59"),
        None => None,
    };
    let kind = message.kind.map(str::to_owned).or_else(|| told.map(|told| format!("{told} {half}")));
    let mut report = Report { kind, ..Report::default() };
    let known = [
        "addRequest",
        "addResponse",
        "authRequest",
        "authResponse",
        "compareRequest",
        "compareResponse",
        "delRequest",
        "delResponse",
        "errorResponse",
        "extendedRequest",
        "extendedResponse",
        "modDNRequest",
        "modDNResponse",
        "modifyRequest",
        "modifyResponse",
        "searchRequest",
        "searchResponse",
        "abandonRequest",
    ];
    if let Some(other) =
        body.elements().find(|child| !child.is(DSML, child.name()) || !known.contains(&child.name()))
    {
        report.refuse(message.at(other, "unexpected-element", "an operation DSML does not know"));
    }
    if is_request && names.is_empty() {
        report.refuse(message.at(body, "missing-element", "the batch holds no operation"));
    }
    let mut entries = 0;
    for operation in body.elements() {
        if operation.name() == "errorResponse" {
            let text = operation.first(DSML, "message").map(Tree::text).unwrap_or_default();
            report.errors.push(Carried {
                code: operation.attribute("type").unwrap_or_default().to_owned(),
                severity: "Error",
                text: Phi::new(text.trim().to_owned()),
            });
        }
        entries += operation.all(DSML, "searchResultEntry").count();
        let done = operation.first(DSML, "searchResultDone").unwrap_or(operation);
        let code = done.first(DSML, "resultCode").and_then(|code| code.attribute("code")).unwrap_or("0");
        if code.trim() != "0" {
            let text = done.first(DSML, "errorMessage").map(Tree::text).unwrap_or_default();
            report.errors.push(Carried::error(code.trim(), text.trim()));
        }
    }
    names.dedup();
    report.show("operations", names.iter().map(|name| message.marks.word(name)).collect::<Vec<_>>());
    if !is_request {
        report.show("directory_entries", json!(entries));
    }
    report
}
