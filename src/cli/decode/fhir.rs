//! FHIR resources: named and counted, not read; and the claims of an IUA token. Everything a resource
//! says beyond its type stays out of the line.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::report::{Carried, Marks, Report};
use crate::model::{Malformed, Phi};
use crate::xml::Tree;

pub(super) const NS: &str = "http://hl7.org/fhir";

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(default)]
    entry: Vec<Entry>,
    #[serde(default)]
    issue: Vec<Issue>,
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
    issue: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    code: Option<String>,
    severity: Option<String>,
    diagnostics: Option<String>,
}

/// Names a JSON document.
pub(super) fn json(bytes: &[u8], marks: Marks) -> Report {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let resource: Resource = match serde_json::from_slice(bytes) {
        Ok(resource) => resource,
        Err(error) => {
            let at = format!("{}:{}", error.line(), error.column());
            let why = if error.is_data() { "not the JSON of a resource" } else { "not well-formed JSON" };
            return Report::refused(None, Malformed::new("malformed-json", at, why));
        }
    };
    let Some(name) = resource.resource_type else {
        if resource.iss.is_some() && resource.exp.is_some() {
            let mut report = Report::of("JWT claims");
            report.warn("trust-not-checked", "signature, issuer, time and audience are not looked at here");
            return report;
        }
        let why = "JSON that is neither a FHIR resource nor the claims of a token";
        return Report::refused(None, Malformed::new("unknown-format", "1:1", why));
    };
    let inner: Vec<Inner> = resource.entry.into_iter().filter_map(|entry| entry.resource).collect();
    let names = inner.iter().filter_map(|inner| inner.resource_type.as_deref());
    let mut report = named(&name, names, marks);
    for issue in resource.issue.into_iter().chain(inner.into_iter().flat_map(|inner| inner.issue)) {
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
        .filter_map(|resource| resource.elements().next())
        .map(Tree::name);
    named(name, resources, marks)
}

fn named<'r>(name: &str, inner: impl Iterator<Item = &'r str>, marks: Marks) -> Report {
    let is_name = name.len() <= 64 && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_name {
        let why = "resourceType is no name of a resource";
        return Report::refused(None, Malformed::new("malformed-json", "1:1", why));
    }
    let mut report = Report::of(format!("FHIR {name}"));
    report.warn("not-read", "FHIR resources are named and counted, not read");
    let (mut patients, mut entries, mut all) = (0, 0, 0);
    for inner in inner {
        all += 1;
        patients += usize::from(inner == "Patient");
        entries += usize::from(inner == "DocumentReference");
    }
    match name {
        "Bundle" => {
            report.count("patients", patients);
            report.count("entries", entries);
            report.show("resources", all);
        }
        "Patient" => report.count("patients", 1),
        "DocumentReference" => report.count("entries", 1),
        _ => {}
    }
    report.show("resource_type", marks.word(name));
    report
}
