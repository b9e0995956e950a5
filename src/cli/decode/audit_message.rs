//! DICOM audit messages (PS3.15 A.5, ITI-20), also in the older form of RFC 3881 (wire.md 20.1).

use serde_json::{Value, json};

use super::report::{Marks, Report};
use super::xml::Message;
use crate::xml::Tree;

const SHOWN_MAX: usize = 1000;

/// Reads an AuditMessage.
pub(super) fn read(message: &Message<'_>, body: &Tree) -> Report {
    let mut report = Report::of("DICOM audit message");
    let marks = message.marks;
    let ns = &*body.element.ns;
    let missing = |report: &mut Report, what: &str| {
        report.refuse(message.at(body, "missing-element", &format!("{what} is missing")));
    };
    let all = |name: &'static str| body.elements().filter(move |child| child.name() == name);
    if !ns.is_empty() {
        report.warn("audit-namespace", "AuditMessage in a namespace");
    }
    let Some(event) = all("EventIdentification").next() else {
        missing(&mut report, "EventIdentification");
        return report;
    };
    for name in ["EventDateTime", "EventOutcomeIndicator"] {
        if event.attribute(name).is_none() {
            missing(&mut report, name);
        }
    }
    let child =
        |tree: &Tree, name: &str| tree.elements().find(|child| child.name() == name).map(|c| coded(c, marks));
    match child(event, "EventID") {
        Some(id) => report.show("event", id),
        None => missing(&mut report, "EventID"),
    }
    let types: Vec<Value> = event
        .elements()
        .filter(|child| child.name() == "EventTypeCode")
        .take(SHOWN_MAX)
        .map(|c| coded(c, marks))
        .collect();
    report.show("event_types", types);
    report.show("action", event.attribute("EventActionCode").map(|text| marks.word(text)));
    report.show("outcome", event.attribute("EventOutcomeIndicator").map(|text| marks.word(text)));
    if all("ActiveParticipant").next().is_none() {
        missing(&mut report, "ActiveParticipant");
    }
    if all("ActiveParticipant").any(|participant| participant.attribute("UserID").is_none()) {
        missing(&mut report, "ActiveParticipant/@UserID");
    }
    let source = all("AuditSourceIdentification").next();
    if source.is_none_or(|source| source.attribute("AuditSourceID").is_none()) {
        missing(&mut report, "AuditSourceIdentification/@AuditSourceID");
    }
    if has_old_codes(body) {
        report.warn("audit-old-codes", "codes in the form of RFC 3881 (`code`, `displayName`)");
    }
    objects(all("ParticipantObjectIdentification"), marks, &mut report);
    let participant = |participant: &Tree| {
        let text = |name: &str| marks.text(participant.attribute(name).unwrap_or_default());
        let roles: Vec<Value> = participant.elements().take(100).map(|role| coded(role, marks)).collect();
        json!({
            "user": text("UserID"),
            "name": text("UserName"),
            "is_requestor": participant.attribute("UserIsRequestor").map(|text| marks.word(text)),
            "roles": roles,
        })
    };
    report
        .show("participants", all("ActiveParticipant").take(SHOWN_MAX).map(participant).collect::<Vec<_>>());
    report
}

fn objects<'t>(objects: impl Iterator<Item = &'t Tree>, marks: Marks, report: &mut Report) {
    let (mut patients, mut documents, mut shown) = (0, 0, Vec::new());
    for object in objects {
        let attribute = |name: &str| object.attribute(name).map(str::trim).unwrap_or_default();
        let role = attribute("ParticipantObjectTypeCodeRole");
        match (attribute("ParticipantObjectTypeCode"), role) {
            ("1", "1") => patients += 1,
            ("2", "3") => documents += 1,
            _ => {}
        }
        if attribute("ParticipantObjectID").contains("&amp;") {
            report.warn("resource-id-escaped-twice", "a patient's id is escaped twice");
        }
        let mut details = object.elements().filter(|child| child.name() == "ParticipantObjectDetail");
        let is_base64 = |text: &str| crate::dialect::soap::decode_base64(text).is_ok();
        if details.any(|detail| detail.attribute("value").is_some_and(|value| !is_base64(value))) {
            report.warn("audit-detail-not-base64", "a ParticipantObjectDetail whose value is not base64");
        }
        if shown.len() < SHOWN_MAX {
            shown.push(json!({
                "type": marks.word(attribute("ParticipantObjectTypeCode")),
                "role": marks.word(role),
                "id": marks.text(attribute("ParticipantObjectID")),
            }));
        }
    }
    report.count("patients", patients);
    report.count("documents", documents);
    report.show("objects", shown);
}

fn has_old_codes(body: &Tree) -> bool {
    let is_old = |tree: &Tree| tree.attribute("csd-code").is_none() && tree.attribute("code").is_some();
    body.elements().any(|part| part.elements().any(is_old))
}

fn coded(tree: &Tree, marks: Marks) -> Value {
    let first =
        |names: [&str; 2]| names.into_iter().find_map(|name| tree.attribute(name)).unwrap_or_default();
    let display = first(["originalText", "displayName"]);
    let plain = |text: &str| {
        let fits =
            text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || " .-_:/".contains(c));
        if fits { text.into() } else { marks.text(text) }
    };
    json!({
        "code": marks.word(first(["csd-code", "code"])),
        "system": plain(tree.attribute("codeSystemName").unwrap_or_default()),
        "display": plain(display),
    })
}
