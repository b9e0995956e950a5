//! The table of a file that belongs to the kind of target (`[ssmix2]`): kept with its places until
//! the kind reads it, so that its faults still have line and hint.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::error::{ConfigError, ConfigErrors, nearest};
use super::section::Source;

/// A table with its places.
#[derive(Debug, Clone)]
pub struct KindTable {
    source: Arc<Source>,
    key: &'static str,
    present: bool,
}

impl KindTable {
    pub(super) fn new(source: Arc<Source>, key: &'static str, present: bool) -> Self {
        Self { source, key, present }
    }

    /// Whether the file has the table.
    pub const fn is_present(&self) -> bool {
        self.present
    }

    /// Reads the table into a serde type (which should `deny_unknown_fields`).
    ///
    /// # Errors
    /// The table is missing, or everything that is wrong in its keys.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigErrors> {
        let mut root = DeTable::parse_recoverable(&self.source.text).0.into_inner();
        let Some(value) = root.remove(self.key) else {
            let message = format!("missing table `[{}]`", self.key);
            return Err(ConfigErrors(vec![self.source.error(self.key, message)]));
        };
        read_all(&self.source, self.key, value).map_err(ConfigErrors)
    }

    /// The text of one key, where it is one; what is wrong with it `read` tells.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let mut root = DeTable::parse_recoverable(&self.source.text).0.into_inner();
        let table = root.remove(self.key)?;
        let value = table.get_ref().as_table()?.get(key)?;
        value.get_ref().as_str().map(str::to_owned)
    }

    /// A fault at one of its keys (`roots`, or `facilities.name`).
    pub fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        self.source.error(&format!("{}.{key}", self.key), message)
    }
}

/// Reads a value; a faulty key is noted, taken out and the rest read again, so that all are found.
pub(super) fn read_all<T: DeserializeOwned>(
    source: &Source,
    path: &str,
    mut value: Spanned<DeValue<'_>>,
) -> Result<T, Vec<ConfigError>> {
    let mut errors: Vec<ConfigError> = Vec::new();
    loop {
        let fault = match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) if errors.is_empty() => return Ok(read),
            Ok(_) => return Err(errors),
            Err(fault) => fault,
        };
        let taken = take_faulty(&mut value, &fault);
        // Once a key has been taken out, "missing field" may be of our own making.
        if errors.is_empty() || taken.is_some() {
            errors.push(described(source, path, taken.as_deref(), &fault, &value));
        }
        if taken.is_none() {
            return Err(errors);
        }
    }
}

fn take_faulty(value: &mut Spanned<DeValue<'_>>, fault: &Error) -> Option<String> {
    let at = fault.span()?;
    let whole = value.span();
    let DeValue::Table(table) = value.get_mut() else { return None };
    let inside = |span: std::ops::Range<usize>| span.start <= at.start && at.end <= span.end && span != whole;
    let key = table
        .iter()
        .find(|(key, value)| inside(key.span()) || inside(value.span()))
        .map(|(key, _)| key.get_ref().to_string())?;
    table.remove(key.as_str());
    Some(key)
}

fn described(
    source: &Source,
    path: &str,
    key: Option<&str>,
    fault: &Error,
    value: &Spanned<DeValue<'_>>,
) -> ConfigError {
    let dotted = key.map_or_else(|| path.to_owned(), |key| format!("{path}.{key}"));
    let message = fault.message();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let error = ConfigError::new(&source.file, dotted.clone(), message.to_owned());
    let error = error.at(&source.text, fault.span().unwrap_or_else(|| value.span()));
    let (Some(first), true) = (quoted.first(), message.starts_with("unknown field")) else { return error };
    let mut error = error;
    error.message = format!("unknown key `{dotted}`");
    let known = quoted.get(1..).unwrap_or_default();
    match nearest(first, known.iter().copied()) {
        Some(near) => error.hint(format!("`{near}`?")),
        None => error.hint(format!("known here: {}", known.join(", "))),
    }
}
