//! Patients by the keys of their demographics, so that a query is compared with those who may be meant
//! and not with a whole hospital (japan.md 2.4).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::matching::{Blocks, Key, Prepared, Shared};

/// Patients of one key beyond which it finds nobody by itself: a number or a house that thousands
/// share. Birth dates and names stay far below in a hospital of a million.
const MEMBERS_MAX: usize = 4096;

/// Patients looked at to tell whether a telephone or an address is shared.
const SHARED_LOOK: usize = 64;

#[derive(Debug, Default)]
pub(super) struct ByKey(HashMap<Key, HashSet<Arc<str>>>);

impl ByKey {
    pub(super) fn insert(&mut self, number: &Arc<str>, prepared: &Prepared) {
        for key in Blocks::of(prepared).keys() {
            self.0.entry(*key).or_default().insert(Arc::clone(number));
        }
    }

    pub(super) fn remove(&mut self, number: &Arc<str>, prepared: &Prepared) {
        for key in Blocks::of(prepared).keys() {
            let Some(members) = self.0.get_mut(key) else { continue };
            members.remove(number);
            if members.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// The numbers that share a key with the query, and what of the query too many share.
    pub(super) fn find<'a>(
        &self,
        query: &Prepared,
        prepared: impl Fn(&Arc<str>) -> Option<&'a Prepared>,
    ) -> (BTreeSet<Arc<str>>, Shared) {
        let mut users = Vec::new();
        for members in query.sharable().filter_map(|key| self.0.get(&key)) {
            users.extend(members.iter().take(SHARED_LOOK).filter_map(&prepared));
        }
        let shared = Shared::among(users);
        let blocks = Blocks::of(query);
        let found = blocks.keys().iter().filter(|key| !shared.contains(**key));
        let found = found.filter_map(|key| self.0.get(key)).filter(|members| members.len() <= MEMBERS_MAX);
        (found.flatten().cloned().collect(), shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::compare_among;
    use crate::matching::tests::population::{Style, population};
    use crate::model::{Demographics, Grade, NameScript, PartialDate};

    // What a peer may send of a person.
    fn queries(of: &Demographics) -> Vec<Demographics> {
        let sent = Demographics { insurance: None, ..of.clone() };
        let only = |script: NameScript| {
            let mut query = sent.clone();
            query.names.retain(|name| name.script_or_told() == script);
            query
        };
        let year = sent.birth.map(|date| PartialDate { month: None, day: None, ..date });
        let end = sent.birth.map(|date| PartialDate { year: date.year + 2, ..date });
        let range = sent.birth.zip(end);
        vec![
            sent.clone(),
            only(NameScript::Ideographic),
            only(NameScript::Syllabic),
            only(NameScript::Alphabetic),
            Demographics { birth: year, ..sent.clone() },
            Demographics { birth: None, birth_range: range, ..sent.clone() },
            Demographics { birth: None, phones: Vec::new(), ..sent.clone() },
            Demographics { phones: Vec::new(), addresses: Vec::new(), ..sent },
        ]
    }

    #[test]
    fn keys_find_whom_comparing_with_everyone_would_find() {
        for style in [Style::Usual, Style::Dirty, Style::Coincident] {
            let records = population(41, style, 150);
            let number = |at: usize| Arc::<str>::from(format!("{at:010}"));
            let prepared: Vec<Prepared> = records.iter().map(|r| Prepared::new(&r.demographics)).collect();
            let mut by_key = ByKey::default();
            for (at, record) in prepared.iter().enumerate() {
                by_key.insert(&number(at), record);
            }
            for query in records.iter().flat_map(|record| queries(&record.demographics)) {
                let query = Prepared::new(&query);
                let (found, shared) =
                    by_key.find(&query, |number| prepared.get(number.parse::<usize>().unwrap()));
                for (at, record) in prepared.iter().enumerate() {
                    let graded = compare_among(&query, record, &shared);
                    let is_found = graded.grade == Grade::None || found.contains(&number(at));
                    assert!(is_found, "{style:?} {:?}", graded.reasons);
                }
            }
        }
    }

    #[test]
    fn a_patient_removed_is_found_by_no_key() {
        let records = population(42, Style::Usual, 20);
        let mut by_key = ByKey::default();
        let all: Vec<(Arc<str>, Prepared)> = (0..)
            .zip(&records)
            .map(|(at, record)| (Arc::from(format!("{at}")), Prepared::new(&record.demographics)))
            .collect();
        for (number, record) in &all {
            by_key.insert(number, record);
        }
        for (number, record) in &all {
            by_key.remove(number, record);
            let (found, _) = by_key.find(record, |_| None);
            assert!(!found.contains(number));
        }
        assert!(by_key.0.is_empty());
    }
}
