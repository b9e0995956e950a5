//! Foldings of names, addresses and numbers (japan.md 2.2). A table of code points is never
//! complete, so an unequal kanji key costs little when kana and birth date agree.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use yosina::{TransliteratorConfig, make_transliterator};

// Groups that are interchanged in practice; the first of each is the key. 斎 and 斉 are different
// characters by origin. Not here: 荻/萩, 太/大, 裕/祐, 徹/撤, which are other people or slips.
const GROUPS: [&str; 49] = [
    "高髙",
    "崎﨑嵜碕埼",
    "斎斉齋齊",
    "辺邊邉",
    "浜濱濵",
    "広廣",
    "沢澤",
    "桜櫻",
    "国國圀",
    "関關",
    "辻",
    "吉𠮷",
    "島嶋嶌",
    "富冨",
    "瀬瀨",
    "徳德",
    "恵惠",
    "真眞",
    "竜龍",
    "黒黑",
    "蔵藏",
    "柳栁",
    "槙槇",
    "曽曾",
    "条條",
    "栄榮",
    "寿壽",
    "会會",
    "伝傳",
    "与與",
    "万萬",
    "秋龝",
    "桑桒",
    "橋槗",
    "船舩",
    "鉄鐵",
    "塩鹽",
    "薮藪籔",
    "杉椙",
    "館舘",
    "穂穗",
    "巌巖",
    "弥彌",
    "応應",
    "晃晄",
    "渕淵渊",
    "亀龜",
    "鶴鸖靏",
    "梅楳",
];

static FOLDED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    GROUPS
        .iter()
        .filter_map(|group| group.chars().next().map(|key| (key, group)))
        .flat_map(|(key, group)| group.chars().map(move |other| (other, key)))
        .collect()
});

thread_local! {
    static OLD_TO_NEW: Box<dyn Fn(&str) -> String> = old_to_new();
}

// Old forms of kanji become new ones by the kept library's table; where it cannot be built, names
// are compared as they are.
fn old_to_new() -> Box<dyn Fn(&str) -> String> {
    match make_transliterator(&vec![TransliteratorConfig::KanjiOldNew]) {
        Ok(convert) => Box::new(move |text| convert(text).unwrap_or_else(|_| text.to_owned())),
        Err(_) => Box::new(str::to_owned),
    }
}

const fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// NFKC without variation selectors.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_variation_selector(*c)).nfkc().collect()
}

/// The key of a name in kanji, or in any script that is not kana.
pub fn kanji(text: &str) -> String {
    let text = plain(text);
    let text = OLD_TO_NEW.with(|convert| convert(&text));
    let mut key = String::new();
    for c in text.chars().filter(|c| !is_blank(*c)) {
        match c {
            // 々 repeats what stands before it.
            '々' => key.extend(key.chars().last()),
            'ヶ' | 'ケ' | 'が' | 'ガ' => key.push('ケ'),
            '○' | '〇' => key.push('〇'),
            _ => key.extend(FOLDED.get(&c).unwrap_or(&c).to_lowercase()),
        }
    }
    key
}

/// The key of a name in kana.
pub fn kana(text: &str) -> String {
    let folded: String = plain(text).chars().filter(|c| !is_blank(*c)).map(katakana).map(large).collect();
    // What stood apart by a blank may compose now.
    folded.nfkc().collect()
}

/// The coarser key of a kana key: no long mark, no voicing, long vowels short.
pub fn skeleton(kana: &str) -> String {
    let decomposed: String =
        kana.nfd().filter(|c| !matches!(c, '\u{3099}' | '\u{309a}' | 'ー' | '-')).collect();
    let mut key = String::new();
    let mut last = None;
    for c in decomposed.chars() {
        let is_lengthening = match (last, c) {
            (Some(before), 'ウ') => vowel(before) == 'オ' || vowel(before) == 'ウ',
            (Some(before), 'オ') => vowel(before) == 'オ',
            _ => false,
        };
        if !is_lengthening {
            key.push(c);
            last = Some(c);
        }
    }
    key
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '・' | '･' | '\u{3000}' | ',' | '、' | '.' | '=' | '*')
}

fn katakana(c: char) -> char {
    match c {
        '\u{3041}'..='\u{3096}' => char::from_u32(u32::from(c) + 0x60).unwrap_or(c),
        '-' | '‐' | '−' | '–' | '—' | '―' => 'ー',
        _ => c.to_ascii_uppercase(),
    }
}

const fn large(c: char) -> char {
    match c {
        'ァ' => 'ア',
        'ィ' | 'ヰ' => 'イ',
        'ゥ' => 'ウ',
        'ェ' | 'ヱ' => 'エ',
        'ォ' | 'ヲ' => 'オ',
        'ャ' => 'ヤ',
        'ュ' => 'ユ',
        'ョ' => 'ヨ',
        'ッ' => 'ツ',
        'ヮ' => 'ワ',
        'ヵ' => 'カ',
        'ヶ' => 'ケ',
        'ヂ' => 'ジ',
        'ヅ' => 'ズ',
        'ヴ' => 'ブ',
        _ => c,
    }
}

fn vowel(c: char) -> char {
    if "オコソトノホモヨロ".contains(c) {
        'オ'
    } else if "ウクスツヌフムユル".contains(c) {
        'ウ'
    } else {
        c
    }
}

/// Digits of a telephone number, national form; None when there are fewer than nine.
pub fn phone(text: &str) -> Option<String> {
    let text = plain(text);
    let is_international = text.trim_start().starts_with("+81");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let national = if is_international { digits.get(2..).unwrap_or_default() } else { &digits };
    let from = national.len().checked_sub(9)?;
    let last = national.get(from..)?;
    // A number of one digit only is a placeholder.
    let first = last.chars().next()?;
    (!last.chars().all(|c| c == first)).then(|| last.to_owned())
}

/// Digits of a postcode; None when there are not seven.
pub fn postcode(text: &str) -> Option<String> {
    let digits: String = plain(text).chars().filter(char::is_ascii_digit).collect();
    (digits.len() == 7 && digits != "0000000").then_some(digits)
}

/// An address as far as its lot number, and the room after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressKey {
    /// Town and lot: `倉敷市架橋4-2-17`.
    pub lot: String,
    /// The room's number after the building's name.
    pub room: Option<String>,
}

/// The key of an address; None when nothing is left.
pub fn address(text: &str) -> Option<AddressKey> {
    let text: String = plain(text).chars().filter(|c| !c.is_whitespace()).collect();
    let text = without_prefecture(&text);
    let text = numerals(&text);
    let mut lot = String::new();
    let mut rest = text.as_str();
    let mut in_lot = false;
    while let Some(c) = rest.chars().next() {
        let marker = ["丁目", "番地の", "番地", "番", "号室", "号", "の", "ノ"]
            .into_iter()
            .find(|m| rest.starts_with(m));
        if c.is_ascii_digit() {
            in_lot = true;
            lot.push(c);
            rest = rest.get(1..).unwrap_or_default();
        } else if let Some(marker) = marker.filter(|_| ends_in_digit(&lot)) {
            lot.push('-');
            rest = rest.get(marker.len()..).unwrap_or_default();
        } else if is_dash(c) && ends_in_digit(&lot) {
            lot.push('-');
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        } else if in_lot && lot.contains('-') {
            // A building begins.
            break;
        } else {
            lot.push(if matches!(c, 'ヶ' | 'ケ' | 'が' | 'ガ') {
                'ケ'
            } else {
                *FOLDED.get(&c).unwrap_or(&c)
            });
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    let lot = lot.trim_end_matches('-').to_owned();
    let room: String =
        rest.chars().rev().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let room: String = room.chars().rev().collect();
    (!lot.is_empty()).then(|| AddressKey { lot, room: Some(room).filter(|room| !room.is_empty()) })
}

fn ends_in_digit(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_digit())
}

const fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | 'ー' | '\u{ff0d}' | '\u{ff70}')
}

fn without_prefecture(text: &str) -> String {
    for name in ["東京都", "北海道", "京都府", "大阪府"] {
        if let Some(rest) = text.strip_prefix(name) {
            return rest.to_owned();
        }
    }
    let mut chars = text.char_indices();
    let ken = chars.by_ref().take(4).find(|(_, c)| *c == '県').map(|(at, c)| at + c.len_utf8());
    ken.and_then(|at| text.get(at..)).unwrap_or(text).to_owned()
}

// Kanji numerals before 丁目, 番 and 号 become digits: 三丁目, 二十一番.
fn numerals(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for (at, c) in text.char_indices() {
        if "一二三四五六七八九十".contains(c) {
            run.push(c);
            continue;
        }
        let is_counted =
            matches!(c, '番' | '号') || text.get(at..).is_some_and(|rest| rest.starts_with("丁目"));
        match number(&run).filter(|_| is_counted) {
            Some(number) => out.push_str(&number.to_string()),
            None => out.push_str(&run),
        }
        run.clear();
        out.push(c);
    }
    out.push_str(&run);
    out
}

fn number(run: &str) -> Option<u32> {
    let mut total = 0;
    let mut digit = 0;
    for c in run.chars() {
        if c == '十' {
            total += digit.max(1) * 10;
            digit = 0;
        } else {
            digit = "一二三四五六七八九"
                .chars()
                .position(|known| known == c)
                .and_then(|at| u32::try_from(at + 1).ok())?;
        }
    }
    (!run.is_empty()).then_some(total + digit)
}
