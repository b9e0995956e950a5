//! Loads a folder of policies: every file parsed, every policy named and validated strictly against
//! the schema, or none of it (architecture.md 6). Errors say file, line and what to do.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use cedar_policy::{PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

/// What is wrong with the policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// The file's name within the folder.
    pub file: String,
    /// Counted from 1; 0 when it is the whole file.
    pub line: usize,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub hint: String,
}

/// All that is wrong; nothing was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            let end = if position == 0 { "" } else { "\n" };
            write!(f, "{end}{}:{}: {} (hint: {})", error.file, error.line, error.why, error.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// A validated set, with the annotations that go into records.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) set: PolicySet,
    /// SHA-256 over schema, file names and contents, hex.
    pub(super) hash: String,
}

/// The files of a folder, as name and text, sorted.
pub(super) fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, PolicyErrors> {
    let fail = |file: &Path, error: &dyn fmt::Display, hint: &str| {
        PolicyErrors(vec![PolicyError {
            file: file.display().to_string(),
            line: 0,
            why: error.to_string(),
            hint: hint.to_owned(),
        }])
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| fail(folder, &e, "name an existing folder"))? {
        let path = entry.map_err(|e| fail(folder, &e, "the folder must be readable"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || !(name.ends_with(".cedar") || name == SCHEMA_FILE) {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|e| fail(&path, &e, "a readable file in UTF-8"))?;
        if files.len() >= FILES_MAX || text.len() > FILE_BYTES_MAX {
            return Err(fail(&path, &"too large or too many", "1000 files of 1 MiB at most"));
        }
        files.push((name, text));
    }
    files.sort();
    Ok(files)
}

/// Parses and validates files given as name and text.
pub(super) fn load(files: &[(String, String)]) -> Result<Loaded, PolicyErrors> {
    let mut loading = Loading::default();
    for (name, text) in files {
        if name == SCHEMA_FILE {
            loading.compare_schema(text);
        } else {
            loading.add(name, text);
        }
    }
    loading.validate()?;
    Ok(Loaded { set: loading.set, hash: hash(files) })
}

/// The schema of the program.
pub(super) fn schema() -> Result<Schema, PolicyErrors> {
    Schema::from_str(SCHEMA).map_err(|error| {
        let file = SCHEMA_FILE.to_owned();
        PolicyErrors(vec![PolicyError { file, line: 0, why: error.to_string(), hint: String::new() }])
    })
}

#[derive(Default)]
struct Loading<'a> {
    set: PolicySet,
    /// Where each policy came from.
    files: HashMap<String, (&'a str, &'a str)>,
    errors: Vec<PolicyError>,
}

impl<'a> Loading<'a> {
    fn compare_schema(&mut self, text: &str) {
        if !text.lines().map(str::trim_end).eq(SCHEMA.lines().map(str::trim_end)) {
            let hint = "the schema belongs to the program: restore the file that came with it, or remove it";
            self.note(SCHEMA_FILE, 0, "differs from the schema of this version".to_owned(), hint);
        }
    }

    fn add(&mut self, file: &'a str, text: &'a str) {
        let parsed = match PolicySet::from_str(text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                for error in errors.iter() {
                    self.note(file, line_of(error, text), error.to_string(), &hint_of(error));
                }
                return;
            }
        };
        for template in parsed.templates() {
            let line = line_naming(text, template.annotation("id"));
            self.note(file, line, "a template".to_owned(), "write the entities out instead of ?principal");
        }
        for policy in parsed.policies() {
            let Some(id) = policy.annotation("id").filter(|id| !id.trim().is_empty()) else {
                let hint = "put @id(\"...\") before every permit and forbid";
                self.note(file, 0, "a policy without @id".to_owned(), hint);
                continue;
            };
            let line = line_naming(text, Some(id));
            if policy.annotation("reason").is_none_or(|reason| reason.trim().is_empty()) {
                let why = format!("policy `{id}` has no @reason");
                self.note(file, line, why, "say in @reason(\"...\") what it is for");
            }
            if let Some(word) = policy.annotation("obligation").filter(|word| *word != EMERGENCY) {
                let why = format!("policy `{id}` has the unknown obligation `{word}`");
                self.note(file, line, why, "the only obligation is \"emergency\"");
            }
            if let Some((other, _)) = self.files.insert(id.to_owned(), (file, text)) {
                let why = format!("policy `{id}` stands in `{other}` already");
                self.note(file, line, why, "give every policy an @id of its own");
            } else if let Err(error) = self.set.add(policy.new_id(PolicyId::new(id))) {
                self.note(file, line, error.to_string(), "give every policy an @id of its own");
            }
        }
    }

    fn validate(&mut self) -> Result<(), PolicyErrors> {
        let result = Validator::new(schema()?).validate(&self.set, ValidationMode::Strict);
        let found: Vec<_> = result
            .validation_errors()
            .map(|error| (error.policy_id().to_string(), error as &dyn Diagnostic))
            .map(|(id, error)| (id, error.to_string(), hint_of(error), Labelled::of(error)))
            .collect();
        for (id, why, hint, label) in found {
            let (file, text) = self.files.get(&id).copied().unwrap_or_default();
            let line = label.0.map_or_else(|| line_naming(text, Some(&id)), |offset| line_at(text, offset));
            self.note(file, line, why, &hint);
        }
        if self.errors.is_empty() { Ok(()) } else { Err(PolicyErrors(std::mem::take(&mut self.errors))) }
    }

    fn note(&mut self, file: &str, line: usize, why: String, hint: &str) {
        self.errors.push(PolicyError { file: file.to_owned(), line, why, hint: hint.to_owned() });
    }
}

/// Where an error points to, in bytes.
struct Labelled(Option<usize>);

impl Labelled {
    fn of(error: &dyn Diagnostic) -> Self {
        Self(error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset()))
    }
}

fn line_of(error: &dyn Diagnostic, text: &str) -> usize {
    Labelled::of(error).0.map_or(0, |offset| line_at(text, offset))
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// The line where an `@id` stands.
fn line_naming(text: &str, id: Option<&str>) -> usize {
    let at = id.and_then(|id| text.find(&format!("@id(\"{id}\")")));
    at.map_or(0, |offset| line_at(text, offset))
}

fn hint_of(error: &dyn Diagnostic) -> String {
    error.help().map_or_else(|| "see policies/schema.cedarschema".to_owned(), |help| help.to_string())
}

fn hash(files: &[(String, String)]) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let own = (SCHEMA_FILE.to_owned(), SCHEMA.to_owned());
    for text in files.iter().filter(|(name, _)| name != SCHEMA_FILE).chain([&own]).flat_map(|f| [&f.0, &f.1])
    {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    hex::encode(context.finish())
}

/// The obligation that lets a physician override a missing consent.
pub(super) const EMERGENCY: &str = "emergency";

const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");
const SCHEMA_FILE: &str = "schema.cedarschema";
const FILES_MAX: usize = 1000;
const FILE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests;
