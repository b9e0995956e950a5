//! Status and error list of an ebXML answer (wire.md 12, 17): reading with the short and misplaced
//! forms that occur, writing the whole ones.

use super::vocabulary::{RIM, RS, last_word};
use crate::model::{Severity, Warning};
use crate::xml::{Tree, Writer};

/// ResponseStatusType.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// At least one error and no results.
    Failure,
    /// At least one error, and results or another target that answered.
    PartialSuccess,
    /// No error.
    Success,
}

impl Status {
    /// Reads a status; `Queued` and `Unavailable` count as failures. None for what is none.
    pub fn read(urn: Option<&str>) -> Option<Self> {
        match last_word(urn?).to_ascii_lowercase().as_str() {
            "failure" | "queued" | "unavailable" => Some(Self::Failure),
            "partialsuccess" => Some(Self::PartialSuccess),
            "success" => Some(Self::Success),
            _ => None,
        }
    }

    /// The URN we write.
    pub const fn urn(self) -> &'static str {
        match self {
            Self::Failure => "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure",
            Self::PartialSuccess => "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess",
            Self::Success => "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success",
        }
    }
}

/// One RegistryError.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryError {
    /// errorCode.
    pub code: String,
    /// codeContext.
    pub context: String,
    /// severity.
    pub severity: Severity,
    /// location: a home community when we write it.
    pub location: String,
}

impl RegistryError {
    /// An error of ours.
    pub fn new(code: &str, context: impl Into<String>, location: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            context: context.into(),
            severity: Severity::Error,
            location: location.into(),
        }
    }

    /// Whether it is of severity error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Whether a list of errors stands here; it also comes in the rim namespace.
pub fn is_error_list(ns: &str, local: &str) -> bool {
    local == "RegistryErrorList" && (ns == RS || ns == RIM)
}

/// What deviates in the words of an answer's status and errors.
pub fn word_warnings(status: Option<&str>, lists: &[&Tree]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if status.is_some_and(|status| !status.trim().starts_with("urn:")) {
        warnings.push(Warning::new("short-status", "the status is no URN"));
    }
    if lists.iter().any(|list| &*list.element.ns == RIM) {
        warnings.push(Warning::new("error-list-namespace", "RegistryErrorList is in the rim namespace"));
    }
    let mut severities =
        lists.iter().flat_map(|list| list.elements()).filter_map(|e| e.attribute("severity"));
    if severities.any(|severity| !severity.trim().starts_with("urn:")) {
        warnings.push(Warning::new("short-severity", "the severity of an error is no URN"));
    }
    warnings
}

/// Reads a RegistryErrorList. Texts are cut to a thousand characters.
pub fn read_errors(list: &Tree) -> Vec<RegistryError> {
    let errors = list.elements().filter(|error| error.name() == "RegistryError").take(ERRORS_MAX);
    errors
        .map(|error| {
            let text = |name| cut(error.attribute(name).unwrap_or_default());
            let severity = match last_word(error.attribute("severity").unwrap_or_default()) {
                word if word.eq_ignore_ascii_case("Warning") => Severity::Warning,
                _ => Severity::Error,
            };
            let code = match text("errorCode") {
                code if code.is_empty() => "XDSRegistryError".to_owned(),
                code if code == "XDSRepostoryError" => "XDSRepositoryError".to_owned(),
                code => code,
            };
            RegistryError { code, context: text("codeContext"), severity, location: text("location") }
        })
        .collect()
}

/// Writes a RegistryErrorList, if there is anything to write.
pub fn write_errors(w: &mut Writer, errors: &[RegistryError]) {
    let Some(highest) = errors.iter().map(|error| error.severity).min() else { return };
    w.start("rs:RegistryErrorList").attribute("highestSeverity", severity_urn(highest));
    for error in errors {
        w.start("rs:RegistryError")
            .attribute("errorCode", &error.code)
            .attribute("codeContext", &error.context)
            .attribute("severity", severity_urn(error.severity))
            .attribute("location", &error.location)
            .end();
    }
    w.end();
}

/// Whether a ResponseSlotList says that more will come later.
pub fn is_deferred(slots: &Tree) -> bool {
    slots.all(RIM, "Slot").any(|slot| slot.attribute("name") == Some("DeferredProcessingRequired"))
}

const fn severity_urn(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error",
        Severity::Warning => "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning",
    }
}

fn cut(text: &str) -> String {
    text.trim().chars().take(TEXT_CHARS_MAX).collect()
}

const TEXT_CHARS_MAX: usize = 1000;

/// Errors read of one answer; the rest is left out.
const ERRORS_MAX: usize = 1000;
