//! Which kind a document is, as policies and consents name kinds: by the rows of its file, else by a
//! code that can mean one kind only. What no code tells is of no kind.

use crate::config::{KindRow, XdsConfig};
use crate::dialect::ssmix2::{CodingSchemes, ExtensionType, KINDS, StandardKind, TypeCode};
use crate::model::{Code, DocumentEntry};

impl XdsConfig {
    /// The kind of an entry; None where nothing tells it.
    pub(super) fn kind_of(&self, entry: &DocumentEntry) -> Option<String> {
        let row = self.kinds.iter().find(|row| fits(row, entry));
        row.map(|row| row.kind.clone()).or_else(|| told(&entry.type_code).map(str::to_owned))
    }
}

fn fits(row: &KindRow, entry: &DocumentEntry) -> bool {
    let one = |wanted: &Option<String>, code: &Code| {
        wanted.as_ref().is_none_or(|wanted| {
            *wanted == code.value && row.system.as_ref().is_none_or(|s| bare(s) == bare(&code.system))
        })
    };
    one(&row.class, &entry.class) && one(&row.format, &entry.format) && one(&row.type_code, &entry.type_code)
}

// The same value in another coding scheme means something else.
fn told(code: &Code) -> Option<&'static str> {
    let schemes = CodingSchemes::default();
    let is_of = |scheme: &str| bare(&code.system) == scheme;
    if is_of(&schemes.loinc) {
        let document = ExtensionType::find(&code.value).map(|row| row.code);
        let is_it = |kind: &&StandardKind| matches!(kind.type_code, TypeCode::Loinc(it) if it == code.value);
        return document.or_else(|| KINDS.iter().find(is_it).map(|kind| kind.code));
    }
    is_of(&schemes.data_kind).then(|| StandardKind::find(&code.value).map(|kind| kind.code)).flatten()
}

fn bare(system: &str) -> &str {
    system.trim().strip_prefix("urn:oid:").unwrap_or(system.trim())
}
