//! A record with all its keys made once.

use super::address::{self, AddressKey};
use super::fold;
use super::names::NameKey;
use super::roman;
use super::shared::Key;
use crate::model::{Demographics, Insurance, NameScript, PartialDate, PersonName, Sex};

/// Insurance with its widths folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsuranceKey {
    /// Insurer, symbol and number in one.
    pub number: String,
    /// 枝番 without leading zeros.
    pub branch: Option<String>,
}

/// Names of one person that are compared: each is held against each.
const NAMES_MAX: usize = 32;

/// A record ready for comparing, its keys made once. Debug prints a mark.
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

/// What tells one person as typed from another.
pub struct ToldApart {
    /// Birth date, all names, and without one of these the telephones: another whole is another person.
    pub whole: [String; 3],
    /// Birth date, family names, given names: what may differ by a typing error.
    pub parts: [String; 3],
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
            let key = (fold::postcode(&address.postal_code), address::address(&address.text));
            if key != (None, None) {
                prepared.addresses.push(key);
            }
        }
        for name in person.names.iter().take(NAMES_MAX) {
            prepared.name(name);
        }
        prepared
    }

    fn name(&mut self, name: &PersonName) {
        let (name, alias) = aliases(name);
        for name in std::iter::once(name).chain(alias) {
            let (family, given) = split(&name);
            let script = name.script_or_told();
            let (key, keys) = match script {
                NameScript::Ideographic => {
                    (key(fold::kanji(&family), fold::kanji(&given), |_| String::new()), &mut self.kanji)
                }
                NameScript::Syllabic => {
                    (key(fold::kana(&family), fold::kana(&given), fold::skeleton), &mut self.kana)
                }
                NameScript::Alphabetic => (roman_key(&family, &given), &mut self.roman),
            };
            if !key.whole.is_empty() && !keys.contains(&key) {
                keys.push(key);
            }
        }
    }

    /// What tells a family apart roughly: the first two letters of the name.
    pub(super) fn family_mark(&self) -> Option<String> {
        let name = self.kana.first().map(|name| &name.coarse);
        let name = name.or_else(|| self.kanji.first().map(|name| &name.whole));
        let name = name.or_else(|| self.roman.first().map(|name| &name.family));
        name.map(|name| name.chars().take(2).collect())
    }

    /// What tells a person apart roughly, for counting: birth date, family name, given name; and, where
    /// one of them is missing, telephone numbers.
    pub fn told_apart_by(&self) -> ToldApart {
        let date = |date: PartialDate| {
            format!("{}-{}-{}", date.year, date.month.unwrap_or_default(), date.day.unwrap_or_default())
        };
        let birth = match (self.birth, self.birth_range) {
            (Some(birth), _) => date(birth),
            (None, Some((from, to))) => format!("{}/{}", date(from), date(to)),
            (None, None) => String::new(),
        };
        // All names of the script that is there: with the first alone, whoever sends a second could ask
        // about anybody under one number.
        let names = [&self.kana, &self.kanji, &self.roman].into_iter().find(|names| !names.is_empty());
        let names: Vec<(String, String)> = names
            .into_iter()
            .flatten()
            .map(|name| match name.family.is_empty() {
                true => (name.whole.to_string(), String::new()),
                false => (name.family.to_string(), name.given.to_string()),
            })
            .collect();
        // Which family goes with which given name: the same parts paired otherwise are other people.
        let mut pairs: Vec<String> =
            names.iter().map(|(family, given)| format!("{family}\u{1f}{given}")).collect();
        pairs.sort();
        pairs.dedup();
        let (mut families, mut givens): (Vec<String>, Vec<String>) = names.into_iter().unzip();
        for names in [&mut families, &mut givens] {
            names.sort();
            names.dedup();
        }
        let (family, given) = (families.join(" "), givens.join(" "));
        let is_whole = !birth.is_empty() && !family.is_empty();
        let rest = if is_whole { String::new() } else { self.phones.join(" ") };
        ToldApart { whole: [birth.clone(), pairs.join("\u{1e}"), rest], parts: [birth, family, given] }
    }

    /// The keys of what a household shares, and sometimes hundreds.
    pub fn sharable(&self) -> impl Iterator<Item = Key> + '_ {
        let addresses = self.addresses.iter().filter_map(|(_, address)| address.as_ref());
        self.phones
            .iter()
            .map(|phone| phone_key(phone))
            .chain(addresses.filter(|address| address.is_house).flat_map(|address| {
                let room = address.room.is_some().then(|| address_key(address, true));
                std::iter::once(address_key(address, false)).chain(room)
            }))
            .chain(self.insurance.iter().map(insurance_key))
    }
}

pub(super) fn phone_key(phone: &str) -> Key {
    Key::of('p', phone)
}

/// The key of a room, or of the whole building.
pub(super) fn address_key(address: &AddressKey, with_room: bool) -> Key {
    Key::of('a', (&address.lot, address.room.as_ref().filter(|_| with_room)))
}

pub(super) fn insurance_key(insurance: &InsuranceKey) -> Key {
    Key::of('i', &insurance.number)
}

fn key(family: String, given: String, coarse: fn(&str) -> String) -> NameKey {
    let whole = format!("{family}{given}");
    let is_split = !family.is_empty() && !given.is_empty();
    let part = |text: String| if is_split { text.into() } else { Box::default() };
    NameKey { coarse: coarse(&whole).into(), whole: whole.into(), family: part(family), given: part(given) }
}

// The order of foreign names differs: the words of the whole are sorted.
fn roman_key(family: &str, given: &str) -> NameKey {
    let plain = |text: &str| fold::plain(text).to_lowercase();
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let (family, given) = (plain(family), plain(given));
    let both = format!("{family} {given}");
    let mut words: Vec<String> =
        both.split([' ', ',', '　']).map(letters).filter(|word| !word.is_empty()).collect();
    words.sort();
    let coarse = roman::coarse(&both);
    let (family, given) = (letters(&family), letters(&given));
    let is_split = !family.is_empty() && !given.is_empty();
    let part = |text: String| if is_split { text.into() } else { Box::default() };
    NameKey { whole: words.join(" ").into(), family: part(family), given: part(given), coarse: coarse.into() }
}

// A whole name in one component is split where a blank stands.
fn split(name: &PersonName) -> (String, String) {
    let (family, given) = (name.family.trim(), name.given.trim());
    if !family.is_empty() && !given.is_empty() {
        return (family.to_owned(), given.to_owned());
    }
    let whole = if family.is_empty() { given } else { family };
    match whole.split_once(char::is_whitespace) {
        Some((family, given)) => (family.to_owned(), given.to_owned()),
        None => (whole.to_owned(), String::new()),
    }
}

// 渡辺（山本）, 渡辺［旧姓 山本］: what stands in brackets is another family name of the same person.
fn aliases(name: &PersonName) -> (PersonName, Option<PersonName>) {
    let bracket = |text: &str| -> String {
        let round = |c: char| match c {
            '[' | '〔' | '【' | '〈' | '《' | '「' | '{' => '(',
            ']' | '〕' | '】' | '〉' | '》' | '」' | '}' => ')',
            c => c,
        };
        fold::gathered(text.len(), fold::plain(text).chars().map(round))
    };
    let cut = |text: &str| -> Option<(String, String, String)> {
        let (before, rest) = text.split_once('(')?;
        let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
        let inside = inside.trim_start_matches(|c| "旧姓通称名本:・ ".contains(c)).trim();
        Some((before.to_owned(), inside.to_owned(), after.to_owned()))
    };
    let (family, given) = (bracket(&name.family), bracket(&name.given));
    let mut outer = name.clone();
    let mut inner = None;
    if let Some((before, inside, after)) = cut(&given) {
        outer.given = format!("{before}{after}");
        inner = Some((inside, String::new()));
    }
    if let Some((before, inside, after)) = cut(&family) {
        outer.family = format!("{before}{after}");
        inner = Some((inside, after));
    }
    let alias = inner.filter(|(inside, _)| !inside.is_empty()).map(|(inside, after)| PersonName {
        family: if inside.contains(char::is_whitespace) { inside } else { format!("{inside}{after}") },
        ..outer.clone()
    });
    (outer, alias)
}

const NEWBORN: [&str; 13] = [
    "ベビー",
    "ベビ-",
    "ベイビ",
    "ベービ",
    "べびー",
    "新生児",
    "男児",
    "女児",
    "双胎",
    "胎児",
    "赤ちゃん",
    "baby",
    "newborn",
];
const TEST: [&str; 9] =
    ["テスト", "てすと", "test", "ダミー", "dummy", "試験患者", "架空", "サンプル", "動作確認"];
const UNKNOWN: [&str; 4] = ["不明", "氏名不詳", "身元不明", "unknown"];

// Whether a word of these lists may begin with it: a name has none of these letters, or few.
const fn may_begin_a_word(c: char) -> bool {
    matches!(
        c,
        'ベ' | 'べ'
            | '新'
            | '男'
            | '女'
            | '双'
            | '胎'
            | '赤'
            | 'b'
            | 'n'
            | 'テ'
            | 'て'
            | 't'
            | 'ダ'
            | 'd'
            | '試'
            | '架'
            | 'サ'
            | '動'
            | '不'
            | '氏'
            | '身'
            | 'u'
    )
}

fn is_placeholder_name(name: &PersonName) -> bool {
    let whole = fold::plain(&format!("{}{}", name.family, name.given)).to_lowercase();
    let lists = [NEWBORN.as_slice(), TEST.as_slice(), UNKNOWN.as_slice()];
    let begins_a_word =
        |rest: &str| lists.iter().any(|words| words.iter().any(|word| rest.starts_with(word)));
    let mut beginnings = whole.char_indices().filter(|(_, c)| may_begin_a_word(*c));
    beginnings.any(|(at, _)| whole.get(at..).is_some_and(begins_a_word))
        || (whole.ends_with(['子', '児']) && whole.contains('第'))
        || ["ノコ", "の子", "ノ子"].iter().any(|word| whole.ends_with(word))
        || ["患者", "カンジャ", "かんじゃ"].contains(&fold::plain(&name.family).trim())
}

fn is_placeholder_date(date: PartialDate) -> bool {
    date.year <= 1868 || date.year >= 2100 || (date.year, date.month, date.day) == (1900, Some(1), Some(1))
}

fn insurance(insurance: &Insurance) -> Option<InsuranceKey> {
    let narrow = |text: &str| -> String {
        let letters = fold::plain(text);
        let letters = letters.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_uppercase());
        fold::gathered(text.len(), letters)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_placeholder_is_found_wherever_it_stands() {
        for word in NEWBORN.iter().chain(&TEST).chain(&UNKNOWN) {
            assert!(word.chars().next().is_some_and(may_begin_a_word), "{word}");
            for family in [(*word).to_owned(), format!("山{word}"), word.to_uppercase()] {
                let name = PersonName { family, given: "本".to_owned(), ..PersonName::default() };
                assert!(is_placeholder_name(&name), "{word}");
            }
        }
        let name =
            PersonName { family: "山田".to_owned(), given: "太郎".to_owned(), ..PersonName::default() };
        assert!(!is_placeholder_name(&name));
    }
}
