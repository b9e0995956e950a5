//! The text of one header: there once, decoded as the file says, without anything that could hide in it.

use http::HeaderMap;
use percent_encoding::percent_decode;

use super::{faulty, missing, refused};
use crate::config::HeaderEncoding;
use crate::model::{Timestamp, Unauthenticated};

/// Characters of a value; no id or name of a professional comes near.
const VALUE_CHARS_MAX: usize = 256;
/// Bytes of a header before it is looked at: each character three bytes, each byte three characters.
const HEADER_BYTES_MAX: usize = VALUE_CHARS_MAX * 12;

/// The one value of a header.
///
/// # Errors
/// Missing, there more than once, empty, too long, or not to be decoded.
pub(super) fn one(
    headers: &HeaderMap,
    name: &str,
    encoding: HeaderEncoding,
) -> Result<String, Unauthenticated> {
    let raw = only(headers, name)?;
    if raw.len() > HEADER_BYTES_MAX {
        return Err(faulty(name, "is too long"));
    }
    let undecodable = || faulty(name, "cannot be decoded");
    let text = match encoding {
        HeaderEncoding::Utf8 => str::from_utf8(raw).map_err(|_| undecodable())?.to_owned(),
        HeaderEncoding::Percent => unescaped(raw).ok_or_else(undecodable)?,
        HeaderEncoding::Rfc8187 => {
            let charset = raw.get(..7).filter(|start| start.eq_ignore_ascii_case(b"UTF-8''"));
            charset.and_then(|_| unescaped(raw.get(7..)?)).ok_or_else(undecodable)?
        }
    };
    checked(name, &text)
}

/// The bytes of a header that is there once.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h [u8], Unauthenticated> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| missing(name))?;
    if values.next().is_some() {
        return Err(refused("InvalidSecurity", name, "is there more than once"));
    }
    Ok(value.as_bytes())
}

/// Trimmed of blanks; neither empty nor long, and nothing in it that is not seen.
pub(super) fn checked(place: &str, text: &str) -> Result<String, Unauthenticated> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Err(faulty(place, "is empty"));
    }
    if text.chars().count() > VALUE_CHARS_MAX {
        return Err(faulty(place, "is too long"));
    }
    if text.chars().any(is_unseen) {
        return Err(faulty(place, "holds a character that cannot be seen"));
    }
    Ok(text.to_owned())
}

// Controls, what turns the direction of writing, and marks of width nothing. Selectors of variants belong
// to Japanese names and stay.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

// Every percent sign begins an escape, everything else is printable ASCII, and the bytes are UTF-8.
fn unescaped(raw: &[u8]) -> Option<String> {
    if !raw.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let mut behind = raw.split(|byte| *byte == b'%').skip(1);
    let is_escape = |part: &[u8]| part.get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !behind.all(is_escape) {
        return None;
    }
    String::from_utf8(percent_decode(raw).collect()).ok()
}

/// Seconds since 1970, within the years that a timestamp can name.
pub(super) fn from_seconds(seconds: i64) -> Option<Timestamp> {
    let years = 0..253_402_300_800;
    years.contains(&seconds).then(|| Timestamp::from_micros(seconds * 1_000_000))
}
