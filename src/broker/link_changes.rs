//! What the PIX manager has told of persons' ids lately: a request that runs meanwhile must not answer by
//! the links of before.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{PatientId, PatientRecord, RecordChange};

/// A change of the ids of one person.
#[derive(Debug, Clone)]
pub struct LinkChange {
    /// All ids the person has from now on; in a merge those given up, too.
    pub ids: BTreeSet<PatientId>,
    /// Whether ids were given up: then nothing that rests on any of them stands.
    pub is_merge: bool,
}

impl LinkChange {
    /// As it was told.
    pub fn of(record: &PatientRecord) -> Self {
        Self { ids: record.all_ids().cloned().collect(), is_merge: record.change == RecordChange::Merged }
    }

    /// Whether what rests on these ids being one person's stands no more.
    pub fn ends<'i>(&self, mut ids: impl Iterator<Item = &'i PatientId> + Clone) -> bool {
        let is_named = ids.clone().any(|id| self.ids.contains(id));
        is_named && (self.is_merge || !ids.all(|id| self.ids.contains(id)))
    }
}

/// The changes of late, numbered.
#[derive(Debug, Default)]
pub struct LinkChanges {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    count: u64,
    changes: VecDeque<LinkChange>,
}

/// Changes kept; a request older than all of them counts as touched.
const KEPT_MAX: usize = 1024;

impl LinkChanges {
    /// How many there have been.
    pub fn now(&self) -> u64 {
        self.locked().count
    }

    /// Takes note of one.
    pub fn note(&self, change: LinkChange) {
        let mut recent = self.locked();
        recent.count += 1;
        recent.changes.push_back(change);
        if recent.changes.len() > KEPT_MAX {
            recent.changes.pop_front();
        }
    }

    /// Whether any since then ends what rests on one of these persons' ids.
    pub fn touch<'i>(&self, since: u64, persons: impl Iterator<Item = &'i BTreeSet<PatientId>>) -> bool {
        let recent = self.locked();
        let new = usize::try_from(recent.count.saturating_sub(since)).unwrap_or(usize::MAX);
        if new > recent.changes.len() {
            return true;
        }
        let persons: Vec<_> = persons.collect();
        let mut changes = recent.changes.iter().rev().take(new);
        changes.any(|change| persons.iter().any(|ids| change.ends(ids.iter())))
    }

    fn locked(&self) -> MutexGuard<'_, Recent> {
        // Each change is one step, so a panic elsewhere leaves it whole.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Authority, Oid, Phi};

    fn id(value: &str) -> PatientId {
        PatientId::new(Authority(Oid::parse("2.999.1").unwrap()), value)
    }

    fn change(change: RecordChange, ids: &[&str], subsumed: &[&str]) -> LinkChange {
        let of = |ids: &[&str]| ids.iter().map(|value| id(value)).collect();
        let demographics = Phi::default();
        LinkChange::of(&PatientRecord {
            change,
            ids: of(ids),
            others: vec![],
            subsumed: of(subsumed),
            demographics,
        })
    }

    #[test]
    fn a_change_ends_what_rests_on_an_id_it_takes_away_and_nothing_else() {
        use RecordChange::{Added, Merged, Revised};
        for (told, person, ends) in [
            (change(Revised, &["N-1", "A-5"], &[]), vec!["N-1", "A-5", "B-7"], true),
            (change(Revised, &["N-2", "B-7"], &[]), vec!["N-1", "A-5", "B-7"], true),
            (change(Revised, &["N-1", "A-5", "B-7", "H-1"], &[]), vec!["N-1", "A-5", "B-7"], false),
            (change(Revised, &["N-3", "C-1"], &[]), vec!["N-1", "A-5"], false),
            (change(Added, &["N-1"], &[]), vec!["N-1", "A-5"], true),
            (change(Merged, &["N-2"], &["N-1"]), vec!["N-1"], true),
            (change(Merged, &["N-2"], &["N-1"]), vec!["N-2", "C-1"], true),
            (change(Merged, &["N-2"], &["N-1"]), vec!["N-3"], false),
        ] {
            let person: Vec<PatientId> = person.into_iter().map(id).collect();
            assert_eq!(told.ends(person.iter()), ends, "{told:?} {person:?}");
        }
    }

    #[test]
    fn a_request_is_touched_by_what_came_after_it_began_and_by_more_than_is_kept() {
        let changes = LinkChanges::default();
        let person = BTreeSet::from([id("N-1"), id("A-5")]);
        let touched = |since| changes.touch(since, std::iter::once(&person));
        changes.note(change(RecordChange::Merged, &["N-2"], &["N-1"]));
        assert!(touched(0) && !touched(changes.now()));
        let since = changes.now();
        for _ in 0..KEPT_MAX {
            changes.note(change(RecordChange::Merged, &["N-9"], &["N-8"]));
        }
        assert!(!touched(since), "all of them are still known");
        changes.note(change(RecordChange::Merged, &["N-9"], &["N-8"]));
        assert!(touched(since), "what is not known any more may have been theirs");
    }
}
