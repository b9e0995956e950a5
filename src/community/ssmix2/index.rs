//! The index of one facility: patient number to demographics and entries, document id to file. It
//! is changed patient by patient under a short lock, so that a big tree never stalls a request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures_util::StreamExt;

use super::by_key::ByKey;
use super::content::Reader;
use super::patient::{Held, Patient};
use super::quarantine::{Report, Tally};
use crate::matching::{Prepared, Shared};

/// Patients looked at in one turn of a whole look.
const SLICE_PATIENTS: usize = 256;

/// How far a rescan has come, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Patients looked at.
    pub done: usize,
    /// Patients to look at.
    pub total: usize,
}

/// Why a look at the storage failed as a whole; the index stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RescanError {
    /// A root cannot be listed.
    #[error("a storage root cannot be listed")]
    RootUnreadable,
    /// The task that was reading ended before its work did.
    #[error("the reading task was stopped")]
    Stopped,
}

#[derive(Debug)]
pub(super) struct Index {
    reader: Arc<Reader>,
    readers: usize,
    books: RwLock<Books>,
    /// One look at a time.
    turn: tokio::sync::Mutex<()>,
    interval: AtomicU64,
    complete: AtomicBool,
    reachable: AtomicBool,
}

#[derive(Debug, Default)]
struct Books {
    patients: HashMap<Arc<str>, Arc<Patient>>,
    /// Document and entry UUIDs, which are the same number, to the patient.
    documents: HashMap<u128, Arc<str>>,
    unsettled: BTreeSet<Arc<str>>,
    by_key: ByKey,
    /// What was not taken outside patient folders, at the last full rescan.
    bad: Tally,
}

impl Index {
    pub(super) fn new(reader: Reader, readers: usize) -> Self {
        Self {
            reader: Arc::new(reader),
            readers: readers.clamp(1, 64),
            books: RwLock::default(),
            turn: tokio::sync::Mutex::default(),
            interval: AtomicU64::new(0),
            complete: AtomicBool::new(false),
            reachable: AtomicBool::new(true),
        }
    }

    pub(super) fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// Whether the first index is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// Whether the roots could be listed when last looked at.
    pub(super) fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Acquire)
    }

    /// A patient by number.
    pub(super) fn patient(&self, number: &str) -> Option<Arc<Patient>> {
        self.read().patients.get(number).cloned()
    }

    /// All patients by number, as they are now.
    #[cfg(test)]
    pub(super) fn patients(&self) -> Vec<(Arc<str>, Arc<Patient>)> {
        self.read().patients.iter().map(|(number, p)| (Arc::clone(number), Arc::clone(p))).collect()
    }

    /// The patients a query may mean, each once: those named by number, and those found by its keys;
    /// and what too many patients share of what the query holds.
    pub(super) fn resembling(
        &self,
        query: &Prepared,
        numbers: &[&str],
    ) -> (BTreeMap<Arc<str>, Arc<Patient>>, Shared) {
        let books = self.read();
        let patient = |number: &str| {
            books
                .patients
                .get_key_value(number)
                .map(|(number, patient)| (Arc::clone(number), Arc::clone(patient)))
        };
        let mut found: BTreeMap<_, _> = numbers.iter().filter_map(|number| patient(number)).collect();
        let prepared = |number: &Arc<str>| books.patients.get(number)?.prepared.as_deref();
        let (candidates, shared) = books.by_key.find(query, prepared);
        found.extend(candidates.iter().filter_map(|number| patient(number)));
        (found, shared)
    }

    /// A document by the number of its UUID, with its patient's number.
    pub(super) fn document(&self, uuid: u128) -> Option<(Arc<str>, Held)> {
        let books = self.read();
        let number = books.documents.get(&uuid)?;
        let held = books.patients.get(number)?.held.iter().find(|held| held.uuid() == uuid)?;
        Some((Arc::clone(number), held.clone()))
    }

    pub(super) fn report(&self) -> Report {
        let books = self.read();
        let mut report = Report { patients: books.patients.len(), ..Report::default() };
        report.take(&books.bad);
        let sorted: BTreeMap<&Arc<str>, &Arc<Patient>> = books.patients.iter().collect();
        for patient in sorted.into_values() {
            report.people += usize::from(patient.demographics.is_some());
            report.files += patient.files.len();
            report.entries += patient.held.len();
            report.take(&patient.bad);
        }
        report
    }

    pub(super) fn quarantined_total(&self) -> usize {
        let books = self.read();
        books.bad.faults() + books.patients.values().map(|patient| patient.bad.faults()).sum::<usize>()
    }

    /// Begins another interval: what waited for a successor since an earlier one waits no longer.
    pub(super) fn next_interval(&self) {
        self.interval.fetch_add(1, Ordering::Relaxed);
    }

    /// Looks at the whole storage, slice by slice, so that others get their turn in between.
    pub(super) async fn rescan(&self, progress: impl Fn(Progress)) -> Result<(), RescanError> {
        let reader = Arc::clone(&self.reader);
        let walked = tokio::task::spawn_blocking(move || {
            let (mut found, mut bad) = (BTreeMap::new(), Tally::default());
            for root in &reader.roots {
                root.patient_folders(Path::new(""), &mut found, &mut bad).ok()?;
            }
            Some((found, bad))
        })
        .await
        .map_err(|_| RescanError::Stopped)?;
        let Some((mut found, bad)) = walked else {
            self.reachable.store(false, Ordering::Release);
            return Err(RescanError::RootUnreadable);
        };
        for number in self.read().patients.keys() {
            found.entry(number.to_string()).or_default();
        }
        self.write().bad = bad;
        let total = found.len();
        let mut work = found.into_iter();
        for done in (0..total).step_by(SLICE_PATIENTS) {
            let slice = work.by_ref().take(SLICE_PATIENTS).collect();
            self.refresh_each(slice, |more| progress(Progress { done: done + more, total })).await?;
        }
        self.reachable.store(true, Ordering::Release);
        self.complete.store(true, Ordering::Release);
        Ok(())
    }

    /// Looks at some patients again, and at those who wait for a successor of a version. `hints`
    /// are folders below a root that may be new.
    pub(super) async fn rescan_some(
        &self,
        hints: BTreeMap<String, BTreeSet<PathBuf>>,
    ) -> Result<(), RescanError> {
        if !self.roots_are_there().await? {
            return Err(RescanError::RootUnreadable);
        }
        let mut work = hints;
        for number in &self.read().unsettled {
            work.entry(number.to_string()).or_default();
        }
        self.refresh_each(work.into_iter().collect(), |_| ()).await
    }

    /// Looks at one patient again: a file was not where it had been.
    pub(super) async fn refresh_one(&self, number: &str) -> Result<(), RescanError> {
        self.refresh_each(vec![(number.to_owned(), BTreeSet::new())], |_| ()).await
    }

    async fn roots_are_there(&self) -> Result<bool, RescanError> {
        let reader = Arc::clone(&self.reader);
        let there =
            tokio::task::spawn_blocking(move || reader.roots.iter().all(super::storage::Root::is_there));
        let there = there.await.map_err(|_| RescanError::Stopped)?;
        self.reachable.store(there, Ordering::Release);
        Ok(there)
    }

    async fn refresh_each(
        &self,
        work: Vec<(String, BTreeSet<PathBuf>)>,
        progress: impl Fn(usize),
    ) -> Result<(), RescanError> {
        let _turn = self.turn.lock().await;
        let interval = self.interval.load(Ordering::Relaxed);
        let mut refreshed = futures_util::stream::iter(work)
            .map(|(number, mut folders)| {
                let previous = self.patient(&number);
                let reader = Arc::clone(&self.reader);
                folders.extend(previous.iter().flat_map(|p| p.folders.iter().cloned()));
                tokio::task::spawn_blocking(move || {
                    let patient = Patient::refresh(&reader, folders, previous.as_deref(), interval);
                    (number, patient)
                })
            })
            .buffer_unordered(self.readers);
        let mut done = 0;
        while let Some(patient) = refreshed.next().await {
            let (number, patient) = patient.map_err(|_| RescanError::Stopped)?;
            self.put(number.into(), patient);
            done += 1;
            progress(done);
        }
        Ok(())
    }

    fn put(&self, number: Arc<str>, patient: Patient) {
        let mut books = self.write();
        if let Some(previous) = books.patients.remove(&number) {
            for held in &previous.held {
                books.documents.remove(&held.uuid());
            }
            if let Some(prepared) = &previous.prepared {
                books.by_key.remove(&number, prepared);
            }
        }
        books.unsettled.remove(&number);
        if patient.is_empty() && !patient.is_unsettled() {
            return;
        }
        for held in &patient.held {
            books.documents.insert(held.uuid(), Arc::clone(&number));
        }
        if let Some(prepared) = &patient.prepared {
            books.by_key.insert(&number, prepared);
        }
        if patient.is_unsettled() {
            books.unsettled.insert(Arc::clone(&number));
        }
        books.patients.insert(number, Arc::new(patient));
    }

    // A panic while the lock was held would have left whole patients only.
    fn read(&self) -> RwLockReadGuard<'_, Books> {
        self.books.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Books> {
        self.books.write().unwrap_or_else(PoisonError::into_inner)
    }
}
