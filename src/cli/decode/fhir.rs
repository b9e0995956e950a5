//! FHIR resources: named and counted, not read; and the claims of an IUA token. Everything a resource
//! says beyond its type stays out of the line.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::report::{Carried, Marks, Report};
use crate::model::{Malformed, Phi};
use crate::xml::Tree;

pub(super) const NS: &str = "http://hl7.org/fhir";
const ISSUES_MAX: usize = 1000;

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(default)]
    entry: Tally,
    #[serde(default)]
    issue: Issues,
    iss: Option<IgnoredAny>,
    exp: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Entry {
    resource: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(default)]
    issue: Issues,
}

#[derive(Deserialize)]
struct Issue {
    code: Option<String>,
    severity: Option<String>,
    diagnostics: Option<String>,
}

/// The resources of a bundle, counted one by one and not kept.
#[derive(Default)]
struct Tally {
    patients: usize,
    entries: usize,
    all: usize,
    issues: Vec<Issue>,
}

/// The first issues of an outcome.
#[derive(Default)]
struct Issues(Vec<Issue>);

impl<'de> Deserialize<'de> for Tally {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self::default())
    }
}

impl<'de> Visitor<'de> for Tally {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries of a bundle")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut entries: A) -> Result<Self, A::Error> {
        while let Some(entry) = entries.next_element::<Entry>()? {
            let Some(inner) = entry.resource else { continue };
            self.add(inner.resource_type.as_deref().unwrap_or_default());
            let room = ISSUES_MAX.saturating_sub(self.issues.len());
            self.issues.extend(inner.issue.0.into_iter().take(room));
        }
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Issues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self::default())
    }
}

impl<'de> Visitor<'de> for Issues {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("issues")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut issues: A) -> Result<Self, A::Error> {
        while let Some(issue) = issues.next_element::<Issue>()? {
            if self.0.len() < ISSUES_MAX {
                self.0.push(issue);
            }
        }
        Ok(self)
    }
}

impl Tally {
    fn add(&mut self, name: &str) {
        self.all += 1;
        self.patients += usize::from(name == "Patient");
        self.entries += usize::from(name == "DocumentReference");
    }
}

/// Names a JSON document.
pub(super) fn json(bytes: &[u8], marks: Marks) -> Report {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let malformed = |error: serde_json::Error| {
        let at = format!("{}:{}", error.line(), error.column());
        let why = if error.is_data() { "not the JSON of a resource" } else { "not well-formed JSON" };
        Report::refused(None, Malformed::new("malformed-json", at, why))
    };
    let why = "JSON that is neither a FHIR resource nor the claims of a token";
    let unknown = || Report::refused(None, Malformed::new("unknown-format", "1:1", why));
    if bytes.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice::<IgnoredAny>(bytes).map_or_else(malformed, |_| unknown());
    }
    let resource: Resource = match serde_json::from_slice(bytes) {
        Ok(resource) => resource,
        Err(error) => return malformed(error),
    };
    let Some(name) = resource.resource_type else {
        if resource.iss.is_none() || resource.exp.is_none() {
            return unknown();
        }
        let mut report = Report::of("JWT claims");
        report.warn("trust-not-checked", "signature, issuer, time and audience are not looked at here");
        return report;
    };
    let mut report = named(&name, &resource.entry, marks);
    for issue in resource.issue.0.into_iter().chain(resource.entry.issues) {
        let is_warning = matches!(issue.severity.as_deref(), Some("warning" | "information"));
        report.errors.push(Carried {
            code: issue.code.unwrap_or_default(),
            severity: if is_warning { "Warning" } else { "Error" },
            text: Phi::new(issue.diagnostics.unwrap_or_default()),
        });
    }
    report
}

/// Names a resource in XML.
pub(super) fn xml(tree: &Tree, name: &str, marks: Marks) -> Report {
    let resources = tree
        .all(NS, "entry")
        .filter_map(|entry| entry.first(NS, "resource"))
        .filter_map(|resource| resource.elements().next());
    let mut tally = Tally::default();
    resources.for_each(|resource| tally.add(resource.name()));
    named(name, &tally, marks)
}

fn named(name: &str, tally: &Tally, marks: Marks) -> Report {
    let is_name = name.len() <= 64 && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_name {
        let why = "resourceType is no name of a resource";
        return Report::refused(None, Malformed::new("malformed-json", "1:1", why));
    }
    let mut report = Report::of(format!("FHIR {name}"));
    report.warn("not-read", "FHIR resources are named and counted, not read");
    match name {
        "Bundle" => {
            report.count("patients", tally.patients);
            report.count("entries", tally.entries);
            report.show("resources", tally.all);
        }
        "Patient" => report.count("patients", 1),
        "DocumentReference" => report.count("entries", 1),
        _ => {}
    }
    report.show("resource_type", marks.word(name));
    report
}
