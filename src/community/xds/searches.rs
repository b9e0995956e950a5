//! What a source is asked by when a person is looked for. A manager finds who has every value that is
//! asked by, so few are: who of those found it is, the grades tell.

use std::collections::BTreeSet;

use crate::config::SearchedBy;
use crate::model::{Demographics, NameScript, PatientDiscovery, PersonName, Phi};

/// The queries for a person: of each search that can be made of what is typed, one.
pub(super) fn queries(typed: &Demographics, searches: &[BTreeSet<SearchedBy>]) -> Vec<PatientDiscovery> {
    let usual = [NAMES[0], NAMES[1]].map(|(name, _)| BTreeSet::from([name, SearchedBy::Birth]));
    let searches = if searches.is_empty() { &usual } else { searches };
    let mut queries: Vec<PatientDiscovery> = Vec::new();
    for asked in searches.iter().filter_map(|search| query(typed, search)) {
        if !queries.contains(&asked) {
            queries.push(asked);
        }
    }
    queries
}

const NAMES: [(SearchedBy, NameScript); 3] = [
    (SearchedBy::Kanji, NameScript::Ideographic),
    (SearchedBy::Kana, NameScript::Syllabic),
    (SearchedBy::Roman, NameScript::Alphabetic),
];

// None where something that it asks by is not typed: without it, it would find strangers.
fn query(typed: &Demographics, search: &BTreeSet<SearchedBy>) -> Option<PatientDiscovery> {
    let mut asked = Demographics::default();
    for (_, script) in NAMES.iter().filter(|(by, _)| search.contains(by)) {
        let is_whole = |name: &&PersonName| {
            name.script_or_told() == *script && !name.family.is_empty() && !name.given.is_empty()
        };
        asked.names.push(typed.names.iter().find(is_whole)?.clone());
    }
    if search.contains(&SearchedBy::Birth) {
        asked.birth = typed.birth;
        asked.birth_range = typed.birth_range;
        if asked.birth.is_none() && asked.birth_range.is_none() {
            return None;
        }
    }
    if search.contains(&SearchedBy::Sex) {
        asked.sex = Some(typed.sex?);
    }
    Some(PatientDiscovery { demographics: Phi::new(asked), ids: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PartialDate, Sex};

    fn typed() -> Demographics {
        let name = |script, family: &str, given: &str| PersonName {
            script: Some(script),
            family: family.to_owned(),
            given: given.to_owned(),
        };
        Demographics {
            names: vec![
                name(NameScript::Ideographic, "架橋", "花子"),
                name(NameScript::Syllabic, "カキョウ", "ハナコ"),
            ],
            birth: PartialDate::from_digits("19480405"),
            sex: Some(Sex::Female),
            phones: vec!["086-000-1111".to_owned()],
            ..Demographics::default()
        }
    }

    #[test]
    fn each_script_is_a_query_of_its_own_and_neither_address_nor_telephone_is_asked_by() {
        let queries = queries(&typed(), &[]);
        let asked: Vec<_> = queries.iter().map(|query| query.demographics.reveal()).collect();
        assert_eq!(asked.len(), 2);
        assert!(asked.iter().all(|asked| asked.names.len() == 1 && asked.birth.is_some()));
        assert!(asked.iter().all(|asked| asked.phones.is_empty() && asked.sex.is_none()));
    }

    #[test]
    fn a_search_by_what_was_not_typed_is_not_made() {
        let searches = [BTreeSet::from([SearchedBy::Kana, SearchedBy::Birth, SearchedBy::Sex])];
        assert_eq!(queries(&typed(), &searches).len(), 1);
        for left_out in [
            Demographics { sex: None, ..typed() },
            Demographics { birth: None, ..typed() },
            Demographics { names: typed().names[..1].to_vec(), ..typed() },
        ] {
            assert_eq!(queries(&left_out, &searches), []);
        }
        let family = PersonName { given: String::new(), ..typed().names[0].clone() };
        assert_eq!(queries(&Demographics { names: vec![family], ..typed() }, &[]), []);
    }
}
