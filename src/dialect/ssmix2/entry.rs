//! A file as an XDS document entry (ITI TF-3 4.2.3.2; japan.md 1.9): codes, times in UTC, author,
//! references, stable identifiers. Patient ids are the hospital's
//! until [`DocumentEntry::readdressed`] replaces them.

use std::sync::Arc;

use smol_str::SmolStr;

use super::coding::{FacilitySettings, department_name};
use super::kinds::{ExtensionType, OTHER_CLASS, StandardKind, TypeCode};
use super::path::{ExtensionKind, Kind};
use super::read::ReadFile;
use super::time::span;
use super::{events, identifiers};
use crate::dialect::hl7v2::escape;
use crate::model::{
    Author, Availability, Code, DocumentEntry, DocumentId, Dtm, Encoded, EntryFields, EntryMetadata,
    ObjectId, Origin, PatientId, Phi,
};

/// In which form a file is offered; each is an entry of its own (decisions C6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The bytes as the hospital wrote them.
    Original,
    /// Readable HTML.
    Rendition,
}

/// The bytes that will be served, measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// SHA-1, 40 hex digits.
    pub hash: String,
    /// Size in bytes.
    pub size: u64,
}

/// XDS titles have at most so many characters.
const MAX_TITLE: usize = 128;
/// The order number that stands where no order exists.
const NO_ORDER: &str = "999999999999999";

/// What kinds differ in.
struct Parts {
    class: Code,
    type_code: Code,
    format: Code,
    title: String,
    service: (Option<Dtm>, Option<Dtm>),
    events: Vec<Code>,
    author: Option<(String, String)>,
    restricted: bool,
    /// Whether the bytes show number, address or insurance and a rendition without them can be made.
    discloses: bool,
    /// A document as it is, of which no rendition can be made.
    as_is: bool,
    media_type: String,
}

/// Builds the entry of a file in one form.
pub fn entry(
    read: &ReadFile,
    form: Form,
    body: &Body,
    availability: Availability,
    settings: &FacilitySettings,
    secret: &[u8; 16],
) -> DocumentEntry {
    let file = &read.file;
    let parts = match &file.kind {
        Kind::Standard(kind) => of_standard(read, kind, form, settings),
        Kind::Extension(kind) => of_extension(read, kind, form, settings),
    };
    let patient = PatientId::new(settings.patient_authority.clone(), file.patient.reveal().as_str());
    let id = identifiers::unique_id(file, &settings.code, form, secret);
    let department = department(read, settings);
    let restricted = parts.restricted || is_restricted(read, &department, &parts.events, settings);
    let confidentiality = if restricted { ("R", "制限") } else { ("N", "通常") };
    let (start, stop) = parts.service;
    let metadata = EntryMetadata {
        title: parts.title.chars().take(MAX_TITLE).collect(),
        creation: creation(read),
        service_start: start,
        service_stop: stop,
        language: "ja-JP".to_owned(),
        source_patient: patient.clone(),
        facility_type: settings.facility_type.clone(),
        event_codes: parts.events,
        authors: vec![author(parts.author, &department, settings)],
        references: references(read, settings),
        practice_setting: department.clone(),
    };
    DocumentEntry::new(
        EntryFields {
            id: DocumentId {
                community: settings.community.clone(),
                repository: settings.repository.clone(),
                unique: Phi::new(identifiers::oid(id)),
            },
            object: ObjectId(Phi::new(format!("urn:uuid:{id}"))),
            patient: patient.clone(),
            class: parts.class,
            type_code: parts.type_code,
            format: parts.format,
            confidentiality: vec![Code::new(
                confidentiality.0,
                settings.schemes.confidentiality.as_str(),
                confidentiality.1,
            )],
            availability,
            media_type: parts.media_type.into(),
            hash: Some(SmolStr::new(&body.hash)),
            size: Some(body.size),
            origin: Some(Box::new(Origin {
                facility: settings.code.clone(),
                department: if department.value.is_empty() {
                    "-".to_owned()
                } else {
                    department.value.to_string()
                },
                kind: file.kind.code().to_owned(),
                patient,
                original: parts.discloses,
                as_is: parts.as_is,
            })),
        },
        Encoded::Metadata(Arc::new(metadata)),
    )
}

fn of_standard(read: &ReadFile, kind: &StandardKind, form: Form, settings: &FacilitySettings) -> Parts {
    let schemes = &settings.schemes;
    let type_code = match kind.type_code {
        TypeCode::Loinc(code) => Code::new(code, schemes.loinc.as_str(), kind.title),
        TypeCode::Own => Code::new(kind.code, schemes.data_kind.as_str(), kind.title),
    };
    let (format, suffix, media_type) = match form {
        Form::Original => (kind.format_original(), "［電文］", "application/hl7-v2"),
        Form::Rendition => (kind.format_rendition(), "", "text/html"),
    };
    let headline = read.message.as_ref().map(|m| events::headline(m, kind)).unwrap_or_default();
    let named =
        if headline.is_empty() { kind.title.to_owned() } else { format!("{}（{headline}）", kind.title) };
    let service =
        read.message.as_ref().map(|m| events::service(m, kind, &creation(read))).unwrap_or_default();
    Parts {
        class: Code::new(kind.class, schemes.class.as_str(), kind.class),
        type_code,
        format: Code::new(format.as_str(), schemes.format.as_str(), kind.title),
        title: format!("{named}{suffix}"),
        service: dated(service, read),
        events: read.message.as_ref().map(|m| events::codes(m, kind, schemes)).unwrap_or_default(),
        author: read.message.as_ref().and_then(|m| events::author(m, kind)),
        restricted: false,
        discloses: form == Form::Original,
        as_is: false,
        media_type: media_type.to_owned(),
    }
}

fn of_extension(read: &ReadFile, kind: &ExtensionKind, form: Form, settings: &FacilitySettings) -> Parts {
    let schemes = &settings.schemes;
    let known = kind.standard.as_ref().and_then(|code| ExtensionType::find(&code.value));
    let class = known.map_or(OTHER_CLASS, |row| row.class);
    let first =
        |texts: &[&str]| texts.iter().find(|t| !t.is_empty()).map_or_else(String::new, |t| (*t).to_owned());
    let standard_name = kind.standard.as_ref().map_or("", |code| code.display.as_str());
    let name = first(&[&kind.local.display, standard_name, known.map_or("", |row| row.title), &kind.folder]);
    let type_code = match &kind.standard {
        Some(code) if matches!(code.system.as_str(), "LN" | "") => {
            Code::new(code.value.as_str(), schemes.loinc.as_str(), first(&[&code.display, &name]))
        }
        Some(code) => {
            Code::new(code.value.as_str(), schemes.event(&code.system), first(&[&code.display, &name]))
        }
        None => Code::new(
            first(&[&kind.local.value, &name]),
            first(&[&kind.local.system, &schemes.data_kind]),
            name.as_str(),
        ),
    };
    let clinical = read.clinical.as_ref();
    let suffix = read.media_type.rsplit(['/', '-']).next().unwrap_or_default();
    let template = clinical.and_then(|header| header.template.as_ref()).map(|root| format!("urn:oid:{root}"));
    let format = match (form, clinical) {
        (Form::Rendition, _) => "urn:jami:ssmix2:1.2:extension:html".to_owned(),
        (_, Some(_)) => template.unwrap_or_else(|| "urn:jami:ssmix2:1.2:extension:cda".to_owned()),
        _ => format!("urn:jami:ssmix2:1.2:extension:{suffix}"),
    };
    let span_of = |(low, high): &(String, String)| (span(low).map(|s| s.0), span(high).map(|s| s.1));
    let service = clinical.and_then(|header| header.period.as_ref()).map(span_of).unwrap_or_default();
    let event = clinical.and_then(|header| header.event.as_ref());
    let companion = match read.media_type {
        "text/xml" | "application/hl7-v2" => String::new(),
        _ => format!("（{}）", suffix.to_uppercase()),
    };
    let renderable = read.message.is_some() || clinical.is_some();
    Parts {
        class: Code::new(class, schemes.class.as_str(), class),
        type_code,
        format: Code::new(format, schemes.format.as_str(), name.as_str()),
        title: format!("{name}{companion}"),
        service: dated(service, read),
        events: event
            .iter()
            .map(|(code, system, display)| Code::new(code.as_str(), system.as_str(), display.as_str()))
            .collect(),
        author: clinical.and_then(|header| header.author.clone()),
        restricted: clinical.is_some_and(|header| header.restricted),
        discloses: form == Form::Original && renderable,
        as_is: form == Form::Original && !renderable,
        media_type: if form == Form::Rendition { "text/html".to_owned() } else { read.media_type.to_owned() },
    }
}

/// Without a time in the message the folder's date stands for it.
fn dated(service: (Option<Dtm>, Option<Dtm>), read: &ReadFile) -> (Option<Dtm>, Option<Dtm>) {
    match (service, read.file.date.as_deref().and_then(span)) {
        ((None, None), Some((from, to))) => (Some(from), Some(to)),
        (found, _) => found,
    }
}

/// 発生日時 in UTC; for a file whose time is none, the folder's date or the beginning of time.
fn creation(read: &ReadFile) -> Dtm {
    let sent: String = read.file.sent_at.chars().take(14).collect();
    let from = |text: &str| span(text).map(|(from, _)| from);
    let day = || read.file.date.as_deref().and_then(from);
    from(&sent).or_else(day).unwrap_or_else(|| Dtm::from_timestamp(crate::model::Timestamp::from_micros(0)))
}

fn department(read: &ReadFile, settings: &FacilitySettings) -> Code {
    let filed = read.file.department.as_deref();
    let none = || (filed.unwrap_or_default().to_owned(), String::new());
    let (code, name) = read.message.as_ref().map_or_else(none, |message| events::department(message, filed));
    let display = if name.is_empty() { department_name(&code).to_owned() } else { name };
    Code::new(code, settings.schemes.department.as_str(), display)
}

fn is_restricted(read: &ReadFile, department: &Code, codes: &[Code], settings: &FacilitySettings) -> bool {
    let mut departments = read.message.as_ref().map(events::departments).unwrap_or_default();
    departments.insert(department.value.to_string());
    let begins = |value: &str, of: &std::collections::BTreeSet<String>| {
        of.iter().any(|start| !start.is_empty() && value.starts_with(start.as_str()))
    };
    departments.iter().any(|code| begins(code, &settings.restricted_departments))
        || codes.iter().any(|code| begins(&code.value, &settings.restricted_codes))
}

/// The institution always; the person by name only, since staff numbers mean nothing outside.
fn author(person: Option<(String, String)>, department: &Code, settings: &FacilitySettings) -> Author {
    let organization = &settings.organization;
    Author {
        institution: format!(
            "{}^^^^^&{organization}&ISO^^^^{}",
            escape(&settings.name),
            escape(&settings.code)
        ),
        person: person
            .map(|(family, given)| format!("^{}^{}", escape(&family), escape(&given)))
            .unwrap_or_default(),
        specialty: escape(&department.display),
        role: String::new(),
    }
}

/// referenceIdList as CXi: order number, accession number, study instance UID.
fn references(read: &ReadFile, settings: &FacilitySettings) -> Vec<Phi<String>> {
    let organization = &settings.organization;
    let scoped =
        |id: &str, kind: &str| format!("{}^^^&{organization}&ISO^urn:ihe:iti:xds:2013:{kind}", escape(id));
    let mut list = Vec::new();
    let key = read.file.order_key.as_str();
    if !key.is_empty() && key != NO_ORDER && matches!(read.file.kind, Kind::Standard(_)) {
        list.push(Phi::new(scoped(key, "order")));
    }
    if let Some(message) = &read.message {
        let (accessions, studies) = events::studies(message);
        list.extend(accessions.iter().map(|id| Phi::new(scoped(id, "accession"))));
        let study =
            |uid: &String| Phi::new(format!("{}^^^^urn:ihe:iti:xds:2016:studyInstanceUID", escape(uid)));
        list.extend(studies.iter().map(study));
    }
    list
}

#[cfg(test)]
mod tests;
