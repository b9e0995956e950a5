//! What `kakehashi decode` tells of an ebXML message: the whole of it before anything is dropped, all
//! switches off (cli.md). Pure; a refusal means that the message itself is at fault.

use serde::Serialize;

use super::carried::{Carried, CarriedDocument, CarriedObjects, CarriedQuery};
use super::checked_query::{HomeRule, check};
use super::object_counts::Counts;
use super::query_response::{self, Head};
use super::registry_response::{RegistryError, Status};
use super::retrieve_request;
use super::retrieve_response::{self, Content};
use super::stored_query::StoredQuery;
use super::vocabulary::{QUERY, RIM, RS};
use crate::dialect::soap::Envelope;
use crate::model::{Malformed, Oid, PatientId, PeerProfile, Phi, Refusal, Severity, Warning};
use crate::xml::Reader;

/// How many of what stand in a message; only keys that apply are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// ExtrinsicObjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<usize>,
    /// DocumentRequests or DocumentResponses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<usize>,
    /// Folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folders: Option<usize>,
    /// Submission sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission_sets: Option<usize>,
    /// Associations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub associations: Option<usize>,
    /// ObjectRefs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_refs: Option<usize>,
    /// The stored query's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<&'static str>,
}

/// An error or warning that the message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedError {
    /// errorCode.
    pub code: String,
    /// `Error` or `Warning`.
    pub severity: &'static str,
    /// codeContext; peers put patient ids into it.
    pub text: Phi<String>,
}

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Last part of the status URN; None for requests.
    pub status: Option<&'static str>,
    /// What stands in it.
    pub found: Found,
    /// Errors carried.
    pub errors: Vec<CarriedError>,
    /// What was put up with.
    pub warnings: Vec<Warning>,
    /// Why it is refused.
    pub refusal: Option<Malformed>,
    /// What it says, in its own words.
    pub carried: Carried,
}

impl Summary {
    fn refused(malformed: Malformed) -> Self {
        Self { refusal: Some(malformed), ..Self::default() }
    }

    pub(super) fn warn(&mut self, code: &'static str, text: impl Into<String>) {
        let warning = Warning::new(code, text);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(super) fn refuse(&mut self, malformed: Malformed) {
        self.refusal.get_or_insert(malformed);
    }

    fn head(&mut self, head: &Head, is_empty: bool) {
        self.status = Some(match head.status {
            Status::Failure => "Failure",
            Status::PartialSuccess => "PartialSuccess",
            Status::Success => "Success",
        });
        self.errors = head.errors.iter().map(carried).collect();
        self.warnings.extend(head.warnings.iter().cloned());
        let has_errors = head.errors.iter().any(RegistryError::is_error);
        match head.status {
            Status::Success if has_errors => {
                self.warn("status-contradicts-errors", "Success, and errors are listed");
            }
            Status::Failure if !has_errors => {
                self.warn("status-contradicts-errors", "Failure, and no error is listed");
            }
            _ => {}
        }
        if head.status == Status::Failure && !is_empty {
            self.warn("failure-with-documents", "Failure, and results are given: they are dropped");
        }
        if head.is_deferred {
            self.warn("deferred-answer", "a part of the answer is deferred");
        }
    }
}

/// An AdhocQueryRequest. ITI-18 within a community needs no home, ITI-38 does.
pub fn query_request(message: &Envelope, rule: HomeRule) -> Summary {
    let tree = message.body_tree().ok().filter(|tree| tree.is(QUERY, "AdhocQueryRequest"));
    let query = tree.as_deref().and_then(CarriedQuery::of);
    let stored = query.as_ref().and_then(|query| StoredQuery::by_id(&query.id));
    let found = Found { query: stored.map(|stored| stored.name), ..Found::default() };
    let carried = query.map_or(Carried::Nothing, Carried::Query);
    let checked = checked_query(message, rule);
    Summary { found, carried, ..checked }
}

fn checked_query(message: &Envelope, rule: HomeRule) -> Summary {
    match check(message, &PeerProfile::default(), rule) {
        Ok(checked) => {
            let mut summary = Summary { warnings: checked.warnings, ..Summary::default() };
            if checked.home.as_deref().is_some_and(|home| Oid::parse(home).is_none()) {
                summary.warn("unknown-home", "AdhocQuery/@home is no OID, so no community can be meant");
            }
            if let Some(cx) = &checked.patient {
                match PatientId::from_cx(cx.reveal()) {
                    None => {
                        summary.warn("unknown-patient", "the patient id is no CX, so nobody can be meant")
                    }
                    Some(_) if cx.reveal().split('^').nth(3).is_some_and(|a| !a.starts_with('&')) => {
                        summary.warn("cx-namespace", "the patient id carries a namespace id");
                    }
                    Some(_) => {}
                }
            }
            summary
        }
        Err(Refusal::Malformed(malformed)) => Summary::refused(malformed),
        Err(other) => Summary::refused(Malformed::new("XDSUnknownStoredQuery", "", other.to_string())),
    }
}

/// An AdhocQueryResponse. Objects of a gateway's answer (ITI-38) need a home.
pub fn query_response(message: &Envelope, rule: HomeRule) -> Summary {
    let mut summary = Summary::default();
    let mut counts = Counts::default();
    let mut objects = CarriedObjects::default();
    let head = query_response::scan(message, |object| {
        counts.take(object, rule, &mut summary, message.source());
        if &*object.tree.element.ns == RIM {
            objects.take(object.tree);
        }
        Ok(())
    });
    summary.found = counts.found();
    summary.carried = Carried::Objects(objects);
    match head {
        Ok(head) => summary.head(&head, counts.is_empty()),
        Err(malformed) => {
            if counts.is_empty() {
                summary.found = Found::default();
            }
            summary.refuse(malformed);
        }
    }
    summary
}

/// A RetrieveDocumentSetRequest. ITI-39 needs a home for every document.
pub fn retrieve_request(message: &Envelope, rule: HomeRule) -> Summary {
    let asked = match retrieve_request::asked(message, rule) {
        Ok(asked) => asked,
        Err(malformed) => return Summary::refused(malformed),
    };
    let found = Found { documents: Some(asked.len()), ..Found::default() };
    let carried = Carried::Documents(asked.iter().map(CarriedDocument::from).collect());
    let mut summary = Summary { found, carried, ..Summary::default() };
    for asked in &asked {
        match asked.document {
            Err("XDSMissingHomeCommunityId") if rule == HomeRule::Required => {
                let why = "a DocumentRequest has no HomeCommunityId";
                summary.refuse(Malformed::new("XDSMissingHomeCommunityId", "", why));
            }
            Err("XDSUnknownCommunity") => {
                summary.warn("unknown-home", "a HomeCommunityId is no OID, so no community can be meant");
            }
            _ if Oid::parse(&asked.repository).is_none() => {
                summary.warn("unknown-repository", "a RepositoryUniqueId is no OID, so none can be meant");
            }
            _ if asked.repository.trim().starts_with("urn:") => {
                summary.warn("repository-with-urn", "a RepositoryUniqueId carries urn:oid:");
            }
            _ => {}
        }
        if !asked.is_ordered {
            summary.warn(
                "element-order",
                "the children of a DocumentRequest are not in the order of the schema",
            );
        }
    }
    summary
}

/// A RetrieveDocumentSetResponse. `has_part` tells whether the package holds the part an xop:Include
/// names; None when the root came alone.
pub fn retrieve_response(
    message: &Envelope,
    rule: HomeRule,
    has_part: Option<&dyn Fn(&str) -> bool>,
) -> Summary {
    let mut summary = Summary::default();
    let mut documents = Vec::new();
    let head = retrieve_response::scan(message, |part| {
        documents.push(CarriedDocument::from(&part));
        if part.home.is_none() && rule == HomeRule::Required {
            summary.warn("home-missing", "a DocumentResponse has no HomeCommunityId");
        }
        if part.home.as_deref().is_some_and(|home| !home.starts_with("urn:oid:")) {
            summary.warn("home-without-urn", "a HomeCommunityId has no urn:oid:");
        }
        match (&part.content, has_part) {
            (Content::Decoded(_), _) => {}
            (Content::Include(_), None) => {
                summary.warn("mtom-part-missing", "a document stands in a part, and the root came alone");
            }
            (Content::Include(href), Some(has_part)) if !has_part(href) => {
                let why = "an xop:Include names a part that the package does not hold";
                summary.refuse(Malformed::new("mtom-part-missing", "", why));
            }
            (Content::Include(_), Some(_)) => {}
            (Content::Missing, _) => {
                let why = "a DocumentResponse has no Document";
                summary.refuse(Malformed::new("XDSRepositoryError", "", why));
            }
            (Content::Text(_), _) => {
                summary.warn("text-not-base64", "an inline document is not base64");
                let why = "an inline document is not base64 (switch inline_text_documents)";
                summary.refuse(Malformed::new("XDSRepositoryError", "", why));
            }
        }
    });
    let count = documents.len();
    summary.found.documents = Some(count);
    summary.carried = Carried::Documents(documents);
    match head {
        Ok(head) => {
            summary.head(&head, count == 0);
            if head.status == Status::PartialSuccess && count == 0 {
                summary.warn("partial-without-documents", "PartialSuccess, and no document is given");
            }
        }
        Err(malformed) => {
            if count == 0 {
                summary.found = Found::default();
            }
            summary.refuse(malformed);
        }
    }
    summary
}

/// A RegistryResponse alone (ITI-41, ITI-80 and acknowledgements).
pub fn registry_response(message: &Envelope) -> Summary {
    let tree = match message.body_tree() {
        Ok(tree) => tree,
        Err(malformed) => return Summary::refused(malformed),
    };
    let at = |why: &str| Reader::new(message.source()).malformed_at(tree.element.at, "XDSRegistryError", why);
    if !tree.is(RS, "RegistryResponse") {
        return Summary::refused(at("the body holds no RegistryResponse"));
    }
    let mut summary = Summary::default();
    match retrieve_response::registry_response(&tree) {
        Some(head) => summary.head(&head, true),
        None => summary.refuse(at("the answer has no known status")),
    }
    summary
}

fn carried(error: &RegistryError) -> CarriedError {
    let severity = match error.severity {
        Severity::Error => "Error",
        Severity::Warning => "Warning",
    };
    CarriedError { code: error.code.clone(), severity, text: Phi::new(error.context.clone()) }
}

#[cfg(test)]
mod tests;
