//! Files of an SS-MIX2 storage, HL7 V2 messages that lie in none, and transaction files.

use serde_json::json;

use super::hl7v3::person;
use super::report::{Marks, Report};
use crate::dialect::hl7v2::Message;
use crate::dialect::ssmix2::{Kind, ReadFile, StandardKind, StorageFile, Unfiled, read_file, read_unfiled};
use crate::model::{Malformed, Warning};

/// Decodes by the path; None when the path is none of a storage.
pub(super) fn by_path(path: &[u8], bytes: &[u8], marks: Marks) -> Option<Report> {
    match StorageFile::parse_any(path) {
        Ok(file) => {
            let kind = word(&file);
            let mut report = match read_file(file.clone(), bytes) {
                Ok(read) => of_file(&read, marks),
                Err(malformed) => {
                    let mut report = Report::refused(None, malformed);
                    file.warnings.iter().for_each(|warning| report.put_up(warning.clone()));
                    report
                }
            };
            report.kind = Some(kind);
            show_path(&file, marks, &mut report);
            Some(report)
        }
        Err(malformed) if malformed.code == "not-storage-path" => None,
        Err(malformed) if malformed.code == "temporary-file" => {
            // The name before the writer's ending tells the kind, or that it is no storage file.
            let kind =
                without_ending(path).and_then(|path| StorageFile::parse_any(path).ok()).map(|f| word(&f));
            let is_message =
                bytes.trim_ascii_start().first().is_some_and(|b| matches!(b, b'<' | b'-' | b'{'));
            if kind.is_none() && is_message { None } else { Some(Report::refused(kind, malformed)) }
        }
        Err(malformed) => Some(Report::refused(kind_by_name(path), malformed)),
    }
}

fn word(file: &StorageFile) -> String {
    match &file.kind {
        Kind::Standard(kind) => format!("SS-MIX2 {}", kind.code),
        Kind::Extension(_) => "SS-MIX2 extension file".to_owned(),
    }
}

fn without_ending(path: &[u8]) -> Option<&[u8]> {
    if let Some(path) = path.strip_suffix(b"~") {
        return Some(path);
    }
    let dot = memchr::memrchr(b'.', path)?;
    path.get(..dot)
}

// Where folders contradict the name, the name alone says what the file wants to be.
fn kind_by_name(path: &[u8]) -> Option<String> {
    let name = path.rsplit(|b| *b == b'/').next()?;
    StorageFile::parse_any(name).ok().map(|file| word(&file))
}

fn of_file(read: &ReadFile, marks: Marks) -> Report {
    let mut report = Report { warnings: read.warnings.clone(), ..Report::default() };
    report.count("entries", read.found_entries());
    report.count("patients", read.found_patients());
    report.show("media_type", read.media_type);
    if let Some(message) = &read.message {
        show_message(message, &mut report, marks);
    }
    if let Some(encoding) = read.encoding {
        report.show("encoding", encoding.word());
    }
    if let Some(known) = &read.demographics {
        report.show("patient", person(known.reveal(), marks));
    }
    report
}

fn show_path(file: &StorageFile, marks: Marks, report: &mut Report) {
    report.show(
        "file",
        json!({
            "patient": marks.phi(&file.patient),
            "date": file.date,
            "kind": file.kind.code(),
            "order": marks.text(&file.order_key),
            "sent_at": file.sent_at,
            "department": file.department.as_deref().map(|text| marks.word(text)),
            "flag": file.flag.digit().to_string(),
            "document": file.document.as_deref().map(|name| marks.text(name)),
        }),
    );
}

fn show_message(message: &Message, report: &mut Report, marks: Marks) {
    report.show(
        "type",
        json!(
            [1, 2, 3]
                .map(|n| { message.first("MSH").map(|msh| marks.word(&msh.field(9).component(n).text())) })
        ),
    );
    report.show("version", marks.word(&message.text_at("MSH", 12)));
    report.show("segments", message.segments().count());
    report.show("patient_number", marks.text(&message.text_at("PID", 3)));
}

/// An HL7 V2 message without a storage path.
pub(super) fn unfiled(path: Option<&[u8]>, bytes: &[u8], declared: Option<&str>, marks: Marks) -> Report {
    let declared_kind = declared.and_then(|word| word.strip_prefix("SS-MIX2 ")).and_then(StandardKind::find);
    let Unfiled { message, kind, demographics, encoding, warnings } = match read_unfiled(bytes) {
        Ok(unfiled) => unfiled,
        Err(malformed) => {
            let kind = declared_kind.map(|kind| format!("SS-MIX2 {}", kind.code));
            return Report::refused(kind, malformed);
        }
    };
    let kind = declared_kind.or(kind);
    let word = kind.map_or_else(|| "HL7 V2 message".to_owned(), |kind| format!("SS-MIX2 {}", kind.code));
    let mut report = Report::of(word);
    report.warnings = warnings;
    // Counted as it would be under its own path.
    if let Some(kind) = kind {
        report.count("entries", 1);
        report.count("patients", usize::from(kind.code == "ADT-00"));
        if path.is_some() {
            report
                .warn("no-storage-path", "the file's path is none of a storage, so an index passes it over");
        }
        if message.first("PID").is_none() {
            let why = "the message has no PID segment";
            report.refuse(Malformed::new("pid-missing", "PID", why));
        }
    }
    show_message(&message, &mut report, marks);
    report.show("encoding", encoding.word());
    if let Some(known) = &demographics {
        report.show("patient", person(known.reveal(), marks));
    }
    report
}

/// A file of the transaction storage: header lines, each with its message.
pub(super) fn transactions(bytes: &[u8]) -> Report {
    const HEAD: &[u8] = b"#SSMIX,";
    let mut report = Report::of("SS-MIX2 transaction file");
    let finder = memchr::memmem::Finder::new(HEAD);
    let is_line = |at: &usize| *at == 0 || matches!(bytes.get(at - 1), Some(b'\r' | b'\n'));
    let starts: Vec<usize> = finder.find_iter(bytes).filter(is_line).collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let (mut inserts, mut deletes) = (0, 0);
    for (number, (start, end)) in starts.iter().zip(ends).enumerate() {
        let part = bytes.get(*start..end).unwrap_or_default();
        let head_end = memchr::memchr2(b'\r', b'\n', part).unwrap_or(part.len());
        let head = String::from_utf8_lossy(part.get(..head_end).unwrap_or_default());
        let fields: Vec<&str> = head.split(',').collect();
        match fields.as_slice() {
            [_, _, _, _, _, _, _, "INS", _, _] => inserts += 1,
            [_, _, _, _, _, _, _, "DEL", _, _] => deletes += 1,
            _ => {
                let why = format!("the header line of transaction {} has not its ten fields", number + 1);
                report.refuse(Malformed::new("transaction-head", "", why));
            }
        }
        // The line break before the next header line is not the message's.
        let message = part.get(head_end..).unwrap_or_default().trim_ascii_start();
        let message = message
            .strip_suffix(b"\r\n")
            .map_or(message, |_| message.get(..message.len() - 1).unwrap_or_default());
        match Message::parse(message) {
            Ok(parsed) => parsed.warnings.into_iter().for_each(|warning: Warning| report.put_up(warning)),
            Err(malformed) => {
                let why = format!("transaction {}: {}", number + 1, malformed.why);
                report.refuse(Malformed::new(malformed.code, malformed.at, why));
            }
        }
    }
    report.show("inserts", inserts);
    report.show("deletes", deletes);
    report
}
