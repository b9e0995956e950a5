//! RAD-69 and RAD-75 requests (wire.md 18.1). Their answers are those of a document retrieve.

use serde_json::json;

use super::report::Report;
use super::xml::Message;
use crate::xml::Tree;

pub(super) const XDSI: &str = "urn:ihe:rad:xdsi-b:2009";
const XDSB: &str = "urn:ihe:iti:xds-b:2007";
const SHOWN_MAX: usize = 10_000;

/// Reads a request.
pub(super) fn read(message: &Message<'_>, body: &Tree) -> Report {
    let mut report = Report { kind: message.kind.map(str::to_owned), ..Report::default() };
    let text = |tree: &Tree, name: &str| {
        tree.first(XDSB, name).map(|child| child.text().trim().to_owned()).filter(|text| !text.is_empty())
    };
    let is_named = |tree: &Tree, name: &str| tree.attribute(name).is_some_and(|uid| !uid.trim().is_empty());
    let (mut count, mut shown) = (0, Vec::new());
    for study in body.all(XDSI, "StudyRequest") {
        if !is_named(study, "studyInstanceUID") {
            report.refuse(message.at(study, "XDSIRequestError", "studyInstanceUID is missing or empty"));
        }
        for series in study.all(XDSI, "SeriesRequest") {
            if !is_named(series, "seriesInstanceUID") {
                report.refuse(message.at(
                    series,
                    "XDSIRequestError",
                    "seriesInstanceUID is missing or empty",
                ));
            }
            for image in series.all(XDSB, "DocumentRequest") {
                count += 1;
                let (home, repository) = (text(image, "HomeCommunityId"), text(image, "RepositoryUniqueId"));
                let unique = text(image, "DocumentUniqueId");
                if home.is_none() && message.kind == Some("RAD-75 request") {
                    let why = "a DocumentRequest has no HomeCommunityId";
                    report.refuse(message.at(image, "XDSMissingHomeCommunityId", why));
                }
                if repository.is_none() || unique.is_none() {
                    let why = "a DocumentRequest without RepositoryUniqueId or DocumentUniqueId";
                    report.refuse(message.at(image, "XDSRepositoryError", why));
                }
                if home.as_deref().is_some_and(|home| !home.starts_with("urn:oid:")) {
                    report.warn("home-without-urn", "a HomeCommunityId has no urn:oid:");
                }
                if shown.len() < SHOWN_MAX {
                    shown.push(json!({
                        "home": home.map(|home| message.marks.word(&home)),
                        "repository": repository.map(|oid| message.marks.word(&oid)),
                        "unique_id": message.marks.text(unique.as_deref().unwrap_or_default()),
                    }));
                }
            }
        }
    }
    report.count("documents", count);
    report.show("documents", shown);
    if count == 0 {
        report.refuse(message.at(body, "XDSIRequestError", "no image is asked for"));
    }
    let syntaxes = body.first(XDSI, "TransferSyntaxUIDList");
    let mut syntaxes = syntaxes.into_iter().flat_map(|list| list.all(XDSI, "TransferSyntaxUID"));
    if !syntaxes.any(|uid| !uid.text().trim().is_empty()) {
        report.refuse(message.at(body, "XDSRepositoryError", "no transfer syntax is named"));
    }
    report
}
