//! ITI-41, ITI-80 and ITI-42: what a submission holds (wire.md 16, 18.2, 18.3). Which of its metadata
//! a registry would take is not judged.

use std::collections::BTreeSet;

use serde_json::json;

use super::report::Report;
use super::xml::Message;
use crate::xml::Tree;

pub(super) const XDSB: &str = "urn:ihe:iti:xds-b:2007";
pub(super) const LCM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0";
const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
const XOP: &str = "http://www.w3.org/2004/08/xop/include";
const SUBMISSION_SET: &str = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd";
const FOLDER: &str = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2";

/// Reads a submission.
pub(super) fn read(message: &Message<'_>, body: &Tree) -> Report {
    let is_register = body.is(LCM, "SubmitObjectsRequest");
    let usual = if is_register { "ITI-42 request" } else { "ITI-41 request" };
    let mut report = Report::of(message.kind.unwrap_or(usual));
    let submit = if is_register { Some(body) } else { body.first(LCM, "SubmitObjectsRequest") };
    let list = submit.and_then(|submit| submit.first(RIM, "RegistryObjectList"));
    let Some(list) = list else {
        let why = "SubmitObjectsRequest/RegistryObjectList is missing";
        report.refuse(message.at(body, "XDSRepositoryError", why));
        return report;
    };
    let mut beside = BTreeSet::new();
    for mark in list.all(RIM, "Classification") {
        if let (Some(object), Some(node)) =
            (mark.attribute("classifiedObject"), mark.attribute("classificationNode"))
        {
            beside.insert((object, node.trim()));
        }
    }
    let is_marked = |package: &Tree, node: &str| {
        package
            .all(RIM, "Classification")
            .any(|c| c.attribute("classificationNode").map(str::trim) == Some(node))
            || package.attribute("id").is_some_and(|id| beside.contains(&(id, node)))
    };
    let packages = |node: &str| list.all(RIM, "RegistryPackage").filter(|p| is_marked(p, node)).count();
    let sets = packages(SUBMISSION_SET);
    report.count("submission_sets", sets);
    let entries: Vec<&Tree> = list.all(RIM, "ExtrinsicObject").collect();
    report.count("entries", entries.len());
    for (key, count) in
        [("folders", packages(FOLDER)), ("associations", list.all(RIM, "Association").count())]
    {
        if count > 0 {
            report.count(key, count);
        }
    }
    if sets != 1 {
        report.refuse(message.at(list, "XDSRepositoryMetadataError", "not exactly one submission set"));
    }
    if !is_register {
        documents(message, body, &entries, &mut report);
    }
    report
}

fn documents(message: &Message<'_>, body: &Tree, entries: &[&Tree], report: &mut Report) {
    let documents: Vec<&Tree> = body.all(XDSB, "Document").collect();
    report.count("documents", documents.len());
    let id = |tree: &&Tree| tree.attribute("id").map(|id| id.trim().to_owned());
    let given: BTreeSet<String> = documents.iter().filter_map(id).collect();
    let named: BTreeSet<String> = entries.iter().filter_map(id).collect();
    if let Some(without) = entries.iter().find(|entry| id(entry).is_none_or(|id| !given.contains(&id))) {
        report.refuse(message.at(without, "XDSMissingDocument", "an entry comes without its document"));
    }
    if let Some(without) =
        documents.iter().find(|document| id(document).is_none_or(|id| !named.contains(&id)))
    {
        let why = "a document comes without its entry";
        report.refuse(message.at(without, "XDSMissingDocumentMetadata", why));
    }
    let mut shown = Vec::new();
    for document in documents.iter().take(1000) {
        let href = document.first(XOP, "Include").and_then(|include| include.attribute("href"));
        let text = document.text();
        match (href, message.has_part) {
            (Some(_), None) => {
                report.warn("mtom-part-missing", "a document stands in a part, and the root came alone");
            }
            (Some(href), Some(has_part)) if !has_part(href) => {
                let why = "an xop:Include names a part that the package does not hold";
                report.refuse(message.at(document, "mtom-part-missing", why));
            }
            (Some(_), Some(_)) => {}
            (None, _) => match crate::dialect::soap::decode_base64(&text) {
                Ok(_) => {}
                Err(_) => {
                    report.warn("text-not-base64", "an inline document is not base64");
                    let why = "an inline document is not base64 (switch inline_text_documents)";
                    report.refuse(message.at(document, "XDSRepositoryError", why));
                }
            },
        }
        let id = message.marks.text(document.attribute("id").unwrap_or_default());
        shown.push(json!({ "id": id, "is_part": href.is_some() }));
    }
    report.show("documents", shown);
}
