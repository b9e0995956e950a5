//! RetrieveDocumentSetResponse (ITI-43, ITI-39; wire.md 15), written: each document asked for is
//! delivered or named by an error, ids are echoed as they were asked.

use uuid::Uuid;

use super::checked_query::HomeRule;
use super::refusal::{Actor, Said, say};
use super::registry_response::{RegistryError, Status, write_errors};
use super::retrieve_request::{self, Asked, Wanted};
use super::vocabulary::{RIM, RS, XDSB, XOP};
use crate::dialect::soap::{Attachment, Envelope};
use crate::dialect::{Addressing, Payload, Reply};
use crate::model::{Answer, Document, DocumentId, Failure, PeerProfile, Refusal, Severity};
use crate::xml::Writer;

/// The answer to a retrieve, or the fault.
pub fn reply(
    request: &Envelope,
    addressing: &Addressing,
    profile: &PeerProfile,
    rule: HomeRule,
    answer: Result<Answer<Document>, Refusal>,
) -> Reply {
    let asked = retrieve_request::asked(request, rule).unwrap_or_default();
    let writing = Writing { asked, addressing };
    let refusal = match answer {
        Ok(answer) => return Reply::Payload(writing.answer(answer)),
        Err(refusal) => refusal,
    };
    Reply::Payload(match say(&refusal, Actor::Repository, profile) {
        Said::Error { code, context } => match refusal {
            Refusal::Malformed(_) | Refusal::Unsupported(_) => writing.failure_of_all(code, &context),
            _ => writing.failure(code, &context),
        },
        Said::Fault(fault) => return Reply::Fault(fault),
        Said::Nothing => writing.answer(Answer::default()),
    })
}

/// What an answer is written from.
pub struct Writing<'a> {
    /// The documents asked for; empty when the request could not be read.
    pub asked: Vec<Asked>,
    /// Ours.
    pub addressing: &'a Addressing,
}

impl Writing<'_> {
    /// Writes an answer. Documents stand in the order in which they were found, so that streams of
    /// one package are drained in its order.
    pub fn answer(&self, mut answer: Answer<Document>) -> Payload {
        let found = std::mem::take(&mut answer.found);
        let mut delivered: Vec<(&Asked, Document)> = Vec::new();
        for document in found {
            let asked = self.asked.iter().find(|asked| asked.is(&document.id));
            let is_new = !delivered.iter().any(|(_, known)| known.id == document.id);
            // INVARIANT: nothing leaves that this request did not ask for.
            if let Some(asked) = asked.filter(|_| is_new) {
                delivered.push((asked, document));
            }
        }
        // One that was named twice, with its home and without, is there once.
        let is_delivered = |asked: &Asked| delivered.iter().any(|(_, document)| asked.is(&document.id));
        let missing = self.asked.iter().filter(|asked| !is_delivered(asked));
        let mut errors: Vec<RegistryError> = missing.map(|asked| self.error(asked, &answer)).collect();
        let status = match (errors.is_empty(), delivered.is_empty()) {
            (true, _) => Status::Success,
            (false, false) => Status::PartialSuccess,
            (false, true) => Status::Failure,
        };
        let warnings = answer.reported.iter().filter(|reported| reported.severity == Severity::Warning);
        errors.extend(warnings.map(|warning| RegistryError {
            code: warning.code.clone(),
            context: warning.context.clone(),
            severity: Severity::Warning,
            location: warning.community.as_ref().unwrap_or(&self.addressing.community).to_string(),
        }));
        self.write(status, &errors, delivered)
    }

    /// Writes a failure of all documents, each with this code.
    pub fn failure(&self, code: &str, context: &str) -> Payload {
        if self.asked.is_empty() {
            return self.failure_of_all(code, context);
        }
        let errors: Vec<_> = self
            .asked
            .iter()
            .map(|asked| self.named(asked, asked.document.as_ref().err().copied().unwrap_or(code)))
            .collect();
        self.write(Status::Failure, &errors, Vec::new())
    }

    /// Writes a failure with one error that names no document.
    pub fn failure_of_all(&self, code: &str, context: &str) -> Payload {
        let error = RegistryError::new(code, context, self.addressing.community.to_string());
        self.write(Status::Failure, &[error], Vec::new())
    }

    /// The error of a document that is not delivered.
    fn error(&self, asked: &Asked, answer: &Answer<Document>) -> RegistryError {
        let wanted = match &asked.document {
            Ok(wanted) => wanted,
            Err(code) => return self.named(asked, code),
        };
        let errors = || answer.reported.iter().filter(|reported| reported.severity == Severity::Error);
        let is_own = |document: &DocumentId| wanted.is(document);
        if let Some(own) = errors().find(|reported| reported.document.as_ref().is_some_and(is_own)) {
            return self.named(asked, &own.code);
        }
        // Where a document without home lies is known to whoever placed it, and told with its id.
        let Wanted::At(id) = wanted else { return self.named(asked, "XDSDocumentUniqueIdError") };
        if let Some(code) = self.outage(id, answer) {
            return self.named(asked, code);
        }
        let general = errors().find(|r| r.document.is_none() && r.community.as_ref() == Some(&id.community));
        self.named(asked, general.map_or("XDSDocumentUniqueIdError", |reported| reported.code.as_str()))
    }

    fn outage(&self, id: &DocumentId, answer: &Answer<Document>) -> Option<&'static str> {
        let outage = answer.unavailable.iter().find(|outage| {
            let is_repository = outage.repository.as_ref().is_none_or(|r| *r == id.repository);
            outage.community == id.community && is_repository
        })?;
        // Another community is a peer, and then we answer our own side (decisions A7).
        Some(match (&outage.failure, outage.community == self.addressing.community) {
            (_, false) => "XDSUnavailableCommunity",
            (Failure::Busy, true) => "XDSRepositoryBusy",
            (_, true) => "XDSRepositoryError",
        })
    }

    /// An error whose codeContext is the unique id and whose location is the home asked, or the
    /// repository where none was said.
    fn named(&self, asked: &Asked, code: &str) -> RegistryError {
        let location = match &asked.document {
            Ok(Wanted::At(id)) => id.community.to_string(),
            Ok(Wanted::Homeless(id)) => id.repository.0.to_string(),
            Err(_) => self.addressing.community.to_string(),
        };
        RegistryError::new(code, asked.unique.reveal().trim(), location)
    }

    fn write(&self, status: Status, errors: &[RegistryError], delivered: Vec<(&Asked, Document)>) -> Payload {
        let mut w = Writer::new();
        w.start("xdsb:RetrieveDocumentSetResponse")
            .attribute("xmlns:xdsb", XDSB)
            .attribute("xmlns:rim", RIM)
            .attribute("xmlns:rs", RS)
            .attribute("xmlns:xop", XOP);
        w.start("rs:RegistryResponse").attribute("status", status.urn());
        write_errors(&mut w, errors);
        w.end();
        let mut attachments = Vec::new();
        for (n, (asked, document)) in delivered.into_iter().enumerate() {
            let seed = format!("{}#{n}", self.addressing.message.0);
            let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, seed.as_bytes());
            let content_id = format!("{id}@document.kakehashi");
            let media_type = match document.media_type.as_str() {
                "" => "application/octet-stream".to_owned(),
                given => given.to_owned(),
            };
            w.start("xdsb:DocumentResponse");
            if let Some(home) = &asked.home {
                w.leaf("xdsb:HomeCommunityId", home);
            }
            w.leaf("xdsb:RepositoryUniqueId", &asked.repository)
                .leaf("xdsb:DocumentUniqueId", asked.unique.reveal())
                .leaf("xdsb:mimeType", &media_type)
                .start("xdsb:Document")
                .start("xop:Include")
                .attribute("href", &format!("cid:{content_id}"))
                .end()
                .end()
                .end();
            attachments.push(Attachment { content_id, media_type, body: document.body });
        }
        Payload { xml: w.finish(), attachments }
    }
}
