//! An audit message being written: event, participants, source, objects, in the schema's order and
//! within the bytes a repository takes. What does not fit is left out and counted, never cut short.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::codes::Code;
use super::{AuditSource, Linked};
use crate::model::{Phi, Timestamp};
use crate::xml::Writer;

/// A message, ready for any transport.
#[derive(Debug, Clone)]
pub struct Message {
    /// Log position, leg, and the head of the record's SHA-256: the same however often it is sent,
    /// another one in another log.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// Whether it tells of a failure.
    pub is_failure: bool,
    /// The process that wrote the record.
    pub process: Option<u32>,
    /// The document, one line.
    pub xml: Phi<String>,
}

/// A participant of the event.
pub struct Participant {
    pub user: String,
    pub alternative: Option<String>,
    pub name: Option<String>,
    pub is_requestor: bool,
    /// Host name or address.
    pub network: Option<String>,
    pub roles: Vec<Code>,
}

/// Something the event is about.
pub struct Object {
    pub id: String,
    /// 1 person, 2 system object.
    pub kind: &'static str,
    pub role: &'static str,
    pub id_type: Code,
    pub query: Option<Vec<u8>>,
    pub details: Vec<(&'static str, String)>,
}

/// A message without what all have.
pub struct Draft {
    pub event: Code,
    pub action: &'static str,
    pub outcome: u8,
    pub description: Option<String>,
    pub event_type: Code,
    pub participants: Vec<Participant>,
    pub objects: Vec<Object>,
    /// The peer or portal at the other end.
    pub peer: Option<String>,
}

impl Draft {
    /// Writes it; `leg` counts the messages of one record.
    pub fn finish(mut self, record: &Linked<'_>, leg: u32, source: &AuditSource) -> Message {
        let head: String = hex::encode(record.hash).chars().take(HASH_DIGITS).collect();
        let id = format!("{}.{leg}.{head}", record.sequence);
        let own = self.own_details(record, &id);
        match self.objects.iter_mut().find(|object| object.kind != PERSON) {
            Some(object) => object.details.extend(own),
            None => self.objects.push(Object {
                id: id.clone(),
                kind: SYSTEM_OBJECT,
                role: "13",
                id_type: Code::new("record", "kakehashi", "Audit log record"),
                query: None,
                details: own,
            }),
        }
        let mut w = Writer::new();
        w.declaration().start("AuditMessage");
        self.event(&mut w, record);
        self.participants.iter().for_each(|participant| written_participant(&mut w, participant));
        w.start("AuditSourceIdentification")
            .attribute("AuditEnterpriseSiteID", &source.community)
            .attribute("AuditSourceID", &source.device)
            .start("AuditSourceTypeCode")
            .attribute("csd-code", "4")
            .attribute("codeSystemName", "DCM")
            .attribute("originalText", "Application Server")
            .end()
            .end();
        self.objects(&mut w);
        Message {
            id,
            at: record.event.at(),
            is_failure: self.outcome != super::codes::SUCCESS,
            process: record.event.process,
            xml: Phi::new(w.finish()),
        }
    }

    fn event(&self, w: &mut Writer, record: &Linked<'_>) {
        w.start("EventIdentification")
            .attribute("EventActionCode", self.action)
            .attribute("EventDateTime", &record.event.at().xs_date_time())
            .attribute("EventOutcomeIndicator", &self.outcome.to_string());
        code(w, "EventID", &self.event);
        code(w, "EventTypeCode", &self.event_type);
        if let Some(description) = &self.description {
            w.leaf("EventOutcomeDescription", &shortened(description));
        }
        if let Some(requester) = record.event.requester.as_ref().filter(|by| by.names_somebody()) {
            code(w, "PurposeOfUse", &Code::new(&requester.purpose, PURPOSES, &requester.purpose));
        }
        w.end();
    }

    // The one that carries our own details always, of the others as many as fit.
    fn objects(&self, w: &mut Writer) {
        let carries = |object: &Object| object.details.iter().any(|(kind, _)| *kind == RECORD_DETAIL);
        let mut room = OBJECTS_BYTES_MAX;
        let mut left_out: usize = 0;
        let mut written: Vec<Option<String>> = Vec::new();
        for object in &self.objects {
            let text = (!carries(object)).then(|| written_object(object, &[]));
            match text {
                Some(text) if text.len() > room => left_out += 1,
                Some(text) => {
                    room -= text.len();
                    written.push(Some(text));
                }
                None => written.push(None),
            }
        }
        let note = (left_out > 0).then(|| ("kakehashi:left-out", left_out.to_string()));
        let carrier = self.objects.iter().find(|object| carries(object));
        for text in written {
            let carried = || carrier.map(|object| written_object(object, note.as_slice()));
            w.raw(&text.or_else(carried).unwrap_or_default());
        }
    }

    fn own_details(&self, record: &Linked<'_>, id: &str) -> Vec<(&'static str, String)> {
        let event = record.event;
        let mut details = vec![(RECORD_DETAIL, id.to_owned())];
        details.extend(event.request_hex().map(|request| ("kakehashi:correlation", request)));
        details.extend(self.peer.clone().map(|peer| ("kakehashi:peer", peer)));
        let vouched_by = event.requester.as_ref().and_then(|requester| requester.vouched_by.clone());
        details.extend(vouched_by.map(|means| ("kakehashi:vouched-by", means)));
        let mut decision = Vec::new();
        if event.shown + event.withheld > 0 {
            decision.push(format!("shown {}, withheld {}", event.shown, event.withheld));
        }
        if !event.policies.is_empty() {
            decision.push(format!("policies {}", event.policies.join(" ")));
        }
        decision.extend(event.policy_set.as_ref().map(|set| format!("policy set {set}")));
        decision.extend(event.consent_version.map(|version| format!("consents {version}")));
        if !event.obligations.is_empty() {
            decision.push(format!("obligations {}", event.obligations.join(" ")));
        }
        if event.more_attributes {
            decision.push("more attributes asked for".to_owned());
        }
        if !decision.is_empty() {
            details.push(("kakehashi:policy-decision", decision.join("; ")));
        }
        details.extend(event.replaces.map(|replaced| ("kakehashi:replaces", replaced.to_string())));
        if event.count > 1 {
            details.push(("kakehashi:count", event.count.to_string()));
        }
        if event.attempt > 1 {
            details.push(("kakehashi:attempt", event.attempt.to_string()));
        }
        details
    }
}

fn written_participant(w: &mut Writer, participant: &Participant) {
    w.start("ActiveParticipant")
        .attribute("UserID", &shortened(&participant.user))
        .attribute_if("AlternativeUserID", participant.alternative.as_deref())
        .attribute_if("UserName", participant.name.as_deref().map(shortened).as_deref())
        .attribute("UserIsRequestor", if participant.is_requestor { "true" } else { "false" });
    if let Some(host) = &participant.network {
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        w.attribute("NetworkAccessPointID", &shortened(host))
            .attribute("NetworkAccessPointTypeCode", if is_address { "2" } else { "1" });
    }
    participant.roles.iter().take(ROLES_MAX).for_each(|role| code(w, "RoleIDCode", role));
    w.end();
}

fn written_object(object: &Object, note: &[(&'static str, String)]) -> String {
    let mut w = Writer::new();
    w.start("ParticipantObjectIdentification")
        .attribute("ParticipantObjectID", &shortened(&object.id))
        .attribute("ParticipantObjectTypeCode", object.kind)
        .attribute("ParticipantObjectTypeCodeRole", object.role);
    code(&mut w, "ParticipantObjectIDTypeCode", &object.id_type);
    if let Some(query) = &object.query {
        w.leaf("ParticipantObjectQuery", &STANDARD.encode(query));
    }
    for (kind, value) in object.details.iter().chain(note) {
        w.start("ParticipantObjectDetail")
            .attribute("type", kind)
            .attribute("value", &STANDARD.encode(shortened(value)))
            .end();
    }
    w.finish()
}

fn code(w: &mut Writer, name: &str, code: &Code) {
    w.start(name)
        .attribute("csd-code", &shortened(&code.value))
        .attribute("codeSystemName", &shortened(&code.system))
        .attribute("originalText", &shortened(&code.text))
        .end();
}

/// One line of bounded length: some receivers split at line ends, and no single value fills a message.
fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A person, in ParticipantObjectTypeCode.
pub const PERSON: &str = "1";
/// A system object, there.
pub const SYSTEM_OBJECT: &str = "2";
/// The detail that names the record a message was made from.
const RECORD_DETAIL: &str = "kakehashi:record";
/// Bytes of all objects but the one that carries our own details. The rest of a message is bounded by
/// its texts, so that with its syslog header it stays below 1 MiB.
const OBJECTS_BYTES_MAX: usize = 512 << 10;
/// The code system of our purposes of use.
const PURPOSES: &str = "2.16.840.1.113883.3.18.7.1";
const TEXT_CHARS_MAX: usize = 1024;
const ROLES_MAX: usize = 32;
const HASH_DIGITS: usize = 16;
