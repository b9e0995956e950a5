//! Messages in XML, alone or as the root of a MIME package: receives, finds out what it is, judges
//! its header and hands the payload to the reader of its standard.

use std::cell::RefCell;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use serde_json::json;

use super::report::{Carried, Marks, Report};
use super::scan::{self, Place, Scan};
use super::xds_imaging;
use super::{audit_message, ebxml, fhir, header, hl7v3, kinds, provider_directory, security, submission};
use crate::dialect::soap::{Envelope, Fault, Limits, Parts, Unreceived, ns, receive_root};
use crate::model::{Interrupted, Malformed};
use crate::xml::{Reader, Tree};

/// What readers of payloads need.
pub(super) struct Message<'m> {
    pub(super) envelope: &'m Envelope,
    pub(super) payload: &'m Place,
    pub(super) kind: Option<&'static str>,
    pub(super) declared: Option<&'m str>,
    pub(super) marks: Marks,
    /// Whether the package holds a part; None when the root came alone.
    pub(super) has_part: Option<&'m dyn Fn(&str) -> bool>,
}

impl Message<'_> {
    /// A refusal at an element.
    pub(super) fn at(&self, tree: &Tree, code: &'static str, why: &str) -> Malformed {
        Reader::new(self.envelope.source()).malformed_at(tree.range.start, code, why)
    }
}

/// Bytes of a root part.
const ROOT_BYTES_MAX: u64 = 64 << 20;
/// As bytes come from a network: the receiver looks for a boundary line in the first of them.
const PIECE_BYTES: usize = 32 << 10;

/// Decodes a message.
pub(super) fn decode(
    bytes: Vec<u8>,
    content_type: Option<&str>,
    declared: Option<&str>,
    marks: Marks,
) -> Report {
    let limits = Limits { root_bytes_max: ROOT_BYTES_MAX, part_bytes_max: u64::MAX, ..Limits::default() };
    let scanned = RefCell::new(Scan::default());
    let read = |source: String| {
        *scanned.borrow_mut() = scan::scan(&source);
        if let Some(refusal) = &scanned.borrow().refusal {
            return Err(refusal.clone());
        }
        match Envelope::read(&source) {
            Err(malformed) if malformed.code == "not-soap" => Ok(Envelope::bare(&source)),
            read => read,
        }
    };
    let ids = content_ids(&bytes);
    let body = Bytes::from(bytes);
    let kept = body.clone();
    let pieces = std::iter::successors(Some((Bytes::new(), body)), |(_, rest)| {
        let mut rest = rest.clone();
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        (!piece.is_empty()).then_some((piece, rest))
    });
    let pieces = pieces.skip(1).map(|(piece, _)| Ok::<_, Interrupted>(piece));
    let stream = Box::pin(futures_util::stream::iter(pieces));
    // The bytes are all there: nothing is ever waited for.
    let received = receive_root(content_type, stream, limits, read).now_or_never();
    let mut scan = scanned.take();
    if scan.root.is_none() {
        scan = undecoded(&kept);
    }
    drop(kept);
    let kind = kinds::told(scan.action.as_deref(), scan.payload.as_ref(), declared);
    let malformed = match received {
        Some(Ok(received)) => {
            return message(&received.envelope, received.parts.as_ref(), &scan, &ids, kind, declared, marks);
        }
        Some(Err(Unreceived::Malformed(malformed))) => malformed,
        Some(Err(Unreceived::Interrupted(Interrupted::TooLarge(max)))) => {
            Malformed::new("too-large", "", format!("more than {} MiB of XML", max >> 20))
        }
        Some(Err(Unreceived::Interrupted(_))) | None => {
            Malformed::new("mtom-part-head", "", "the package ends early")
        }
    };
    let is_fault = scan.payload.as_ref().is_some_and(|p| p.local == "Fault");
    let kind = kind.or(is_fault.then_some("SOAP fault"));
    let at = if malformed.at.is_empty() { "1:1".to_owned() } else { malformed.at };
    Report::refused(kind.map(str::to_owned), Malformed { at, ..malformed })
}

// Bytes that are no text as declared may still tell what the message was to be.
fn undecoded(bytes: &[u8]) -> Scan {
    const HEAD_BYTES: usize = 64 << 10;
    let begins = |at: &usize| bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'?');
    let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1)).take(200);
    let start = lines.filter(|at| bytes.get(*at) == Some(&b'<')).find(begins);
    let head = start.and_then(|start| bytes.get(start..bytes.len().min(start + HEAD_BYTES)));
    let text = head.map(String::from_utf8_lossy).unwrap_or_default();
    scan::scan(&text)
}

fn message(
    envelope: &Envelope,
    parts: Option<&Parts>,
    scan: &Scan,
    ids: &[Vec<u8>],
    kind: Option<&'static str>,
    declared: Option<&str>,
    marks: Marks,
) -> Report {
    let mut report = Report::default();
    envelope.warnings.iter().for_each(|warning| report.put_up(warning.clone()));
    if scan.has_leading {
        report.warn("leading-content", "white space or a comment stands before the document");
    }
    if scan.is_include_padded {
        report.warn("include-white-space", "white space beside an xop:Include");
    }
    let there = parts.map(|parts| drain(parts, scan, ids, &mut report));
    let has_part = |href: &str| there.as_ref().is_some_and(|there| there.iter().any(|known| known == href));
    let Some(payload) = &scan.payload else {
        let why = "the Envelope has no Body, or nothing stands in it";
        report.kind = kind.map(str::to_owned);
        let at = scan.body_at.unwrap_or_default();
        report.refuse(Reader::new(envelope.source()).malformed_at(at, "empty-body", why));
        return report;
    };
    let message = Message {
        envelope,
        payload,
        kind,
        declared,
        marks,
        has_part: parts.is_some().then_some(&has_part as &dyn Fn(&str) -> bool),
    };
    let header = if envelope.is_bare() { Ok(None) } else { header::tree(envelope) };
    let header = match header {
        Ok(header) => header,
        Err(malformed) => return Report { refusal: Some(malformed), ..report },
    };
    let is_request = kinds::is_request(payload);
    if let Some(is_request) = is_request.filter(|_| !envelope.is_bare()) {
        header::judge(envelope, header.as_ref(), scan, is_request, &mut report);
        security::of_header(envelope.source(), header.as_ref(), is_request, marks, &mut report);
    }
    if let Err(malformed) = envelope.body_name() {
        report.kind = kind.map(str::to_owned);
        report.refuse(malformed);
        return report;
    }
    let read = payload_of(&message, header.as_ref());
    packaging(&message, scan, &read, &mut report);
    join(report, read)
}

fn join(mut report: Report, read: Report) -> Report {
    report.kind = read.kind;
    report.status = read.status;
    report.found = read.found;
    report.errors = read.errors;
    read.warnings.into_iter().for_each(|warning| report.put_up(warning));
    if let Some(mut refusal) = read.refusal {
        refusal.code = if refusal.code == "unexpected-element" { "unknown-root" } else { refusal.code };
        report.refuse(refusal);
    }
    report.message.extend(read.message);
    if let Some(refusal) = &mut report.refusal
        && refusal.at.is_empty()
    {
        refusal.at = "1:1".to_owned();
    }
    report
}

fn packaging(message: &Message<'_>, scan: &Scan, read: &Report, report: &mut Report) {
    let Some(kind) = read.kind.as_deref().filter(|_| !message.envelope.is_bare()) else { return };
    let is_half = kind.ends_with(" request") || kind.ends_with(" response");
    match (message.has_part.is_some(), kinds::is_mtom(kind)) {
        (true, false) if is_half => report.warn("multipart-simple", "a package around a simple SOAP message"),
        (false, true) if scan.hrefs.is_empty() => {
            report.warn("plain-soap", "plain SOAP where the transaction is packaged by MTOM");
        }
        _ => {}
    }
}

fn payload_of(message: &Message<'_>, header: Option<&Tree>) -> Report {
    let Place { ns, local, .. } = message.payload;
    let source = message.envelope.source();
    let body = || message.envelope.body_tree();
    let tree = |read: fn(&Message<'_>, &Tree) -> Report| match body() {
        Ok(tree) => read(message, &tree),
        Err(malformed) => Report::refused(message.kind.map(str::to_owned), malformed),
    };
    match (ns.as_str(), local.as_str()) {
        (ns::SOAP, "Fault") => fault(message, header),
        (ebxml::QUERY | ebxml::RS, _)
        | (submission::XDSB, "RetrieveDocumentSetRequest" | "RetrieveDocumentSetResponse") => {
            ebxml::read(message).unwrap_or_else(|| unknown(message))
        }
        (submission::XDSB, "ProvideAndRegisterDocumentSetRequest")
        | (submission::LCM, "SubmitObjectsRequest") => tree(submission::read),
        (hl7v3::HL7, "ClinicalDocument") => Report::of("CDA document"),
        (hl7v3::HL7, _) => tree(hl7v3::read),
        (hl7v3::XCPD, "PatientLocationQueryRequest" | "PatientLocationQueryResponse") => {
            tree(hl7v3::locations)
        }
        (xds_imaging::XDSI, "RetrieveImagingDocumentSetRequest") => tree(xds_imaging::read),
        (provider_directory::DSML, "batchRequest" | "batchResponse") => tree(provider_directory::read),
        (_, "AuditMessage") => tree(audit_message::read),
        (security::SAML, "Assertion") => {
            tree(|message, tree| security::assertion(message.envelope.source(), tree, message.marks))
        }
        (WS_TRUST, "RequestSecurityTokenResponseCollection" | "RequestSecurityTokenResponse")
        | (ns::WSSE, "Security") => match body() {
            Err(malformed) => Report::refused(None, malformed),
            Ok(tree) => match security::find(&tree) {
                Some(found) => security::assertion(source, found, message.marks),
                None => Report::refused(None, security::none(source, tree.range.start)),
            },
        },
        (fhir::NS, name) => match body() {
            Ok(tree) => fhir::xml(&tree, name, message.marks),
            Err(malformed) => Report::refused(None, malformed),
        },
        _ => unknown(message),
    }
}

const WS_TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";

fn unknown(message: &Message<'_>) -> Report {
    let why = "the root element, or the body's, is of no message known here";
    let refusal =
        Reader::new(message.envelope.source()).malformed_at(message.payload.at, "unknown-root", why);
    Report::refused(message.kind.map(str::to_owned), refusal)
}

fn fault(message: &Message<'_>, header: Option<&Tree>) -> Report {
    let mut report = Report::of("SOAP fault");
    let is_old = |block: &Tree| &*block.element.ns == ns::WSA_2004;
    if header.is_some_and(|header| header.elements().any(is_old)) {
        report.warn("addressing-2004", "header blocks of WS-Addressing 2004/08");
    }
    let (fault, tree) = match (Fault::read(message.envelope), message.envelope.body_tree()) {
        (Ok(Some(fault)), Ok(tree)) => (fault, tree),
        (Err(malformed), _) | (_, Err(malformed)) => {
            report.refuse(malformed);
            return report;
        }
        (Ok(None), _) => return unknown(message),
    };
    let value = tree.path(ns::SOAP, &["Code", "Value"]).map(Tree::text).unwrap_or_default();
    match value.trim().rsplit(':').next().unwrap_or_default() {
        "" => report.refuse(message.at(&tree, "missing-element", "the fault has no Code/Value")),
        "Server" | "Client" => {
            report.warn("fault-code", "a fault code of SOAP 1.1, read as Receiver or Sender");
        }
        "Sender" | "Receiver" | "VersionMismatch" | "MustUnderstand" | "DataEncodingUnknown" => {}
        _ => report.warn("fault-code", "a fault code that SOAP 1.2 does not know"),
    }
    let subcodes: Vec<_> = fault.subcodes.iter().map(|code| message.marks.word(code)).collect();
    report.show("subcodes", subcodes);
    report.show("reason", message.marks.text(&fault.reason));
    report.show("action", json!(message.envelope.header.action.as_deref().map(|a| message.marks.word(a))));
    report.errors.push(Carried::error(fault.code, fault.reason));
    report
}

// Ids of parts in the order they stand, so that parts are read in that order.
fn content_ids(bytes: &[u8]) -> Vec<Vec<u8>> {
    const NAME: &[u8] = b"content-id:";
    let mut ids = Vec::new();
    for at in memchr::memchr_iter(b'\n', bytes) {
        let line = bytes.get(at + 1..).unwrap_or_default();
        if line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
            let value = line.get(NAME.len()..).unwrap_or_default();
            let end = memchr::memchr(b'\n', value).unwrap_or(value.len()).min(1000);
            let value = value.get(..end).unwrap_or_default().trim_ascii();
            let value = value.strip_prefix(b"<").unwrap_or(value);
            ids.push(value.strip_suffix(b">").unwrap_or(value).to_ascii_lowercase());
        }
        if ids.len() > 1000 {
            break;
        }
    }
    ids
}

// Reads every part that is named, keeping nothing, and tells which are there.
fn drain(parts: &Parts, scan: &Scan, ids: &[Vec<u8>], report: &mut Report) -> Vec<String> {
    let place = |href: &String| {
        let name = href.strip_prefix("cid:").unwrap_or(href).to_ascii_lowercase();
        let decoded: Vec<u8> = percent_encoding::percent_decode_str(&name).collect();
        let at = ids.iter().position(|id| *id == decoded);
        let plain = ids.iter().position(|id| id == name.as_bytes());
        (at.or(plain), at.is_some() && plain.is_none())
    };
    let mut named: Vec<(Option<usize>, &String)> = Vec::new();
    for href in &scan.hrefs {
        let (at, is_encoded) = place(href);
        if is_encoded {
            report.warn("cid-encoded", "a cid is percent-encoded on one side only");
        }
        named.push((at, href));
    }
    named.sort_by_key(|(at, _)| at.unwrap_or(usize::MAX));
    let streams: Vec<_> = named.iter().map(|(at, href)| (*at, *href, parts.document(href))).collect();
    let mut there = Vec::new();
    for (at, href, mut stream) in streams {
        let mut is_whole = true;
        while let Some(Some(piece)) = stream.next().now_or_never() {
            if piece.is_err() {
                is_whole = false;
                break;
            }
        }
        if !is_whole && at.is_some() {
            report.warn("mtom-unclosed", "a part is not closed by a boundary, or its encoding does not hold");
        }
        if is_whole || at.is_some() {
            there.push(href.clone());
        }
    }
    there
}
