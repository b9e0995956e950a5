//! What a file of the standard storage must fulfil (JAMI guideline, the R fields that we enforce;
//! decisions E6): a wrong patient refuses, everything else is put up with and counted.

use super::kinds::StandardKind;
use super::path::{Kind, StorageFile};
use crate::dialect::hl7v2::deviation as d;
use crate::dialect::hl7v2::{Message, Parsed};
use crate::model::{Malformed, Warning};

/// So many repetitions of PID-3 are looked at.
const MAX_NUMBERS: usize = 1000;

/// Fields that no message may lack, besides the patient's number.
const REQUIRED: &[(&str, &[usize])] =
    &[("MSH", &[7, 9, 10, 11, 12, 18]), ("EVN", &[2]), ("PID", &[5, 7, 8]), ("PV1", &[2])];

/// The patient of the message is the path's, and it was not cut off before it said so.
///
/// # Errors
/// `truncated`, `required-segment-missing`, `pid-missing`, `pid-differs-from-path`.
pub fn patient(file: &StorageFile, parsed: &Parsed) -> Result<Vec<Warning>, Malformed> {
    let Some(pid) = parsed.message.first("PID") else {
        let (code, why) = match parsed.unterminated {
            true => ("truncated", "the file ends before the patient is named"),
            false => ("required-segment-missing", "a PID segment was expected"),
        };
        let last = last_place(&parsed.message);
        return Err(Malformed::new(code, if parsed.unterminated { last } else { "PID".to_owned() }, why));
    };
    let numbers: Vec<(String, String)> = pid
        .field(3)
        .repetitions()
        .take(MAX_NUMBERS)
        .map(|cx| (cx.text().trim().to_owned(), cx.component(5).text().trim().to_owned()))
        .filter(|(number, _)| !number.is_empty())
        .collect();
    let typed: Vec<&String> =
        numbers.iter().filter(|(_, kind)| kind == "PI").map(|(number, _)| number).collect();
    let untyped = typed.is_empty();
    let of_patient = if untyped { numbers.iter().map(|(number, _)| number).take(1).collect() } else { typed };
    if of_patient.is_empty() {
        return Err(Malformed::new("pid-missing", "PID-3", "the message names no patient number"));
    }
    if of_patient.iter().any(|number| *number != file.patient.reveal()) {
        let why =
            "the patient number differs from the one in the path; the path decides and the file is set aside";
        return Err(Malformed::new("pid-differs-from-path", "PID-3", why));
    }
    Ok(if untyped { vec![d::PATIENT_NUMBER_UNTYPED.at("PID-3")] } else { Vec::new() })
}

/// The rest: what is missing, unusual or contradictory.
///
/// # Errors
/// `truncated` when the file is not terminated and lacks what its kind is about.
pub fn content(file: &StorageFile, kind: &StandardKind, parsed: &Parsed) -> Result<Vec<Warning>, Malformed> {
    let message = &parsed.message;
    if parsed.unterminated && message.first(main_segment(kind)).is_none() {
        let last = last_place(message);
        return Err(Malformed::new("truncated", last, "the file ends before what its kind is about"));
    }
    let mut warnings = missing(message);
    if !message.text_at("MSH", 12).starts_with("2.5") {
        warnings.push(d::VERSION_UNUSUAL.at("MSH-12"));
    }
    let header = message.first("MSH").map(|msh| msh.field(9));
    let event = |n: usize| header.map(|field| field.component(n).text()).unwrap_or_default();
    let fits =
        event(1) == kind.message && [kind.event.trigger, kind.event.cancel].contains(&event(2).as_str());
    if !event(1).is_empty() && !fits {
        warnings.push(d::EVENT_DIFFERS.at("MSH-9"));
    }
    if let (Some((segment, field)), Some(folder)) = (kind.date_source, &file.date) {
        let dates: Vec<String> = message
            .named(segment)
            .map(|found| found.field(field).text().chars().take(8).collect())
            .filter(|date: &String| !date.is_empty())
            .collect();
        if !dates.is_empty() && !dates.contains(folder) {
            warnings.push(d::DATE_DIFFERS.at(&format!("{segment}-{field}")));
        }
    }
    Ok(warnings)
}

/// Where a cut message stopped.
fn last_place(message: &Message) -> String {
    let last = message.segments().last();
    last.map(|segment| format!("{}-{}", segment.name(), segment.len())).unwrap_or_default()
}

fn missing(message: &Message) -> Vec<Warning> {
    let empty = REQUIRED.iter().filter_map(|(name, fields)| message.first(name).map(|s| (s, fields)));
    empty
        .flat_map(|(segment, fields)| {
            fields.iter().filter(move |n| segment.field(**n).is_empty()).map(move |n| (segment, n))
        })
        .map(|(segment, n)| d::REQUIRED_MISSING.at(&format!("{}-{n}", segment.name())))
        .collect()
}

/// The segment that a message of the kind is about.
fn main_segment(kind: &StandardKind) -> &'static str {
    match kind.code {
        "ADT-00" => "PID",
        "ADT-61" => "IAM",
        "PPR-01" => "PRB",
        "OML-11" => "SPM",
        "OMG-13" => "OBR",
        "OMP-11" | "OMP-12" => "RXA",
        code if code.starts_with("ADT") => "PV1",
        _ => "ORC",
    }
}

/// The kind a message would be filed under, by its event and content; None when it is none of the 26.
pub fn kind_of(message: &Message) -> Option<&'static StandardKind> {
    let header = message.first("MSH")?.field(9);
    let (name, trigger) = (header.component(1).text(), header.component(2).text());
    let has = |segment: &str| message.first(segment).is_some();
    let endoscopy = message.named("OBR").any(|obr| obr.field(4).component(3).text() == "LENDO");
    let code = match name.as_str() {
        "RDE" if has("RXC") => "OMP-02",
        "RDE" => "OMP-01",
        "RAS" if message.named("RXR").any(|rxr| rxr.field(1).text() == "IV") => "OMP-12",
        "RAS" => "OMP-11",
        "OMI" if endoscopy => "OMG-12",
        "OMI" => "OMG-11",
        "OMG" if endoscopy => "OMG-02",
        "OMG" if message.named("OBR").any(|obr| obr.field(4).component(3).text() == "JC10") => "OMG-03",
        _ => {
            let events =
                |kind: &&StandardKind| [kind.event.trigger, kind.event.cancel].contains(&trigger.as_str());
            return super::kinds::KINDS.iter().filter(|kind| kind.message == name).find(events);
        }
    };
    StandardKind::find(code)
}

/// The standard kind of a file, if it is of the standard storage.
pub const fn standard(file: &StorageFile) -> Option<&'static StandardKind> {
    match &file.kind {
        Kind::Standard(kind) => Some(kind),
        Kind::Extension(_) => None,
    }
}
