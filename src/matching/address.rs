//! The key of a Japanese address (japan.md 2.2): town and lot without prefecture and building, and the
//! room. Same building, other room is another key on purpose.

use super::fold::{FOLDED, gathered, plain};

/// An address as far as its lot number, and the room after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressKey {
    /// Town and lot: `倉敷市架橋4-2-17`.
    pub lot: String,
    /// Whether the lot is told, and not only the town: a town is shared by thousands.
    pub is_house: bool,
    /// The room's number after the building's name.
    pub room: Option<String>,
}

/// The key of an address; None when nothing is left.
pub fn address(text: &str) -> Option<AddressKey> {
    let text = gathered(text.len(), plain(text).chars().filter(|c| !c.is_whitespace()));
    let text = without_prefecture(&text).replace("大字", "");
    let text = numerals(&text);
    let (mut lot, rest) = split_lot(&text);
    let mut room = rest.chars().rev().skip_while(|c| !c.is_ascii_digit());
    let room: String = room.by_ref().take_while(char::is_ascii_digit).collect();
    let mut room: String = room.chars().rev().collect();
    let dashes = lot.matches('-').count();
    // 4-2-17-203: what follows the house number is the room.
    if dashes == 3
        && let Some((house, last)) = lot.clone().rsplit_once('-')
    {
        room = last.to_owned();
        lot = house.to_owned();
    }
    let numbers = lot.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty()).count();
    let is_house = numbers > 1 || (numbers == 1 && !text.contains("丁目"));
    (!lot.is_empty()).then(|| AddressKey { lot, is_house, room: Some(room).filter(|room| !room.is_empty()) })
}

// Town and numbers, and what follows them.
fn split_lot(text: &str) -> (String, &str) {
    let mut lot = String::with_capacity(text.len());
    let mut rest = text;
    let mut has_dash = false;
    while let Some(c) = rest.chars().next() {
        let marker = || {
            ["丁目", "番地の", "番地", "番", "号室", "号", "の", "ノ"]
                .into_iter()
                .find(|m| rest.starts_with(m))
        };
        if c.is_ascii_digit() {
            lot.push(c);
            rest = rest.get(1..).unwrap_or_default();
        } else if ends_in_digit(&lot)
            && let Some(marker) = marker()
        {
            lot.push('-');
            has_dash = true;
            rest = rest.get(marker.len()..).unwrap_or_default();
        } else if is_dash(c) && ends_in_digit(&lot) {
            lot.push('-');
            has_dash = true;
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        } else if has_dash {
            // A building begins.
            break;
        } else {
            has_dash |= c == '-';
            lot.push(if matches!(c, 'ヶ' | 'ケ' | 'が' | 'ガ') {
                'ケ'
            } else {
                *FOLDED.get(&c).unwrap_or(&c)
            });
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    (lot.trim_end_matches('-').to_owned(), rest)
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
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for (at, c) in text.char_indices() {
        if matches!(c, '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十') {
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
