//! The head of a part (RFC 2045 3), with the lenience of wire.md 4.2: folded lines, blanks at line
//! ends, names in any case.

use super::super::ContentType;
use super::super::transfer::Transfer;

/// Header fields of one part.
pub(super) const HEAD_LINES_MAX: usize = 32;

/// What stands over a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    /// Content-ID without angle brackets.
    pub content_id: Option<String>,
    /// Content-Type.
    pub content_type: ContentType,
    /// Content-Transfer-Encoding.
    pub transfer: Option<String>,
}

impl PartHead {
    /// A decoder for the part's bytes.
    pub(super) fn transfer(&self) -> Transfer {
        Transfer::named(self.transfer.as_deref())
    }

    /// Reads a head's lines, the blank one left out. None when they are no header fields.
    pub(super) fn read(lines: &[&[u8]]) -> Option<Self> {
        // Folded lines are joined and blanks at line ends dropped; httparse wants neither.
        let mut clean: Vec<u8> = Vec::new();
        for line in lines {
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                clean.push(b' ');
            } else if !clean.is_empty() {
                clean.extend_from_slice(b"\r\n");
            }
            clean.extend_from_slice(line.trim_ascii());
        }
        clean.extend_from_slice(b"\r\n\r\n");
        let mut headers = [httparse::EMPTY_HEADER; HEAD_LINES_MAX + 1];
        let mut head = Self::default();
        if lines.is_empty() {
            return Some(head);
        }
        match httparse::parse_headers(&clean, &mut headers) {
            Ok(httparse::Status::Complete((_, headers))) => {
                for header in headers {
                    let value = String::from_utf8_lossy(header.value).trim().to_owned();
                    match header.name.to_ascii_lowercase().as_str() {
                        "content-id" => {
                            let bare = value.strip_prefix('<').unwrap_or(&value);
                            head.content_id = Some(bare.strip_suffix('>').unwrap_or(bare).to_owned());
                        }
                        "content-type" => head.content_type = ContentType::read(&value),
                        "content-transfer-encoding" => head.transfer = Some(value),
                        _ => {}
                    }
                }
                Some(head)
            }
            _ => None,
        }
    }
}
