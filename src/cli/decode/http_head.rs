//! The HTTP or MIME header lines a captured message may begin with (wire.md 4.1): only what tells how
//! to read the body is taken.

use crate::model::{Malformed, Warning};

/// What the header lines say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Content-Type.
    pub(super) content_type: Option<String>,
    /// Where the body begins.
    pub(super) body_at: usize,
    /// Whether the body is in chunks (RFC 9112 7.1).
    pub(super) is_chunked: bool,
    /// What was put up with.
    pub(super) warnings: Vec<Warning>,
}

const HEAD_BYTES_MAX: usize = 64 << 10;
const METHODS: [&str; 6] = ["GET ", "HEAD ", "HTTP/", "PATCH ", "POST ", "PUT "];

/// Reads header lines, if the bytes begin with some: an HTTP start line, or fields among which is
/// Content-Type or MIME-Version.
///
/// # Errors
/// `http-head` when a start line is there and the fields do not end.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let bytes_begun = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let begun = bytes.get(bytes_begun..).unwrap_or_default();
    let start = begun.get(..begun.len().min(8)).unwrap_or_default();
    let has_start_line = METHODS.iter().any(|method| start.starts_with(method.as_bytes()));
    let is_field_start = |b: &u8| b.is_ascii_alphabetic();
    if !has_start_line && !begun.first().is_some_and(is_field_start) {
        return Ok(None);
    }
    let (mut head, mut fields, mut at, mut is_first) = (Head::default(), Vec::new(), bytes_begun, true);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest);
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        at += end.map_or(rest.len(), |end| end + 1);
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
        let is_over = line.trim().is_empty();
        if at > HEAD_BYTES_MAX {
            let why = format!("header lines of more than {HEAD_BYTES_MAX} bytes");
            return if has_start_line { Err(Malformed::new("http-head", "1:1", why)) } else { Ok(None) };
        }
        if is_over || end.is_none() {
            if !is_over {
                fields.push(line);
            }
            break;
        }
        match fields.last_mut() {
            _ if is_first && has_start_line => {}
            // A folded line.
            Some(last) if line.starts_with([' ', '\t']) => {
                let last: &mut String = last;
                last.push_str(&line);
            }
            _ if !is_field(&line) && !has_start_line => return Ok(None),
            _ => fields.push(line),
        }
        is_first = false;
    }
    let known = fields
        .iter()
        .filter_map(|field| field.split_once(':'))
        .fold(false, |known, (name, value)| head.take(&name.trim().to_ascii_lowercase(), value) | known);
    if !has_start_line && !known {
        return Ok(None);
    }
    if fields.iter().any(|field| field.ends_with([' ', '\t'])) {
        head.warnings.push(Warning::new("header-blank", "a header line ends in a blank"));
    }
    head.body_at = at;
    Ok(Some(head))
}

fn is_field(line: &str) -> bool {
    let is_token = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    line.split_once(':').is_some_and(|(name, _)| is_token(name.trim_end()))
}

impl Head {
    // Whether the field is one that a message's header lines have.
    fn take(&mut self, name: &str, value: &str) -> bool {
        match name {
            "content-type" => {
                let value = value.trim();
                if value.ends_with(';') {
                    let text = "Content-Type ends in a semicolon";
                    self.warnings.push(Warning::new("content-type-semicolon", text));
                }
                let lower = value.to_ascii_lowercase();
                if !lower.contains("charset") && !lower.starts_with("multipart/") && lower.contains("xml") {
                    self.warnings.push(Warning::new("charset-missing", "Content-Type without charset"));
                }
                let boundary = lower.split("boundary=").nth(1).unwrap_or_default();
                let unquoted = boundary.split(';').next().unwrap_or_default();
                if !boundary.starts_with('"') && unquoted.contains([':', '=', '+', '?']) {
                    let text = "a boundary that needs quotes has none";
                    self.warnings.push(Warning::new("boundary-unquoted", text));
                }
                self.content_type = Some(value.to_owned());
                true
            }
            "mime-version" => true,
            "transfer-encoding" => {
                self.is_chunked = value.to_ascii_lowercase().contains("chunked");
                false
            }
            _ => false,
        }
    }
}

/// The body without its chunk lines; None when they do not hold.
pub(super) fn without_chunks(body: &[u8]) -> Option<Vec<u8>> {
    let (mut whole, mut rest) = (Vec::with_capacity(body.len()), body);
    loop {
        let end = memchr::memchr(b'\n', rest)?;
        let line = std::str::from_utf8(rest.get(..end)?).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        rest = rest.get(end + 1..)?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?;
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    }
}
