//! Candidates by key: two records are compared only if they share a block (japan.md 2.4). A block
//! that grows past its cap tells nothing and is left out, and counted.

use std::collections::{BTreeSet, HashMap};

use super::fold;
use super::keys::Prepared;

/// Records of one block beyond which the key is no key (a hospital's own number as everyone's
/// telephone).
const BLOCK_MAX: usize = 400;

/// The keys of one record.
pub struct Blocks(Vec<String>);

impl Blocks {
    /// Birth date and sex, telephone, insurance number, kana skeleton and birth year, kanji and birth
    /// year, postcode and given name.
    pub fn of(record: &Prepared) -> Self {
        let mut keys = Vec::new();
        let whole = record.birth.filter(|date| date.is_whole());
        if let Some(date) = whole {
            keys.push(format!("b{}", date.digits()));
        }
        keys.extend(record.phones.iter().map(|phone| format!("p{phone}")));
        keys.extend(record.insurance.iter().map(|insurance| format!("i{}", insurance.number)));
        for name in &record.kana {
            let year = record.birth.map(|date| date.year);
            keys.extend(year.map(|year| format!("k{}{year}", fold::skeleton(&name.whole))));
            for (postcode, _) in &record.addresses {
                let given = fold::skeleton(&name.given);
                let postcode = postcode.as_ref().filter(|_| !given.is_empty());
                keys.extend(postcode.map(|postcode| format!("g{postcode}{given}")));
            }
        }
        for name in &record.kanji {
            keys.extend(record.birth.map(|date| format!("n{}{}", name.whole, date.year)));
        }
        keys.sort();
        keys.dedup();
        Self(keys)
    }

    /// The keys, for an index.
    pub fn keys(&self) -> &[String] {
        &self.0
    }
}

/// All unordered pairs of records that share a block, each once, in order; and how many blocks were
/// left out as too large.
pub fn candidates(records: &[Prepared]) -> (Vec<(usize, usize)>, usize) {
    let mut blocks: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        for key in Blocks::of(record).0 {
            blocks.entry(key).or_default().push(index);
        }
    }
    let mut left_out = 0;
    let mut pairs = BTreeSet::new();
    for members in blocks.values() {
        if members.len() > BLOCK_MAX {
            left_out += 1;
            continue;
        }
        for (position, one) in members.iter().enumerate() {
            pairs.extend(members.iter().skip(position + 1).map(|two| (*one, *two)));
        }
    }
    (pairs.into_iter().collect(), left_out)
}
