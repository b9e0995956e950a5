//! A record with all its keys made once.

use super::fold::{self, AddressKey};
use crate::model::{Demographics, Insurance, NameScript, PartialDate, PersonName, Sex};

/// One name's key: whole and, where the source split it, given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameKey {
    /// Family and given name in one.
    pub whole: String,
    /// The family name, empty where it was not split.
    pub family: String,
    /// The given name, empty where it was not split.
    pub given: String,
}

/// Insurance with its widths folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsuranceKey {
    /// Insurer, symbol and number in one.
    pub number: String,
    /// 枝番 without leading zeros.
    pub branch: Option<String>,
}

/// A record ready for comparing. Debug prints a mark.
#[derive(Clone, Default)]
pub struct Prepared {
    pub(super) kanji: Vec<NameKey>,
    pub(super) kana: Vec<NameKey>,
    pub(super) roman: Vec<NameKey>,
    pub(super) birth: Option<PartialDate>,
    pub(super) birth_range: Option<(PartialDate, PartialDate)>,
    pub(super) sex: Option<Sex>,
    pub(super) phones: Vec<String>,
    pub(super) addresses: Vec<(Option<String>, Option<AddressKey>)>,
    pub(super) insurance: Option<InsuranceKey>,
    // Newborns under the mother's name and test patients are never linked by a machine.
    pub(super) is_placeholder: bool,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[PHI]")
    }
}

impl Prepared {
    /// Makes the keys of a record.
    pub fn new(person: &Demographics) -> Self {
        let mut prepared = Self {
            birth: person.birth.filter(|date| !is_placeholder_date(*date)),
            birth_range: person.birth_range,
            sex: person.sex.filter(|sex| *sex != Sex::Other),
            phones: person.phones.iter().filter_map(|phone| fold::phone(phone)).collect(),
            insurance: person.insurance.as_ref().and_then(insurance),
            is_placeholder: person.names.iter().any(is_placeholder_name),
            ..Self::default()
        };
        for address in &person.addresses {
            let key = (fold::postcode(&address.postal_code), fold::address(&address.text));
            if key != (None, None) {
                prepared.addresses.push(key);
            }
        }
        for name in &person.names {
            prepared.name(name);
        }
        prepared
    }

    fn name(&mut self, name: &PersonName) {
        let (name, alias) = aliases(name);
        for name in std::iter::once(name).chain(alias) {
            let (fold, keys): (fn(&str) -> String, _) = match name.script_or_told() {
                NameScript::Ideographic => (fold::kanji, &mut self.kanji),
                NameScript::Syllabic => (fold::kana, &mut self.kana),
                NameScript::Alphabetic => (fold::kanji, &mut self.roman),
            };
            let (family, given) = split(&name);
            let (family, given) = (fold(&family), fold(&given));
            let whole = format!("{family}{given}");
            if given.is_empty() && !whole.is_empty() {
                keys.push(NameKey { whole, family: String::new(), given });
            } else if !whole.is_empty() {
                keys.push(NameKey { whole, family, given });
            }
        }
    }
}

// A whole name in the family component is split where a blank stands.
fn split(name: &PersonName) -> (String, String) {
    if !name.given.trim().is_empty() {
        return (name.family.clone(), name.given.clone());
    }
    let family = name.family.trim();
    match family.split_once(char::is_whitespace) {
        Some((family, given)) => (family.to_owned(), given.to_owned()),
        None => (family.to_owned(), String::new()),
    }
}

// 渡辺（山本）: what stands in brackets is another family name of the same person.
fn aliases(name: &PersonName) -> (PersonName, Option<PersonName>) {
    let family = fold::plain(&name.family);
    let Some((before, rest)) = family.split_once('(') else { return (name.clone(), None) };
    let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
    let outer = PersonName { family: format!("{before}{after}"), ..name.clone() };
    let alias = PersonName { family: format!("{inside}{after}"), ..name.clone() };
    (outer, (!inside.trim().is_empty()).then_some(alias))
}

fn is_placeholder_name(name: &PersonName) -> bool {
    let whole = fold::plain(&format!("{}{}", name.family, name.given));
    let is_newborn =
        ["ベビー", "ベビ-", "べびー", "新生児", "男児", "女児"].iter().any(|word| whole.contains(word))
            || (whole.contains('第') && whole.ends_with('子'));
    let is_test = ["テスト", "てすと", "TEST", "test", "ダミー"].iter().any(|word| whole.contains(word))
        || name.family == "患者";
    is_newborn || is_test
}

fn is_placeholder_date(date: PartialDate) -> bool {
    date.year <= 1868 || date.year >= 9000 || (date.year, date.month, date.day) == (1900, Some(1), Some(1))
}

fn insurance(insurance: &Insurance) -> Option<InsuranceKey> {
    let narrow = |text: &str| -> String {
        fold::plain(text).chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect()
    };
    let insurer = narrow(&insurance.insurer);
    let number = narrow(&insurance.number);
    if insurer.is_empty() || number.is_empty() {
        return None;
    }
    let symbol = narrow(&insurance.symbol);
    let number = number.trim_start_matches('0');
    let branch = narrow(&insurance.branch).trim_start_matches('0').to_owned();
    let branch = Some(branch).filter(|_| !insurance.branch.trim().is_empty());
    Some(InsuranceKey { number: format!("{insurer:0>8}:{symbol}:{number}"), branch })
}
