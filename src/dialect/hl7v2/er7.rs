//! HL7 v2.5 in its pipe form (ER7, 2.6): decoded first, split after, leaf values unescaped last.
//! Segments are views into the text; absent fields read as empty. Meaning is none of its business.

use super::deviation as d;
use super::escape::unescape;
use super::iso2022jp::{self, Encoding};
use crate::model::{Malformed, Warning};

/// A message may have so many bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// So many segments.
const MAX_SEGMENTS: usize = 100_000;
/// So many fields in a segment.
const MAX_FIELDS: usize = 1_000;

/// The delimiters that MSH-1 and MSH-2 set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields.
    pub field: char,
    /// Between components.
    pub component: char,
    /// Between repetitions.
    pub repetition: char,
    /// Around escape sequences.
    pub escape: char,
    /// Between subcomponents.
    pub subcomponent: char,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&' }
    }
}

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
        let decoded = iso2022jp::decode(bytes);
        let mut warnings = decoded.warnings;
        let delimiters = delimiters(&decoded.text, &mut warnings)?;
        let segments = split(&decoded.text, delimiters, &mut warnings)?;
        if decoded.cut {
            return Err(Malformed::new(
                "truncated",
                last_place(&segments),
                "the file ends within a character",
            ));
        }
        let unterminated = !decoded.text.ends_with(['\r', '\n']);
        if unterminated {
            warnings.push(d::NO_FINAL_TERMINATOR.warning());
        }
        let message = Self { segments, delimiters };
        Ok(Parsed { message, warnings, encoding: decoded.encoding, unterminated })
    }

    /// All segments in order, MSH first.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.segments.iter().map(|text| Segment { text, delimiters: self.delimiters })
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

/// A segment.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    text: &'a str,
    delimiters: Delimiters,
}

impl<'a> Segment<'a> {
    /// `PID`.
    pub fn name(self) -> &'a str {
        self.text.get(..3).unwrap_or_default()
    }

    /// A field by its HL7 number, from 1; MSH-1 is the separator itself.
    pub fn field(self, number: usize) -> Field<'a> {
        let index = match (self.name(), number) {
            ("MSH", 1) => {
                return Field {
                    text: self.text.get(3..4).unwrap_or_default(),
                    delimiters: self.delimiters,
                    verbatim: true,
                };
            }
            ("MSH", n) => n.saturating_sub(1),
            (_, n) => n,
        };
        let text = match number {
            0 => "",
            _ => self.text.split(self.delimiters.field).nth(index).unwrap_or_default(),
        };
        Field { text, delimiters: self.delimiters, verbatim: self.name() == "MSH" && number == 2 }
    }

    /// How many fields it has.
    pub fn len(self) -> usize {
        let marks = self.text.matches(self.delimiters.field).count();
        if self.name() == "MSH" { marks + 1 } else { marks }
    }

    /// Whether it has no field at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A field; an absent one is empty.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    text: &'a str,
    delimiters: Delimiters,
    /// MSH-1 and MSH-2 are not to be split.
    verbatim: bool,
}

impl<'a> Field<'a> {
    /// Its repetitions, empty ones included; none when the field is empty.
    pub fn repetitions(self) -> impl Iterator<Item = Repetition<'a>> {
        let text = (!self.text.is_empty()).then_some(self.text);
        let mark = self.delimiters.repetition;
        let split = move |text: &'a str| text.split(move |c| !self.verbatim && c == mark);
        text.into_iter().flat_map(split).map(move |text| Repetition { text, delimiters: self.delimiters })
    }

    /// The first repetition.
    pub fn first(self) -> Repetition<'a> {
        self.repetitions().next().unwrap_or(Repetition { text: "", delimiters: self.delimiters })
    }

    /// A component of the first repetition, from 1.
    pub fn component(self, number: usize) -> Component<'a> {
        self.first().component(number)
    }

    /// First component of the first repetition, unescaped.
    pub fn text(self) -> String {
        if self.verbatim { self.text.to_owned() } else { self.first().text() }
    }

    /// The whole field as written, delimiters and escapes kept.
    pub const fn as_written(self) -> &'a str {
        self.text
    }

    /// Whether nothing stands in it, or HL7's `""` (delete the value).
    pub fn is_empty(self) -> bool {
        let blank = |c: char| c.is_whitespace() || (!self.verbatim && self.is_inner(c));
        self.text == "\"\"" || self.text.chars().all(blank)
    }

    fn is_inner(self, c: char) -> bool {
        c == self.delimiters.component || c == self.delimiters.repetition || c == self.delimiters.subcomponent
    }
}

/// One repetition of a field.
#[derive(Debug, Clone, Copy)]
pub struct Repetition<'a> {
    text: &'a str,
    delimiters: Delimiters,
}

impl<'a> Repetition<'a> {
    /// A component, from 1.
    pub fn component(self, number: usize) -> Component<'a> {
        let index = number.checked_sub(1);
        let text = index.and_then(|i| self.text.split(self.delimiters.component).nth(i)).unwrap_or_default();
        Component { text, delimiters: self.delimiters }
    }

    /// The first component, unescaped.
    pub fn text(self) -> String {
        self.component(1).text()
    }

    /// Whether nothing stands in it.
    pub fn is_empty(self) -> bool {
        let marks = [self.delimiters.component, self.delimiters.subcomponent];
        self.text == "\"\"" || self.text.chars().all(|c| c.is_whitespace() || marks.contains(&c))
    }

    /// As written, delimiters and escapes kept.
    pub const fn as_written(self) -> &'a str {
        self.text
    }
}

/// A component of a repetition.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a> {
    text: &'a str,
    delimiters: Delimiters,
}

impl Component<'_> {
    /// The first subcomponent, unescaped; HL7's `""` reads as empty.
    pub fn text(self) -> String {
        self.subcomponent(1)
    }

    /// A subcomponent, from 1, unescaped.
    pub fn subcomponent(self, number: usize) -> String {
        let index = number.checked_sub(1);
        let text =
            index.and_then(|i| self.text.split(self.delimiters.subcomponent).nth(i)).unwrap_or_default();
        if text == "\"\"" { String::new() } else { unescape(text, self.delimiters).into_owned() }
    }

    /// All of it unescaped, subcomponents apart by their delimiter (codes such as `9A100&IMP`).
    pub fn whole(self) -> String {
        if self.text == "\"\"" { String::new() } else { unescape(self.text, self.delimiters).into_owned() }
    }

    /// Whether nothing stands in it.
    pub fn is_empty(self) -> bool {
        self.text == "\"\"" || self.text.trim().is_empty()
    }
}

#[cfg(test)]
mod tests;
