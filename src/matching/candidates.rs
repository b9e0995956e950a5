//! Candidates by key: two records are compared only if they share a block (japan.md 2.4). A block
//! that grows past its cap tells nothing and is left out, and counted.

use std::collections::HashMap;

use super::fold;
use super::keys::Prepared;
use super::roman;
use super::shared::{Key, Shared};

/// Records of one block beyond which the key is no key (a hospital's own number as everyone's
/// telephone).
pub const BLOCK_MAX: usize = 400;

/// The keys of one record.
#[derive(Debug, Clone, Default)]
pub struct Blocks(Vec<Key>);

impl Blocks {
    /// Birth date; telephone, address, insurance number; each name with and without the birth year, in
    /// kana also as roman letters and turned around; postcode and given name.
    ///
    /// Not found by key are two records of which neither birth date nor any name agrees, or that
    /// agree in the postcode and less than a given name: those stay below the review threshold unless
    /// telephone, address or insurance agree, which are keys of their own.
    pub fn of(record: &Prepared) -> Self {
        let mut keys: Vec<Key> = record.sharable().collect();
        if let Some(date) = record.birth.filter(|date| date.is_whole()) {
            keys.push(Key::of('b', (date.year, date.month, date.day)));
        }
        let year = record.birth.map(|date| date.year);
        let mut named = |kind: char, name: &str| {
            keys.push(Key::of(kind, name));
            keys.extend(year.map(|year| Key::of(kind, (name, year))));
        };
        for name in &record.kana {
            named('k', &name.coarse);
            named('r', &roman::of_skeleton(&name.coarse));
            if !name.given.is_empty() {
                named('k', &fold::skeleton(&format!("{}{}", name.given, name.family)));
            }
        }
        for name in &record.kanji {
            named('n', &name.whole);
        }
        for name in &record.roman {
            named('r', &name.coarse);
            named('w', &name.whole);
        }
        for postcode in record.addresses.iter().filter_map(|(postcode, _)| postcode.as_ref()) {
            for name in record.kana.iter().filter(|name| !name.given.is_empty()) {
                keys.push(Key::of('g', (postcode, fold::skeleton(&name.given))));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Self(keys)
    }

    /// The keys, for an index.
    pub fn keys(&self) -> &[Key] {
        &self.0
    }
}

/// All records by key.
#[derive(Debug)]
pub struct Postings {
    // Sorted by key, then record.
    records: Vec<(Key, u32)>,
    blocks: HashMap<Key, std::ops::Range<usize>>,
    shared: Shared,
    left_out: usize,
}

impl Postings {
    /// Puts records into their blocks, each under its position.
    pub fn of(prepared: &[Prepared]) -> Self {
        let mut records: Vec<(Key, u32)> = Vec::new();
        for (position, record) in (0u32..).zip(prepared) {
            records.extend(Blocks::of(record).keys().iter().map(|key| (*key, position)));
        }
        records.sort_unstable();
        let shared = Shared::among(prepared);
        let mut blocks = HashMap::new();
        let mut left_out = 0;
        let mut from = 0;
        for block in records.chunk_by(|(one, _), (two, _)| one == two) {
            let range = from..from + block.len();
            from = range.end;
            let Some((key, _)) = block.first() else { continue };
            if block.len() > BLOCK_MAX || shared.contains(*key) {
                left_out += 1;
            } else if block.len() > 1 {
                blocks.insert(*key, range);
            }
        }
        Self { records, blocks, shared, left_out }
    }

    /// The later records that share a block with one, each once, in order.
    pub fn after(&self, position: usize, record: &Prepared) -> Vec<usize> {
        let mut later: Vec<usize> = Vec::new();
        for key in Blocks::of(record).keys() {
            let block = self.blocks.get(key).and_then(|range| self.records.get(range.clone()));
            let members = block.unwrap_or_default().iter().map(|(_, member)| *member as usize);
            later.extend(members.filter(|member| *member > position));
        }
        later.sort_unstable();
        later.dedup();
        later
    }

    /// What many of these records share.
    pub const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// How many blocks were left out as too large.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }
}
