//! The header rules of wire.md 3 and 21.1, all switches off: what a request must have, what is put up
//! with. They hold for enveloped messages only, and refuse requests only.

use super::kinds::{self, Fit};
use super::report::Report;
use super::scan::Scan;
use crate::dialect::soap::{Envelope, ns};
use crate::model::Malformed;
use crate::xml::{Reader, Tree};

const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";

/// The Header element of an envelope.
///
/// # Errors
/// As [`Reader::next`].
pub(super) fn tree(envelope: &Envelope) -> Result<Option<Tree>, Malformed> {
    let mut reader = Reader::new(envelope.source());
    reader.root()?;
    match reader.child()?.filter(|first| first.is(ns::SOAP, "Header")) {
        Some(first) => Tree::read(&mut reader, first).map(Some),
        None => Ok(None),
    }
}

/// Judges an envelope's header.
pub(super) fn judge(
    envelope: &Envelope,
    header: Option<&Tree>,
    scan: &Scan,
    is_request: bool,
    report: &mut Report,
) {
    let reader = Reader::new(envelope.source());
    let at = header.map_or(0, |header| header.range.start);
    if header.is_none() && is_request {
        report.refuse(reader.malformed_at(0, "header-missing", "a request without Header"));
    } else if !is_request && header.is_none_or(|header| header.elements().next().is_none()) {
        report.warn("header-missing", "a response without Header, or with an empty one");
    } else {
        let known = &envelope.header;
        let mut judge = |code: &'static str, text: &str, at: usize| {
            if is_request {
                report.refuse(reader.malformed_at(at, code, text));
            } else {
                report.warn(code, text);
            }
        };
        if !known.not_understood.is_empty() {
            judge("not-understood", "a header block nobody here knows carries mustUnderstand", at);
        }
        if !known.repeated.is_empty() {
            judge("header-repeated", "a header block came more than once or is too large", at);
        }
        let action_at =
            header.and_then(|header| header.first(ns::WSA, "Action")).map_or(at, |action| action.range.start);
        match (known.action.as_deref(), &scan.payload) {
            (None, _) => judge("action-missing", "wsa:Action is missing", at),
            (Some(action), Some(payload)) => match kinds::fit(action, payload) {
                Fit::Well => {}
                Fit::Mismatch => {
                    let text = "the action is another transaction's than the body (switch `route_by_body`)";
                    judge("action-mismatch", text, action_at);
                }
                Fit::UnknownAction => {
                    let joined: String = action.split_whitespace().collect();
                    if joined != action && kinds::fit(&joined, payload) == Fit::Well {
                        let text = "a blank within wsa:Action (switch `route_by_body`)";
                        judge("action-blank-inside", text, action_at);
                    } else {
                        judge("action-unknown", "wsa:Action is of no transaction known here", action_at);
                    }
                }
            },
            _ => {}
        }
        if is_request && known.message_id.is_none() {
            let text = "wsa:MessageID is missing (switch `accept_missing_message_id`)";
            judge("message-id-missing", text, at);
        }
    }
    if let Some(header) = header {
        deviations(envelope, header, is_request, report);
    }
}

fn deviations(envelope: &Envelope, header: &Tree, is_request: bool, report: &mut Report) {
    let known = &envelope.header;
    if is_request {
        match known.reply_to.as_deref() {
            None => report.warn("reply-to-missing", "no wsa:ReplyTo: taken for anonymous"),
            Some(ANONYMOUS) => {}
            Some(_) => report.warn("reply-to-elsewhere", "the answer is wanted at another address"),
        }
        if known.relates_to.is_some() {
            report.warn("relates-to-in-request", "wsa:RelatesTo in a request");
        }
    } else if known.relates_to.is_none() && header.elements().next().is_some() {
        report.warn("relates-to-missing", "no wsa:RelatesTo in a response");
    }
    if let Some(action) = header.first(ns::WSA, "Action") {
        let is_mandatory = action.element.attribute_ns(ns::SOAP, "mustUnderstand").map(str::trim);
        if !matches!(is_mandatory, Some("1" | "true")) {
            report.warn("action-not-mandatory", "wsa:Action without mustUnderstand");
        }
        let text = action.text();
        if text.trim() != text {
            report.warn("action-blanks", "white space around wsa:Action");
        }
    }
    for id in [&known.message_id, &known.relates_to].into_iter().flatten() {
        if !is_urn(&id.0) {
            report.warn("message-id-form", "a message id that is no urn:uuid: with hyphens, lower case");
        }
    }
    let is_stray = |attribute: &crate::xml::Attribute| {
        attribute.local == "mustUnderstand" && matches!(&*attribute.ns, "" | ns::WSA)
    };
    if header.elements().any(|block| block.element.attributes.iter().any(is_stray)) {
        report.warn("must-understand-namespace", "mustUnderstand outside the SOAP namespace has no effect");
    }
    if header.elements().any(|block| &*block.element.ns == ns::WSA_2004) {
        report.warn("addressing-2004", "header blocks of WS-Addressing 2004/08");
    }
    let is_foreign = |block: &Tree| {
        !matches!(&*block.element.ns, ns::WSA | ns::WSA_2004 | ns::WSSE | ns::XCPD | "urn:ihe:iti:xds-b:2007")
    };
    if header.elements().any(is_foreign) {
        report.warn("foreign-header", "header blocks of other systems are passed over");
    }
}

fn is_urn(id: &str) -> bool {
    let uuid = id.trim().strip_prefix("urn:uuid:");
    uuid.is_some_and(|uuid| {
        uuid.len() == 36 && uuid::Uuid::parse_str(uuid).is_ok() && uuid == uuid.to_lowercase()
    })
}
