//! RetrieveDocumentSetResponse (ITI-43, ITI-39; wire.md 15), read: every document is matched with
//! what was asked, bodies stay unread in their package. Inline base64 is decoded here.

use bytes::Bytes;
use futures_util::stream;

use super::query_response::{Head, conclude, reported, unreadable_or_fault};
use super::registry_response::{
    RegistryError, Status, is_deferred, is_error_list, read_errors, word_warnings,
};
use super::retrieve_request::DOCUMENTS_MAX;
use super::vocabulary::{RS, XDSB, XOP};
use crate::dialect::soap::{Envelope, decode_base64, ns};
use crate::dialect::{Received, Sent};
use crate::model::{
    Document, DocumentId, DocumentStream, Failure, Malformed, Oid, Outcome, PeerProfile, Phi, Reported,
    Severity,
};
use crate::xml::{Element, Event, Limits, Reader, Tree};

/// One DocumentResponse.
#[derive(Debug, Default)]
pub struct Part {
    /// HomeCommunityId, trimmed.
    pub home: Option<String>,
    /// RepositoryUniqueId, trimmed.
    pub repository: String,
    /// DocumentUniqueId, trimmed.
    pub unique: Phi<String>,
    /// mimeType, trimmed.
    pub media_type: String,
    /// Where the bytes are.
    pub content: Content,
}

/// The content of a Document element.
#[derive(Debug, Default)]
pub enum Content {
    /// Base64, decoded.
    Decoded(Bytes),
    /// xop:Include/@href.
    Include(String),
    /// No Document element.
    #[default]
    Missing,
    /// Text or markup that is not base64, as it stands.
    Text(Bytes),
}

/// Reads an answer, giving each document away as it comes.
///
/// # Errors
/// `malformed-xml` and the like; `unexpected-element` when it is no RetrieveDocumentSetResponse;
/// `XDSRepositoryError` without a known status; `too-many-objects`.
pub fn scan(message: &Envelope, mut document: impl FnMut(Part)) -> Result<Head, Malformed> {
    let (mut reader, root) = payload(message)?;
    if !root.is(XDSB, "RetrieveDocumentSetResponse") {
        let why = format!("the body holds `{}`, not RetrieveDocumentSetResponse", root.local);
        return Err(reader.malformed_at(root.at, "unexpected-element", why));
    }
    let mut head = None;
    let mut count = 0;
    while let Some(child) = reader.child()? {
        if child.is(RS, "RegistryResponse") {
            let at = child.at;
            let read = registry_response(&Tree::read(&mut reader, child)?);
            let why = "the answer has no known status";
            head = Some(read.ok_or_else(|| reader.malformed_at(at, "XDSRepositoryError", why))?);
        } else if child.is(XDSB, "DocumentResponse") {
            count += 1;
            if count > DOCUMENTS_MAX {
                let why = format!("more than {DOCUMENTS_MAX} documents");
                return Err(reader.malformed_at(child.at, "too-many-objects", why));
            }
            document(part(&mut reader)?);
        } else {
            reader.skip()?;
        }
    }
    let no_status = "the answer has no RegistryResponse";
    let head = head.ok_or_else(|| reader.malformed_at(root.at, "XDSRepositoryError", no_status))?;
    reader.finish()?;
    Ok(head)
}

/// A RegistryResponse; None without a known status.
pub fn registry_response(tree: &Tree) -> Option<Head> {
    let status = Status::read(tree.attribute("status"))?;
    let lists: Vec<&Tree> =
        tree.elements().filter(|child| is_error_list(&child.element.ns, child.name())).collect();
    let warnings = word_warnings(tree.attribute("status"), &lists);
    let is_deferred = tree.all(RS, "ResponseSlotList").any(is_deferred);
    Some(Head { status, errors: lists.into_iter().flat_map(read_errors).collect(), is_deferred, warnings })
}

/// Reads the answer to a retrieve of ours. Documents nobody asked for are dropped; each one asked
/// for is found or named by an error.
///
/// # Errors
/// `Unreadable`; `Rejected` or `Unreachable` for a fault; `Busy`.
pub fn read(received: &Received, sent: &Sent, profile: &PeerProfile) -> Outcome<Document> {
    let message = &received.envelope;
    unreadable_or_fault(message, sent)?;
    let mut found: Vec<Document> = Vec::new();
    let mut failed: Vec<Reported> = Vec::new();
    let mut set_aside = 0;
    let head = scan(message, |part| {
        let Some(id) = asked(&part, sent).filter(|id| !found.iter().any(|known| known.id == **id)) else {
            let why = "the gateway gave a document that was not asked for";
            set_aside += 1;
            failed.push(about(None, "XDSRepositoryError", why, sent));
            return;
        };
        match body(part.content, received, profile) {
            Ok((body, size)) => {
                let media_type = part.media_type;
                found.push(Document { id: id.clone(), media_type, size, body, passing: None });
            }
            Err(why) => failed.push(about(Some(id), "XDSRepositoryError", why, sent)),
        }
    })
    .map_err(|malformed| Failure::Unreadable(malformed.to_string()))?;
    let is_failure = head.status == Status::Failure;
    let mut answer = conclude(head, sent, "XDSRepositoryError", found.is_empty())?;
    answer.set_aside = set_aside;
    for reported in &mut answer.reported {
        reported.document = named(&reported.context, sent).cloned();
    }
    if is_failure {
        // As of a list: what stands beside a failure was not meant to be given.
        answer.set_aside += found.len();
    } else if answer.answered > 0 {
        answer.found = found;
        answer.reported.extend(failed);
    }
    let is_error = |r: &Reported| r.severity == Severity::Error;
    let has_general_error = answer.reported.iter().any(|r| is_error(r) && r.document.is_none());
    for id in sent.documents.iter().filter(|_| !has_general_error) {
        let is_found = answer.found.iter().any(|document| document.id == *id);
        let is_named = answer.reported.iter().any(|r| is_error(r) && r.document.as_ref() == Some(id));
        if !is_found && !is_named {
            let why = "the gateway gave neither the document nor an error";
            answer.reported.push(about(Some(id), "XDSRepositoryError", why, sent));
        }
    }
    Ok(answer)
}

/// The document of ours that a response is for (wire.md 15, 21.4: without home only where one home
/// was asked).
fn asked<'s>(part: &Part, sent: &'s Sent) -> Option<&'s DocumentId> {
    let repository = Oid::parse(&part.repository)?;
    let home = part.home.as_deref().map(Oid::parse);
    let one_home = sent.documents.windows(2).all(|pair| match pair {
        [a, b] => a.community == b.community,
        _ => true,
    });
    sent.documents.iter().find(|id| {
        let fits_home = match &home {
            Some(home) => home.as_ref() == Some(&id.community.0),
            None => one_home,
        };
        fits_home && id.repository.0 == repository && id.unique == part.unique
    })
}

/// The document an error names: the longest unique id in its text.
fn named<'s>(context: &str, sent: &'s Sent) -> Option<&'s DocumentId> {
    let named = sent.documents.iter().filter(|id| context.contains(id.unique.reveal().as_str()));
    named.max_by_key(|id| id.unique.reveal().len())
}

fn about(document: Option<&DocumentId>, code: &str, why: &str, sent: &Sent) -> Reported {
    let error = RegistryError::new(code, why, String::new());
    Reported { document: document.cloned(), ..reported(error, sent) }
}

fn body(
    content: Content,
    received: &Received,
    profile: &PeerProfile,
) -> Result<(DocumentStream, Option<u64>), &'static str> {
    let bytes = match content {
        Content::Include(href) => {
            let parts = received.parts.as_ref().ok_or("the answer refers to a part and has none")?;
            return Ok((parts.document(&href), None));
        }
        Content::Decoded(bytes) => bytes,
        Content::Text(bytes) if profile.inline_text_documents => bytes,
        Content::Text(_) => return Err("the content is not base64 (switch inline_text_documents)"),
        Content::Missing => return Err("the answer has no content for the document"),
    };
    let size = u64::try_from(bytes.len()).ok();
    let pieces = stream::unfold(bytes, |mut rest| async move {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        (!piece.is_empty()).then_some((Ok(piece), rest))
    });
    Ok((Box::pin(pieces), size))
}

/// As [`Envelope::body`], with room for an inline document in one text.
fn payload(message: &Envelope) -> Result<(Reader<'_>, Element), Malformed> {
    let limits = Limits { text_bytes: INLINE_BYTES_MAX, ..Limits::default() };
    let mut reader = Reader::with_limits(message.source(), limits);
    let root = reader.root()?;
    if !root.is(ns::SOAP, "Envelope") {
        return Ok((reader, root));
    }
    while let Some(child) = reader.child()? {
        if !child.is(ns::SOAP, "Body") {
            reader.skip()?;
        } else if let Some(payload) = reader.child()? {
            return Ok((reader, payload));
        } else {
            break;
        }
    }
    Err(reader.malformed("not-soap", "the Envelope has no Body or nothing in it"))
}

fn part(reader: &mut Reader<'_>) -> Result<Part, Malformed> {
    let mut part = Part::default();
    while let Some(child) = reader.child()? {
        if &*child.ns != XDSB {
            reader.skip()?;
            continue;
        }
        match child.local.as_str() {
            "HomeCommunityId" | "homeCommunityId" => {
                part.home = Some(text(reader)?).filter(|home| !home.is_empty());
            }
            "RepositoryUniqueId" => part.repository = text(reader)?,
            "DocumentUniqueId" => part.unique = Phi::new(text(reader)?),
            "mimeType" => part.media_type = text(reader)?,
            "Document" => part.content = content(reader)?,
            _ => reader.skip()?,
        }
    }
    Ok(part)
}

fn text(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    Ok(reader.text_content()?.trim().to_owned())
}

fn content(reader: &mut Reader<'_>) -> Result<Content, Malformed> {
    let begin = reader.offset();
    let mut text = String::new();
    let mut href = None;
    let mut has_markup = false;
    let end = loop {
        let before = reader.offset();
        match reader.next()? {
            Event::Start(include) if include.is(XOP, "Include") => {
                href = include.attribute("href").map(|href| href.trim().to_owned());
                reader.skip()?;
            }
            Event::Start(_) => {
                has_markup = true;
                reader.skip()?;
            }
            Event::Text(run) if text.len() + run.len() > INLINE_BYTES_MAX => {
                return Err(reader.malformed("too-long", "an inline document over the cap"));
            }
            Event::Text(run) => text.push_str(&run),
            Event::End | Event::Eof => break before,
        }
    };
    if let Some(href) = href {
        return Ok(Content::Include(href));
    }
    if has_markup {
        let markup = reader.source().get(begin..end).unwrap_or_default();
        return Ok(Content::Text(Bytes::copy_from_slice(markup.trim().as_bytes())));
    }
    Ok(decode_base64(&text).map_or_else(|_| Content::Text(Bytes::from(text)), Content::Decoded))
}

/// Characters of an inline document at most; larger ones come as parts.
const INLINE_BYTES_MAX: usize = 64 << 20;
const PIECE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
