//! Names against names (japan.md 2.4): whole names for points, given names for the veto that keeps
//! twins and siblings apart.

use super::fold;
use super::roman;
use super::score::{Agreement, Scored, scored};

/// Letters from which an unsplit name is taken to hold a given name too.
const WHOLE_KANJI: usize = 4;
const WHOLE_KANA: usize = 6;

/// One name's key. Where the source did not split it, family and given name are empty.
#[derive(Clone, PartialEq, Eq)]
pub struct NameKey {
    /// Family and given name in one.
    pub whole: Box<str>,
    /// The family name.
    pub family: Box<str>,
    /// The given name.
    pub given: Box<str>,
    /// Kana: the skeleton of the whole. Roman letters: the coarse key. Kanji: empty.
    pub coarse: Box<str>,
}

impl NameKey {
    fn is_split(&self) -> bool {
        !self.given.is_empty() && !self.family.is_empty()
    }

    /// Family and given name changed places (also the order of foreign names).
    fn is_swapped(&self, other: &Self) -> bool {
        let turned = |one: &Self, two: &Self| {
            one.is_split()
                && one.whole.len() == two.whole.len()
                && two.whole.strip_prefix(&*one.given) == Some(&*one.family)
        };
        turned(self, other) || turned(other, self)
    }
}

/// Longer texts are nobody's names. They are equal or not: to tell how alike they are costs the square.
const ALIKE_BYTES_MAX: usize = 256;

fn are_alike(one: &NameKey, two: &NameKey, from: f64) -> bool {
    one.whole.len().max(two.whole.len()) <= ALIKE_BYTES_MAX
        && strsim::jaro_winkler(&one.whole, &two.whole) >= from
}

pub fn kana_points(one: &NameKey, two: &NameKey) -> Scored {
    if one.whole == two.whole {
        scored(9.0, Agreement::Equal, "equal")
    } else if one.is_swapped(two) {
        scored(8.0, Agreement::Equal, "swapped")
    } else if one.coarse == two.coarse {
        scored(7.5, Agreement::Equal, "skeleton")
    } else if are_alike(one, two, 0.92) {
        scored(3.0, Agreement::Partial, "similar")
    } else if !one.given.is_empty() && one.given == two.given {
        scored(2.0, Agreement::Partial, "given")
    } else {
        scored(-7.0, Agreement::Differs, "differs")
    }
}

pub fn kanji_points(one: &NameKey, two: &NameKey) -> Scored {
    if one.whole == two.whole {
        scored(6.0, Agreement::Equal, "equal")
    } else if one.is_swapped(two) {
        scored(5.0, Agreement::Equal, "swapped")
    } else if fold::fits_where_told(&one.whole, &two.whole) {
        scored(3.0, Agreement::Partial, "unencodable")
    } else if are_alike(one, two, 0.80) {
        scored(2.0, Agreement::Partial, "similar")
    } else if !one.given.is_empty() && one.given == two.given {
        scored(1.5, Agreement::Partial, "given")
    } else {
        scored(-3.0, Agreement::Differs, "differs")
    }
}

/// Roman letters; the words of a whole name are sorted, so any order agrees.
pub fn roman_points(one: &NameKey, two: &NameKey) -> Scored {
    if one.coarse == two.coarse && one.whole != two.whole {
        return scored(5.0, Agreement::Equal, "skeleton");
    }
    kanji_points(one, two)
}

/// A roman name against a kana name: only what agrees tells something.
pub fn roman_kana_points(roman: &NameKey, kana: &NameKey) -> Scored {
    let straight = roman::of_skeleton(&kana.coarse);
    let turned = || {
        let part = |text: &str| roman::of_skeleton(&fold::skeleton(text));
        format!("{}{}", part(&kana.given), part(&kana.family))
    };
    if *roman.coarse == *straight || (kana.is_split() && *roman.coarse == *turned()) {
        scored(5.0, Agreement::Equal, "romanised")
    } else {
        scored(0.0, Agreement::Partial, "differs")
    }
}

/// Two aliases that are written the same.
pub fn equal<'a>(one: &'a [NameKey], two: &'a [NameKey]) -> Option<(&'a NameKey, &'a NameKey)> {
    one.iter().find_map(|a| two.iter().find(|b| a.whole == b.whole).map(|b| (a, b)))
}

/// How the given names of one script stand to each other, over all aliases.
pub fn given(one: &[NameKey], two: &[NameKey], same: fn(&NameKey, &NameKey) -> Agreement) -> Agreement {
    if equal(one, two).is_some_and(|(a, b)| same(a, b) == Agreement::Equal) {
        return Agreement::Equal;
    }
    let pairs = one.iter().flat_map(|a| two.iter().map(move |b| same(a, b)));
    pairs.max().unwrap_or(Agreement::Missing)
}

// Equal, or not known to be: whole names of which neither is split may both lack the given name.
fn given_exact(one: &NameKey, two: &NameKey, whole_from: usize) -> Option<Agreement> {
    let is_whole = one.is_split() || two.is_split() || one.whole.chars().count() >= whole_from;
    if one.whole == two.whole {
        return Some(if is_whole { Agreement::Equal } else { Agreement::Partial });
    }
    if (one.is_split() && two.is_split() && one.given == two.given) || one.is_swapped(two) {
        return Some(Agreement::Equal);
    }
    None
}

/// Kana: exact but for the ways to write a long vowel. What agrees only without voicing and length
/// (ユウキ ユキ, タイキ ダイキ) is partial: twins are named so.
pub fn given_kana(one: &NameKey, two: &NameKey) -> Agreement {
    if let Some(exact) = given_exact(one, two, WHOLE_KANA) {
        return exact;
    }
    let is_split = one.is_split() && two.is_split();
    let (a, b) = if is_split { (&one.given, &two.given) } else { (&one.whole, &two.whole) };
    if fold::long_vowels(a) == fold::long_vowels(b) {
        let is_whole = is_split || one.is_split() || two.is_split() || a.chars().count() >= WHOLE_KANA;
        if is_whole { Agreement::Equal } else { Agreement::Partial }
    } else if fold::skeleton(a) == fold::skeleton(b) {
        Agreement::Partial
    } else {
        Agreement::Differs
    }
}

/// Kanji, variants folded; what could not be encoded proves nothing.
pub fn given_kanji(one: &NameKey, two: &NameKey) -> Agreement {
    let is_split = one.is_split() && two.is_split();
    let (a, b) = if is_split { (&one.given, &two.given) } else { (&one.whole, &two.whole) };
    if a.chars().chain(b.chars()).any(fold::is_unencodable) {
        let fits = |(a, b): (char, char)| a == b || fold::is_unencodable(a) || fold::is_unencodable(b);
        let fits = a.chars().count() == b.chars().count() && a.chars().zip(b.chars()).all(fits);
        return if fits { Agreement::Partial } else { Agreement::Differs };
    }
    given_exact(one, two, WHOLE_KANJI).unwrap_or(Agreement::Differs)
}

/// Roman letters as written: the coarse key would take YUKI for YUUKI.
pub fn given_roman(one: &NameKey, two: &NameKey) -> Agreement {
    given_exact(one, two, usize::MAX).unwrap_or(Agreement::Differs)
}
