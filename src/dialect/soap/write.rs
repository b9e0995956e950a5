//! Writes envelopes: requests, answers and faults (wire.md 2, 3.1). Bodies and the Security header
//! come as ready markup.

use super::{Fault, Header, ns};
use crate::dialect::Addressing;
use crate::model::MessageId;
use crate::xml::Writer;

const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";

/// A request envelope. `security` is a whole wsse:Security element with its own namespace
/// declarations.
pub fn write_request(action: &str, addressing: &Addressing, security: Option<&str>, body: &str) -> String {
    let mut writer = begun(action, body.len() + security.map_or(0, str::len));
    writer.leaf("wsa:MessageID", &addressing.message.0);
    writer.leaf("wsa:To", &addressing.to);
    writer.start("wsa:ReplyTo").leaf("wsa:Address", ANONYMOUS).end();
    writer.raw(security.unwrap_or_default());
    writer.end().start("s:Body").raw(body);
    writer.finish()
}

/// An answer envelope. `request` is the header of what is answered: its MessageID becomes
/// RelatesTo (none when it had none), its reference parameters are copied. A body may be large: the
/// envelope goes around it where it is.
pub fn write_answer(
    action: &str,
    message: Option<&MessageId>,
    request: Option<&Header>,
    body: String,
) -> String {
    answer_body(action, message, request).around(body)
}

/// As [`write_answer`], for a body that comes later: what stands before and behind it.
pub fn write_around(action: &str, message: Option<&MessageId>, request: Option<&Header>) -> (String, String) {
    answer_body(action, message, request).split()
}

fn answer_body(action: &str, message: Option<&MessageId>, request: Option<&Header>) -> Writer {
    let mut writer = answering(action, message, request);
    writer.end().start("s:Body");
    writer
}

/// A fault envelope, to go out under HTTP 500.
pub fn write_fault(fault: &Fault, message: Option<&MessageId>, request: Option<&Header>) -> String {
    let mut writer = answering(fault.action(), message, request);
    for (namespace, local) in &fault.not_understood {
        writer.start("s:NotUnderstood");
        if namespace.is_empty() {
            writer.attribute("qname", local).end();
        } else if namespace == "http://www.w3.org/XML/1998/namespace" {
            writer.attribute("qname", &format!("xml:{local}")).end();
        } else {
            writer.attribute("qname", &format!("nu:{local}")).attribute("xmlns:nu", namespace).end();
        }
    }
    if fault.code == "VersionMismatch" {
        writer.start("s:Upgrade").start("s:SupportedEnvelope").attribute("qname", "s:Envelope").end().end();
    }
    writer.end().start("s:Body").start("s:Fault").start("s:Code");
    writer.leaf("s:Value", &format!("s:{}", fault.code));
    for subcode in &fault.subcodes {
        writer.start("s:Subcode");
        for (prefix, uri) in [("wsse", ns::WSSE), ("wsu", ns::WSU)] {
            if subcode.starts_with(&format!("{prefix}:")) {
                writer.attribute(&format!("xmlns:{prefix}"), uri);
            }
        }
        writer.leaf("s:Value", subcode);
    }
    for _ in &fault.subcodes {
        writer.end();
    }
    writer.end().start("s:Reason").start("s:Text").attribute("xml:lang", "en").text(&fault.reason);
    writer.finish()
}

fn begun(action: &str, body: usize) -> Writer {
    let mut writer = Writer::with_capacity(body + HEADER_BYTES);
    writer.declaration();
    writer.start("s:Envelope").attribute("xmlns:s", ns::SOAP).attribute("xmlns:wsa", ns::WSA);
    writer.start("s:Header");
    writer.start("wsa:Action").attribute("s:mustUnderstand", "1").text(action).end();
    writer
}

fn answering(action: &str, message: Option<&MessageId>, request: Option<&Header>) -> Writer {
    let mut writer = begun(action, 0);
    if let Some(message) = message {
        writer.leaf("wsa:MessageID", &message.0);
    }
    if let Some(id) = request.and_then(|request| request.message_id.as_ref()) {
        writer.leaf("wsa:RelatesTo", &id.0);
    }
    for parameter in request.map(|request| request.reference_parameters.as_slice()).unwrap_or_default() {
        writer.raw(parameter);
    }
    writer
}

/// Room for what stands around a body.
const HEADER_BYTES: usize = 2 << 10;
