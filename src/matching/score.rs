//! Points of each attribute (japan.md 2.4, additive log2 weights) and the reasons for them. Reasons
//! name fields and rules, never values.

use super::fold;
use super::keys::{NameKey, Prepared};

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
    /// `kana=equal`, `birth=differs`, ...
    pub reasons: Vec<String>,
    pub(super) birth: Agreement,
    pub(super) given_kana: Agreement,
    pub(super) given_kanji: Agreement,
    pub(super) phone: Agreement,
    pub(super) address: Agreement,
    pub(super) insurance: Agreement,
    pub(super) is_other_branch: bool,
    pub(super) is_same_branch: bool,
}

struct Scored {
    points: f64,
    agreement: Agreement,
    word: &'static str,
}

const MISSING: Scored = Scored { points: 0.0, agreement: Agreement::Missing, word: "" };

const fn scored(points: f64, agreement: Agreement, word: &'static str) -> Scored {
    Scored { points, agreement, word }
}

/// Compares two records.
pub fn score(one: &Prepared, two: &Prepared) -> Comparison {
    let kana = best(&one.kana, &two.kana, kana_points);
    let kanji = best(&one.kanji, &two.kanji, kanji_points);
    let roman = match (kana.agreement, kanji.agreement) {
        (Agreement::Missing, Agreement::Missing) => best(&one.roman, &two.roman, kanji_points),
        _ => MISSING,
    };
    let birth = birth(one, two);
    let sex = match (one.sex, two.sex) {
        (Some(one), Some(two)) if one == two => scored(1.0, Agreement::Equal, "equal"),
        (Some(_), Some(_)) => scored(-4.0, Agreement::Differs, "differs"),
        _ => MISSING,
    };
    let phone = phone(one, two);
    let address = address(one, two);
    let (insurance, is_same_branch) = insurance(one, two);
    let mut comparison = Comparison {
        score: 0.0,
        reasons: Vec::new(),
        birth: birth.agreement,
        given_kana: given(&one.kana, &two.kana, |a, b| fold::skeleton(a) == fold::skeleton(b)),
        given_kanji: given(&one.kanji, &two.kanji, |a, b| a == b),
        phone: phone.agreement,
        address: address.agreement,
        insurance: insurance.agreement,
        is_other_branch: insurance.word == "other-branch",
        is_same_branch,
    };
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
    for (field, scored) in fields {
        comparison.score += scored.points;
        if scored.agreement != Agreement::Missing {
            comparison.reasons.push(format!("{field}={}", scored.word));
        }
    }
    let common = frequency(one, two);
    if common > 0.0 {
        comparison.score -= common;
        comparison.reasons.push("common-surname".to_owned());
    }
    comparison
}

// The best of all aliases: any may match.
fn best(one: &[NameKey], two: &[NameKey], points: fn(&NameKey, &NameKey) -> Scored) -> Scored {
    let pairs = one.iter().flat_map(|a| two.iter().map(move |b| points(a, b)));
    pairs.max_by(|a, b| a.points.total_cmp(&b.points)).unwrap_or(MISSING)
}

fn kana_points(one: &NameKey, two: &NameKey) -> Scored {
    let given_equal = !one.given.is_empty() && one.given == two.given;
    if one.whole == two.whole {
        scored(9.0, Agreement::Equal, "equal")
    } else if fold::skeleton(&one.whole) == fold::skeleton(&two.whole) {
        scored(7.5, Agreement::Equal, "skeleton")
    } else if strsim::jaro_winkler(&one.whole, &two.whole) >= 0.92 {
        scored(3.0, Agreement::Partial, "similar")
    } else if given_equal {
        scored(2.0, Agreement::Partial, "given")
    } else {
        scored(-7.0, Agreement::Differs, "differs")
    }
}

fn kanji_points(one: &NameKey, two: &NameKey) -> Scored {
    let given_equal = !one.given.is_empty() && one.given == two.given;
    if one.whole == two.whole {
        scored(6.0, Agreement::Equal, "equal")
    } else if strsim::jaro_winkler(&one.whole, &two.whole) >= 0.80 {
        scored(2.0, Agreement::Partial, "similar")
    } else if given_equal {
        scored(1.5, Agreement::Partial, "given")
    } else {
        scored(-3.0, Agreement::Differs, "differs")
    }
}

// Given names alone, for the veto. Where one side is not split, the whole names stand for them.
fn given(one: &[NameKey], two: &[NameKey], same: fn(&str, &str) -> bool) -> Agreement {
    let pairs = one.iter().flat_map(|a| two.iter().map(move |b| (a, b)));
    let judged = pairs.map(|(a, b)| {
        let is_split = !a.given.is_empty() && !b.given.is_empty();
        let equal = if is_split { same(&a.given, &b.given) } else { same(&a.whole, &b.whole) };
        if equal { Agreement::Equal } else { Agreement::Differs }
    });
    judged.max().unwrap_or(Agreement::Missing)
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

fn birth_in_range(one: &Prepared, two: &Prepared) -> Option<Scored> {
    let (first, last) = one.birth_range?;
    let date = two.birth?.digits();
    let inside = first.digits() <= date && date <= last.digits();
    Some(if inside {
        scored(5.0, Agreement::Partial, "range")
    } else {
        scored(-10.0, Agreement::Differs, "differs")
    })
}

fn phone(one: &Prepared, two: &Prepared) -> Scored {
    if one.phones.is_empty() || two.phones.is_empty() {
        return MISSING;
    }
    if one.phones.iter().any(|phone| two.phones.contains(phone)) {
        scored(6.0, Agreement::Equal, "equal")
    } else {
        scored(-0.5, Agreement::Differs, "differs")
    }
}

fn address(one: &Prepared, two: &Prepared) -> Scored {
    let pairs = one.addresses.iter().flat_map(|a| two.addresses.iter().map(move |b| (a, b)));
    let judged = pairs.map(|((postal_a, a), (postal_b, b))| {
        let same_postcode = postal_a.is_some() && postal_a == postal_b;
        match (a, b) {
            (Some(a), Some(b)) => {
                let same_room = a.room.is_none() || b.room.is_none() || a.room == b.room;
                if a.lot == b.lot && same_room {
                    scored(6.0, Agreement::Equal, "equal")
                } else if same_postcode {
                    scored(1.5, Agreement::Partial, "postcode")
                } else {
                    scored(-1.0, Agreement::Differs, "differs")
                }
            }
            _ if same_postcode => scored(1.5, Agreement::Partial, "postcode"),
            _ => MISSING,
        }
    });
    judged.max_by(|a, b| a.points.total_cmp(&b.points)).unwrap_or(MISSING)
}

fn insurance(one: &Prepared, two: &Prepared) -> (Scored, bool) {
    let (Some(a), Some(b)) = (&one.insurance, &two.insurance) else { return (MISSING, false) };
    if a.number != b.number {
        return (scored(-0.5, Agreement::Differs, "differs"), false);
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
    let common = families.filter_map(|name| COMMON.iter().find(|(family, _)| *family == name.family));
    common.map(|(_, points)| *points).fold(0.0, f64::max)
}
