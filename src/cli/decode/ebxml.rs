//! ITI-18, 38, 39, 43, 51, 63 and registry responses: the dialect's summary as a report.

use serde_json::{Map, Value, json};

use super::packages::{association, package};
use super::report::{Carried as CarriedReport, Marks, Report};
use super::xml::Message;
use crate::dialect::ebxml::{Carried, CarriedDocument, CarriedEntry, CarriedObjects, CarriedQuery, decode};
use crate::model::{Code, Dtm, PackageKind};

pub(super) const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
pub(super) const RS: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0";

/// Slots whose values are codes, states or times: all others may hold a patient value.
const PLAIN_SLOTS: [&str; 16] = [
    "Status",
    "ClassCode",
    "TypeCode",
    "FormatCode",
    "PracticeSettingCode",
    "HealthcareFacilityTypeCode",
    "EventCodeList",
    "ConfidentialityCode",
    "EntryType",
    "Availability",
    "MetadataLevel",
    "TimeFrom",
    "TimeTo",
    "ContentType",
    "CodeList",
    "AssociationTypes",
];

/// Reads a message; None when its root is not ebXML after all.
pub(super) fn read(message: &Message<'_>) -> Option<Report> {
    let declared = message.kind.or(message.declared);
    let decoded = decode(message.envelope, declared, message.has_part)?;
    let summary = decoded.summary;
    let by_query = match summary.found.query {
        Some(name) if name.ends_with("ForMultiplePatients") => Some("ITI-51 request"),
        Some("Fetch") => Some("ITI-63 request"),
        _ => None,
    };
    let is_registry_response = message.payload.local == "RegistryResponse";
    let other = by_query.or(is_registry_response.then_some("Registry response"));
    let kind = message.kind.or(decoded.kind).or(other);
    let mut report = Report {
        kind: kind.map(str::to_owned),
        status: summary.status.map(str::to_owned),
        refusal: summary.refusal,
        warnings: summary.warnings,
        ..Report::default()
    };
    if let Some(refusal) = &mut report.refusal
        && refusal.code == "XDSUnknownStoredQuery"
    {
        refusal.why = "no stored query has this id".to_owned();
    }
    if let Some(refusal) = &mut report.refusal
        && refusal.code == "XDSMissingHomeCommunityId"
        && kind.is_none()
    {
        // Within one network no home is named; a bare payload does not say where it is spoken.
        refusal.why.push_str("; an ITI-18 request needs none (--as \"ITI-18 request\")");
    }
    if let Ok(Value::Object(found)) = serde_json::to_value(&summary.found) {
        report.found = found;
    }
    report.errors = summary
        .errors
        .into_iter()
        .map(|error| CarriedReport { code: error.code, severity: error.severity, text: error.text })
        .collect();
    report.message = carried(&summary.carried, message.marks);
    Some(report)
}

fn carried(carried: &Carried, marks: Marks) -> Map<String, Value> {
    let value = match carried {
        Carried::Documents(documents) => {
            json!({ "documents": documents.iter().map(|d| document(d, marks)).collect::<Vec<_>>() })
        }
        Carried::Nothing => Value::Null,
        Carried::Objects(found) => return objects(found, marks),
        Carried::Query(asked) => query(asked, marks),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

// The entries always; the others where there are any.
fn objects(objects: &CarriedObjects, marks: Marks) -> Map<String, Value> {
    let packages = |kind: Option<PackageKind>| -> Vec<Value> {
        objects.packages.iter().filter(|p| p.kind == kind).map(|p| package(p, marks)).collect()
    };
    let lists = [
        ("submission_sets", packages(Some(PackageKind::SubmissionSet))),
        ("folders", packages(Some(PackageKind::Folder))),
        ("packages", packages(None)),
        ("associations", objects.associations.iter().map(|a| association(a, marks)).collect()),
        ("object_refs", objects.references.iter().map(|id| marks.phi(id)).collect()),
    ];
    let entries = objects.entries.iter().map(|e| entry(e, marks)).collect::<Vec<_>>();
    let mut map = Map::from_iter([("entries".to_owned(), Value::Array(entries))]);
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        map.insert(name.to_owned(), Value::Array(list));
    }
    map
}

fn query(query: &CarriedQuery, marks: Marks) -> Value {
    let slot = |slot: &crate::model::Slot| {
        let is_plain = PLAIN_SLOTS.iter().any(|end| slot.name.ends_with(end));
        let value = |value: &crate::model::Phi<String>| {
            if is_plain && looks_plain(value.reveal()) {
                value.reveal().as_str().into()
            } else {
                marks.phi(value)
            }
        };
        json!({ "name": marks.word(&slot.name), "values": slot.values.iter().map(value).collect::<Vec<_>>() })
    };
    json!({
        "query": marks.word(&query.id),
        "home": option(query.home.as_deref(), marks),
        "returns": marks.word(&query.returns),
        "slots": query.slots.iter().map(slot).collect::<Vec<_>>(),
    })
}

// A value in the place of a code that has more components than a code, or is very long, is none.
fn looks_plain(value: &str) -> bool {
    value.len() <= 1024 && !value.contains('&')
}

fn document(document: &CarriedDocument, marks: Marks) -> Value {
    json!({
        "home": option(document.home.as_deref(), marks),
        "repository": marks.word(&document.repository),
        "unique_id": marks.phi(&document.unique),
        "media_type": document.media_type.as_deref().map(|text| media_type(text, marks)),
        "size": document.size,
    })
}

fn entry(entry: &CarriedEntry, marks: Marks) -> Value {
    let view = &entry.view;
    let codes = |codes: &[Code]| codes.iter().map(|c| marks.code(c)).collect::<Vec<_>>();
    let time = |time: &Option<Dtm>| time.as_ref().map(|time| time.as_str().to_owned());
    let author = |author: &crate::model::Author| {
        json!({
            "institution": marks.text(&author.institution),
            "person": marks.text(&author.person),
            "role": marks.text(&author.role),
            "specialty": marks.text(&author.specialty),
        })
    };
    json!({
        "home": option(entry.home.as_deref(), marks),
        "object": marks.phi(&entry.object),
        "status": option(entry.status.as_deref(), marks),
        "media_type": entry.media_type.as_deref().map(|text| media_type(text, marks)),
        "repository": option(entry.repository.as_deref(), marks),
        "unique_id": entry.unique.as_ref().map(|id| marks.phi(id)),
        "patient": entry.patient.as_ref().map(|id| marks.phi(id)),
        "class": marks.code(&entry.class),
        "type": marks.code(&entry.type_code),
        "format": marks.code(&entry.format),
        "confidentiality": codes(&entry.confidentiality),
        "hash": option(entry.hash.as_deref(), marks),
        "size": option(entry.size.as_deref(), marks),
        "title": marks.text(&view.title),
        "comments": marks.text(&view.comments),
        "creation": time(&view.creation),
        "service_start": time(&view.service_start),
        "service_stop": time(&view.service_stop),
        "language": marks.word(&view.language),
        "source_patient": view.source_patient.as_ref().map(|id| marks.phi(&id.cx())),
        "facility_type": marks.code(&view.facility_type),
        "practice_setting": marks.code(&view.practice_setting),
        "event_codes": codes(&view.event_codes),
        "authors": view.authors.iter().map(author).collect::<Vec<_>>(),
        "references": view.references.iter().map(|id| marks.phi(id)).collect::<Vec<_>>(),
    })
}

pub(super) fn option(text: Option<&str>, marks: Marks) -> Value {
    text.map_or(Value::Null, |text| marks.word(text.trim()))
}

fn media_type(text: &str, marks: Marks) -> Value {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " /+.-;=_\"".contains(c);
    if text.len() <= 128 && text.chars().all(is_plain) { text.into() } else { marks.text(text) }
}
