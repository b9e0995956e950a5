//! Telephones, addresses and insurance numbers that many persons share (a nursing home, the
//! hospital's own number, a number made up): they agree without saying that two are one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::keys::Prepared;
use crate::model::PartialDate;

/// Families of one telephone, address or insurance number beyond which it is nobody's own. A
/// household has two or three.
const FAMILIES_MAX: usize = 4;

/// Birth dates of one telephone, address or insurance number beyond which it is nobody's own, slips
/// of the pen included.
const BIRTHS_MAX: usize = 8;

/// A key by its number: two keys of one number only cost a comparison more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    pub(super) fn of(kind: char, parts: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        (kind, parts).hash(&mut hasher);
        Self(hasher.finish())
    }
}

// Who uses one value, as far as it takes to know that they are many.
#[derive(Default)]
struct Users {
    families: BTreeSet<String>,
    births: BTreeSet<PartialDate>,
}

impl Users {
    fn add(&mut self, record: &Prepared) {
        if self.are_many() {
            return;
        }
        self.families.extend(record.family_mark());
        self.births.extend(record.birth);
    }

    fn are_many(&self) -> bool {
        self.families.len() > FAMILIES_MAX || self.births.len() > BIRTHS_MAX
    }
}

/// What many share, among the records it was made from.
#[derive(Debug, Clone, Default)]
pub struct Shared(HashSet<Key>);

impl Shared {
    /// Counts over records; each value is told by the families and birth dates that use it.
    pub fn among<'a>(records: impl IntoIterator<Item = &'a Prepared>) -> Self {
        let mut users: HashMap<Key, Users> = HashMap::new();
        for record in records {
            for key in record.sharable() {
                users.entry(key).or_default().add(record);
            }
        }
        Self(users.into_iter().filter(|(_, users)| users.are_many()).map(|(key, _)| key).collect())
    }

    /// Whether too many share it.
    pub fn contains(&self, key: Key) -> bool {
        self.0.contains(&key)
    }

    /// How many values too many share.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no value is shared by too many.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
