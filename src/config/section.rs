//! Reads one table of a TOML file key by key. Every fault is noted and reading goes on; a key that
//! nobody asked for is a fault with the nearest name as its hint.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, nearest};
use crate::model::{Oid, Timestamp};

/// Of a file that is no TOML: nobody reads more, and each costs a look through the text.
const SYNTAX_FAULTS_MAX: usize = 100;

/// One file's text with the place of every key, so that a fault found later still has its line.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) text: Arc<str>,
    places: BTreeMap<String, Range<usize>>,
}

impl Source {
    /// A fault at a key (dotted); at the nearest enclosing table when the key is not written.
    pub(super) fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let error = ConfigError::new(&self.file, key, message);
        let mut path = key;
        loop {
            if let Some(span) = self.places.get(path) {
                return error.at(&self.text, span.clone());
            }
            match path.rsplit_once('.') {
                Some((parent, _)) => path = parent,
                None => return error.at(&self.text, 0..0),
            }
        }
    }
}

/// What was found wrong in one file, and every key that was asked for.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) source: Source,
    broken: bool,
    errors: RefCell<Vec<ConfigError>>,
    asked: RefCell<BTreeSet<String>>,
}

impl Reading {
    /// Reads and parses a file. A file that is not TOML has its faults noted and reads as empty.
    pub(super) fn open(file: &Path) -> Result<Self, ConfigError> {
        let bytes = std::fs::read(file).map_err(|e| {
            ConfigError::new(file, "", format!("cannot be read: {e}")).hint("check the path and its owner")
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| ConfigError::new(file, "", "is not UTF-8").hint("save the file as UTF-8"))?;
        Ok(Self::of(file, text))
    }

    /// The same for a text at hand.
    pub(super) fn of(file: &Path, text: String) -> Self {
        let text: Arc<str> = text.into();
        let (parsed, faults) = DeTable::parse_recoverable(&text);
        let mut places = BTreeMap::new();
        note_places(parsed.get_ref(), "", &mut places);
        let mut errors: Vec<ConfigError> = faults
            .iter()
            .take(SYNTAX_FAULTS_MAX)
            .map(|fault| {
                let error = ConfigError::new(file, "", fault.message());
                fault.span().map_or(error.clone(), |span| error.at(&text, span))
            })
            .collect();
        // One mistake makes many; the first of a line is the one that counts.
        errors.dedup_by_key(|error| error.line);
        let source = Source { file: file.to_owned(), text: Arc::clone(&text), places };
        Self { source, broken: !errors.is_empty(), errors: RefCell::new(errors), asked: RefCell::default() }
    }

    /// The whole file as a table.
    pub(super) fn root(&self) -> Section<'_> {
        Section::new(self, "", DeTable::parse_recoverable(&self.source.text).0.into_inner())
    }

    /// Notes what does not fit together, unless something at that key is wrong in itself.
    pub(super) fn note_conflict(&self, error: ConfigError) {
        let known = self.errors.borrow().iter().any(|other| other.key == error.key);
        if !known {
            self.note(error);
        }
    }

    /// Notes a fault. In a file that is not TOML only its syntax counts.
    pub(super) fn note(&self, error: ConfigError) {
        if !self.broken {
            self.errors.borrow_mut().push(error);
        }
    }

    /// The source, the faults and the keys asked for.
    pub(super) fn close(self) -> (Source, Vec<ConfigError>, BTreeSet<String>) {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| (error.line, error.column));
        (self.source, errors, self.asked.into_inner())
    }
}

/// One table being read.
pub(super) struct Section<'a> {
    reading: &'a Reading,
    path: String,
    table: DeTable<'a>,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(reading: &'a Reading, path: &str, table: DeTable<'a>) -> Self {
        Self { reading, path: path.to_owned(), table, asked: Vec::new() }
    }

    /// Whether the key is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// One of a closed set of words that must be there.
    pub(super) fn required_word<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        if self.has(key) {
            return self.word(key, choices);
        }
        let example = choices.first().map_or("...", |(word, _)| word);
        self.required(key, &format!("\"{example}\"")).and(None)
    }

    /// Notes a fault at a key of this table.
    pub(super) fn fault(&self, key: &str, message: impl Into<String>, hint: &str) {
        let error = self.reading.source.error(&self.dotted(key), message);
        self.reading.note(if hint.is_empty() { error } else { error.hint(hint) });
    }

    /// A string; None when absent or faulty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            other => {
                self.wrong_type(key, "a string", other);
                None
            }
        }
    }

    /// A string that must be there.
    pub(super) fn required(&mut self, key: &'static str, example: &str) -> Option<String> {
        if !self.has(key) {
            self.note_asked(key);
            self.fault(key, format!("missing key `{}`", self.dotted(key)), &format!("add {key} = {example}"));
            return None;
        }
        self.text(key)
    }

    /// One of a closed set of words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let hint = nearest(&text, words.iter().copied())
                .map_or_else(|| format!("one of {}", words.join(", ")), |near| format!("`{near}`?"));
            self.fault(key, format!("unknown {key} \"{text}\""), &hint);
        }
        found
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &'static str, default: u64, bounds: RangeInclusive<u64>) -> u64 {
        let Some(value) = self.take(key) else { return default };
        let DeValue::Integer(digits) = value.get_ref() else {
            self.wrong_type(key, "a whole number", value.get_ref());
            return default;
        };
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
        match number.filter(|n| bounds.contains(n)) {
            Some(number) => number,
            None => {
                let hint = format!("between {} and {}{}", bounds.start(), bounds.end(), unit(key));
                self.fault(key, format!("`{}` is out of bounds", self.dotted(key)), &hint);
                default
            }
        }
    }

    /// A list of whole numbers, each within bounds; None when absent or faulty.
    pub(super) fn numbers(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<Vec<u64>> {
        let value = self.take(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, "a list of whole numbers", value.get_ref());
            return None;
        };
        let number = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        let numbers: Option<Vec<u64>> =
            items.iter().map(|item| number(item).filter(|number| bounds.contains(number))).collect();
        if numbers.is_none() {
            let hint = format!("whole numbers between {} and {}", bounds.start(), bounds.end());
            self.fault(key, format!("`{}` holds something else", self.dotted(key)), &hint);
        }
        numbers
    }

    /// A number that may be left out.
    pub(super) fn optional_number(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<u64> {
        if !self.has(key) {
            self.note_asked(key);
            return None;
        }
        let fallback = *bounds.start();
        Some(self.number(key, fallback, bounds))
    }

    /// true or false.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.take(key) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(key, "true or false", value.get_ref());
            default
        })
    }

    /// A list of strings; a single string counts as a list of one.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.take(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::String(text) => vec![text.to_string()],
            DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_str()) => {
                items.iter().filter_map(|item| item.get_ref().as_str()).map(str::to_owned).collect()
            }
            other => {
                self.wrong_type(key, "a string or a list of strings", other);
                Vec::new()
            }
        }
    }

    /// An OID, with or without `urn:oid:`.
    pub(super) fn oid(&mut self, key: &'static str) -> Option<Oid> {
        let text = self.text(key)?;
        self.parsed_oid(key, &text)
    }

    /// Several OIDs.
    pub(super) fn oids(&mut self, key: &'static str) -> Vec<Oid> {
        self.texts(key).iter().filter_map(|text| self.parsed_oid(key, text)).collect()
    }

    /// A day, `2027-03-31`; the instant at which it ends in Japan (UTC+9).
    pub(super) fn end_of_day(&mut self, key: &'static str) -> Option<Timestamp> {
        let value = self.take(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(day) => day.to_string(),
            other => {
                self.wrong_type(key, "a date", other);
                return None;
            }
        };
        let day = text.get(..10).filter(|_| text.len() == 10).map(|day| format!("{day}T00:00:00+09:00"));
        let start = day.and_then(|day| Timestamp::from_xs_date_time(&day));
        if start.is_none() {
            self.fault(key, format!("`{}` is not a date", self.dotted(key)), "write it as 2027-03-31");
        }
        start.map(|start| start.plus_seconds(86_400))
    }

    /// A table within; None when absent or faulty.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let value = self.take(key)?;
        let path = self.dotted(key);
        match value.into_inner() {
            DeValue::Table(table) => Some(Section::new(self.reading, &path, table)),
            other => {
                self.wrong_type(key, "a table", &other);
                None
            }
        }
    }

    /// A table within; empty when absent, so that defaults hold.
    pub(super) fn section_or_empty(&mut self, key: &'static str) -> Section<'a> {
        let path = self.dotted(key);
        self.section(key).unwrap_or_else(|| Section::new(self.reading, &path, DeTable::new()))
    }

    /// A list of tables.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let path = self.dotted(key);
        let DeValue::Array(items) = value.into_inner() else {
            self.fault(key, format!("`{path}` should be a list of tables"), "");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items {
            match item.into_inner() {
                DeValue::Table(table) => sections.push(Section::new(self.reading, &path, table)),
                other => self.wrong_type(key, "a list of tables", &other),
            }
        }
        sections
    }

    /// The raw value, for a reader elsewhere.
    pub(super) fn raw(&mut self, key: &'static str) -> Option<Spanned<DeValue<'a>>> {
        self.take(key)
    }

    /// Every key still there was not asked for: a fault each.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            let dotted = self.dotted(name);
            let source = &self.reading.source;
            let error = ConfigError::new(&source.file, dotted.clone(), format!("unknown key `{dotted}`"))
                .at(&source.text, key.span());
            let hint = match nearest(name, self.asked.iter().copied()) {
                Some(near) => format!("`{near}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            self.reading.note(error.hint(hint));
        }
    }

    pub(super) fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'a>>> {
        self.note_asked(key);
        self.table.remove(key)
    }

    fn note_asked(&mut self, key: &'static str) {
        self.asked.push(key);
        self.reading.asked.borrow_mut().insert(self.dotted(key));
    }

    fn wrong_type(&self, key: &str, wanted: &str, found: &DeValue<'_>) {
        let message = format!("`{}` should be {wanted}, not {}", self.dotted(key), found.type_str());
        self.fault(key, message, "");
    }

    fn parsed_oid(&self, key: &str, text: &str) -> Option<Oid> {
        let oid = Oid::parse(text);
        if oid.is_none() {
            let message = format!("\"{text}\" is not an OID");
            self.fault(key, message, "digits and dots, `urn:oid:` before them or not");
        }
        oid
    }
}

/// The unit a key's name ends in, in words.
fn unit(key: &str) -> &'static str {
    let units = [("_bytes_max", " bytes"), ("_ms", " milliseconds"), ("_s", " seconds")];
    units.iter().find(|(ending, _)| key.ends_with(ending)).map_or("", |(_, word)| word)
}

fn note_places(table: &DeTable<'_>, path: &str, places: &mut BTreeMap<String, Range<usize>>) {
    for (key, value) in table.iter() {
        let name: &str = key.get_ref();
        let dotted = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value.get_ref() {
            DeValue::Table(inner) => {
                places.insert(dotted.clone(), key.span());
                note_places(inner, &dotted, places);
            }
            _ => {
                places.insert(dotted, value.span());
            }
        }
    }
}
