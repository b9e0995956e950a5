//! Text to ISO-2022-JP as the standard storage wants it: ASCII and levels 1 and 2 of JIS X 0208, back
//! to ASCII before each delimiter, half-width kana widened, vendor characters spelled out
//! (JAHIS data exchange 6). What still does not fit becomes a mark and is counted.

use encoding_rs::EUC_JP;
use unicode_normalization::UnicodeNormalization as _;

/// The mark for a letter outside the set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unencodable {
    /// 〓 (geta).
    #[default]
    Geta,
    /// ■.
    BlackSquare,
}

/// Encoded text.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    /// ISO-2022-JP.
    pub bytes: Vec<u8>,
    /// How many letters became a mark.
    pub replaced: usize,
}

/// Encodes text; delimiters and terminators in it pass as they are.
pub fn encode(text: &str, policy: Unencodable) -> Encoded {
    let mut out = Encoded { bytes: Vec::with_capacity(text.len()), replaced: 0 };
    let mut in_kanji = false;
    let mut put = |unit: Unit, bytes: &mut Vec<u8>| match unit {
        Unit::Ascii(byte) => {
            if std::mem::take(&mut in_kanji) {
                bytes.extend(b"\x1b(B");
            }
            bytes.push(byte);
        }
        Unit::Kanji(pair) => {
            if !std::mem::replace(&mut in_kanji, true) {
                bytes.extend(b"\x1b$B");
            }
            bytes.extend(pair);
        }
    };
    for letter in widened(text).chars() {
        if let Some(unit) = unit(letter) {
            put(unit, &mut out.bytes);
            continue;
        }
        match spelled(letter) {
            Some(units) => units.into_iter().for_each(|unit| put(unit, &mut out.bytes)),
            None => {
                out.replaced += 1;
                let mark = match policy {
                    Unencodable::Geta => [0x22, 0x2e],
                    Unencodable::BlackSquare => [0x22, 0x23],
                };
                put(Unit::Kanji(mark), &mut out.bytes);
            }
        }
    }
    if in_kanji {
        out.bytes.extend(b"\x1b(B");
    }
    out
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Ascii(u8),
    Kanji([u8; 2]),
}

/// Half-width kana to full-width, voicing marks joined; nothing else is touched.
fn widened(text: &str) -> String {
    let is_half = |c: char| matches!(c, '\u{ff61}'..='\u{ff9f}');
    if !text.chars().any(is_half) {
        return text.to_owned();
    }
    let (mut out, mut half) = (String::with_capacity(text.len()), String::new());
    for letter in text.chars() {
        if is_half(letter) {
            half.push(letter);
            continue;
        }
        out.extend(half.drain(..).nfkc());
        out.push(letter);
    }
    out.extend(half.drain(..).nfkc());
    out
}

/// A letter of ASCII or of rows 1 to 8 and 16 to 84.
fn unit(letter: char) -> Option<Unit> {
    if letter.is_ascii() {
        // An escape in text would be read as a designation.
        return u8::try_from(letter).ok().filter(|b| *b != 0x1b).map(Unit::Ascii);
    }
    // The tables of the web know Microsoft's readings of these cells only.
    let letter = match letter {
        '\u{301c}' => '\u{ff5e}',
        '\u{2016}' => '\u{2225}',
        '\u{2212}' => '\u{ff0d}',
        '\u{00a2}' => '\u{ffe0}',
        '\u{00a3}' => '\u{ffe1}',
        '\u{00ac}' => '\u{ffe2}',
        other => other,
    };
    let mut buffer = [0; 4];
    let (bytes, _, bad) = EUC_JP.encode(letter.encode_utf8(&mut buffer));
    match (bad, bytes.as_ref()) {
        (false, [a @ 0xa1..=0xf4, b @ 0xa1..=0xfe]) if !(0xa9..0xb0).contains(a) => {
            Some(Unit::Kanji([a & 0x7f, b & 0x7f]))
        }
        _ => None,
    }
}

/// A vendor character in letters of the set: ① (1), Ⅲ III, ㍑ リットル, ㈱ (株).
fn spelled(letter: char) -> Option<Vec<Unit>> {
    let text: String = match letter {
        '\u{2460}'..='\u{2473}' => format!("({})", u32::from(letter) - 0x245f),
        _ => std::iter::once(letter).nfkc().collect(),
    };
    let units: Option<Vec<Unit>> = text.chars().map(unit).collect();
    units.filter(|u| !u.is_empty() && !u.iter().any(|unit| is_delimiter(*unit)))
}

/// Spelling must not bring forth a delimiter that was none.
const fn is_delimiter(unit: Unit) -> bool {
    matches!(unit, Unit::Ascii(b'|' | b'^' | b'~' | b'\\' | b'&' | 0..=0x1f | 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::hl7v2::decode;

    fn round(text: &str) -> (String, usize) {
        let encoded = encode(text, Unencodable::Geta);
        (decode(&encoded.bytes).text, encoded.replaced)
    }

    #[test]
    fn names_whose_second_bytes_are_delimiters_come_back() {
        assert_eq!(round("宮本^美愛~須^勇|笠&x\r"), ("宮本^美愛~須^勇|笠&x\r".to_owned(), 0));
    }

    #[test]
    fn every_run_is_closed_before_a_delimiter() {
        let encoded = encode("山^本", Unencodable::Geta);
        assert_eq!(encoded.bytes, b"\x1b$B;3\x1b(B^\x1b$BK\\\x1b(B");
    }

    #[test]
    fn letters_outside_the_set_become_a_counted_mark_and_never_an_entity() {
        assert_eq!(round("髙𠮟"), ("〓〓".to_owned(), 2));
        let squared = encode("髙", Unencodable::BlackSquare);
        assert_eq!(decode(&squared.bytes).text, "■");
    }

    #[test]
    fn vendor_characters_are_spelled_and_half_width_kana_widened() {
        assert_eq!(round("①Ⅲ㍑㈱ﾔﾏﾀﾞ"), ("(1)IIIリットル(株)ヤマダ".to_owned(), 0));
    }

    #[test]
    fn both_readings_of_the_ambiguous_cells_are_encodable() {
        assert_eq!(round("〜～−－‖∥").1, 0);
    }
}
