//! Points of each attribute (japan.md 2.4, additive log2 weights) and the reasons for them. Reasons
//! name fields and rules, never values.

use super::keys::{self, Prepared};
use super::names::{self, NameKey};
use super::shared::Shared;

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// One side has none.
    Missing,
    /// They differ.
    Differs,
    /// They resemble each other.
    Partial,
    /// They are equal once folded.
    Equal,
}

/// The comparison of two records.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Sum of all points.
    pub score: f64,
    fields: [(&'static str, Scored); 8],
    is_common: bool,
    pub(super) birth: Agreement,
    pub(super) sex: Agreement,
    pub(super) given_kana: Agreement,
    pub(super) given_kanji: Agreement,
    pub(super) given_roman: Agreement,
    pub(super) phone: Agreement,
    pub(super) address: Agreement,
    pub(super) insurance: Agreement,
    pub(super) is_other_branch: bool,
    pub(super) is_same_branch: bool,
}

impl Comparison {
    /// `kana=equal`, `birth=differs`, ...
    pub fn reasons(&self) -> Vec<String> {
        let told = self.fields.iter().filter(|(_, scored)| scored.agreement != Agreement::Missing);
        let told = told.map(|(field, scored)| format!("{field}={}", scored.word));
        told.chain(self.is_common.then(|| "common-surname".to_owned())).collect()
    }
}

/// What one attribute gives.
#[derive(Debug, Clone, Copy)]
pub struct Scored {
    pub points: f64,
    pub agreement: Agreement,
    pub word: &'static str,
}

const MISSING: Scored = Scored { points: 0.0, agreement: Agreement::Missing, word: "" };

pub const fn scored(points: f64, agreement: Agreement, word: &'static str) -> Scored {
    Scored { points, agreement, word }
}

/// Compares two records; what `shared` holds agrees without telling much.
pub fn score(one: &Prepared, two: &Prepared, shared: &Shared) -> Comparison {
    let kana = best(&one.kana, &two.kana, names::kana_points);
    let kanji = best(&one.kanji, &two.kanji, names::kanji_points);
    let roman = match (kana.agreement, kanji.agreement) {
        (Agreement::Missing, Agreement::Missing) => roman(one, two),
        _ => MISSING,
    };
    let birth = birth(one, two);
    let sex = match (one.sex, two.sex) {
        (Some(one), Some(two)) if one == two => scored(1.0, Agreement::Equal, "equal"),
        (Some(_), Some(_)) => scored(-4.0, Agreement::Differs, "differs"),
        _ => MISSING,
    };
    let phone = phone(one, two, shared);
    let address = address(one, two, shared);
    let (insurance, is_same_branch) = insurance(one, two, shared);
    let fields = [
        ("kana", kana),
        ("kanji", kanji),
        ("roman", roman),
        ("birth", birth),
        ("sex", sex),
        ("phone", phone),
        ("address", address),
        ("insurance", insurance),
    ];
    let common = frequency(one, two);
    Comparison {
        score: fields.iter().map(|(_, scored)| scored.points).sum::<f64>() - common,
        is_common: common > 0.0,
        birth: birth.agreement,
        sex: sex.agreement,
        given_kana: names::given(&one.kana, &two.kana, names::given_kana),
        given_kanji: names::given(&one.kanji, &two.kanji, names::given_kanji),
        given_roman: names::given(&one.roman, &two.roman, names::given_roman),
        phone: phone.agreement,
        address: address.agreement,
        insurance: insurance.agreement,
        is_other_branch: insurance.word == "other-branch",
        is_same_branch,
        fields,
    }
}

// Roman letters are looked at where no Japanese script is on both sides.
fn roman(one: &Prepared, two: &Prepared) -> Scored {
    let straight = best(&one.roman, &two.roman, names::roman_points);
    let across = [
        best(&one.roman, &two.kana, names::roman_kana_points),
        best(&two.roman, &one.kana, names::roman_kana_points),
    ];
    let across = across.into_iter().filter(|across| across.agreement > straight.agreement);
    across.max_by(|a, b| a.points.total_cmp(&b.points)).unwrap_or(straight)
}

// The best of all aliases: any may match. Nothing is better than equal, and a candidate found by a name has
// that one: how alike all the others are need not be known.
fn best(one: &[NameKey], two: &[NameKey], points: fn(&NameKey, &NameKey) -> Scored) -> Scored {
    if let Some((a, b)) = names::equal(one, two) {
        return points(a, b);
    }
    let pairs = one.iter().flat_map(|a| two.iter().map(move |b| points(a, b)));
    pairs.max_by(|a, b| a.points.total_cmp(&b.points)).unwrap_or(MISSING)
}

/// Years between two persons from which a birth date is no slip of the pen: parent and child.
pub fn is_generation_apart(one: &Prepared, two: &Prepared) -> bool {
    matches!((one.birth, two.birth), (Some(a), Some(b)) if a.year.abs_diff(b.year) >= 9)
}

fn birth(one: &Prepared, two: &Prepared) -> Scored {
    if let Some(scored) = birth_in_range(one, two).or_else(|| birth_in_range(two, one)) {
        return scored;
    }
    let (Some(a), Some(b)) = (one.birth, two.birth) else { return MISSING };
    if !(a.is_whole() && b.is_whole()) {
        let fits = a.year == b.year && (a.month.is_none() || b.month.is_none() || a.month == b.month);
        return if fits {
            scored(5.0, Agreement::Partial, "partial")
        } else {
            scored(-10.0, Agreement::Differs, "differs")
        };
    }
    if a == b {
        return scored(13.0, Agreement::Equal, "equal");
    }
    let (x, y) = (a.digits(), b.digits());
    let differing = x.bytes().zip(y.bytes()).filter(|(x, y)| x != y).count();
    let is_swapped = a.year == b.year && a.month == b.day && a.day == b.month;
    let only_day = a.year == b.year && a.month == b.month;
    match differing {
        1 => scored(4.0, Agreement::Partial, "one-digit"),
        _ if is_swapped => scored(4.0, Agreement::Partial, "month-day-swapped"),
        2 if only_day => scored(2.0, Agreement::Partial, "day"),
        _ => scored(-10.0, Agreement::Differs, "differs"),
    }
}

// Within many years somebody of the name was born: that tells nothing.
const RANGE_YEARS_MAX: u16 = 10;

fn birth_in_range(one: &Prepared, two: &Prepared) -> Option<Scored> {
    let (first, last) = one.birth_range?;
    let date = two.birth?.digits();
    let inside = first.digits() <= date && date <= last.digits();
    let is_narrow = last.year.saturating_sub(first.year) <= RANGE_YEARS_MAX;
    Some(if inside && is_narrow {
        scored(5.0, Agreement::Partial, "range")
    } else if inside {
        MISSING
    } else {
        scored(-10.0, Agreement::Differs, "differs")
    })
}

fn phone(one: &Prepared, two: &Prepared, shared: &Shared) -> Scored {
    if one.phones.is_empty() || two.phones.is_empty() {
        return MISSING;
    }
    let mut equal = one.phones.iter().filter(|phone| two.phones.contains(phone)).peekable();
    if equal.peek().is_none() {
        scored(-0.5, Agreement::Differs, "differs")
    } else if equal.any(|phone| !shared.contains(keys::phone_key(phone))) {
        scored(6.0, Agreement::Equal, "equal")
    } else {
        scored(1.0, Agreement::Partial, "shared")
    }
}

fn address(one: &Prepared, two: &Prepared, shared: &Shared) -> Scored {
    let pairs = one.addresses.iter().flat_map(|a| two.addresses.iter().map(move |b| (a, b)));
    let judged = pairs.map(|((postal_a, a), (postal_b, b))| {
        let same_postcode = postal_a.is_some() && postal_a == postal_b;
        let (Some(a), Some(b)) = (a, b) else {
            return if same_postcode { scored(1.5, Agreement::Partial, "postcode") } else { MISSING };
        };
        let same_room = a.room.is_none() || b.room.is_none() || a.room == b.room;
        if a.lot == b.lot && same_room && !a.is_house {
            scored(1.5, Agreement::Partial, "town")
        } else if a.lot == b.lot && same_room {
            let with_room = a.room.is_some() && b.room.is_some();
            if shared.contains(keys::address_key(a, with_room)) {
                scored(1.5, Agreement::Partial, "shared")
            } else {
                scored(6.0, Agreement::Equal, "equal")
            }
        } else if same_postcode {
            scored(1.5, Agreement::Partial, "postcode")
        } else {
            scored(-1.0, Agreement::Differs, "differs")
        }
    });
    judged.max_by(|a, b| a.points.total_cmp(&b.points)).unwrap_or(MISSING)
}

fn insurance(one: &Prepared, two: &Prepared, shared: &Shared) -> (Scored, bool) {
    let (Some(a), Some(b)) = (&one.insurance, &two.insurance) else { return (MISSING, false) };
    if a.number != b.number {
        return (scored(-0.5, Agreement::Differs, "differs"), false);
    }
    if shared.contains(keys::insurance_key(a)) {
        return (scored(1.0, Agreement::Differs, "shared"), false);
    }
    match (&a.branch, &b.branch) {
        (Some(a), Some(b)) if a == b => (scored(12.0, Agreement::Equal, "equal"), true),
        (Some(_), Some(_)) => (scored(-6.0, Agreement::Differs, "other-branch"), false),
        (None, None) => (scored(12.0, Agreement::Equal, "equal"), false),
        // The household agrees; whose card it is stays open.
        _ => (scored(6.0, Agreement::Partial, "household"), false),
    }
}

// The commonest surnames say less about a person: up to two points less.
const COMMON: [(&str, f64); 20] = [
    ("佐藤", 2.0),
    ("鈴木", 2.0),
    ("高橋", 2.0),
    ("田中", 2.0),
    ("伊藤", 1.5),
    ("渡辺", 1.5),
    ("山本", 1.5),
    ("中村", 1.5),
    ("小林", 1.5),
    ("加藤", 1.5),
    ("吉田", 1.0),
    ("山田", 1.0),
    ("佐佐木", 1.0),
    ("山口", 1.0),
    ("松本", 1.0),
    ("井上", 1.0),
    ("木村", 1.0),
    ("林", 1.0),
    ("斎藤", 1.0),
    ("清水", 1.0),
];

fn frequency(one: &Prepared, two: &Prepared) -> f64 {
    let families = one.kanji.iter().filter(|a| two.kanji.iter().any(|b| a.family == b.family));
    let common = families.filter_map(|name| COMMON.iter().find(|(family, _)| *family == &*name.family));
    common.map(|(_, points)| *points).fold(0.0, f64::max)
}
