//! One file of a storage, read once: its place in a chain, the person it tells of, and the entries it
//! is offered as, with hash and size over the bytes that will be served (japan.md 1.9).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::dialect::ssmix2::{
    Body, FacilitySettings, Flag, Form, Kind, ReadFile, StorageFile, entry, read_file, unique_id,
};
use crate::model::{Availability, Demographics, Phi};

use super::kept::{Kept, Shapes};
use super::rendition;
use super::storage::{FileKey, Root, Stamp, Unopened, raw};

/// What is needed to read a patient's folders.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) roots: Vec<Root>,
    pub(super) facility: FacilitySettings,
    pub(super) secret: [u8; 16],
    pub(super) kinds_on: BTreeSet<String>,
    pub(super) kinds_off: BTreeSet<String>,
    pub(super) files_max: usize,
    /// Files of all patients together; approximate while several are being read.
    pub(super) files_held: AtomicUsize,
    pub(super) file_bytes_max: u64,
    pub(super) shapes: Shapes,
}

/// A file of a patient.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) stamp: Stamp,
    /// Whether the stamp can be trusted to change with the content.
    pub(super) settled: bool,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// Its name is no storage name, or it is not to be taken: why.
    Refused(&'static str),
    /// Its name tells its place in a chain, its content cannot be read: why.
    Unreadable(Arc<StorageFile>, &'static str),
    /// Read.
    Read(Arc<Content>),
}

#[derive(Debug)]
pub(super) struct Content {
    file: Arc<StorageFile>,
    pub(super) demographics: Option<Arc<Phi<Demographics>>>,
    /// Original, and rendition where there is one; none of a deleted file or a kind switched off.
    pub(super) entries: Vec<Arc<Kept>>,
}

impl Record {
    /// Reads a file; None when it went away or changed meanwhile.
    pub(super) fn read(reader: &Reader, key: &FileKey, stamp: Stamp) -> Option<Self> {
        let settled = stamp.has_settled();
        let outcome = match StorageFile::parse_relative(raw(&key.relative)) {
            Err(malformed) => Outcome::Refused(malformed.code),
            Ok(file) => {
                let file = Arc::new(file);
                match Content::read(reader, key, &stamp, &file) {
                    Ok(content) => Outcome::Read(Arc::new(content)),
                    Err(Unread::Gone) => return None,
                    Err(Unread::For(code)) => Outcome::Unreadable(file, code),
                }
            }
        };
        Some(Self { stamp, settled, outcome })
    }

    /// What its path says, if it is a storage path.
    pub(super) fn file(&self) -> Option<&StorageFile> {
        match &self.outcome {
            Outcome::Refused(_) => None,
            Outcome::Unreadable(file, _) => Some(file),
            Outcome::Read(content) => Some(&content.file),
        }
    }
}

enum Unread {
    For(&'static str),
    Gone,
}

impl Content {
    fn read(reader: &Reader, key: &FileKey, stamp: &Stamp, file: &Arc<StorageFile>) -> Result<Self, Unread> {
        let nothing = Self { file: Arc::clone(file), demographics: None, entries: Vec::new() };
        // A deleted file is never served and its content, perhaps a delete message, tells nothing.
        if file.flag == Flag::Deleted {
            return Ok(nothing);
        }
        if stamp.bytes > reader.file_bytes_max {
            return Err(Unread::For("too-large"));
        }
        let root = reader.roots.get(key.root).ok_or(Unread::Gone)?;
        let bytes = root.read_file(&key.relative, stamp).map_err(|unopened| match unopened {
            Unopened::Changed | Unopened::Vanished => Unread::Gone,
            Unopened::Unreadable => Unread::For("unreadable"),
        })?;
        let read =
            read_file(file.as_ref().clone(), &bytes).map_err(|malformed| Unread::For(malformed.code))?;
        let mut entries: Vec<Arc<Kept>> = Vec::new();
        if reader.offers(&file.kind) {
            reader.keep(&read, Form::Original, &bytes, &mut entries);
            if let Some(page) = rendition::page(&read, &bytes, &reader.facility.name) {
                reader.keep(&read, Form::Rendition, page.as_bytes(), &mut entries);
            }
        }
        let is_basic = file.kind.code() == "ADT-00";
        let demographics = if is_basic { read.demographics.map(Arc::new) } else { None };
        Ok(Self { demographics, entries, ..nothing })
    }
}

impl Reader {
    /// Builds the entry of a file in one form over the bytes that will be served.
    fn keep(&self, read: &ReadFile, form: Form, bytes: &[u8], entries: &mut Vec<Arc<Kept>>) {
        let body = body_of(bytes);
        let entry = entry(read, form, &body, Availability::Approved, &self.facility, &self.secret);
        let uuid = unique_id(&read.file, &self.facility.code, form, &self.secret).as_u128();
        let beside = entries.first().map(Arc::as_ref);
        if let Some(kept) = Kept::new(entry, form, uuid, &self.shapes, beside) {
            entries.push(Arc::new(kept));
        }
    }

    /// Whether documents of a kind are offered: the settings, else the table's default.
    fn offers(&self, kind: &Kind) -> bool {
        let code = kind.code();
        if self.kinds_off.contains(code) {
            return false;
        }
        self.kinds_on.contains(code)
            || match kind {
                Kind::Standard(kind) => kind.default_on,
                Kind::Extension(_) => true,
            }
    }
}

/// Hash and size of the bytes served.
pub(super) fn body_of(bytes: &[u8]) -> Body {
    Body {
        hash: hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()),
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    }
}
