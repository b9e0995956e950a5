//! What the index could not take: counted by code and named, up to a cap, for health, `check` and
//! the operator. A path holds the patient's number, so it is `Phi`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::Phi;

/// Names kept at most; all are counted.
const NAMED_MAX: usize = 1_000;

/// Names kept of one patient's folders.
const NAMED_IN_ONE_PLACE_MAX: usize = 100;

/// The code of a writer's work in progress: counted, no fault, not named.
const TEMPORARY: &str = "temporary-file";

/// A file or folder that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quarantined {
    /// Where it lies.
    pub path: Phi<PathBuf>,
    /// A stable word: `pid-differs-from-path`, `symbolic-link`, `too-large`, `unreadable` and the
    /// codes of the dialect.
    pub code: &'static str,
}

/// What was not taken in one place: all counted, the first named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    counts: BTreeMap<&'static str, usize>,
    pub(super) named: Vec<Quarantined>,
}

impl Tally {
    pub(super) fn push(&mut self, path: &Path, code: &'static str) {
        *self.counts.entry(code).or_default() += 1;
        if code != TEMPORARY && self.named.len() < NAMED_IN_ONE_PLACE_MAX {
            self.named.push(Quarantined { path: Phi::new(path.to_path_buf()), code });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many faults there are.
    pub(super) fn faults(&self) -> usize {
        faults(&self.counts)
    }
}

fn faults(counts: &BTreeMap<&'static str, usize>) -> usize {
    counts.iter().filter(|(code, _)| **code != TEMPORARY).map(|(_, count)| count).sum()
}

/// The state of an index, for health, metrics and `check`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Patients with a folder.
    pub patients: usize,
    /// Patients with demographics, who can be found.
    pub people: usize,
    /// Files looked at.
    pub files: usize,
    /// Entries offered, current and superseded, originals and renditions.
    pub entries: usize,
    /// How many were not taken, by code; `temporary-file` is a writer's work in progress.
    pub quarantined: BTreeMap<&'static str, usize>,
    /// The first of them by name.
    pub named: Vec<Quarantined>,
}

impl Report {
    pub(super) fn take(&mut self, tally: &Tally) {
        for (code, count) in &tally.counts {
            *self.quarantined.entry(code).or_default() += count;
        }
        let room = NAMED_MAX.saturating_sub(self.named.len());
        self.named.extend(tally.named.iter().take(room).cloned());
    }

    /// How many files and folders were not taken in all, a writer's temporary files aside.
    pub fn quarantined_total(&self) -> usize {
        faults(&self.quarantined)
    }
}
