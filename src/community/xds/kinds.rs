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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{
        Authority, Availability, CommunityId, DocumentId, Encoded, EntryFields, ObjectId, Oid, PatientId,
        Phi, RepositoryId, WireBytes,
    };

    const LOINC: &str = "2.16.840.1.113883.6.1";

    fn entry(class: &str, type_code: (&str, &str), format: &str) -> DocumentEntry {
        let oid = || Oid::parse("2.999.1").unwrap();
        let own = |value: &str| Code::new(value, "2.999.5", "");
        DocumentEntry::new(
            EntryFields {
                id: DocumentId {
                    community: CommunityId(oid()),
                    repository: RepositoryId(oid()),
                    unique: Phi::new("1.2".to_owned()),
                },
                object: ObjectId(Phi::new("urn:uuid:1".to_owned())),
                patient: PatientId::new(Authority(oid()), "1"),
                class: own(class),
                type_code: Code::new(type_code.0, type_code.1, ""),
                format: own(format),
                confidentiality: Vec::new(),
                availability: Availability::Approved,
                media_type: "".into(),
                hash: None,
                size: None,
                origin: None,
            },
            Encoded::Ebxml(WireBytes { text: Phi::default(), namespaces: Arc::from([]), places: None }),
        )
    }

    #[test]
    fn a_code_tells_a_kind_only_in_the_scheme_in_which_it_can_mean_one() {
        let config = XdsConfig::default();
        for (type_code, kind) in [
            (("11502-2", LOINC), Some("OML-11")),
            (("11502-2", "urn:oid:2.16.840.1.113883.6.1"), Some("OML-11")),
            (("18748-4", LOINC), Some("18748-4")),
            (("18842-5", LOINC), Some("18842-5")),
            (("OML-11", "2.999.392.2"), Some("OML-11")),
            (("11502-2", "2.999.5"), None),
            (("OML-11", "2.999.5"), None),
            (("99999-9", LOINC), None),
            (("", ""), None),
        ] {
            assert_eq!(config.kind_of(&entry("a", type_code, "f")).as_deref(), kind, "{type_code:?}");
        }
    }

    #[test]
    fn the_first_row_that_fits_in_all_that_it_names_counts_before_what_codes_tell() {
        let row = |class: &str, type_code: &str, system: &str, kind: &str| {
            let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            KindRow {
                class: given(class),
                format: None,
                type_code: given(type_code),
                system: given(system),
                kind: kind.to_owned(),
            }
        };
        let kinds = vec![
            row("手術", "T1", "", "11504-8"),
            row("", "T1", "2.999.5", "OML-11"),
            row("", "11502-2", "", "PPR-01"),
        ];
        let config = XdsConfig { kinds, ..XdsConfig::default() };
        let told = |class, type_code| config.kind_of(&entry(class, type_code, "f"));
        assert_eq!(told("手術", ("T1", "2.999.6")).as_deref(), Some("11504-8"));
        assert_eq!(told("検査", ("T1", "2.999.5")).as_deref(), Some("OML-11"));
        assert_eq!(told("検査", ("T1", "2.999.6")), None);
        assert_eq!(told("検査", ("11502-2", LOINC)).as_deref(), Some("PPR-01"));
    }
}
