//! Which kind of input it is: told by its path (SS-MIX2), its header lines, its first bytes.

use serde_json::json;

use super::report::{Marks, Report};
use super::{fhir, http_head, storage, xml};
use crate::model::Malformed;

/// What an input's first bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Document(&'static str),
    Hl7v2,
    Json,
    Nothing,
    Other,
    Transactions,
    Xml,
}

/// Decodes an input; `path` is None for standard input.
pub(super) fn decode(path: Option<&[u8]>, bytes: Vec<u8>, declared: Option<&str>, marks: Marks) -> Report {
    if let Some(report) = path.and_then(|path| storage::by_path(path, &bytes, marks)) {
        return report;
    }
    let head = match http_head::read(&bytes) {
        Ok(head) => head,
        Err(malformed) => return Report::refused(None, malformed),
    };
    let Some(head) = head else {
        return by_content(path, bytes, None, declared, marks);
    };
    let mut body = bytes;
    body.drain(..head.body_at.min(body.len()));
    if head.is_chunked
        && let Some(whole) = http_head::without_chunks(&body)
    {
        body = whole;
    }
    let mut report = by_content(path, body, head.content_type.as_deref(), declared, marks);
    let mut warnings = head.warnings;
    warnings.append(&mut report.warnings);
    report.warnings = warnings;
    report
}

fn by_content(
    path: Option<&[u8]>,
    bytes: Vec<u8>,
    content_type: Option<&str>,
    declared: Option<&str>,
    marks: Marks,
) -> Report {
    let is_package = content_type.is_some_and(|value| value.to_ascii_lowercase().contains("multipart/"));
    if is_package {
        return xml::decode(bytes, content_type, declared, marks);
    }
    match look(&bytes) {
        Look::Xml => xml::decode(without_syslog(bytes), content_type, declared, marks),
        Look::Json => fhir::json(&bytes, marks),
        Look::Hl7v2 => storage::unfiled(path, &bytes, declared, marks),
        Look::Transactions => storage::transactions(&bytes),
        Look::Document(media_type) => extension(media_type),
        Look::Nothing => {
            Report::refused(None, Malformed::new("empty-file", "", "the file holds nothing but white space"))
        }
        Look::Other if path.is_some_and(is_table) => extension("text/csv"),
        Look::Other => {
            let why = "neither XML, a MIME package, HL7 V2, JSON nor a document of the extension storage";
            Report::refused(None, Malformed::new("unknown-format", "", why))
        }
    }
}

// A document by itself: there is no storage around it, so an index makes nothing of it.
fn extension(media_type: &str) -> Report {
    let mut report = Report::of("SS-MIX2 extension file");
    report.count("entries", 0);
    report.count("patients", 0);
    report.show("media_type", json!(media_type));
    report
}

fn is_table(path: &[u8]) -> bool {
    path.len() >= 4 && path.get(path.len() - 4..).is_some_and(|end| end.eq_ignore_ascii_case(b".csv"))
}

fn look(bytes: &[u8]) -> Look {
    if bytes.starts_with(b"%PDF-") {
        return Look::Document("application/pdf");
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Look::Document("image/png");
    }
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return Look::Document("image/jpeg");
    }
    if bytes.get(128..132) == Some(b"DICM") {
        return Look::Document("application/dicom");
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Look::Xml;
    }
    let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match content {
        [] => Look::Nothing,
        [b'<', ..] | [b'-', b'-', ..] => Look::Xml,
        [b'{' | b'[', ..] => Look::Json,
        _ if content.starts_with(b"#SSMIX,") => Look::Transactions,
        _ if content.starts_with(b"MSH") || content.starts_with(b"\x0bMSH") => Look::Hl7v2,
        _ if syslog_body(content).is_some() => Look::Xml,
        _ => Look::Other,
    }
}

// A syslog frame (RFC 5424, 5425) around an audit message (ITI-20): its head is passed over.
fn without_syslog(bytes: Vec<u8>) -> Vec<u8> {
    let at = syslog_body(bytes.trim_ascii_start()).map(|body| bytes.len() - body.len());
    at.and_then(|at| bytes.get(at..)).map(<[u8]>::to_vec).unwrap_or(bytes)
}

fn syslog_body(content: &[u8]) -> Option<&[u8]> {
    let digits = content.iter().take_while(|b| b.is_ascii_digit()).count();
    let frame = if digits > 0 { content.get(digits..)?.strip_prefix(b" ")? } else { content };
    let priority = frame.strip_prefix(b"<")?;
    let digits = priority.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=3).contains(&digits) || !priority.get(digits..)?.starts_with(b">1 ") {
        return None;
    }
    let head = priority.get(..priority.len().min(2048))?;
    let at = memchr::memchr(b'<', head)?;
    priority.get(at..)
}
