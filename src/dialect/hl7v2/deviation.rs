//! Every deviation that the HL7 v2 and SS-MIX2 readers put up with, as stable words: they are the
//! `code` of `model::Warning`, counted per source and shown by `decode`.

use crate::model::Warning;

macro_rules! deviations {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $text:literal;)*) => {
        $($(#[$doc])* #[doc = $text] pub const $name: Deviation = Deviation { code: $word, meaning: $text };)*
        /// All of them, for the reference page.
        pub const DEVIATIONS: &[Deviation] = &[$($name),*];
    };
}

/// A deviation: its word and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// The stable word.
    pub code: &'static str,
    /// What was found, for a person.
    pub meaning: &'static str,
}

impl Deviation {
    /// As a warning with the general text.
    pub fn warning(self) -> Warning {
        Warning::new(self.code, self.meaning)
    }

    /// As a warning that names the place or the count; never a value.
    pub fn at(self, place: &str) -> Warning {
        Warning::new(self.code, format!("{place}: {}", self.meaning))
    }
}

deviations! {
    BIRTH_DATE_MISSING = "birth-date-missing", "the birth date is absent, unreadable or a placeholder and counts as unknown";
    BYTE_ORDER_MARK = "byte-order-mark", "a byte order mark stands before the message";
    CHARSET_MISMATCH = "charset-mismatch", "the bytes are in another character set than MSH-18 declares";
    CHARSET_NOT_STANDARD = "charset-not-standard", "MSH-18 declares another character set than ISO-2022-JP";
    CHARSET_SPELLING = "charset-spelling", "MSH-18 spells ISO IR87 without its blank";
    DATE_DIFFERS = "date-differs-from-path", "the date field of the message differs from the folder's date";
    DELIMITERS_UNUSUAL = "delimiters-unusual", "MSH-1 or MSH-2 are not the recommended delimiters";
    DEPARTMENT_MISSING = "department-missing", "the file name has no department part";
    DOCUMENT_UNREADABLE = "document-unreadable", "the document could not be looked into; it is offered by what its path says";
    EIGHT_BIT_KANA = "half-width-kana", "half-width kana (JIS X 0201), which the standard storage forbids";
    EMPTY_SEGMENT = "empty-segment", "a segment consists of its name only";
    ERA_DATE = "era-date", "a date is written in a Japanese era and was converted";
    EVENT_DIFFERS = "event-differs-from-kind", "MSH-9 names an event of another kind than the folder; the folder decides";
    FIELD_LINE_BREAK = "line-in-field", "a line break stands inside a field";
    JIS_ROMAN = "jis-roman-escape", "JIS X 0201 Roman (ESC ( J) stands for ASCII";
    JIS78 = "jis78-escape", "the 1978 edition of the kanji set (ESC $ @) is used";
    JISX0212 = "jisx0212-escape", "supplementary kanji (JIS X 0212, ESC $ ( D)";
    JISX0213 = "jisx0213-escape", "kanji of JIS X 0213 (ESC $ ( O, P or Q), read as far as they coincide with JIS X 0208";
    KEY_MISSING = "order-key-missing", "the file name has an empty order number";
    LINE_TERMINATOR = "line-terminator", "segments end with LF or CRLF instead of CR";
    MESSAGE_FRAMING = "message-framing", "marks of MLLP (VT, FS) or of a file's end stand around the message";
    MISSING_SHIFT_BACK = "missing-shift-back", "a kanji run is not closed before a delimiter or the end of a segment";
    NAME_REPRESENTATION = "name-representation-shifted", "name type and representation stand one component early";
    NAME_SPLIT_INFERRED = "name-split-inferred", "the whole name stands in the family component and was split at a blank";
    NO_FINAL_TERMINATOR = "no-final-terminator", "the last segment is not terminated";
    PATIENT_NUMBER_UNTYPED = "patient-number-untyped", "PID-3 does not say which kind of number it is (PI)";
    REPLACEMENT_MARK = "replacement-mark", "a name holds a mark (geta, square or circle) in place of a kanji";
    REQUIRED_MISSING = "required-field-missing", "a required field is empty";
    TIME_SHORT = "sent-time-short", "the time in the file name has fewer than 17 digits";
    UNDECODABLE = "undecodable", "bytes fit no character and were replaced";
    UNKNOWN_SEX = "sex-unknown", "the sex is absent or unknown";
    VENDOR_KANJI = "vendor-kanji", "NEC or IBM kanji inside the JIS X 0208 escape";
    VERSION_UNUSUAL = "version-unusual", "MSH-12 is not 2.5";
}
