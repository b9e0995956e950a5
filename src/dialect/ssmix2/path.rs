//! Storage paths of SS-MIX2 (JAMI guideline 1.2): `<P3>/<P3>/<P>/<date>/<kind>/<file>`, and in the
//! extension storage a content folder with its documents. Names arrive as raw bytes: UTF-8, NFD or
//! CP932. What is no storage file is told from what is not one yet.

use std::fmt::Write as _;

use encoding_rs::SHIFT_JIS;
use unicode_normalization::UnicodeNormalization as _;

use super::kinds::StandardKind;
use crate::dialect::hl7v2::deviation as d;
use crate::model::{Code, Malformed, Phi, Warning};

/// A path may have so many bytes.
pub const MAX_PATH_BYTES: usize = 4096;

/// コンディションフラグ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// 0: deleted, or the delete message.
    Deleted,
    /// 1: current.
    Current,
    /// 2: superseded.
    Superseded,
}

impl Flag {
    /// 0, 1 or 2.
    pub const fn digit(self) -> char {
        match self {
            Self::Deleted => '0',
            Self::Current => '1',
            Self::Superseded => '2',
        }
    }

    fn from_digit(text: &str) -> Option<Self> {
        match text {
            "0" => Some(Self::Deleted),
            "1" => Some(Self::Current),
            "2" => Some(Self::Superseded),
            _ => None,
        }
    }
}

/// The kind of an extension folder: `[local code]^name^[system]^standard code^name^system`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtensionKind {
    /// The folder's name, NFC.
    pub folder: String,
    /// Local code; the code may be empty, the name hardly ever is.
    pub local: Code,
    /// Standard code (`LN` is LOINC), where the folder has one.
    pub standard: Option<Code>,
}

impl ExtensionKind {
    /// Reads a folder name with carets.
    pub fn parse(folder: &str) -> Self {
        let mut parts = folder.split('^').map(str::trim);
        let mut next = || parts.next().unwrap_or_default();
        let local = (next(), next(), next());
        let standard = (next(), next(), next());
        let code = |(value, display, system): (&str, &str, &str)| Code::new(value, system, display);
        Self {
            folder: folder.to_owned(),
            local: code(local),
            standard: Some(code(standard)).filter(|c| !c.value.is_empty()),
        }
    }
}

/// Standard or extension storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One of the 26.
    Standard(&'static StandardKind),
    /// A document folder.
    Extension(ExtensionKind),
}

impl Kind {
    /// What policies and consents decide on: `OML-11`, `18842-5`, else the local code or name.
    pub fn code(&self) -> &str {
        let kind = match self {
            Self::Standard(kind) => return kind.code,
            Self::Extension(kind) => kind,
        };
        let standard = kind.standard.as_ref().map_or("", |code| code.value.as_str());
        let ways = [standard, &kind.local.value, &kind.local.display];
        ways.into_iter().find(|code| !code.is_empty()).unwrap_or(&kind.folder)
    }

    /// The folder's name.
    pub fn folder(&self) -> &str {
        match self {
            Self::Standard(kind) => kind.code,
            Self::Extension(kind) => &kind.folder,
        }
    }
}

/// What a path says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageFile {
    /// The hospital's number, zeros and all.
    pub patient: Phi<String>,
    /// 診療日 `YYYYMMDD`; None for `-`.
    pub date: Option<String>,
    /// Data kind.
    pub kind: Kind,
    /// オーダNo or 特定キー.
    pub order_key: String,
    /// 発生日時 in Japan's time, up to 17 digits.
    pub sent_at: String,
    /// Department code of table 0069; None for `-` or no part.
    pub department: Option<String>,
    /// Condition flag.
    pub flag: Flag,
    /// File within the content folder, extension storage only.
    pub document: Option<String>,
    /// What was put up with.
    pub warnings: Vec<Warning>,
}

/// What versions of one order share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainKey {
    /// The hospital's number.
    pub patient: Phi<String>,
    /// Visit date.
    pub date: Option<String>,
    /// Folder of the kind.
    pub kind: String,
    /// Order number.
    pub order_key: String,
}

impl StorageFile {
    /// Reads a path below a storage root, parts apart by `/`. Folders and name must agree.
    ///
    /// # Errors
    /// `temporary-file`, `not-storage-path`, `path-inconsistent`, `unknown-kind`.
    pub fn parse_relative(relative: &[u8]) -> Result<Self, Malformed> {
        let parts = decoded_parts(relative)?;
        if parts.iter().any(|part| part == "..") {
            return Err(not_storage("the path leaves its root"));
        }
        let words: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (a, b, patient, date, kind, name, document) = match words.as_slice() {
            [a, b, patient, date, kind, name] => (a, b, patient, date, kind, name, None),
            [a, b, patient, date, kind, name, rest @ ..] if !rest.is_empty() => {
                (a, b, patient, date, kind, name, Some(rest.join("/")))
            }
            _ => return Err(not_storage("the path has too few folders")),
        };
        let file = Self::from_name(name, Some(kind), document)?;
        let begins = |from: usize| patient.chars().skip(from).take(3).collect::<String>();
        // Numbers shorter than seven characters make the first levels overlap: the third level decides.
        let levels_agree = patient.chars().count() < 6 || (begins(0) == **a && begins(3) == **b);
        file.agrees(patient, date, levels_agree)
    }

    /// Reads any path, as given on a command line: folders count where they look like a storage.
    ///
    /// # Errors
    /// As [`StorageFile::parse_relative`].
    pub fn parse_any(path: &[u8]) -> Result<Self, Malformed> {
        let parts = decoded_parts(path)?;
        let words: Vec<&str> = parts.iter().map(String::as_str).collect();
        // From the deepest part upwards: a content folder with its document, or a file by itself.
        for depth in 0..words.len().min(4) {
            let end = words.len() - depth;
            let Some(name) = words.get(end - 1) else { continue };
            let looks_so = split_name(name).is_some();
            if depth > 0 && !looks_so {
                continue;
            }
            let document = words.get(end..).filter(|rest| !rest.is_empty()).map(|rest| rest.join("/"));
            let folder = |up: usize| end.checked_sub(up).and_then(|at| words.get(at)).copied();
            let kind = folder(2).filter(|k| k.contains('^') || StandardKind::find(k).is_some());
            let date = kind.and(folder(3)).filter(|date| is_date_folder(date));
            if looks_so {
                let file = Self::from_name(name, kind, document)?;
                return match (date, date.and(folder(4))) {
                    (Some(date), Some(patient)) => file.agrees(patient, date, true),
                    _ => Ok(file),
                };
            }
        }
        let name = words.last().copied().unwrap_or_default();
        Err(Self::from_name(name, None, None).err().unwrap_or_else(|| not_storage("the name does not fit")))
    }

    /// From the file's or content folder's name, and the kind's folder where there is one.
    fn from_name(name: &str, folder: Option<&str>, document: Option<String>) -> Result<Self, Malformed> {
        if is_temporary(name) || document.as_deref().is_some_and(is_temporary) {
            let why = "a writer's temporary file: ignored until it is renamed";
            return Err(Malformed::new("temporary-file", "", why));
        }
        let parts = split_name(name)
            .ok_or_else(|| not_storage("the name has not the seven parts of a storage file"))?;
        let kind_name = folder.unwrap_or(parts.kind);
        let kind = match StandardKind::find(kind_name) {
            Some(kind) if document.is_none() => Kind::Standard(kind),
            Some(_) => return Err(not_storage("a file lies below a file of the standard storage")),
            None if kind_name.contains('^') || document.is_some() => {
                Kind::Extension(ExtensionKind::parse(kind_name))
            }
            None => {
                let why = "the folder is none of the 26 data kinds and no extension folder";
                return Err(Malformed::new("unknown-kind", "", why));
            }
        };
        if matches!(kind, Kind::Standard(_)) && folder.is_some_and(|folder| folder != parts.kind) {
            return Err(inconsistent("kind"));
        }
        let mut warnings = Vec::new();
        if parts.department.is_none() {
            warnings.push(d::DEPARTMENT_MISSING.warning());
        }
        if parts.sent_at.len() < 17 {
            warnings.push(d::TIME_SHORT.warning());
        }
        if parts.key.is_empty() {
            warnings.push(d::KEY_MISSING.warning());
        }
        Ok(Self {
            patient: Phi::new(parts.patient.to_owned()),
            date: Some(parts.date.to_owned()).filter(|date| date != "-"),
            kind,
            order_key: parts.key.to_owned(),
            sent_at: parts.sent_at.to_owned(),
            department: parts.department.filter(|part| !matches!(*part, "" | "-")).map(str::to_owned),
            flag: parts.flag,
            document,
            warnings,
        })
    }

    fn agrees(self, patient: &str, date: &str, levels_agree: bool) -> Result<Self, Malformed> {
        if !levels_agree || self.patient.reveal() != patient {
            return Err(inconsistent("patient"));
        }
        if self.date.as_deref().unwrap_or("-") != date {
            return Err(inconsistent("date"));
        }
        Ok(self)
    }

    /// What versions of this order share.
    pub fn key(&self) -> ChainKey {
        ChainKey {
            patient: self.patient.clone(),
            date: self.date.clone(),
            kind: self.kind.folder().to_owned(),
            order_key: self.order_key.clone(),
        }
    }

    /// 発生日時 padded with zeros to 17 digits: comparable as text.
    pub fn sent_at_padded(&self) -> String {
        format!("{:0<17}", self.sent_at)
    }

    /// Name of the file, or of the content folder.
    pub fn name(&self) -> Phi<String> {
        Phi::new(format!(
            "{}_{}_{}_{}_{}_{}_{}",
            self.patient.reveal(),
            self.date.as_deref().unwrap_or("-"),
            self.kind.folder(),
            self.order_key,
            self.sent_at,
            self.department.as_deref().unwrap_or("-"),
            self.flag.digit()
        ))
    }

    /// Where the file belongs below a root.
    pub fn relative_path(&self) -> Phi<String> {
        let patient = self.patient.reveal();
        // Of a number of three the levels overlap: an empty one would be none.
        let last = patient.chars().count().saturating_sub(1);
        let level = |from: usize| patient.chars().skip(from.min(last)).take(3).collect::<String>();
        let mut path = format!("{}/{}/{patient}/", level(0), level(3));
        let date = self.date.as_deref().unwrap_or("-");
        let _ = write!(path, "{date}/{}/{}", self.kind.folder(), self.name().reveal());
        if let Some(document) = &self.document {
            let _ = write!(path, "/{document}");
        }
        Phi::new(path)
    }
}

struct NameParts<'a> {
    patient: &'a str,
    date: &'a str,
    kind: &'a str,
    key: &'a str,
    sent_at: &'a str,
    department: Option<&'a str>,
    flag: Flag,
}

/// Anchored at both ends: the kind may hold carets, blanks and underscores, the department be absent.
fn split_name(name: &str) -> Option<NameParts<'_>> {
    let (rest, flag) = name.rsplit_once('_')?;
    let flag = Flag::from_digit(flag)?;
    let is_time = |text: &str| (8..=17).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let (before, last) = rest.rsplit_once('_')?;
    let (rest, sent_at, department) = match before.rsplit_once('_') {
        Some((rest, time)) if is_time(time) && !is_time(last) => (rest, time, Some(last)),
        _ if is_time(last) => (before, last, None),
        _ => return None,
    };
    let (rest, key) = rest.rsplit_once('_')?;
    let (patient, rest) = rest.split_once('_')?;
    let (date, kind) = rest.split_once('_')?;
    let fits = !patient.is_empty() && !kind.is_empty() && is_date_folder(date);
    fits.then_some(NameParts { patient, date, kind, key, sent_at, department, flag })
}

fn is_date_folder(text: &str) -> bool {
    text == "-" || (text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()))
}

/// Names that writers and copying programs use for files not yet whole.
fn is_temporary(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let ends = [".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".lock", "~"];
    ends.iter().any(|end| name.ends_with(end)) || name.starts_with('.') || name.starts_with('~')
}

/// Raw names as text: UTF-8, else CP932; composed (NFC), as a Mac or an archive may have split them.
fn decoded_parts(path: &[u8]) -> Result<Vec<String>, Malformed> {
    if path.len() > MAX_PATH_BYTES {
        return Err(not_storage("the path is too long"));
    }
    let text = match std::str::from_utf8(path) {
        Ok(text) => text.to_owned(),
        Err(_) => SHIFT_JIS
            .decode_without_bom_handling_and_without_replacement(path)
            .ok_or_else(|| not_storage("the name is neither UTF-8 nor CP932"))?
            .into_owned(),
    };
    let parts: Vec<String> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(|part| part.nfc().collect())
        .collect();
    if parts.iter().any(|part| part.contains(['\0', '\r', '\n'])) {
        return Err(not_storage("the path holds control characters"));
    }
    Ok(parts)
}

fn not_storage(why: &str) -> Malformed {
    Malformed::new("not-storage-path", "", why)
}

fn inconsistent(what: &str) -> Malformed {
    Malformed::new("path-inconsistent", "", format!("folder and file name differ in the {what}"))
}

#[cfg(test)]
mod tests;
