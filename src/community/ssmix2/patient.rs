//! One patient's part of the index: the files of their folders, read once each, and what follows
//! from them: demographics (the latest ADT-00) and document entries (japan.md 1.3, 1.9). A pure
//! function of the tree, except that a version whose successor has not appeared yet stays current
//! for one interval.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::dialect::ssmix2::{
    Body, Chain, ChainKey, FacilitySettings, Flag, Form, Kind, State, StorageFile, entry, read_file,
    unique_id,
};
use crate::model::{Availability, Demographics, DocumentEntry, Encoded, Phi};

use super::quarantine::Quarantined;
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
}

/// A document on offer.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) uuid: u128,
    pub(super) entry: DocumentEntry,
    pub(super) form: Form,
    pub(super) file: Arc<FileKey>,
    pub(super) stamp: Stamp,
}

/// Everything the index knows of one patient.
#[derive(Debug, Default)]
pub(super) struct Patient {
    /// Folders below the roots.
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) files: BTreeMap<Arc<FileKey>, Record>,
    pub(super) demographics: Option<Arc<Phi<Demographics>>>,
    /// Newest first.
    pub(super) held: Vec<Held>,
    pub(super) bad: Vec<Quarantined>,
    /// Chains that lost their current version, and the interval in which that was seen.
    waiting: BTreeMap<ChainKey, u64>,
    /// Whether a file went away while it was being read, or may still change unseen.
    unsettled: bool,
}

/// A file of a patient.
#[derive(Debug, Clone)]
pub(super) struct Record {
    stamp: Stamp,
    /// Whether the stamp can be trusted to change with the content.
    settled: bool,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    /// Its name is no storage name, or it is not to be taken: why.
    Refused(&'static str),
    /// Its name tells its place in a chain, its content cannot be read: why.
    Unreadable(Arc<StorageFile>, &'static str),
    /// Read.
    Read(Arc<Content>),
}

#[derive(Debug)]
struct Content {
    file: Arc<StorageFile>,
    demographics: Option<Arc<Phi<Demographics>>>,
    /// Original, and rendition where there is one; none of a deleted file or a kind switched off.
    entries: Vec<(Form, DocumentEntry)>,
}

impl Patient {
    /// Whether it has to be looked at again at the next interval, whatever else happens.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled || !self.waiting.is_empty()
    }

    /// Whether nothing of the patient is left.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.bad.is_empty()
    }

    /// Looks at the folders again and reads what is new. `interval` counts the looks.
    pub(super) fn refresh(
        reader: &Reader,
        folders: BTreeSet<PathBuf>,
        previous: Option<&Self>,
        interval: u64,
    ) -> Self {
        let mut patient = Self { folders, ..Self::default() };
        let mut listed = BTreeMap::new();
        for folder in &patient.folders {
            for (position, root) in reader.roots.iter().enumerate() {
                root.files(position, folder, &mut listed, &mut patient.bad);
            }
        }
        let before = previous.map_or(0, |p| p.files.len());
        let of_others = reader.files_held.load(Ordering::Relaxed).saturating_sub(before);
        let room = reader.files_max.saturating_sub(of_others);
        for (key, stamp) in listed {
            let path = |key: &FileKey| {
                reader.roots.get(key.root).map(|root| root.path().join(&key.relative)).unwrap_or_default()
            };
            if patient.files.len() >= room {
                patient.bad.push(Quarantined::new(&path(&key), "too-many-files"));
                continue;
            }
            let known = previous.and_then(|p| p.files.get_key_value(&key));
            let (key, record) = match known {
                Some((key, record)) if record.stamp == stamp && record.settled => {
                    (Arc::clone(key), record.clone())
                }
                _ => match Record::read(reader, &key, stamp) {
                    Some(record) => (Arc::new(key), record),
                    None => {
                        patient.unsettled = true;
                        continue;
                    }
                },
            };
            patient.unsettled |= !record.settled;
            if let Outcome::Refused(code) | Outcome::Unreadable(_, code) = &record.outcome {
                patient.bad.push(Quarantined::new(&path(&key), code));
            }
            patient.files.insert(key, record);
        }
        reader.files_held.fetch_add(patient.files.len(), Ordering::Relaxed);
        reader.files_held.fetch_sub(before, Ordering::Relaxed);
        patient.derive(reader, previous, interval);
        patient
    }

    /// What follows from the files: chains, their current versions, entries and demographics.
    fn derive(&mut self, reader: &Reader, previous: Option<&Self>, interval: u64) {
        let mut chains: BTreeMap<ChainKey, Vec<Member<'_>>> = BTreeMap::new();
        for (key, record) in &self.files {
            let Some(file) = record.file() else { continue };
            chains.entry(file.key()).or_default().push(Member { key, record, file });
        }
        let mut newest: Option<(String, Arc<Phi<Demographics>>)> = None;
        let mut held: BTreeMap<u128, Held> = BTreeMap::new();
        let mut waiting = BTreeMap::new();
        for (key, members) in chains {
            let files: Vec<&StorageFile> = members.iter().map(|member| member.file).collect();
            let chain = Chain::resolve(&files);
            let grace = chain.lost_current.then(|| grace(&key, previous, interval)).flatten();
            for (member, state) in members.iter().zip(&chain.states) {
                let sent_at = member.file.sent_at_padded();
                let availability = match state {
                    State::Deleted => continue,
                    State::Current => Availability::Approved,
                    State::Superseded { .. } if grace.as_ref() == Some(&sent_at) => Availability::Approved,
                    State::Superseded { .. } => Availability::Deprecated,
                };
                let Outcome::Read(content) = &member.record.outcome else { continue };
                if let (Availability::Approved, Some(person)) = (availability, &content.demographics)
                    && newest.as_ref().is_none_or(|(at, _)| *at < sent_at)
                {
                    newest = Some((sent_at, Arc::clone(person)));
                }
                member.hold(reader, content, availability, &mut held);
            }
            if grace.is_some() {
                let since = previous.and_then(|p| p.waiting.get(&key)).copied().unwrap_or(interval);
                waiting.insert(key, since);
            }
        }
        self.demographics = newest.map(|(_, person)| person);
        self.held = held.into_values().collect();
        self.held.sort_by_key(newest_first);
        self.waiting = waiting;
    }
}

/// A file in its chain.
struct Member<'a> {
    key: &'a Arc<FileKey>,
    record: &'a Record,
    file: &'a StorageFile,
}

impl Member<'_> {
    /// Puts its documents on offer. A version that lies there twice, copied instead of renamed or in
    /// two roots, is one document; the current copy counts.
    fn hold(
        &self,
        reader: &Reader,
        content: &Content,
        availability: Availability,
        held: &mut BTreeMap<u128, Held>,
    ) {
        for (form, entry) in &content.entries {
            let uuid = unique_id(self.file, &reader.facility.code, *form, &reader.secret).as_u128();
            let is_better = |there: &Held| {
                (availability, there.entry.availability) == (Availability::Approved, Availability::Deprecated)
            };
            if held.get(&uuid).is_none_or(is_better) {
                let entry = DocumentEntry { availability, ..entry.clone() };
                let (file, stamp) = (Arc::clone(self.key), self.record.stamp);
                held.insert(uuid, Held { uuid, entry, form: *form, file, stamp });
            }
        }
    }
}

/// The version that stays current because its successor has not appeared yet: the one that was
/// current when last looked at, for one interval.
fn grace(key: &ChainKey, previous: Option<&Patient>, interval: u64) -> Option<String> {
    let previous = previous?;
    if previous.waiting.get(key).is_some_and(|since| *since < interval) {
        return None;
    }
    previous
        .held
        .iter()
        .filter(|held| held.entry.availability == Availability::Approved)
        .filter_map(|held| previous.files.get(&held.file)?.file())
        .find(|file| file.key() == *key)
        .map(StorageFile::sent_at_padded)
}

impl Record {
    /// Reads a file; None when it went away or changed meanwhile.
    fn read(reader: &Reader, key: &FileKey, stamp: Stamp) -> Option<Self> {
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

    fn file(&self) -> Option<&StorageFile> {
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
        let mut entries = Vec::new();
        if reader.offers(&file.kind) {
            let original = body_of(&bytes);
            let mut add = |form, body: &Body| {
                let entry =
                    entry(&read, form, body, Availability::Approved, &reader.facility, &reader.secret);
                entries.push((form, entry));
            };
            add(Form::Original, &original);
            if let Some(page) = rendition::page(&read, &reader.facility.name) {
                add(Form::Rendition, &body_of(page.as_bytes()));
            }
        }
        let is_basic = file.kind.code() == "ADT-00";
        let demographics = if is_basic { read.demographics.map(Arc::new) } else { None };
        Ok(Self { demographics, entries, ..nothing })
    }
}

impl Reader {
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

fn newest_first(held: &Held) -> (std::cmp::Reverse<String>, u128) {
    let at = match &held.entry.encoded {
        Encoded::Metadata(metadata) => metadata.creation.padded(),
        Encoded::Ebxml(_) => String::new(),
    };
    (std::cmp::Reverse(at), held.uuid)
}
