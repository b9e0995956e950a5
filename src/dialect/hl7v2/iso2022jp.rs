//! ISO-2022-JP as hospitals write it: every escape met in the field, runs left open at a delimiter or a
//! segment's end, 8-bit kana, another set in between (JAHIS data exchange 6; measured on real writers).

use encoding_rs::EUC_JP;

use super::charset::decode_other;
use super::deviation as d;
use crate::model::Warning;

/// What is designated to the left half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
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
pub(super) const ESCAPES: &[(&[u8], Set, Option<d::Deviation>)] = &[
    (b"\x1b$(D", Set::Supplementary, Some(d::JISX0212)),
    (b"\x1b$(O", Set::Kanji, Some(d::JISX0213)),
    (b"\x1b$(Q", Set::Kanji, Some(d::JISX0213)),
    (b"\x1b$(P", Set::Plane2, Some(d::JISX0213)),
    (b"\x1b$(B", Set::Kanji, None),
    (b"\x1b$(@", Set::Kanji, Some(d::JIS78)),
    // Announces the 1990 edition; ESC $ B follows.
    (b"\x1b&@", Set::Ascii, None),
    (b"\x1b$B", Set::Kanji, None),
    (b"\x1b$@", Set::Kanji, Some(d::JIS78)),
    (b"\x1b(B", Set::Ascii, None),
    (b"\x1b(J", Set::Ascii, Some(d::JIS_ROMAN)),
    (b"\x1b(I", Set::Kana, Some(d::EIGHT_BIT_KANA)),
];

/// Decoded runs.
pub(super) struct Runs {
    pub text: String,
    pub warnings: Vec<Warning>,
    pub cut: bool,
}

impl Runs {
    fn note(&mut self, deviation: d::Deviation) {
        if !self.warnings.iter().any(|w| w.code == deviation.code) {
            self.warnings.push(deviation.warning());
        }
    }
}

/// Decodes by runs between escapes, controls and the end.
pub(super) fn decode_escapes(bytes: &[u8]) -> Runs {
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
    if run.iter().any(|b| *b >= 0x80 && !(0xa1..=0xdf).contains(b)) {
        // Between proper kanji runs something wrote another character set.
        let other = decode_other(run);
        out.note(d::CHARSET_MISMATCH);
        if other.bad {
            out.note(d::UNDECODABLE);
        }
        out.text.push_str(&other.text);
        return Set::Ascii;
    }
    let mut set = set;
    for byte in run {
        match byte {
            0xa1..=0xdf => {
                out.note(d::EIGHT_BIT_KANA);
                out.text.push(kana(byte & 0x7f));
            }
            // Shift out and in, as code page 50222 writes kana.
            0x0e => {
                out.note(d::EIGHT_BIT_KANA);
                set = Set::Kana;
            }
            0x0f => set = Set::Ascii,
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
    if closes && let Some(text) = kanji(run, set) {
        if set == Set::Kanji && run.chunks(2).any(is_vendor) {
            out.note(d::VENDOR_KANJI);
        }
        out.text.push_str(&text);
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
    if set == Set::Kanji && is_vendor(pair) {
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

/// Row 13 (NEC) and rows 89 to 92 (IBM, as NEC chose them).
fn is_vendor(pair: &[u8]) -> bool {
    matches!(pair.first(), Some(0x2d | 0x79..=0x7c))
}

/// Kanji by way of EUC-JP, whose tables hold JIS X 0208 with the vendor rows and JIS X 0212. None when
/// any pair is no kanji.
fn kanji(pairs: &[u8], set: Set) -> Option<String> {
    let mut bytes = Vec::with_capacity(pairs.len() * 3 / 2);
    for pair in pairs.chunks(2) {
        let [a, b] = pair else { return None };
        match set {
            Set::Kanji => bytes.extend([a | 0x80, b | 0x80]),
            Set::Supplementary => bytes.extend([0x8f, a | 0x80, b | 0x80]),
            Set::Ascii | Set::Kana | Set::Plane2 => return None,
        }
    }
    EUC_JP.decode_without_bom_handling_and_without_replacement(&bytes).map(std::borrow::Cow::into_owned)
}
