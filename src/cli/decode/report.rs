//! The nine keys of a line, and the marks that stand for patient values.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::model::{Code, Malformed, Phi, Warning};

/// How patient values are shown: as marks, or as in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    reveal: bool,
}

/// Stands for a patient value.
const MARK: &str = "[PHI]";

impl Marks {
    /// With `reveal`, values are shown.
    pub(super) const fn new(reveal: bool) -> Self {
        Self { reveal }
    }

    /// A text that is, or may hold, a patient value. Nothing stays nothing.
    pub(super) fn text(self, text: &str) -> Value {
        if self.reveal || text.is_empty() { text.into() } else { MARK.into() }
    }

    /// A patient value.
    pub(super) fn phi(self, value: &Phi<String>) -> Value {
        self.text(value.reveal())
    }

    /// A word a peer chose that should be a code: shown only if it looks like one.
    pub(super) fn word(self, word: &str) -> Value {
        let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '$');
        let looks_so = word.len() <= 100 && word.chars().all(is_code);
        if looks_so { word.into() } else { self.text(word) }
    }

    /// A coded value.
    pub(super) fn code(self, code: &Code) -> Value {
        let word = |text: &str| if text.len() <= 256 { text.into() } else { self.text(text) };
        json!({ "code": word(&code.value), "system": word(&code.system), "display": word(&code.display) })
    }

    /// An error text that quotes the message: a text with a stray `<` makes names out of values.
    fn without_quotes(self, text: &str) -> String {
        if self.reveal {
            return text.to_owned();
        }
        let parts = text.split('`').enumerate();
        let kept = parts.map(|(at, part)| if at % 2 == 1 && part.len() > 1 { "…" } else { part });
        kept.collect::<Vec<_>>().join("`")
    }
}

/// An error that the message carries.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub(super) code: String,
    pub(super) severity: &'static str,
    pub(super) text: Phi<String>,
}

impl Carried {
    /// Of severity Error.
    pub(super) fn error(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), severity: "Error", text: Phi::new(text.into()) }
    }
}

/// What is told of one input.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) kind: Option<String>,
    pub(super) status: Option<String>,
    pub(super) found: Map<String, Value>,
    pub(super) errors: Vec<Carried>,
    pub(super) warnings: Vec<Warning>,
    pub(super) refusal: Option<Malformed>,
    pub(super) message: Map<String, Value>,
}

#[derive(Serialize)]
struct Line<'r> {
    file: &'r str,
    verdict: &'static str,
    kind: Option<&'r str>,
    status: Option<&'r str>,
    found: &'r Map<String, Value>,
    errors: Vec<Value>,
    warnings: Vec<Value>,
    refusal: Option<Value>,
    message: Option<&'r Map<String, Value>>,
}

impl Report {
    /// Of this kind, nothing read yet.
    pub(super) fn of(kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..Self::default() }
    }

    /// Refused before anything was read.
    pub(super) fn refused(kind: Option<String>, malformed: Malformed) -> Self {
        Self { kind, refusal: Some(malformed), ..Self::default() }
    }

    /// The first reason stands.
    pub(super) fn refuse(&mut self, malformed: Malformed) {
        self.refusal.get_or_insert(malformed);
    }

    /// Each code and text once.
    pub(super) fn warn(&mut self, code: &'static str, text: impl Into<String>) {
        self.put_up(Warning::new(code, text));
    }

    /// Each code and text once.
    pub(super) fn put_up(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// How many of something stand in the message.
    pub(super) fn count(&mut self, key: &str, count: usize) {
        self.found.insert(key.to_owned(), count.into());
    }

    /// A part of the message.
    pub(super) fn show(&mut self, key: &str, value: impl Into<Value>) {
        self.message.insert(key.to_owned(), value.into());
    }

    /// The JSON object, without line end.
    pub(super) fn line(&self, file: &str, marks: Marks) -> String {
        let error = |e: &Carried| json!({ "code": marks.word(&e.code), "severity": e.severity, "text": marks.phi(&e.text) });
        let refusal = self.refusal.as_ref().map(|malformed| {
            let is_quoting = malformed.code == "malformed-xml";
            let text = if is_quoting { marks.without_quotes(&malformed.why) } else { malformed.why.clone() };
            json!({ "code": malformed.code, "where": malformed.at, "text": text })
        });
        let line = Line {
            file,
            verdict: if self.refusal.is_some() { "refused" } else { "accepted" },
            kind: self.kind.as_deref(),
            status: self.status.as_deref(),
            found: &self.found,
            errors: self.errors.iter().map(error).collect(),
            warnings: self.warnings.iter().map(|w| json!({ "code": w.code, "text": w.text })).collect(),
            refusal,
            message: Some(&self.message).filter(|message| !message.is_empty()),
        };
        serde_json::to_string(&line).unwrap_or_default()
    }
}
