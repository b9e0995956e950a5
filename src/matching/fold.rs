//! Foldings of names and numbers (japan.md 2.2). A table of code points is never complete, so an
//! unequal kanji key costs little when kana and birth date agree.

use std::cell::RefCell;
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

pub(super) static FOLDED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    GROUPS
        .iter()
        .filter_map(|group| group.chars().next().map(|key| (key, group)))
        .flat_map(|(key, group)| group.chars().map(move |other| (other, key)))
        .collect()
});

thread_local! {
    static OLD_TO_NEW: OldToNew = OldToNew::new();
}

type Convert = Box<dyn Fn(&str) -> String>;

/// Old forms of kanji become new ones by the kept library's table; where it cannot be built, names are
/// compared as they are. What each character becomes is remembered: a name is asked for again and again.
struct OldToNew {
    convert: Convert,
    known: RefCell<HashMap<char, String>>,
}

impl OldToNew {
    fn new() -> Self {
        let convert: Convert = match make_transliterator(&vec![TransliteratorConfig::KanjiOldNew]) {
            Ok(convert) => Box::new(move |text| convert(text).unwrap_or_else(|_| text.to_owned())),
            Err(_) => Box::new(str::to_owned),
        };
        Self { convert, known: RefCell::default() }
    }

    fn push(&self, c: char, text: &mut String) {
        if !is_kanji(c) {
            text.push(c);
            return;
        }
        let mut known = self.known.borrow_mut();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        text.push_str(known.entry(c).or_insert_with(|| (self.convert)(c.encode_utf8(&mut [0; 4]))));
    }
}

/// Names are written with fewer kanji.
const KNOWN_MAX: usize = 8_192;

// Whatever the table may know.
const fn is_kanji(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

const fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

// What NFKC leaves as it is, whatever stands beside it: ASCII, kana, the common kanji.
const fn is_stable(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{7f}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fc}' | '\u{4e00}'..='\u{9fff}')
}

/// NFKC without variation selectors.
pub fn plain(text: &str) -> String {
    if text.chars().all(is_stable) {
        return text.to_owned();
    }
    gathered(text.len(), text.chars().filter(|c| !is_variation_selector(*c)).nfkc())
}

// With room for what is expected: texts are short, and would grow letter by letter.
pub(super) fn gathered(bytes: usize, letters: impl Iterator<Item = char>) -> String {
    let mut text = String::with_capacity(bytes);
    text.extend(letters);
    text
}

/// The key of a name in kanji, or in any script that is not kana.
pub fn kanji(text: &str) -> String {
    let text = plain(text);
    let mut new = String::with_capacity(text.len());
    OLD_TO_NEW.with(|old_to_new| text.chars().for_each(|c| old_to_new.push(c, &mut new)));
    let mut key = String::with_capacity(new.len());
    for c in new.chars().filter(|c| !is_blank(*c)) {
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
    let letters = plain(text);
    let letters = letters.chars().filter(|c| !is_blank(*c)).map(katakana).map(large);
    let folded = gathered(text.len(), letters);
    // What stood apart by a blank may compose now.
    plain(&folded)
}

/// The coarser key of a kana key: no long mark, no voicing, long vowels short.
pub fn skeleton(kana: &str) -> String {
    let mut key = String::with_capacity(kana.len());
    let mut last = None;
    for c in kana.nfd().filter(|c| !matches!(c, '\u{3099}' | '\u{309a}' | 'ー' | '-')) {
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

/// The key between kana key and skeleton: the ways to write a long vowel become one, but long stays
/// long (ユウコ ユーコ; not ユコ) and voicing stays.
pub fn long_vowels(kana: &str) -> String {
    let mut key = String::new();
    let mut last = ' ';
    for c in kana.chars() {
        let is_long = match c {
            'ー' | '-' => true,
            'ウ' => matches!(row(last), 'オ' | 'ウ'),
            'オ' => row(last) == 'オ',
            'イ' => matches!(row(last), 'エ' | 'イ'),
            'ア' => row(last) == 'ア',
            'エ' => row(last) == 'エ',
            _ => false,
        };
        key.push(if is_long { 'ー' } else { c });
        if !is_long {
            last = c;
        }
    }
    key
}

// The vowel of a kana key's letter.
fn row(c: char) -> char {
    let plain = c.nfd().next().unwrap_or(c);
    [
        "アカサタナハマヤラワ",
        "イキシチニヒミリ",
        "ウクスツヌフムユル",
        "エケセテネヘメレ",
        "オコソトノホモヨロ",
    ]
    .into_iter()
    .find(|row| row.contains(plain))
    .and_then(|row| row.chars().next())
    .unwrap_or(c)
}

/// Whether a character stands for a kanji the sender could not encode (the eligibility system shows
/// ●).
pub const fn is_unencodable(c: char) -> bool {
    matches!(c, '●' | '■' | '〓' | '□' | '◆' | '\u{fffd}' | '?')
}

/// Whether two kanji keys are one where what could not be encoded is left open. At least half of the
/// letters must be told.
pub fn fits_where_told(one: &str, two: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    let is_open = |(a, b): &(&char, &char)| is_unencodable(**a) || is_unencodable(**b);
    let open = a.iter().zip(&b).filter(is_open).count();
    let fits = a.iter().zip(&b).all(|pair| is_open(&pair) || pair.0 == pair.1);
    a.len() == b.len() && open > 0 && open * 2 <= a.len() && fits
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '・' | '･' | '\u{3000}' | ',' | '、' | '.' | '=' | '*' | '\'' | '’')
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
    let digits = gathered(text.len(), text.chars().filter(char::is_ascii_digit));
    let national = if is_international { digits.get(2..).unwrap_or_default() } else { &digits };
    let from = national.len().checked_sub(9)?;
    let last = national.get(from..)?;
    // A number of one digit only is a placeholder.
    let first = last.chars().next()?;
    (!last.chars().all(|c| c == first)).then(|| last.to_owned())
}

/// Digits of a postcode; None when there are not seven.
pub fn postcode(text: &str) -> Option<String> {
    let digits = gathered(text.len(), plain(text).chars().filter(char::is_ascii_digit));
    (digits.len() == 7 && digits != "0000000").then_some(digits)
}
