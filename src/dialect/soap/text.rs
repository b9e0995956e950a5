//! Bytes to text (wire.md 2): a byte order mark, else the charset parameter, else the XML
//! declaration, else UTF-8. UTF-8, UTF-16 with mark, ISO-8859-1 and US-ASCII; nothing is guessed.

use bytes::Bytes;
use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};

use crate::model::{Malformed, Warning};

/// Decodes a root part. `charset` is the parameter of its Content-Type.
///
/// # Errors
/// `charset-unsupported`; `charset-mismatch` when the bytes are not what they are declared to be.
pub fn decode_text(charset: Option<&str>, bytes: &[u8]) -> Result<(String, Vec<Warning>), Malformed> {
    let parameter = charset.map(str::trim).filter(|name| !name.is_empty()).map(str::to_ascii_lowercase);
    let declared = declaration(bytes);
    let mut warnings = Vec::new();
    let (used, text) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            ("utf-8", UTF_8.decode_without_bom_handling_and_without_replacement(rest))
        }
        [0xff, 0xfe, rest @ ..] => {
            ("utf-16", UTF_16LE.decode_without_bom_handling_and_without_replacement(rest))
        }
        [0xfe, 0xff, rest @ ..] => {
            ("utf-16", UTF_16BE.decode_without_bom_handling_and_without_replacement(rest))
        }
        _ => {
            let name = parameter.as_deref().or(declared.as_deref()).unwrap_or("utf-8");
            match name {
                "utf-8" | "utf8" => {
                    ("utf-8", UTF_8.decode_without_bom_handling_and_without_replacement(bytes))
                }
                "us-ascii" | "ascii" => {
                    let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii());
                    ("us-ascii", text.map(Into::into))
                }
                "iso-8859-1" | "latin1" | "latin-1" => {
                    ("iso-8859-1", Some(encoding_rs::mem::decode_latin1(bytes)))
                }
                _ => {
                    let why = "an encoding other than UTF-8, UTF-16 with mark, ISO-8859-1 and US-ASCII";
                    return Err(Malformed::new("charset-unsupported", "1:1", why));
                }
            }
        }
    };
    let Some(text) = text else {
        let line = bytes.iter().take(valid_up_to(bytes)).filter(|b| **b == b'\n').count() + 1;
        let why = format!("the bytes are not {used}, as which they are declared");
        return Err(Malformed::new("charset-mismatch", format!("{line}:1"), why));
    };
    let is_other = |name: &String| !same(name, used);
    if parameter.as_ref().is_some_and(is_other) || declared.as_ref().is_some_and(is_other) {
        let text = format!("charset parameter or XML declaration differ from {used}, which was taken");
        warnings.push(Warning::new("charset-mismatch", text));
    }
    Ok((text.into_owned(), warnings))
}

/// As [`decode_text`], without a copy where the bytes are UTF-8 as almost always.
///
/// # Errors
/// As [`decode_text`].
pub fn text_of(charset: Option<&str>, bytes: Bytes) -> Result<(String, Vec<Warning>), Malformed> {
    let is_usual = |name: &str| matches!(name, "utf-8" | "utf8");
    let parameter = charset.map(str::trim).filter(|name| !name.is_empty()).map(str::to_ascii_lowercase);
    let declared = declaration(&bytes);
    let has_mark = matches!(&*bytes, [0xef, 0xbb, 0xbf, ..] | [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    let names = parameter.as_deref().into_iter().chain(declared.as_deref()).all(is_usual);
    if has_mark || !names {
        return decode_text(charset, &bytes);
    }
    match String::from_utf8(Vec::from(bytes)) {
        Ok(text) => Ok((text, Vec::new())),
        Err(error) => decode_text(charset, error.as_bytes()),
    }
}

fn valid_up_to(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}

// ASCII is a part of the other two eight-bit encodings, so those declarations agree with it.
fn same(name: &str, used: &str) -> bool {
    let plain = |name: &str| match name {
        "utf8" => "utf-8".to_owned(),
        "latin1" | "latin-1" => "iso-8859-1".to_owned(),
        "ascii" => "us-ascii".to_owned(),
        "utf-16le" | "utf-16be" => "utf-16".to_owned(),
        other => other.to_owned(),
    };
    plain(name) == used || plain(name) == "us-ascii"
}

// The encoding an XML declaration names, lower case. Only ASCII-compatible bytes are looked at.
fn declaration(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(256)).unwrap_or_default();
    let head = String::from_utf8_lossy(head.trim_ascii_start());
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?;
    let (_, after) = declaration.split_once("encoding")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let name = after.get(1..)?.split(quote).next()?;
    Some(name.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(charset: Option<&str>, bytes: &[u8]) -> Result<String, &'static str> {
        decode_text(charset, bytes).map(|(text, _)| text).map_err(|malformed| malformed.code)
    }

    #[test]
    fn the_mark_wins_over_the_parameter_and_the_parameter_over_the_declaration() {
        assert_eq!(text(Some("iso-8859-1"), b"\xef\xbb\xbf\xe5\xb1\xb1"), Ok("山".to_owned()));
        assert_eq!(text(None, b"\xff\xfe\x71\x5c"), Ok("山".to_owned()));
        let latin = b"<?xml version='1.0' encoding='UTF-8'?><a>\xd8</a>";
        assert!(text(Some("ISO-8859-1"), latin).is_ok_and(|text| text.contains('Ø')));
        let (_, warnings) = decode_text(Some("ISO-8859-1"), latin).unwrap();
        assert_eq!(warnings.first().map(|w| w.code), Some("charset-mismatch"));
    }

    #[test]
    fn usual_bytes_become_the_text_they_are_and_others_are_decoded_alike() {
        for (charset, bytes) in [
            (None, "<a>山</a>".as_bytes()),
            (Some("UTF-8"), b"<?xml version='1.0' encoding='utf-8'?><a/>"),
            (None, b"\xef\xbb\xbf<a/>"),
            (None, b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xd8</a>"),
            (Some("UTF-8"), b"<a>\xd8</a>"),
        ] {
            assert_eq!(text_of(charset, Bytes::from_static(bytes)), decode_text(charset, bytes));
        }
    }

    #[test]
    fn bytes_that_are_not_what_they_are_declared_to_be_are_refused() {
        assert_eq!(text(Some("UTF-8"), b"<a>\xd8</a>"), Err("charset-mismatch"));
        assert_eq!(text(None, b"<a>\xd8</a>"), Err("charset-mismatch"));
        assert_eq!(text(Some("us-ascii"), "山".as_bytes()), Err("charset-mismatch"));
    }

    #[test]
    fn a_japanese_encoding_is_never_guessed() {
        assert_eq!(text(Some("Shift_JIS"), b"<a/>"), Err("charset-unsupported"));
        assert_eq!(text(None, b"<?xml version='1.0' encoding='EUC-JP'?><a/>"), Err("charset-unsupported"));
        assert_eq!(text(Some("utf-16"), b"<a/>"), Err("charset-unsupported"));
    }
}
