//! The transmission wrapper of HL7 V3 messages (wire.md 7), in schema order and with the default
//! namespace: peers exist that refuse prefixed HL7 elements.

use super::NS;
use super::values::{instance, write_instance, write_root};
use crate::dialect::soap::{Envelope, Fault};
use crate::dialect::{Addressing, Payload, Reply};
use crate::model::{CommunityId, Malformed, Oid, QueryId};
use crate::xml::{Tree, Writer};

/// Interactions and their codes.
pub(super) const INTERACTIONS: &str = "2.16.840.1.113883.1.6";
/// Schema instance, for xsi:type.
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Begins a message up to and with its sender. `accept` is the acceptAckCode.
pub(super) fn begin(interaction: &str, accept: &str, addressing: &Addressing) -> Writer {
    let mut writer = Writer::with_capacity(8 << 10);
    writer.start(interaction).attribute("xmlns", NS).attribute("xmlns:xsi", XSI);
    writer.attribute("ITSVersion", "XML_1.0");
    // Validators want an extension of the message's own id.
    let numbered = addressing.query.extension.is_some();
    let message = addressing.message.0.trim_start_matches("urn:uuid:").to_owned();
    let own = QueryId { root: addressing.device.to_string(), extension: Some(message) };
    write_instance(&mut writer, "id", if numbered { &addressing.query } else { &own });
    let created = format!("{}+0000", addressing.at.dtm_seconds());
    writer.start("creationTime").attribute("value", &created).end();
    let interaction_id =
        QueryId { root: INTERACTIONS.into(), extension: Some(interaction_of(interaction).into()) };
    write_instance(&mut writer, "interactionId", &interaction_id);
    for (name, code) in [("processingCode", "P"), ("processingModeCode", "T"), ("acceptAckCode", accept)] {
        writer.start(name).attribute("code", code).end();
    }
    let to = Some(addressing.to.as_str()).filter(|to| !to.is_empty());
    device(&mut writer, ("receiver", "RCV"), &addressing.receiver_device, to, &addressing.receiver);
    device(&mut writer, ("sender", "SND"), &addressing.device, None, &addressing.community);
    writer
}

/// The interaction of a root element: cancelling is the same as going on (wire.md 9).
pub(super) fn interaction_of(root: &str) -> &str {
    root.strip_suffix("_Cancel").unwrap_or(root)
}

fn device(
    writer: &mut Writer,
    (name, type_code): (&str, &str),
    id: &Oid,
    telecom: Option<&str>,
    home: &CommunityId,
) {
    writer.start(name).attribute("typeCode", type_code);
    writer.start("device").attribute("classCode", "DEV").attribute("determinerCode", "INSTANCE");
    write_root(writer, "id", id);
    if let Some(telecom) = telecom {
        writer.start("telecom").attribute("value", telecom).end();
    }
    writer.start("asAgent").attribute("classCode", "AGNT");
    writer.start("representedOrganization");
    writer.attribute("classCode", "ORG").attribute("determinerCode", "INSTANCE");
    write_root(writer, "id", &home.0);
    writer.end().end().end().end();
}

/// Begins controlActProcess with the trigger of the interaction.
pub(super) fn begin_act(writer: &mut Writer, trigger: &str) {
    writer.start("controlActProcess").attribute("classCode", "CACT").attribute("moodCode", "EVN");
    writer.start("code").attribute("code", trigger).attribute("codeSystem", INTERACTIONS).end();
}

/// What an answer repeats of a request.
#[derive(Debug)]
pub(super) struct Echo<'a> {
    /// The request's message id.
    pub message: QueryId,
    /// Its queryId.
    pub query: QueryId,
    /// Its queryByParameter.
    pub parameters: &'a Tree,
}

impl<'a> Echo<'a> {
    /// From a request's body; None when message id or queryId cannot be read.
    pub(super) fn of(body: &'a Tree) -> Option<Self> {
        let message = body.first(NS, "id").and_then(instance)?;
        let parameters = body.path(NS, &["controlActProcess", "queryByParameter"])?;
        let query = parameters.first(NS, "queryId").and_then(instance)?;
        Some(Self { message, query, parameters })
    }

    /// The answer to a request, or a fault where there is nothing to echo.
    pub(super) fn answered(request: &Envelope, write: impl FnOnce(&Echo<'_>) -> String) -> Reply {
        let written = request.body_tree().and_then(|body| {
            let why = "message id or queryId cannot be read";
            let echo = Echo::of(&body).ok_or_else(|| Malformed::new("missing-element", "", why))?;
            Ok(write(&echo))
        });
        match written {
            Ok(xml) => Reply::Payload(Payload { xml, attachments: Vec::new() }),
            Err(malformed) => Reply::Fault(Fault::malformed(&malformed)),
        }
    }
}
