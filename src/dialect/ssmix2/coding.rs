//! What a facility's configuration says of its documents: identifiers, coding schemes, sensitivity.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::model::{Authority, Code, CommunityId, Oid, RepositoryId};

/// Coding schemes as bare OIDs. The defaults for class, data kind and format lie under the example
/// arc 2.999: a network names its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodingSchemes {
    /// classCode.
    pub class: String,
    /// confidentialityCode.
    pub confidentiality: String,
    /// typeCode where it is the data kind itself.
    pub data_kind: String,
    /// practiceSettingCode: departments, table 0069.
    pub department: String,
    /// eventCodeList: names that messages use (`JC10`, `HOT9`) and their OIDs; others stay as written.
    pub events: BTreeMap<String, String>,
    /// formatCode.
    pub format: String,
    /// typeCode where it is LOINC.
    pub loinc: String,
}

/// japan.md 3.3, HL7 tables and DICOM.
const EVENT_SYSTEMS: &[(&str, &str)] = &[
    ("DCM", "1.2.840.10008.2.16.4"),
    ("HL70003", "2.16.840.1.113883.12.3"),
    ("HL70004", "2.16.840.1.113883.12.4"),
    ("HOT13", "1.2.392.200119.4.402.1"),
    ("HOT7", "1.2.392.200119.4.403.2"),
    ("HOT9", "1.2.392.200119.4.403.1"),
    ("I10", "2.16.840.1.113883.6.3"),
    ("JC10", "1.2.392.200119.4.504"),
    ("MDCDX2", "1.2.392.200119.4.101.2"),
    ("YJ", "1.2.392.100495.20.2.73"),
];

impl Default for CodingSchemes {
    fn default() -> Self {
        let pair = |(name, oid): &(&str, &str)| ((*name).to_owned(), (*oid).to_owned());
        Self {
            class: "2.999.392.1".to_owned(),
            confidentiality: "2.16.840.1.113883.5.25".to_owned(),
            data_kind: "2.999.392.2".to_owned(),
            department: "1.2.392.200250.2.2.2".to_owned(),
            events: EVENT_SYSTEMS.iter().map(pair).collect(),
            format: "2.999.392.3".to_owned(),
            loinc: "2.16.840.1.113883.6.1".to_owned(),
        }
    }
}

impl CodingSchemes {
    /// The scheme of an event code by the name that HL7 messages use.
    pub(super) fn event(&self, name: &str) -> String {
        self.events.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }
}

/// A facility as its documents show it (decisions E7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacilitySettings {
    /// 10-digit code; part of every document's identity.
    pub code: String,
    /// Name in Japanese.
    pub name: String,
    /// Organisation OID.
    pub organization: Oid,
    /// Assigning authority of the hospital's patient numbers.
    pub patient_authority: Authority,
    /// Repository its documents are fetched from.
    pub repository: RepositoryId,
    /// Our community.
    pub community: CommunityId,
    /// healthcareFacilityTypeCode.
    pub facility_type: Code,
    /// Coding schemes.
    pub schemes: CodingSchemes,
    /// Departments whose documents are confidential (R); `02` covers `02A` too.
    pub restricted_departments: BTreeSet<String>,
    /// Beginnings of event codes that make a document confidential (R): tests of infections, genetics.
    pub restricted_codes: BTreeSet<String>,
}

/// Table 0069, the two digits every hospital shares (japan.md 3.2).
const DEPARTMENTS: &[(&str, &str)] = &[
    ("01", "内科"),
    ("02", "精神科"),
    ("03", "神経科"),
    ("04", "神経内科"),
    ("05", "呼吸器科"),
    ("06", "消化器科"),
    ("07", "胃腸科"),
    ("08", "循環器科"),
    ("09", "小児科"),
    ("10", "外科"),
    ("11", "整形外科"),
    ("15", "呼吸器外科"),
    ("24", "産科"),
];

/// The name of a department where the message has none.
pub(super) fn department_name(code: &str) -> &'static str {
    let group = code.get(..2).unwrap_or(code);
    DEPARTMENTS.iter().find(|(known, _)| *known == group).map_or("", |(_, name)| name)
}
