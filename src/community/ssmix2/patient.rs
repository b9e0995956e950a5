//! One patient's part of the index: the files of their folders, read once each, and what follows
//! from them: demographics (the latest ADT-00) and document entries (japan.md 1.3, 1.9). A pure
//! function of the tree, except that a version whose successor has not appeared yet stays current
//! for one interval.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::dialect::ssmix2::{Chain, ChainKey, Form, State, StorageFile};
use crate::matching::Prepared;
use crate::model::{Availability, Demographics, DocumentEntry, Phi};

use super::content::{Content, Outcome, Reader, Record};
use super::kept::Kept;
use super::quarantine::Tally;
use super::storage::{FileKey, Stamp};

/// A document on offer.
#[derive(Debug, Clone)]
pub(super) struct Held {
    kept: Arc<Kept>,
    pub(super) availability: Availability,
    pub(super) file: Arc<FileKey>,
    pub(super) stamp: Stamp,
}

impl Held {
    pub(super) fn uuid(&self) -> u128 {
        self.kept.uuid
    }

    pub(super) fn form(&self) -> Form {
        self.kept.form
    }

    /// The entry as it is to be shown.
    pub(super) fn entry(&self, reader: &Reader) -> DocumentEntry {
        self.kept.entry(&reader.facility, self.availability)
    }

    /// Newest first, then by id.
    fn order(&self) -> (std::cmp::Reverse<String>, u128) {
        (std::cmp::Reverse(self.kept.metadata().creation.padded()), self.kept.uuid)
    }
}

/// Everything the index knows of one patient.
#[derive(Debug, Default)]
pub(super) struct Patient {
    /// Folders below the roots.
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) files: BTreeMap<Arc<FileKey>, Record>,
    pub(super) demographics: Option<Arc<Phi<Demographics>>>,
    /// When those were sent: digits that compare as text; empty without them.
    pub(super) sent_at: String,
    /// The demographics' keys for comparing, made when they change.
    pub(super) prepared: Option<Arc<Prepared>>,
    /// Newest first.
    pub(super) held: Vec<Held>,
    pub(super) bad: Tally,
    /// Chains that lost their current version, and the interval in which that was seen.
    waiting: BTreeMap<ChainKey, u64>,
    /// Whether a file went away while it was being read, or may still change unseen.
    unsettled: bool,
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
                root.files(position, folder, &mut listed, reader.files_max, &mut patient.bad);
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
                patient.bad.push(&path(&key), "too-many-files");
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
                patient.bad.push(&path(&key), code);
            }
            patient.files.insert(key, record);
        }
        reader.files_held.fetch_add(patient.files.len(), Ordering::Relaxed);
        reader.files_held.fetch_sub(before, Ordering::Relaxed);
        patient.derive(previous, interval);
        patient
    }

    /// What follows from the files: chains, their current versions, entries and demographics.
    fn derive(&mut self, previous: Option<&Self>, interval: u64) {
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
                member.hold(content, availability, &mut held);
            }
            if grace.is_some() {
                let since = previous.and_then(|p| p.waiting.get(&key)).copied().unwrap_or(interval);
                waiting.insert(key, since);
            }
        }
        (self.sent_at, self.demographics) = newest.map_or_else(Default::default, |(at, p)| (at, Some(p)));
        self.prepared = self.prepare(previous);
        self.held = held.into_values().collect();
        self.held.sort_by_key(Held::order);
        self.waiting = waiting;
    }
}

impl Patient {
    fn prepare(&self, previous: Option<&Self>) -> Option<Arc<Prepared>> {
        let person = self.demographics.as_ref()?;
        let before = previous
            .filter(|before| before.demographics.as_ref().is_some_and(|before| Arc::ptr_eq(before, person)));
        let kept = before.and_then(|before| before.prepared.clone());
        kept.or_else(|| Some(Arc::new(Prepared::new(person.reveal()))))
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
    fn hold(&self, content: &Content, availability: Availability, held: &mut BTreeMap<u128, Held>) {
        for kept in &content.entries {
            let there = held.get(&kept.uuid).map(|held| held.availability);
            let is_better = match there {
                None => true,
                Some(there) => (availability, there) == (Availability::Approved, Availability::Deprecated),
            };
            if is_better {
                let (kept, file, stamp) = (Arc::clone(kept), Arc::clone(self.key), self.record.stamp);
                held.insert(kept.uuid, Held { kept, availability, file, stamp });
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
        .filter(|held| held.availability == Availability::Approved)
        .filter_map(|held| previous.files.get(&held.file)?.file())
        .find(|file| file.key() == *key)
        .map(StorageFile::sent_at_padded)
}
