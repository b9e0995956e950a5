//! Reads a CSV file of consents (decisions C1): UTF-8 with or without byte order mark, a header
//! line, quoted fields. Every bad line is named; with one bad line nothing is read. Error texts
//! repeat no value, because a shifted column would put a patient's into them.

use std::fmt;

use csv::StringRecord;
use time::Date;
use time::macros::format_description;

use super::consent::bare;
use crate::model::{CommunityId, Oid, PatientId, Phi, Purpose};
use crate::store::{Card, ConsentRow, ConsentState, Terms};

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Counted from 1, the header included.
    pub line: u64,
    /// The column's name; empty when it is the whole line.
    pub column: &'static str,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub hint: String,
}

/// A file that was not read, with its bad lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile {
    /// Its name.
    pub file: String,
    /// The first [`BAD_LINES_MAX`] of them.
    pub lines: Vec<BadLine>,
    /// How many more there are.
    pub more: usize,
}

impl BadFile {
    /// With the first lines of these.
    pub(super) fn new(file: &str, lines: Vec<BadLine>) -> Self {
        let more = lines.len().saturating_sub(BAD_LINES_MAX);
        Self { file: file.to_owned(), lines: lines.into_iter().take(BAD_LINES_MAX).collect(), more }
    }
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bad in &self.lines {
            write!(f, "{}:{}: ", self.file, bad.line)?;
            if !bad.column.is_empty() {
                write!(f, "column `{}`: ", bad.column)?;
            }
            writeln!(f, "{} (hint: {})", bad.why, bad.hint)?;
        }
        if self.more > 0 {
            writeln!(f, "{}: {} more lines are wrong", self.file, self.more)?;
        }
        write!(f, "{}: nothing was imported", self.file)
    }
}

impl std::error::Error for BadFile {}

/// The rows of a file, each with its line.
///
/// # Errors
/// All bad lines.
pub fn read_consents(file: &str, bytes: &[u8]) -> Result<Vec<(u64, ConsentRow)>, BadFile> {
    let fail = |line, column, why: &str, hint: &str| {
        let bad = BadLine { line, column, why: why.to_owned(), hint: hint.to_owned() };
        BadFile::new(file, vec![bad])
    };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(fail(1, "", "larger than 64 MiB", "split the file"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let utf8 = "save the file as UTF-8";
    let header = reader.headers().map_err(|_| fail(1, "", "not UTF-8", utf8))?.clone();
    let columns = columns(&header).map_err(|bad| BadFile::new(file, bad))?;
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    let mut lines = Lines { bytes, at: 0, line: 1 };
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = lines.line_of(record.position());
                let width = header.len();
                match (Line { line, record: &record, columns: &columns, width, bad: Vec::new() }).read() {
                    Ok(row) => rows.push((line, row)),
                    Err(bad) => wrong.extend(bad),
                }
            }
            Err(error) => {
                let line = lines.line_of(error.position());
                wrong.push(BadLine { line, column: "", why: "not UTF-8".to_owned(), hint: utf8.to_owned() });
            }
        }
    }
    if wrong.is_empty() { Ok(rows) } else { Err(BadFile::new(file, wrong)) }
}

/// Where each of [`CONSENT_COLUMNS`] and then of [`CARD_COLUMNS`] stands; the latter may be missing.
fn columns(header: &StringRecord) -> Result<Vec<Option<usize>>, Vec<BadLine>> {
    let (mut positions, mut bad) = (Vec::new(), Vec::new());
    for column in CONSENT_COLUMNS.into_iter().chain(CARD_COLUMNS) {
        let mut at = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(i, _)| i);
        match (at.next(), at.next()) {
            (Some(position), None) => positions.push(Some(position)),
            (None, _) if CARD_COLUMNS.contains(&column) => positions.push(None),
            (None, _) => bad.push(BadLine {
                line: 1,
                column,
                why: "missing".to_owned(),
                hint: format!("the header line is {}", CONSENT_COLUMNS.join(",")),
            }),
            (Some(_), Some(_)) => bad.push(BadLine {
                line: 1,
                column,
                why: "twice in the header".to_owned(),
                hint: "keep one".to_owned(),
            }),
        }
    }
    if bad.is_empty() { Ok(positions) } else { Err(bad) }
}

/// Counts lines on the way through the file. The reader's own count lags behind a line end of two
/// bytes and behind empty lines, which it passes over only with the next record.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn line_of(&mut self, position: Option<&csv::Position>) -> u64 {
        let from = position.and_then(|p| usize::try_from(p.byte()).ok()).unwrap_or(self.at);
        let ends = self.bytes.iter().skip(from).take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let start = from + ends;
        let passed = self.bytes.get(self.at..start).unwrap_or_default();
        self.line += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.at = start.max(self.at);
        self.line
    }
}

struct Line<'a> {
    line: u64,
    record: &'a StringRecord,
    columns: &'a [Option<usize>],
    width: usize,
    bad: Vec<BadLine>,
}

impl Line<'_> {
    fn read(mut self) -> Result<ConsentRow, Vec<BadLine>> {
        if self.record.len() != self.width {
            let why = format!("{} fields where the header has {}", self.record.len(), self.width);
            self.note("", &why, "put fields with a comma in quotation marks");
            return Err(self.bad);
        }
        let network_id = self.field("network_id", "1 to 64 characters without blanks", identifier);
        let facility = self.field("facility_code", "the 10-digit code", facility_code);
        let patient_no = self.field("patient_no", "1 to 64 characters without blanks", identifier);
        let community = self.field("community", "the asking community's OID", Oid::parse);
        let viewers = self.field("viewers", "organisation ids separated by blanks, or *", viewers);
        let kinds = self.field("kinds", "kinds such as OML-11 or 18842-5 separated by blanks, or *", kinds);
        let purposes = self.field("purpose", "TREATMENT or EMERGENCY", purposes);
        let state = self.field("state", "granted, limited, withdrawn or refused", ConsentState::parse);
        let from = self.field("valid_from", "a day such as 2026-04-01", day);
        let until = self.field("valid_until", "a day such as 2027-03-31, or nothing", day_or_open);
        let form = self.field("form", "name the form that was signed", some_text);
        let evidence = self.field("evidence", "at most 500 characters", text_within);
        let entered_by = self.field("entered_by", "name who entered the row", some_text);
        let card_id = self.field("card_id", "the id as 1234^^^&2.999.34.1&ISO, or nothing", card_or_none);
        let card_from = self.field("card_from", "a day such as 2026-04-01, or nothing", day_or_open);
        let card_until = self.field("card_until", "a day such as 2027-03-31, or nothing", day_or_open);
        if card_id == Some(None)
            && [&card_from, &card_until].into_iter().any(|day| matches!(day, Some(Some(_))))
        {
            self.note("card_id", "empty", "the card whose days these are");
        }
        let row = || {
            let (id, first, last) = (card_id?, card_from?, card_until?);
            Some(ConsentRow {
                network_id: Phi::new(network_id?),
                facility: facility?,
                patient_no: Phi::new(patient_no?),
                community: CommunityId(community?),
                viewers: viewers?,
                kinds: kinds?,
                purposes: purposes?,
                state: state?,
                valid_from: from?,
                valid_until: until?,
                form: form?,
                evidence: evidence?,
                entered_by: entered_by?,
                card: id.map(|id| Card { id, from: first, until: last }),
            })
        };
        match row() {
            Some(row) => self.fits(row),
            None => Err(self.bad),
        }
    }

    /// What no single column can tell.
    fn fits(mut self, row: ConsentRow) -> Result<ConsentRow, Vec<BadLine>> {
        if row.state == ConsentState::Limited && row.kinds == Terms::All {
            self.note("kinds", "`*` does not limit anything", "list the kinds, or write granted");
        }
        if row.valid_until.is_some_and(|last| last < row.valid_from) {
            self.note("valid_until", "before valid_from", "both days belong to the time of validity");
        }
        let card = row.card.as_ref().and_then(|card| card.from.zip(card.until));
        if card.is_some_and(|(first, last)| last < first) {
            self.note("card_until", "before card_from", "both days belong to the card's validity");
        }
        if self.bad.is_empty() { Ok(row) } else { Err(self.bad) }
    }

    fn field<T>(
        &mut self,
        column: &'static str,
        hint: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let at = CONSENT_COLUMNS.iter().chain(&CARD_COLUMNS).position(|name| *name == column);
        let position = at.and_then(|at| *self.columns.get(at)?);
        let text = position.and_then(|i| self.record.get(i)).unwrap_or_default();
        let value = read(text);
        if value.is_none() {
            self.note(column, if text.is_empty() { "empty" } else { "not readable" }, hint);
        }
        value
    }

    fn note(&mut self, column: &'static str, why: &str, hint: &str) {
        let bad = BadLine { line: self.line, column, why: why.to_owned(), hint: hint.to_owned() };
        self.bad.push(bad);
    }
}

fn facility_code(text: &str) -> Option<String> {
    (text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}

fn day_or_open(text: &str) -> Option<Option<Date>> {
    if text.is_empty() { Some(None) } else { day(text).map(Some) }
}

fn card_or_none(text: &str) -> Option<Option<PatientId>> {
    if text.is_empty() {
        return Some(None);
    }
    PatientId::from_cx(text).filter(|id| identifier(id.value.reveal()).is_some()).map(Some)
}

fn identifier(text: &str) -> Option<String> {
    let fits = (1..=64).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    fits.then(|| text.to_owned())
}

fn viewers(text: &str) -> Option<Terms> {
    match Terms::parse(text) {
        Terms::All => Some(Terms::All),
        Terms::Listed(ids) if ids.is_empty() || ids.contains("*") => None,
        Terms::Listed(ids) => Some(Terms::Listed(ids.iter().map(|id| bare(id).to_owned()).collect())),
    }
}

/// Kinds are open (documents of the extension storage have codes of their own), but a slip in an
/// SS-MIX2 kind would silently consent to nothing.
fn kinds(text: &str) -> Option<Terms> {
    let fits = |kind: &String| {
        let ssmix2 = ["ADT", "OMD", "OMG", "OML", "OMP", "PPR"].iter().any(|stem| kind.starts_with(stem));
        let shape = kind.as_bytes();
        let numbered = matches!(shape, [_, _, _, b'-', a, b] if a.is_ascii_digit() && b.is_ascii_digit());
        let code = kind.len() <= 64 && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if ssmix2 { numbered || kind == "OMD" } else { code }
    };
    match Terms::parse(text) {
        Terms::All => Some(Terms::All),
        Terms::Listed(kinds) => (!kinds.is_empty() && kinds.iter().all(fits)).then_some(Terms::Listed(kinds)),
    }
}

fn purposes(text: &str) -> Option<Vec<Purpose>> {
    let Terms::Listed(words) = Terms::parse(text) else { return None };
    let purpose =
        |word: &String| [Purpose::Emergency, Purpose::Treatment].into_iter().find(|p| p.code() == word);
    let purposes = words.iter().map(purpose).collect::<Option<Vec<_>>>()?;
    (!purposes.is_empty()).then_some(purposes)
}

fn day(text: &str) -> Option<Date> {
    [
        format_description!("[year]-[month]-[day]"),
        format_description!("[year]/[month]/[day]"),
        format_description!("[year][month][day]"),
    ]
    .iter()
    .find_map(|format| Date::parse(text, format).ok())
}

fn some_text(text: &str) -> Option<String> {
    text_within(text).filter(|text| !text.is_empty())
}

fn text_within(text: &str) -> Option<String> {
    (text.chars().count() <= 500 && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// The header line of a file of consents, in the order `consent list` writes it.
pub const CONSENT_COLUMNS: [&str; 13] = [
    "network_id",
    "facility_code",
    "patient_no",
    "community",
    "viewers",
    "kinds",
    "purpose",
    "state",
    "valid_from",
    "valid_until",
    "form",
    "evidence",
    "entered_by",
];

/// Further columns that a file may have: what the other network calls the person, as their card says.
pub const CARD_COLUMNS: [&str; 3] = ["card_id", "card_from", "card_until"];

/// Bad lines named; the rest is counted.
pub const BAD_LINES_MAX: usize = 100;

/// A file of consents is at most this large.
const FILE_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests;
