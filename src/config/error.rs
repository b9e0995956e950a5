//! What is wrong in a settings file: file, line, column, key and what to do about it. Collected, so
//! that one run shows everything. Prints one line; on a terminal `miette` shows the place.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// One thing that is wrong, or that will be soon (a warning).
#[derive(Debug, Clone)]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: PathBuf,
    /// 1-based; 0 when the file as a whole is meant.
    pub line: usize,
    /// 1-based, in characters; 0 when the file as a whole is meant.
    pub column: usize,
    /// The key, dotted (`tls.san_uri`); may be empty.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    place: Option<Box<Place>>,
}

/// Where in a text, for the caret.
#[derive(Debug, Clone)]
struct Place {
    source: NamedSource<Arc<str>>,
    span: Range<usize>,
}

impl ConfigError {
    /// An error about a file as a whole.
    pub fn new(file: &Path, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            key: key.into(),
            message: message.into(),
            hint: None,
            place: None,
        }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same at a place in the file's text (bytes).
    #[must_use]
    pub fn at(mut self, text: &Arc<str>, span: Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.line = before.matches('\n').count() + 1;
        self.column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let source = NamedSource::new(self.file.display().to_string(), Arc::clone(text));
        self.place = Some(Box::new(Place { source, span }));
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " (hint: {hint})"))
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &place.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place.as_ref()?;
        let label = LabeledSpan::at(place.span.clone(), self.key.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The name of a closed set that is nearest to what was typed, if any is near.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed_length = typed.chars().count();
    let near = |name: &&str| {
        let length = name.chars().count();
        let most = 1 + length.max(typed_length) / 3;
        // What differs in length by more is not near, and comparing costs the product of the lengths.
        (length.abs_diff(typed_length) <= most)
            .then(|| strsim::damerau_levenshtein(typed, name))
            .filter(|distance| *distance <= most)
    };
    names.into_iter().filter_map(|name| Some((near(&name)?, name))).min().map(|(_, name)| name)
}
