//! A file of the storage, read and judged: what both the index and `decode` see of it. Accepted with
//! warnings or refused with a word; no bytes make it fail otherwise.

use super::checks;
use super::document::{self, ClinicalDocument};
use super::kinds::StandardKind;
use super::path::{Flag, StorageFile};
use crate::dialect::hl7v2::{Encoding, Message, Parsed, demographics};
use crate::model::{Demographics, Malformed, Phi, Warning};

/// A file that was read.
#[derive(Debug, Clone)]
pub struct ReadFile {
    /// What its path says.
    pub file: StorageFile,
    /// The message; None for an extension document that is not HL7 v2.
    pub message: Option<Message>,
    /// The person of the PID, where there is one.
    pub demographics: Option<Phi<Demographics>>,
    /// The character set of the message.
    pub encoding: Option<Encoding>,
    /// mimeType of the original bytes.
    pub media_type: &'static str,
    /// Everything put up with, the path's included.
    pub warnings: Vec<Warning>,
    /// The CDA header of an extension document.
    pub(super) clinical: Option<ClinicalDocument>,
}

/// A message without a storage path.
#[derive(Debug, Clone)]
pub struct Unfiled {
    /// The message.
    pub message: Message,
    /// The kind it would be filed under.
    pub kind: Option<&'static StandardKind>,
    /// The person of the PID.
    pub demographics: Option<Phi<Demographics>>,
    /// The character set.
    pub encoding: Encoding,
    /// Everything put up with.
    pub warnings: Vec<Warning>,
}

/// Reads a file by the path it was given by, folders counting where they look like a storage.
///
/// # Errors
/// As [`StorageFile::parse_any`] and [`read_file`].
pub fn read_path(path: &[u8], bytes: &[u8]) -> Result<ReadFile, Malformed> {
    read_file(StorageFile::parse_any(path)?, bytes)
}

/// Reads the bytes of a file whose path is known.
///
/// # Errors
/// As [`Message::parse`], and `truncated`, `required-segment-missing`, `pid-missing`,
/// `pid-differs-from-path`.
pub fn read_file(file: StorageFile, bytes: &[u8]) -> Result<ReadFile, Malformed> {
    let Some(kind) = checks::standard(&file) else { return read_document(file, bytes) };
    let parsed = Message::parse(bytes)?;
    let mut warnings = file.warnings.clone();
    warnings.extend(checks::patient(&file, &parsed)?);
    warnings.extend(checks::content(&file, kind, &parsed)?);
    Ok(of_message(file, parsed, warnings))
}

fn of_message(file: StorageFile, parsed: Parsed, mut warnings: Vec<Warning>) -> ReadFile {
    warnings.splice(0..0, parsed.warnings);
    let (person, repairs) = demographics(&parsed.message);
    warnings.extend(repairs);
    ReadFile {
        file,
        message: Some(parsed.message),
        demographics: Some(Phi::new(person)),
        encoding: Some(parsed.encoding),
        media_type: "application/hl7-v2",
        warnings: distinct(warnings),
        clinical: None,
    }
}

/// A document of the extension storage: HL7 v2 and CDA are checked for their patient, others taken.
fn read_document(file: StorageFile, bytes: &[u8]) -> Result<ReadFile, Malformed> {
    if bytes.is_empty() {
        return Err(Malformed::new("empty-file", "", "the document is empty"));
    }
    let media_type = document::media_type(file.document.as_deref().unwrap_or_default(), bytes);
    let mut warnings = file.warnings.clone();
    if media_type == "application/hl7-v2" {
        let parsed = Message::parse(bytes)?;
        warnings.extend(checks::patient(&file, &parsed)?);
        return Ok(of_message(file, parsed, warnings));
    }
    let clinical = match media_type {
        "text/xml" => document::clinical_document(bytes).unwrap_or_else(|_| {
            warnings.push(crate::dialect::hl7v2::deviation::DOCUMENT_UNREADABLE.warning());
            None
        }),
        _ => None,
    };
    let named = clinical.as_ref().map(|header| header.patients.as_slice()).unwrap_or_default();
    if !named.is_empty() && !named.contains(&file.patient) {
        let why =
            "the patient number in the document differs from the one in the path; the file is set aside";
        return Err(Malformed::new("pid-differs-from-path", "recordTarget", why));
    }
    Ok(ReadFile {
        file,
        message: None,
        demographics: None,
        encoding: None,
        media_type,
        warnings: distinct(warnings),
        clinical,
    })
}

/// Reads a message that lies in no storage.
///
/// # Errors
/// As [`Message::parse`].
pub fn read_unfiled(bytes: &[u8]) -> Result<Unfiled, Malformed> {
    let parsed = Message::parse(bytes)?;
    let (person, repairs) = demographics(&parsed.message);
    let mut warnings = parsed.warnings;
    warnings.extend(repairs);
    Ok(Unfiled {
        kind: checks::kind_of(&parsed.message),
        demographics: parsed.message.first("PID").map(|_| Phi::new(person)),
        message: parsed.message,
        encoding: parsed.encoding,
        warnings: distinct(warnings),
    })
}

/// One warning a code and text, in the order found.
fn distinct(warnings: Vec<Warning>) -> Vec<Warning> {
    let mut kept: Vec<Warning> = Vec::with_capacity(warnings.len());
    for warning in warnings {
        if !kept.contains(&warning) {
            kept.push(warning);
        }
    }
    kept
}

impl ReadFile {
    /// How many document entries the index makes of it by itself: none of a deleted one.
    pub fn found_entries(&self) -> usize {
        usize::from(self.file.flag != Flag::Deleted)
    }

    /// How many persons the index learns from it: current demographics (ADT-00) only.
    pub fn found_patients(&self) -> usize {
        let demographic = checks::standard(&self.file).is_some_and(|kind| kind.code == "ADT-00");
        usize::from(demographic && self.file.flag == Flag::Current)
    }

    /// `SS-MIX2 OMP-01` or `SS-MIX2 extension file`.
    pub fn kind_word(&self) -> String {
        checks::standard(&self.file)
            .map_or_else(|| "SS-MIX2 extension file".to_owned(), |kind| format!("SS-MIX2 {}", kind.code))
    }
}

#[cfg(test)]
mod tests;
