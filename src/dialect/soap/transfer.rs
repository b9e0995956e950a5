//! Content-Transfer-Encoding of a part (RFC 2045 6) as decoders that take any split of the bytes,
//! and base64 with white space anywhere (xs:base64Binary).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use crate::model::Malformed;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes xs:base64Binary: white space counts nowhere.
///
/// # Errors
/// `text-not-base64`.
pub fn decode_base64(text: &str) -> Result<Bytes, Malformed> {
    let packed: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let why = "the text of the element is not base64";
    ENGINE.decode(packed).map(Bytes::from).map_err(|_| Malformed::new("text-not-base64", "", why))
}

/// How the bytes of a part are encoded, with what is still undecided of them.
#[derive(Debug)]
pub(super) enum Transfer {
    /// Base64.
    Base64 {
        /// Up to three characters wait for their group of four.
        waiting: Vec<u8>,
        /// Nothing may follow.
        is_padded: bool,
    },
    /// Quoted-printable: an escape that is not whole yet waits.
    QuotedPrintable(Vec<u8>),
    /// `binary`, `8bit`, `7bit` or nothing said.
    Raw,
}

impl Transfer {
    /// By the header's value.
    pub(super) fn named(value: Option<&str>) -> Self {
        match value.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "base64" => Self::Base64 { waiting: Vec::new(), is_padded: false },
            "quoted-printable" => Self::QuotedPrintable(Vec::new()),
            _ => Self::Raw,
        }
    }

    /// Decodes a piece; at the end an empty piece with `is_last` gives what waited. None when the
    /// bytes are not what the header says.
    pub(super) fn decode(&mut self, piece: Bytes, is_last: bool) -> Option<Bytes> {
        match self {
            Self::Raw => Some(piece),
            Self::Base64 { waiting, is_padded } => {
                waiting.extend(piece.iter().filter(|b| !b.is_ascii_whitespace()));
                let whole = if is_last { waiting.len() } else { waiting.len() / 4 * 4 };
                let rest = waiting.split_off(whole);
                let group = std::mem::replace(waiting, rest);
                // The engine sees the padding only of what it is given at once.
                if *is_padded && !group.is_empty() {
                    return None;
                }
                *is_padded |= group.contains(&b'=');
                ENGINE.decode(group).ok().map(Bytes::from)
            }
            Self::QuotedPrintable(waiting) => {
                waiting.extend_from_slice(&piece);
                quoted_printable(waiting, is_last)
            }
        }
    }
}

fn quoted_printable(waiting: &mut Vec<u8>, is_last: bool) -> Option<Bytes> {
    let mut decoded = Vec::with_capacity(waiting.len());
    let mut rest = waiting.as_slice();
    loop {
        rest = match rest {
            [b'=', b'\r', b'\n', after @ ..] | [b'=', b'\n', after @ ..] => after,
            [b'=', high, low, after @ ..] => {
                decoded.push(hex(*high)? << 4 | hex(*low)?);
                after
            }
            [b'=', ..] if !is_last => break,
            // A soft line break at the very end.
            [b'='] | [b'=', b'\r'] => break,
            [b'=', ..] => return None,
            [plain, after @ ..] => {
                decoded.push(*plain);
                after
            }
            [] => break,
        };
    }
    *waiting = if is_last { Vec::new() } else { rest.to_vec() };
    Some(decoded.into())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(mut transfer: Transfer, bytes: &[u8], size: usize) -> Option<Vec<u8>> {
        let mut decoded = Vec::new();
        for piece in bytes.chunks(size) {
            decoded.extend(transfer.decode(Bytes::copy_from_slice(piece), false)?);
        }
        decoded.extend(transfer.decode(Bytes::new(), true)?);
        Some(decoded)
    }

    #[test]
    fn the_split_of_the_bytes_does_not_change_what_is_decoded() {
        for size in 1..8 {
            let base64 = Transfer::named(Some(" Base64"));
            assert_eq!(in_pieces(base64, b"5bGx\r\n55SwIQ==\r\n", size).as_deref(), Some("山田!".as_bytes()));
            let quoted = Transfer::named(Some("quoted-printable"));
            let decoded = in_pieces(quoted, b"a=E5=B1=B1 =\r\nb=\nc=", size);
            assert_eq!(decoded.as_deref(), Some("a山 bc".as_bytes()));
        }
    }

    #[test]
    fn white_space_is_allowed_anywhere_in_base64_and_other_text_is_refused() {
        assert_eq!(decode_base64(" 5b\nGx ").unwrap(), "山".as_bytes());
        assert_eq!(decode_base64("<ClinicalDocument>").map_err(|m| m.code), Err("text-not-base64"));
        assert_eq!(in_pieces(Transfer::named(Some("base64")), b"5*Gx", 2), None);
    }

    #[test]
    fn what_follows_the_padding_is_refused_however_the_bytes_are_cut() {
        for size in 1..12 {
            assert_eq!(in_pieces(Transfer::named(Some("base64")), b"YWJ=\r\nZGVm", size), None, "{size}");
            let padded = in_pieces(Transfer::named(Some("base64")), b"YWI=\r\n\r\n", size);
            assert_eq!(padded.as_deref(), Some(b"ab".as_slice()), "{size}");
        }
    }
}
