//! The character set of a file, decided for each file by itself: the one MSH-18 declares, a strict trial,
//! then UTF-8, then CP932 (japan.md 1.6). Letters are not folded: what was written is what comes out.

use encoding_rs::{SHIFT_JIS, UTF_8};

use super::deviation as d;
use super::iso2022jp::decode_escapes;
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
#[derive(Clone, PartialEq, Eq)]
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

// The text is a patient's.
impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut all = f.debug_struct("Decoded");
        all.field("encoding", &self.encoding).field("warnings", &self.warnings).finish_non_exhaustive()
    }
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
    let only_kana_high = bytes.iter().all(|b| *b < 0x80 || (0xa1..=0xdf).contains(b));
    let has_kanji_escape = bytes.windows(2).any(|pair| pair == b"\x1b$");
    let kana_expected = bytes.contains(&0x1b) || declared == Declared::Iso2022Jp { kana: true };
    let (text, encoding, cut) = if !high || has_kanji_escape || (only_kana_high && kana_expected) {
        let runs = decode_escapes(bytes);
        warnings.extend(runs.warnings);
        let plain = !high && !bytes.contains(&0x1b);
        (runs.text, if plain { Encoding::Ascii } else { Encoding::Iso2022Jp }, runs.cut)
    } else {
        let other = decode_other(bytes);
        if other.bad {
            warnings.push(d::UNDECODABLE.warning());
        }
        (other.text, other.encoding, other.cut)
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

/// Text of bytes that are not ISO-2022-JP.
pub(super) struct Other {
    pub text: String,
    pub encoding: Encoding,
    pub bad: bool,
    pub cut: bool,
}

/// UTF-8, if only its last character is incomplete too; else CP932.
pub(super) fn decode_other(bytes: &[u8]) -> Other {
    let failed = std::str::from_utf8(bytes).err();
    let incomplete = failed.filter(|e| e.error_len().is_none() && bytes.len() > 3);
    let begun = |e: std::str::Utf8Error| bytes.iter().take(e.valid_up_to()).any(|b| *b >= 0x80);
    if failed.is_none() || incomplete.is_some_and(begun) {
        let (text, bad) = UTF_8.decode_without_bom_handling(bytes);
        return Other { text: text.into_owned(), encoding: Encoding::Utf8, bad, cut: bad };
    }
    let (text, bad) = SHIFT_JIS.decode_without_bom_handling(bytes);
    let ends_in_lead = bytes.last().is_some_and(|b| *b >= 0x81 && !(0xa0..=0xdf).contains(b));
    Other { text: text.into_owned(), encoding: Encoding::Cp932, bad, cut: bad && ends_in_lead }
}

/// Reads MSH-18, which is ASCII whatever follows.
fn declared(bytes: &[u8], warnings: &mut Vec<Warning>) -> Declared {
    let begin = bytes.iter().position(|b| *b > b' ').unwrap_or(0);
    let bytes = bytes.get(begin..).unwrap_or_default();
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

#[cfg(test)]
mod tests;
