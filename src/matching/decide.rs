//! Grade of two records: thresholds and vetoes (japan.md 2.4). The vetoes, not the threshold, buy
//! safety: each sends the pair to a person at best.

use super::keys::Prepared;
use super::score::{Agreement, Comparison, score};
use crate::model::{Demographics, Grade};

/// Points from which two records are one person, if no veto speaks.
pub const AUTO_FROM: f64 = 22.0;

/// Points from which a person must look.
pub const REVIEW_FROM: f64 = 12.0;

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
    let comparison = score(one, two);
    let vetoes = vetoes(one, two, &comparison);
    let points = comparison.score;
    let grade = if points >= AUTO_FROM && vetoes.is_empty() {
        Grade::Auto
    } else if points >= REVIEW_FROM {
        Grade::Review
    } else {
        Grade::None
    };
    let mut reasons = comparison.reasons;
    reasons.extend(vetoes.into_iter().map(|veto| format!("veto:{veto}")));
    Graded { grade, score: points, reasons }
}

fn vetoes(one: &Prepared, two: &Prepared, compared: &Comparison) -> Vec<&'static str> {
    let mut vetoes = Vec::new();
    // Twins and siblings: the given name agrees in no script. A name present in one script only is
    // judged by that one.
    let agrees = [compared.given_kana, compared.given_kanji].contains(&Agreement::Equal);
    let is_known = [compared.given_kana, compared.given_kanji].iter().any(|a| *a != Agreement::Missing);
    if is_known && !agrees {
        vetoes.push("given-name");
    }
    // One insurance number, another branch: family.
    if compared.is_other_branch {
        vetoes.push("insurance-branch");
    }
    // Parent and child of one name, or a slip of the pen: the birth date must be exactly the same,
    // unless the personal insurance number is.
    if compared.birth != Agreement::Equal && !compared.is_same_branch {
        vetoes.push("birth-date");
    }
    // Name, birth date and sex alone are shared by strangers.
    let corroborates = [compared.phone, compared.address, compared.insurance];
    let household = compared.insurance == Agreement::Partial;
    if !corroborates.contains(&Agreement::Equal) && !household {
        vetoes.push("no-corroboration");
    }
    if one.is_placeholder || two.is_placeholder {
        vetoes.push("placeholder-name");
    }
    vetoes
}
