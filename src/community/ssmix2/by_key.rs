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
