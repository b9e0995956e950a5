//! The agreement of the demo (decisions C7) in words, and what it lets through, so that the demo can
//! hold the answers against it. What decides is `policies/`, which the installed program carries along.

use super::cast::{Part, person};
use super::charts::{Chart, charts};
use super::network::Network;
use crate::dialect::ssmix2::Flag;
use time::Date;

/// Kinds a physician of the other side sees.
pub const PHYSICIAN: [&str; 7] = ["ADT-00", "ADT-61", "PPR-01", "OMP-01", "OMP-11", "OML-11", "18842-5"];

/// Kinds a nurse of the other side sees.
pub const NURSE: [&str; 3] = ["ADT-61", "OMP-01", "OMP-11"];

/// The agreement, sentence by sentence: Japanese, English.
pub const SENTENCES: [(&str, &str); 7] = [
    (
        "医師は診療目的で、基本情報・アレルギー・病名・処方・検体検査結果・サマリーを閲覧できる。",
        "Physicians see basic information, allergies, diagnoses, prescriptions, laboratory results and summaries, for treatment.",
    ),
    (
        "拡張ストレージの文書は、サマリーに限りファイルをそのまま開示する。",
        "Of the extension storage only summaries leave as the files they are.",
    ),
    ("看護師はアレルギーと処方のみ閲覧できる。", "Nurses see allergies and prescriptions only."),
    (
        "精神科の文書と手術記録は開示しない。",
        "Documents of the psychiatric department and surgical records are withheld.",
    ),
    (
        "同意のない患者・同意を撤回した患者は、存在も知らせない。",
        "Of patients without consent, or who have withdrawn it, not even their existence is told.",
    ),
    (
        "緊急時は医師に限り同意がなくても開示し、必ず記録する。",
        "In an emergency a physician sees the same without consent, and it is always flagged.",
    ),
    ("撤回・拒否は緊急時にも優先する。", "A withdrawal or refusal wins even in an emergency."),
];

/// The policy files every side gets, by name.
pub const POLICIES: [(&str, &str); 6] = [
    ("schema.cedarschema", include_str!("../../policies/schema.cedarschema")),
    ("00-default.cedar", include_str!("../../policies/00-default.cedar")),
    ("10-okayama-hiroshima.cedar", include_str!("../../policies/10-okayama-hiroshima.cedar")),
    ("11-hiroshima-okayama.cedar", include_str!("../../policies/11-hiroshima-okayama.cedar")),
    ("home-okayama.cedar", include_str!("../../policies/home-okayama.cedar")),
    ("home-hiroshima.cedar", include_str!("../../policies/home-hiroshima.cedar")),
];

/// The policy files of one side: what it discloses, and what its own portals may.
pub fn policies_of(network: &Network) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (discloses, home) = (format!("-{}-", network.key), format!("home-{}", network.key));
    POLICIES.into_iter().filter(move |(name, _)| {
        name.starts_with("schema") || name.starts_with("00-") || format!("-{name}").contains(&home) || {
            // `10-okayama-hiroshima`: what Okayama discloses.
            name.get(2..).is_some_and(|rest| rest.starts_with(&discloses))
        }
    })
}

/// Whether a file of the hospitals is shown to somebody of the other side who may see these kinds.
pub fn shows(chart: &Chart, kinds: &[&str]) -> bool {
    let is_psychiatric = chart.file.department.as_deref().is_some_and(|code| code.starts_with("02"));
    chart.file.flag == Flag::Current && !is_psychiatric && kinds.contains(&chart.kind())
}

/// The kinds that the other side must see of a person, one for each document, sorted.
pub fn expected(network: &Network, part: Part, kinds: &[&str], today: Date) -> Vec<String> {
    let Some(person) = person(network, part) else { return Vec::new() };
    let mut expected: Vec<String> = person
        .records
        .iter()
        .flat_map(|record| charts(network, person, record, today))
        .filter(|chart| shows(chart, kinds))
        .map(|chart| chart.kind().to_owned())
        .collect();
    expected.sort();
    expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::network::{HIROSHIMA, OKAYAMA};

    #[test]
    fn each_side_gets_its_own_policies_and_the_common_ones() {
        let names = |network| policies_of(network).map(|(name, _)| name).collect::<Vec<_>>();
        let okayama =
            ["schema.cedarschema", "00-default.cedar", "10-okayama-hiroshima.cedar", "home-okayama.cedar"];
        assert_eq!(names(&OKAYAMA), okayama);
        assert!(names(&HIROSHIMA).contains(&"11-hiroshima-okayama.cedar"));
    }

    #[test]
    fn a_physician_sees_more_than_a_nurse_and_neither_the_psychiatric_prescription() {
        let today = time::macros::date!(2026 - 06 - 01);
        let physician = expected(&OKAYAMA, Part::Consented, &PHYSICIAN, today);
        let nurse = expected(&OKAYAMA, Part::Consented, &NURSE, today);
        assert_eq!((physician.len(), nurse.len()), (13, 5));
        assert_eq!(physician.iter().filter(|kind| *kind == "OMP-01").count(), 2);
    }
}
