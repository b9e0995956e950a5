//! What a person reads of an entry: title, times, authors (ITI TF-3 4.2.3.2), taken from the bytes of
//! a received entry when asked for, from the metadata of our own.

use super::entry::{classifications, code, codes, localized, slot, slot_values};
use super::splice;
use super::vocabulary::{REFERENCE_ID_LIST, scheme};
use crate::model::{
    Author, Code, DocumentEntry, Dtm, Encoded, Malformed, PatientId, Phi, Timestamp, WireBytes,
};
use crate::xml::Tree;

/// The metadata of an entry beyond the fields of [`DocumentEntry`], as far as it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryView {
    /// Title.
    pub title: String,
    /// Comments.
    pub comments: String,
    /// creationTime.
    pub creation: Option<Dtm>,
    /// serviceStartTime.
    pub service_start: Option<Dtm>,
    /// serviceStopTime.
    pub service_stop: Option<Dtm>,
    /// languageCode.
    pub language: String,
    /// sourcePatientId.
    pub source_patient: Option<PatientId>,
    /// healthcareFacilityTypeCode.
    pub facility_type: Code,
    /// practiceSettingCode.
    pub practice_setting: Code,
    /// eventCodeList.
    pub event_codes: Vec<Code>,
    /// Authors; of several institutions or roles the first.
    pub authors: Vec<Author>,
    /// referenceIdList.
    pub references: Vec<Phi<String>>,
}

/// The metadata of an entry.
///
/// # Errors
/// `malformed-xml` when the bytes kept cannot be read.
pub fn metadata(entry: &DocumentEntry) -> Result<EntryView, Malformed> {
    match &entry.encoded {
        Encoded::Ebxml(wire) => of_wire(wire),
        Encoded::Metadata(own) => Ok(EntryView {
            title: own.title.clone(),
            comments: String::new(),
            creation: Some(own.creation.clone()),
            service_start: own.service_start.clone(),
            service_stop: own.service_stop.clone(),
            language: own.language.clone(),
            source_patient: Some(own.source_patient.clone()),
            facility_type: own.facility_type.clone(),
            practice_setting: own.practice_setting.clone(),
            event_codes: own.event_codes.clone(),
            authors: own.authors.clone(),
            references: own.references.clone(),
        }),
    }
}

fn of_wire(wire: &WireBytes) -> Result<EntryView, Malformed> {
    let (tree, _) = splice::parse(wire.text.reveal().as_str(), &wire.namespaces)?;
    Ok(of(&tree))
}

/// The metadata of an ExtrinsicObject.
pub fn of(tree: &Tree) -> EntryView {
    let time = |name| slot(tree, name).and_then(|text| dtm(&text));
    EntryView {
        title: localized(tree, "Name"),
        comments: localized(tree, "Description"),
        creation: time("creationTime"),
        service_start: time("serviceStartTime"),
        service_stop: time("serviceStopTime"),
        language: slot(tree, "languageCode").unwrap_or_default(),
        source_patient: slot(tree, "sourcePatientId").and_then(|cx| PatientId::from_cx(&cx)),
        facility_type: code(tree, scheme::FACILITY_TYPE),
        practice_setting: code(tree, scheme::PRACTICE_SETTING),
        event_codes: codes(tree, scheme::EVENT),
        authors: classifications(tree, scheme::AUTHOR).map(author).collect(),
        references: slot_values(tree, REFERENCE_ID_LIST).into_iter().map(Phi::new).collect(),
    }
}

/// The author that a classification is of.
pub fn author(classification: &Tree) -> Author {
    let first = |name| slot(classification, name).unwrap_or_default();
    Author {
        institution: first("authorInstitution"),
        person: first("authorPerson"),
        specialty: first("authorSpecialty"),
        role: first("authorRole"),
    }
}

/// Reads a time of metadata: a fraction is cut, a zone applied (wire.md 6).
pub fn dtm(text: &str) -> Option<Dtm> {
    let text = text.trim();
    let Some(sign) = text.find(['+', '-', 'Z']) else { return Dtm::parse(text) };
    let (digits, zone) = text.split_at_checked(sign)?;
    let local = Dtm::parse(digits)?;
    let is_offset = zone.len() >= 5 && zone.chars().skip(1).all(|c| c.is_ascii_digit() || c == ':');
    if zone != "Z" && !is_offset {
        return None;
    }
    if zone == "Z" || local.as_str().len() < 10 {
        return Some(local);
    }
    let zone = format!("{}:{}", zone.get(..3)?, zone.get(zone.len().checked_sub(2)?..)?);
    let padded = local.padded();
    let part = |from: usize, to: usize| padded.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let whole = format!("{year}-{month}-{day}T{hour}:{minute}:{second}{zone}");
    let utc = Timestamp::from_xs_date_time(&whole)?.dtm_seconds();
    Dtm::parse(utc.get(..local.as_str().len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_applied_and_the_precision_kept() {
        let read = |text| dtm(text).map(|time| time.as_str().to_owned());
        assert_eq!(read("20260401083000+0900"), Some("20260331233000".to_owned()));
        assert_eq!(read("202604010830-0100"), Some("202604010930".to_owned()));
        assert_eq!(read("20260401083000.123"), Some("20260401083000".to_owned()));
        assert_eq!(read("20260401+0900"), Some("20260401".to_owned()));
        assert_eq!(read("2026-04-01"), None);
        assert_eq!(read("x"), None);
    }
}
