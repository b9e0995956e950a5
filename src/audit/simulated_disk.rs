//! A disk in memory for tests: deterministic, fails the operation it is told to, reading ones too, and
//! gives every state a power cut may leave, torn at 512 bytes. A failed sync forgets what was to be
//! written while reads still show it, as Linux does.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::disk::Disk;

/// How the chosen operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written, the disk is full.
    Full,
    /// An input/output error; a write leaves its first half, a sync forgets what was to be written.
    Io,
    /// It is done, and reported as failed.
    Late,
}

/// What a power cut leaves of the writes that were not synced: each 512-byte sector of each file is
/// kept or lost by one bit of a pseudo-random sequence; seed 0 loses all, `u64::MAX` keeps all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash(pub u64);

#[derive(Debug, Clone, Default)]
struct SimulatedFile {
    /// What reads show.
    seen: Vec<u8>,
    /// What stood behind a cut: a file that grows again over lost sectors may show it.
    stale: Vec<u8>,
    /// What is on the disk for certain.
    durable: Vec<u8>,
    /// Whether the folder's entry is durable.
    named: bool,
    /// Sectors written since the last sync; those a failed sync forgot are not among them.
    dirty: std::collections::BTreeSet<usize>,
    /// Whether the length changed since the last sync.
    resized: bool,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, SimulatedFile>,
    operations: u64,
    syncs: u64,
    fault: Option<(u64, Fault)>,
    fault_lasts: bool,
    reads: u64,
    read_fault: Option<u64>,
    held: bool,
}

/// The disk. Clones are the same disk, so that a test keeps one while the writer owns the other.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<(Mutex<State>, Condvar)>,
}

/// As long as it lives, syncs wait.
#[derive(Debug)]
pub struct Held(SimulatedDisk);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.state().held = false;
        self.0.state.1.notify_all();
    }
}

impl SimulatedDisk {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fails the writing operation with this number, counted from the start of the disk (0 is the
    /// first), and, if it lasts, all after it.
    pub fn fail_at(&self, operation: u64, fault: Fault, lasts: bool) {
        let mut state = self.state();
        state.fault = Some((operation, fault));
        state.fault_lasts = lasts;
    }

    /// Fails the reading operation with this number, counted from the start of the disk, and all after
    /// it.
    pub fn fail_reading_at(&self, operation: u64) {
        self.state().read_fault = Some(operation);
    }

    /// Works again.
    pub fn mend(&self) {
        let mut state = self.state();
        (state.fault, state.read_fault) = (None, None);
    }

    /// Reading operations so far.
    pub fn reads(&self) -> u64 {
        self.state().reads
    }

    /// Writing operations so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// A new disk with what a power cut now would leave.
    pub fn crashed(&self, crash: Crash) -> Self {
        let mut bits = crash.0;
        self.crashed_as(|| {
            if crash.0 == 0 || crash.0 == u64::MAX {
                return crash.0 == u64::MAX;
            }
            // splitmix64
            bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) & 1 == 1
        })
    }

    /// A new disk with what a power cut now would leave, each choice made by the caller: whether a name
    /// that was not synced is there, whether a length is, each sector, and whether lost sectors of a file
    /// that grew show zeros or what had been cut there.
    pub fn crashed_as(&self, mut kept: impl FnMut() -> bool) -> Self {
        let mut files = BTreeMap::new();
        for (name, file) in &self.state().files {
            if !file.named && !kept() {
                continue;
            }
            let left = file.left_by_a_power_cut(&mut kept);
            let file =
                SimulatedFile { seen: left.clone(), durable: left, named: true, ..SimulatedFile::default() };
            files.insert(name.clone(), file);
        }
        Self { state: Arc::new((Mutex::new(State { files, ..State::default() }), Condvar::new())) }
    }

    /// The content of a segment as reads show it.
    pub fn content(&self, segment: &str) -> Vec<u8> {
        self.state().files.get(segment).map(|file| file.seen.clone()).unwrap_or_default()
    }

    /// Replaces the content of a segment, durably: what a tamperer would do.
    pub fn tamper(&self, segment: &str, content: Vec<u8>) {
        let file = SimulatedFile {
            seen: content.clone(),
            durable: content,
            named: true,
            ..SimulatedFile::default()
        };
        self.state().files.insert(segment.to_owned(), file);
    }

    /// Takes a segment away.
    pub fn remove(&self, segment: &str) {
        self.state().files.remove(segment);
    }

    /// Lets every sync wait until what is given back is dropped.
    pub fn hold(&self) -> Held {
        self.state().held = true;
        Held(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a writing operation and says whether it fails.
    fn operate(&mut self) -> Option<Fault> {
        let number = self.operations;
        self.operations += 1;
        let (at, fault) = self.fault?;
        (number == at || (self.fault_lasts && number > at)).then_some(fault)
    }

    /// Counts a reading operation and says whether it fails.
    fn read(&mut self) -> io::Result<()> {
        let number = self.reads;
        self.reads += 1;
        match self.read_fault {
            Some(at) if number >= at => Err(Fault::Io.into()),
            _ => Ok(()),
        }
    }

    /// Runs an operation that happens whole or not at all.
    fn at_once(&mut self, operation: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let fault = self.operate();
        if matches!(fault, None | Some(Fault::Late)) {
            operation(self)?;
        }
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    fn file(&mut self, segment: &str) -> io::Result<&mut SimulatedFile> {
        self.files.get_mut(segment).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl SimulatedFile {
    fn left_by_a_power_cut(&self, kept: &mut impl FnMut() -> bool) -> Vec<u8> {
        let mut left = self.durable.clone();
        if self.resized && kept() {
            let before = left.len();
            left.resize(self.seen.len(), 0);
            let until = self.stale.len().min(left.len());
            if before < until && kept() {
                copy(&mut left, &self.stale, before, until);
            }
        }
        for sector in &self.dirty {
            if !kept() {
                continue;
            }
            let from = sector * SECTOR_BYTES;
            let until = (from + SECTOR_BYTES).min(self.seen.len());
            if left.len() < until {
                left.resize(until, 0);
            }
            copy(&mut left, &self.seen, from, until);
        }
        left
    }

    fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let from = sector * SECTOR_BYTES;
            let until = (from + SECTOR_BYTES).min(self.seen.len());
            copy(&mut self.durable, &self.seen, from, until);
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let until = at + bytes.len();
        if self.seen.len() < until {
            self.seen.resize(until, 0);
            self.resized = true;
        }
        if let Some(to) = self.seen.get_mut(at..until) {
            to.copy_from_slice(bytes);
        }
        self.dirty.extend(at / SECTOR_BYTES..until.div_ceil(SECTOR_BYTES));
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.read()?;
        Ok(state.files.keys().cloned().collect())
    }

    fn create(&mut self, segment: &str) -> io::Result<()> {
        self.state().at_once(|state| {
            if state.files.contains_key(segment) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.files.insert(segment.to_owned(), SimulatedFile::default());
            Ok(())
        })
    }

    fn size(&self, segment: &str) -> io::Result<u64> {
        let mut state = self.state();
        state.read()?;
        Ok(state.file(segment)?.seen.len() as u64)
    }

    fn read(&self, segment: &str, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.read()?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let seen = &state.file(segment)?.seen;
        let until = at.saturating_add(length).min(seen.len());
        Ok(seen.get(at..until).unwrap_or_default().to_vec())
    }

    fn append(&mut self, segment: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.operate();
        let file = state.file(segment)?;
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        let written = match fault {
            None | Some(Fault::Late) => bytes,
            Some(Fault::Full) => &[],
            Some(Fault::Io) => half,
        };
        file.write(file.seen.len(), written);
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    fn overwrite(&mut self, segment: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.state().at_once(|state| {
            state.file(segment)?.write(usize::try_from(at).unwrap_or(usize::MAX), bytes);
            Ok(())
        })
    }

    fn truncate(&mut self, segment: &str, length: u64) -> io::Result<()> {
        self.state().at_once(|state| {
            let file = state.file(segment)?;
            file.stale.clone_from(&file.seen);
            file.seen.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            let sectors = file.seen.len().div_ceil(SECTOR_BYTES);
            file.dirty.retain(|sector| *sector < sectors);
            file.resized = true;
            Ok(())
        })
    }

    fn sync(&mut self, segment: &str) -> io::Result<()> {
        let mut state = self.state();
        while state.held {
            state = self.state.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.syncs += 1;
        let fault = state.operate();
        let file = state.file(segment)?;
        file.resized = false;
        if matches!(fault, None | Some(Fault::Late)) {
            file.sync();
        }
        file.dirty.clear();
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.state().at_once(|state| {
            state.files.values_mut().for_each(|file| file.named = true);
            Ok(())
        })
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => io::ErrorKind::StorageFull.into(),
            Fault::Io | Fault::Late => Self::other("simulated failure"),
        }
    }
}

fn copy(to: &mut [u8], from: &[u8], start: usize, end: usize) {
    if let (Some(to), Some(from)) = (to.get_mut(start..end), from.get(start..end)) {
        to.copy_from_slice(from);
    }
}

const SECTOR_BYTES: usize = 512;
