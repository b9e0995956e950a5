//! The `[ssmix2]` table of a peers file: where one facility's storages lie, what it calls itself,
//! and the caps under which its trees are read (decisions E7, japan.md 1.1).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::dialect::ssmix2::CodingSchemes;
use crate::model::{Authority, Code, Oid, RepositoryId};

/// One facility's SS-MIX2 storages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Roots of 標準化ストレージ; several where the store is split by period or kind.
    #[serde(default)]
    pub roots: Vec<PathBuf>,
    /// Roots of 拡張ストレージ.
    #[serde(default)]
    pub extension: Vec<PathBuf>,
    /// Roots of トランザクションストレージ, tailed as a hint of what changed.
    #[serde(default)]
    pub transaction: Vec<PathBuf>,
    /// 10-digit facility code.
    pub facility: String,
    /// Name of the facility, for authorInstitution.
    pub facility_name: String,
    /// OID of the organisation, for authorInstitution.
    #[serde(deserialize_with = "oid")]
    pub organization: Oid,
    /// Authority of the hospital's patient numbers.
    #[serde(deserialize_with = "authority")]
    pub authority: Authority,
    /// repositoryUniqueId of the documents.
    #[serde(deserialize_with = "repository")]
    pub repository: RepositoryId,
    /// healthcareFacilityTypeCode.
    pub facility_type: CodeSetting,
    /// Coding schemes of the codes we assign.
    #[serde(default)]
    pub schemes: CodingSchemes,
    /// Departments (table 0069) whose documents are confidentiality R; `02` covers `02A` too.
    #[serde(default)]
    pub restricted_departments: BTreeSet<String>,
    /// Beginnings of event codes that make a document confidential (R): infections, genetics.
    #[serde(default)]
    pub restricted_codes: BTreeSet<String>,
    /// Kinds (or extension codes) offered although the table has them off.
    #[serde(default)]
    pub kinds_on: BTreeSet<String>,
    /// Kinds (or extension codes) not offered although the table has them on.
    #[serde(default)]
    pub kinds_off: BTreeSet<String>,
    /// Milliseconds between two looks at the tree; a change shows within two of them.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// Files at most over all roots; those beyond are not read and are counted as `too-many-files`.
    #[serde(default = "files_max")]
    pub files_max: usize,
    /// Bytes of one file at most; larger ones are quarantined.
    #[serde(default = "file_bytes_max")]
    pub file_bytes_max: u64,
    /// Files read at the same time while indexing.
    #[serde(default = "readers")]
    pub readers: usize,
}

/// A coded value in a settings file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSetting {
    /// The code.
    pub code: String,
    /// Its coding scheme (OID).
    pub system: String,
    /// What a person reads.
    pub display: String,
}

impl Settings {
    /// Time between two looks at the tree.
    pub const fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}

impl From<&CodeSetting> for Code {
    fn from(setting: &CodeSetting) -> Self {
        Self::new(&setting.code, &setting.system, &setting.display)
    }
}

fn oid<'de, D: Deserializer<'de>>(from: D) -> Result<Oid, D::Error> {
    let text = String::deserialize(from)?;
    Oid::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not an OID")))
}

fn authority<'de, D: Deserializer<'de>>(from: D) -> Result<Authority, D::Error> {
    oid(from).map(Authority)
}

fn repository<'de, D: Deserializer<'de>>(from: D) -> Result<RepositoryId, D::Error> {
    oid(from).map(RepositoryId)
}

const fn poll_ms() -> u64 {
    2_000
}

const fn files_max() -> usize {
    5_000_000
}

const fn file_bytes_max() -> u64 {
    128 * 1024 * 1024
}

const fn readers() -> usize {
    4
}
