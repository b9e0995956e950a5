//! Grade of two records: thresholds and vetoes (japan.md 2.4). The vetoes, not the threshold, buy
//! safety: each sends the pair to a person at best.

use super::keys::{self, Prepared};
use super::score::{Agreement, Comparison, is_generation_apart, score};
use super::shared::{Key, Shared};
use crate::model::{Demographics, Grade};

/// Points from which two records are one person, if no veto speaks.
pub const AUTO_FROM: f64 = 22.0;

/// Points from which a person must look.
pub const REVIEW_FROM: f64 = 12.0;

const NO_CORROBORATION: &str = "no-corroboration";

/// The grade of two records.
#[derive(Debug, Clone)]
pub struct Graded {
    /// One person, to be looked at, or not.
    pub grade: Grade,
    /// Points.
    pub score: f64,
    /// Fields and rules, never values.
    pub reasons: Vec<String>,
}

/// Grades two records.
pub fn grade(one: &Demographics, two: &Demographics) -> Graded {
    compare(&Prepared::new(one), &Prepared::new(two))
}

/// Grades two records whose keys are made.
pub fn compare(one: &Prepared, two: &Prepared) -> Graded {
    compare_among(one, two, &Shared::default())
}

/// Grades an answer against what was sent. An answer shows neither address nor telephone (decisions
/// A4), so nothing in it can corroborate; whoever answered held both against what was sent. So the
/// want of it is no veto, if something was sent that could be held against a record; and the whole
/// name in one script with birth date and sex, which is all that many gateways show, is enough. What
/// the answer does show counts as ever.
pub fn grade_answer(sent: &Demographics, shown: &Demographics) -> Graded {
    let is_silent = |of: &Demographics| of.addresses.is_empty() && of.phones.is_empty();
    let is_corroborated = is_silent(shown) && !is_silent(sent);
    let (auto_from, waived) = if is_corroborated { (ANSWER_FROM, true) } else { (AUTO_FROM, false) };
    conclude(&Prepared::new(sent), &Prepared::new(shown), &Shared::default(), auto_from, waived)
}

/// Points of the rarest name in romaji, birth date and sex: an answer that shows less is no proof.
const ANSWER_FROM: f64 = 19.0;

/// Grades two records among others: a telephone, address or insurance number that many share
/// corroborates nothing.
pub fn compare_among(one: &Prepared, two: &Prepared, shared: &Shared) -> Graded {
    conclude(one, two, shared, AUTO_FROM, false)
}

impl Prepared {
    /// Grade and points of two records among others ([`compare_among`]), without the reasons.
    pub fn grade_among(&self, other: &Self, shared: &Shared) -> (Grade, f64) {
        let comparison = score(self, other, shared);
        (judge(self, other, &comparison, AUTO_FROM, false).0, comparison.score)
    }

    /// Of which two records must have one in common to be one person to a machine: without the birth date
    /// the insurance number. Where they share neither, the birth date is a veto.
    pub fn must_share(&self) -> impl Iterator<Item = Key> + '_ {
        let birth = self.birth.map(|date| Key::of('b', date));
        birth.into_iter().chain(self.insurance.iter().map(keys::insurance_key))
    }
}

fn conclude(
    one: &Prepared,
    two: &Prepared,
    shared: &Shared,
    auto_from: f64,
    is_corroborated: bool,
) -> Graded {
    let comparison = score(one, two, shared);
    let (grade, vetoes) = judge(one, two, &comparison, auto_from, is_corroborated);
    let mut reasons = comparison.reasons();
    reasons.extend(vetoes.into_iter().map(|veto| format!("veto:{veto}")));
    Graded { grade, score: comparison.score, reasons }
}

fn judge(
    one: &Prepared,
    two: &Prepared,
    comparison: &Comparison,
    auto_from: f64,
    is_corroborated: bool,
) -> (Grade, Vec<&'static str>) {
    if comparison.score < REVIEW_FROM {
        return (Grade::None, Vec::new());
    }
    let mut vetoes = vetoes(one, two, comparison);
    vetoes.retain(|veto| !(is_corroborated && *veto == NO_CORROBORATION));
    let is_sure = comparison.score >= auto_from && vetoes.is_empty();
    (if is_sure { Grade::Auto } else { Grade::Review }, vetoes)
}

fn vetoes(one: &Prepared, two: &Prepared, compared: &Comparison) -> Vec<&'static str> {
    let mut vetoes = Vec::new();
    // Twins and siblings: the given name agrees in no script.
    if !has_one_given_name(compared) {
        vetoes.push("given-name");
    }
    // One insurance number, another branch: family.
    if compared.is_other_branch {
        vetoes.push("insurance-branch");
    }
    // Parent and child of one name, or a slip of the pen: the birth date must be exactly the same,
    // unless the personal insurance number is. Records of the time before branch numbers hold 00 for
    // a whole family, so a generation between them is no slip.
    let is_slip = compared.birth != Agreement::Differs && !is_generation_apart(one, two);
    if compared.birth != Agreement::Equal && !(compared.is_same_branch && is_slip) {
        vetoes.push("birth-date");
    }
    // Brother and sister of the same reading.
    let is_same_name = compared.given_kanji == Agreement::Equal && compared.given_kana != Agreement::Differs;
    if compared.sex == Agreement::Differs && !is_same_name {
        vetoes.push("sex");
    }
    // Name, birth date and sex alone are shared by strangers.
    let corroborates = [compared.phone, compared.address, compared.insurance];
    let household = compared.insurance == Agreement::Partial;
    if !corroborates.contains(&Agreement::Equal) && !household {
        vetoes.push(NO_CORROBORATION);
    }
    if one.is_placeholder || two.is_placeholder {
        vetoes.push("placeholder-name");
    }
    vetoes
}

// Equal in one script. Where no name is written in a script of both, or only its sound resembles,
// nothing is proven.
fn has_one_given_name(compared: &Comparison) -> bool {
    if compared.given_kanji == Agreement::Equal {
        return true;
    }
    if compared.given_kana == Agreement::Equal {
        // A source that drops voicing marks writes 大輝 ダイキ as タイキ, his twin's name: kanji that
        // differ then want the personal insurance number.
        return compared.given_kanji != Agreement::Differs || compared.is_same_branch;
    }
    let is_silent = |agreement| matches!(agreement, Agreement::Missing | Agreement::Partial);
    compared.given_roman == Agreement::Equal
        && is_silent(compared.given_kana)
        && is_silent(compared.given_kanji)
}
