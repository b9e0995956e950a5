//! HL7 v2.5 in its pipe form (ER7, 2.6): decoded first, split after, leaf values unescaped last.
//! Terminators, delimiters and caps; meaning is none of its business.

use super::charset::{self, Encoding};
use super::deviation as d;
use super::field::{Delimiters, Segment};
use crate::model::{Malformed, Warning};

/// A message may have so many bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// So many segments.
const MAX_SEGMENTS: usize = 100_000;
/// So many fields in a segment.
const MAX_FIELDS: usize = 1_000;

/// A message, segments in order.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    segments: Vec<String>,
    delimiters: Delimiters,
}

// A message is a patient's: it prints as the names of its segments.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.segments().map(Segment::name)).finish()
    }
}

/// A message and what was put up with to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The message.
    pub message: Message,
    /// Deviations.
    pub warnings: Vec<Warning>,
    /// The character set that succeeded.
    pub encoding: Encoding,
    /// Whether the bytes stop in the middle: no final terminator, or within a kanji.
    pub unterminated: bool,
}

impl Message {
    /// Reads a whole message.
    ///
    /// # Errors
    /// `empty-file`, `not-hl7`, `too-large`, `too-many-segments`, `too-many-fields`,
    /// `bad-delimiters`, `second-message`, `truncated`.
    pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Malformed::new("empty-file", "", "the file is empty; an HL7 message was expected"));
        }
        if bytes.len() > MAX_BYTES {
            return Err(Malformed::new("too-large", "", format!("more than {MAX_BYTES} bytes")));
        }
        let decoded = charset::decode(bytes);
        let mut warnings = decoded.warnings;
        let (text, unterminated) = unframed(&decoded.text, &mut warnings);
        let delimiters = delimiters(text, &mut warnings)?;
        let segments = split(text, delimiters, &mut warnings)?;
        if decoded.cut {
            return Err(Malformed::new(
                "truncated",
                last_place(&segments),
                "the file ends within a character",
            ));
        }
        if unterminated {
            warnings.push(d::NO_FINAL_TERMINATOR.warning());
        }
        let message = Self { segments, delimiters };
        Ok(Parsed { message, warnings, encoding: decoded.encoding, unterminated })
    }

    /// All segments in order, MSH first.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.segments.iter().map(|text| Segment::new(text, self.delimiters))
    }

    /// The segments of one name, in order.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Segment<'a>> {
        self.segments().filter(move |segment| segment.name() == name)
    }

    /// The first segment of a name.
    pub fn first(&self, name: &str) -> Option<Segment<'_>> {
        self.segments().find(|segment| segment.name() == name)
    }

    /// First component of the first repetition of a field of the first such segment; empty when absent.
    pub fn text_at(&self, segment: &str, field: usize) -> String {
        self.first(segment).map(|found| found.field(field).text()).unwrap_or_default()
    }
}

/// Without the marks of MLLP and of old editors around it, and whether the last segment has no end.
fn unframed<'a>(text: &'a str, warnings: &mut Vec<Warning>) -> (&'a str, bool) {
    let is_mark = |c: char| matches!(c, '\u{b}' | '\u{1a}' | '\u{1c}' | '\0');
    let body = text.trim_end_matches(|c| is_mark(c) || matches!(c, '\r' | '\n'));
    let ending = text.get(body.len()..).unwrap_or_default();
    let begun = body.trim_start_matches(|c: char| is_mark(c) || c.is_whitespace());
    if ending.contains(is_mark) || body.starts_with(is_mark) {
        warnings.push(d::MESSAGE_FRAMING.warning());
    }
    if ending.contains('\n') && !begun.contains('\n') {
        warnings.push(d::LINE_TERMINATOR.warning());
    }
    (begun, !ending.starts_with(['\r', '\n']))
}

/// Where a cut message stopped.
fn last_place(segments: &[String]) -> String {
    let last = segments.last().map(String::as_str).unwrap_or_default();
    let fields = last.split('|').count().saturating_sub(1);
    let name = last.get(..3).unwrap_or_default();
    if fields == 0 { name.to_owned() } else { format!("{name}-{fields}") }
}

fn delimiters(text: &str, warnings: &mut Vec<Warning>) -> Result<Delimiters, Malformed> {
    let Some(rest) = text.trim_start().strip_prefix("MSH") else {
        return Err(Malformed::new("not-hl7", "", "the message does not begin with MSH"));
    };
    let bad = |why: &str| Malformed::new("bad-delimiters", "MSH-2", why);
    let mut letters = rest.chars();
    let field = letters.next().ok_or_else(|| bad("MSH ends after its name"))?;
    let set: Vec<char> = letters.take_while(|c| *c != field && *c != '\r' && *c != '\n').take(6).collect();
    let standard = Delimiters::default();
    let at = |index: usize, default: char| set.get(index).copied().unwrap_or(default);
    let found = Delimiters {
        field,
        component: at(0, standard.component),
        repetition: at(1, standard.repetition),
        escape: at(2, standard.escape),
        subcomponent: at(3, standard.subcomponent),
    };
    let all = [found.field, found.component, found.repetition, found.escape, found.subcomponent];
    let fits = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !c.is_ascii_control() && c != ' ';
    let distinct = all.iter().enumerate().all(|(i, c)| !all.iter().skip(i + 1).any(|other| other == c));
    if !all.into_iter().all(fits) || !distinct {
        return Err(bad("the delimiters are not five different marks"));
    }
    if found != standard || set.len() != 4 {
        warnings.push(d::DELIMITERS_UNUSUAL.warning());
    }
    Ok(found)
}

/// Splits into segments at CR, LF and CRLF; a line that begins like no segment continues the one before.
fn split(text: &str, delimiters: Delimiters, warnings: &mut Vec<Warning>) -> Result<Vec<String>, Malformed> {
    let mut segments: Vec<String> = Vec::new();
    let mut note = |deviation: d::Deviation| {
        if !warnings.iter().any(|w| w.code == deviation.code) {
            warnings.push(deviation.warning());
        }
    };
    if text.contains('\n') {
        note(d::LINE_TERMINATOR);
    }
    for line in text.split(['\r', '\n']).filter(|line| !line.trim().is_empty()) {
        if begins_segment(line, delimiters.field) {
            if line.starts_with("MSH") && line.len() > 3 && !segments.is_empty() {
                return Err(Malformed::new("second-message", "MSH", "a file holds one message"));
            }
            if line.len() == 3 {
                note(d::EMPTY_SEGMENT);
            }
            if line.matches(delimiters.field).count() > MAX_FIELDS {
                let at = line.get(..3).unwrap_or_default();
                return Err(Malformed::new("too-many-fields", at, format!("more than {MAX_FIELDS} fields")));
            }
            segments.push(line.to_owned());
        } else if let Some(last) = segments.last_mut() {
            note(d::FIELD_LINE_BREAK);
            last.push('\n');
            last.push_str(line);
        } else {
            // Blanks before MSH; `delimiters` has seen that MSH follows.
            segments.push(line.trim_start().to_owned());
        }
        if segments.len() > MAX_SEGMENTS {
            let why = format!("more than {MAX_SEGMENTS} segments");
            return Err(Malformed::new("too-many-segments", "", why));
        }
    }
    Ok(segments)
}

/// Three capitals or digits, then the separator or the end.
fn begins_segment(line: &str, separator: char) -> bool {
    let name = line.as_bytes().iter().take(3);
    let named = name.clone().count() == 3
        && name.clone().next().is_some_and(u8::is_ascii_uppercase)
        && name.clone().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    named && line.chars().nth(3).is_none_or(|c| c == separator)
}

#[cfg(test)]
mod tests;
