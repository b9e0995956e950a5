//! ISO-2022-JP as hospitals write it: every escape met in the field, runs left open, 8-bit kana, and
//! files that are really UTF-8 or CP932 (JAHIS data exchange 6; measured on real writers). Letters are
//! not folded here: what was written is what comes out.

use encoding_rs::{EUC_JP, SHIFT_JIS, UTF_8};

use super::deviation as d;
use crate::model::Warning;

/// The character set a file was read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// Nothing but ASCII.
    Ascii,
    /// CP932 (Shift_JIS as Microsoft extended it).
    Cp932,
    /// ISO-2022-JP with whatever escapes were met.
    Iso2022Jp,
    /// UTF-8.
    Utf8,
}

impl Encoding {
    /// The word for reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ascii => "ASCII",
            Self::Cp932 => "CP932",
            Self::Iso2022Jp => "ISO-2022-JP",
            Self::Utf8 => "UTF-8",
        }
    }
}

/// A file as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text, delimiters and terminators in it.
    pub text: String,
    /// The character set that succeeded.
    pub encoding: Encoding,
    /// What was put up with.
    pub warnings: Vec<Warning>,
    /// Whether the bytes end inside a kanji or an escape sequence.
    pub cut: bool,
}

/// What MSH-18 promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    Iso2022Jp { kana: bool },
    Other,
    Utf8,
}

/// Decodes a whole file before anything is split. Declared set, then a strict trial of it, then
/// UTF-8, then CP932; the last resort replaces what fits nothing and says so.
pub fn decode(bytes: &[u8]) -> Decoded {
    let mut warnings = Vec::new();
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => {
            warnings.push(d::BYTE_ORDER_MARK.warning());
            rest
        }
        None => bytes,
    };
    let declared = declared(bytes, &mut warnings);
    let high = bytes.iter().any(|b| *b >= 0x80);
    let has_escape = bytes.contains(&0x1b);
    let only_kana_high = bytes.iter().all(|b| *b < 0x80 || (0xa1..=0xdf).contains(b));
    let kana_declared = declared == Declared::Iso2022Jp { kana: true };
    let (text, encoding, cut) = if !high || (only_kana_high && (has_escape || kana_declared)) {
        let runs = decode_escapes(bytes);
        warnings.extend(runs.warnings);
        let encoding = if high || has_escape { Encoding::Iso2022Jp } else { Encoding::Ascii };
        (runs.text, encoding, runs.cut)
    } else if let Some(text) = UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        (text.into_owned(), Encoding::Utf8, false)
    } else {
        let (text, bad) = SHIFT_JIS.decode_without_bom_handling(bytes);
        if bad {
            warnings.push(d::UNDECODABLE.warning());
        }
        let cut = bad && bytes.last().is_some_and(|b| *b >= 0x81 && !(0xa0..=0xdf).contains(b));
        (text.into_owned(), Encoding::Cp932, cut)
    };
    let as_declared = match encoding {
        Encoding::Ascii => true,
        Encoding::Cp932 => false,
        Encoding::Iso2022Jp => matches!(declared, Declared::Iso2022Jp { .. }),
        Encoding::Utf8 => declared == Declared::Utf8,
    };
    if !as_declared {
        let text = format!("read as {}: {}", encoding.word(), d::CHARSET_MISMATCH.meaning);
        warnings.push(Warning::new(d::CHARSET_MISMATCH.code, text));
    }
    Decoded { text, encoding, warnings, cut }
}

/// Reads MSH-18, which is ASCII whatever follows.
fn declared(bytes: &[u8], warnings: &mut Vec<Warning>) -> Declared {
    let header = bytes.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let Some(separator) = header.get(3).copied().filter(|_| header.starts_with(b"MSH")) else {
        return Declared::Other;
    };
    let field = header.split(|b| *b == separator).nth(17).unwrap_or_default();
    let sets = String::from_utf8_lossy(field).to_ascii_uppercase();
    let squeezed = sets.replace([' ', '-', '_'], "");
    if squeezed.contains("ISOIR87") || squeezed.contains("ISOIR13") || squeezed.contains("ISOIR159") {
        if !sets.contains("ISO IR") {
            warnings.push(d::CHARSET_SPELLING.warning());
        }
        return Declared::Iso2022Jp { kana: squeezed.contains("ISOIR13") };
    }
    if !squeezed.is_empty() {
        warnings.push(d::CHARSET_NOT_STANDARD.warning());
    }
    if squeezed.contains("UTF8") { Declared::Utf8 } else { Declared::Other }
}

/// What is designated to the left half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Ascii,
    Kana,
    Kanji,
    Plane2,
    Supplementary,
}

impl Set {
    const fn is_two_byte(self) -> bool {
        matches!(self, Self::Kanji | Self::Plane2 | Self::Supplementary)
    }
}

/// The escape sequences, longest first.
const ESCAPES: &[(&[u8], Set, Option<d::Deviation>)] = &[
    (b"\x1b$(D", Set::Supplementary, Some(d::JISX0212)),
    (b"\x1b$(O", Set::Kanji, Some(d::JISX0213)),
    (b"\x1b$(Q", Set::Kanji, Some(d::JISX0213)),
    (b"\x1b$(P", Set::Plane2, Some(d::JISX0213)),
    (b"\x1b$(B", Set::Kanji, None),
    (b"\x1b$(@", Set::Kanji, Some(d::JIS78)),
    (b"\x1b$B", Set::Kanji, None),
    (b"\x1b$@", Set::Kanji, Some(d::JIS78)),
    (b"\x1b(B", Set::Ascii, None),
    (b"\x1b(J", Set::Ascii, Some(d::JIS_ROMAN)),
    (b"\x1b(I", Set::Kana, Some(d::EIGHT_BIT_KANA)),
];

struct Runs {
    text: String,
    warnings: Vec<Warning>,
    cut: bool,
}

impl Runs {
    fn note(&mut self, deviation: d::Deviation) {
        if !self.warnings.iter().any(|w| w.code == deviation.code) {
            self.warnings.push(deviation.warning());
        }
    }
}

/// Decodes by runs between escapes, controls and the end.
fn decode_escapes(bytes: &[u8]) -> Runs {
    let mut out = Runs { text: String::with_capacity(bytes.len()), warnings: Vec::new(), cut: false };
    let mut set = Set::Ascii;
    let mut rest = bytes;
    while let Some(first) = rest.first().copied() {
        if first == 0x1b {
            if let Some((escape, to, deviation)) = ESCAPES.iter().find(|(e, _, _)| rest.starts_with(e)) {
                set = *to;
                deviation.iter().for_each(|found| out.note(*found));
                rest = rest.get(escape.len()..).unwrap_or_default();
            } else {
                out.cut = ESCAPES.iter().any(|(e, _, _)| e.starts_with(rest));
                out.note(d::UNDECODABLE);
                out.text.push('\u{fffd}');
                rest = rest.get(1..).unwrap_or_default();
            }
            continue;
        }
        if set != Set::Ascii && (first < 0x20 || first == 0x7f) {
            out.note(d::MISSING_SHIFT_BACK);
            set = Set::Ascii;
        }
        if !set.is_two_byte() {
            let end = rest.iter().position(|b| *b == 0x1b).unwrap_or(rest.len());
            let (run, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            set = single_bytes(run, set, &mut out);
            rest = after;
        } else {
            let is_end = |b: &u8| *b <= 0x20 || *b >= 0x7f;
            let end = rest.iter().position(is_end).unwrap_or(rest.len());
            if end == 0 {
                // A blank or a high byte where a kanji should begin: back to ASCII.
                out.note(d::MISSING_SHIFT_BACK);
                set = Set::Ascii;
                continue;
            }
            let (run, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let taken = double_bytes(run, after, set, &mut out);
            if taken < run.len() {
                set = Set::Ascii;
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
    }
    if set.is_two_byte() {
        // Neither a shift back nor a segment's end: the writer stopped here.
        out.note(d::MISSING_SHIFT_BACK);
        out.cut = true;
    }
    out
}

/// ASCII or 7-bit kana up to the next escape. A byte that is no kana ends kana; `^` and `&` are kana
/// there (ﾞ, ｦ) and cannot. Gives the set in force afterwards.
fn single_bytes(run: &[u8], set: Set, out: &mut Runs) -> Set {
    let mut set = set;
    for byte in run {
        match byte {
            0xa1..=0xdf => {
                out.note(d::EIGHT_BIT_KANA);
                out.text.push(kana(byte & 0x7f));
            }
            0x80.. => {
                out.note(d::UNDECODABLE);
                out.text.push('\u{fffd}');
            }
            0x21..=0x5f if set == Set::Kana => out.text.push(kana(*byte)),
            _ => {
                if set == Set::Kana {
                    out.note(d::MISSING_SHIFT_BACK);
                    set = Set::Ascii;
                }
                out.text.push(char::from(*byte));
            }
        }
    }
    set
}

/// Half-width kana of JIS X 0201: 21..5F stand for U+FF61..U+FF9F.
fn kana(seven_bits: u8) -> char {
    char::from_u32(0xff40 + u32::from(seven_bits)).unwrap_or('\u{fffd}')
}

/// Decodes a two-byte run; gives how many bytes it took. A run that closes as the standard wants is
/// taken whole, whatever its bytes look like; any other is left at the first delimiter where a kanji
/// should begin.
fn double_bytes(run: &[u8], after: &[u8], set: Set, out: &mut Runs) -> usize {
    let again = match set {
        Set::Supplementary => after.starts_with(b"\x1b$(D"),
        _ => after.starts_with(b"\x1b$B") || after.starts_with(b"\x1b$@"),
    };
    let closes = after.first() == Some(&0x1b) && !again;
    if closes && run.len().is_multiple_of(2) && run.chunks(2).all(|pair| kanji(pair, set).is_some()) {
        run.chunks(2).for_each(|pair| push_kanji(pair, set, out));
        return run.len();
    }
    let mut taken = 0;
    for pair in run.chunks(2) {
        let lead = pair.first().copied().unwrap_or_default();
        if matches!(lead, b'|' | b'^' | b'~' | b'&') && set != Set::Plane2 {
            out.note(d::MISSING_SHIFT_BACK);
            return taken;
        }
        if pair.len() < 2 {
            out.cut = after.is_empty();
            out.note(d::UNDECODABLE);
            out.text.push('\u{fffd}');
        } else {
            push_kanji(pair, set, out);
        }
        taken += pair.len();
    }
    taken
}

fn push_kanji(pair: &[u8], set: Set, out: &mut Runs) {
    if set == Set::Kanji && matches!(pair.first(), Some(0x2d | 0x79..=0x7c)) {
        out.note(d::VENDOR_KANJI);
    }
    match kanji(pair, set) {
        Some(letter) => out.text.push_str(&letter),
        None => {
            out.note(d::UNDECODABLE);
            out.text.push('\u{fffd}');
        }
    }
}

/// One kanji by way of EUC-JP, whose tables hold JIS X 0208 with the vendor rows and JIS X 0212.
fn kanji(pair: &[u8], set: Set) -> Option<String> {
    let (a, b) = (*pair.first()? | 0x80, *pair.get(1)? | 0x80);
    let (bytes, length) = match set {
        Set::Kanji => ([a, b, 0], 2),
        Set::Supplementary => ([0x8f, a, b], 3),
        Set::Ascii | Set::Kana | Set::Plane2 => return None,
    };
    let text = EUC_JP.decode_without_bom_handling_and_without_replacement(bytes.get(..length)?)?;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests;
