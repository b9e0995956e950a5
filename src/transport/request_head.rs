//! The head of an HTTP/1.1 request, read for one thing only: whether everybody would find the same
//! end of its body (RFC 9112 2 to 7), and the same host.

/// Two readers may disagree about these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ambiguous;

/// A head as its lines come.
#[derive(Debug, Default)]
pub(super) struct Head {
    has_blank: bool,
    request: Option<RequestLine>,
    host: Option<Vec<u8>>,
    length: Option<u64>,
    is_chunked: bool,
}

#[derive(Debug)]
struct RequestLine {
    is_http_10: bool,
    /// POST, PUT and the like.
    has_body: bool,
    /// Of a target that names its host itself.
    authority: Option<Vec<u8>>,
}

impl Head {
    /// Whether nothing of it has come.
    pub(super) const fn is_new(&self) -> bool {
        self.request.is_none() && !self.has_blank
    }

    /// Takes a line without its end; whether it was the last.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<bool, Ambiguous> {
        // Controls, a lone CR among them; obs-text is no trouble to anybody.
        if line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err(Ambiguous);
        }
        match (&self.request, line.is_empty()) {
            // One empty line before a request is common, and skipped by everybody.
            (None, true) if !self.has_blank => self.has_blank = true,
            (None, true) => return Err(Ambiguous),
            (None, false) => self.request = Some(RequestLine::read(line)?),
            (Some(_), true) => return Ok(true),
            (Some(_), false) => self.field(line)?,
        }
        Ok(false)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let colon = memchr::memchr(b':', line).ok_or(Ambiguous)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Ambiguous)?;
        // A folded line begins with a blank, and a blank before the colon is part of the name.
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Ambiguous);
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        match name.to_ascii_lowercase().as_slice() {
            b"content-length" => {
                let is_first = self.length.replace(length(value)?).is_none();
                is_first.then_some(()).ok_or(Ambiguous)
            }
            b"transfer-encoding" => {
                let is_first = !std::mem::replace(&mut self.is_chunked, true);
                (is_first && value.eq_ignore_ascii_case(b"chunked")).then_some(()).ok_or(Ambiguous)
            }
            b"host" => {
                let is_first = self.host.replace(value.to_ascii_lowercase()).is_none();
                (is_first && is_host(value)).then_some(()).ok_or(Ambiguous)
            }
            b"upgrade" => Err(Ambiguous),
            _ => Ok(()),
        }
    }

    /// Bytes of the body of a whole head; None where it comes in chunks.
    pub(super) fn length(self) -> Result<Option<u64>, Ambiguous> {
        let RequestLine { is_http_10, has_body, authority } = self.request.ok_or(Ambiguous)?;
        let has_host = self.host.is_some() || is_http_10;
        let is_same_host = match (&authority, &self.host) {
            (Some(named), Some(host)) => named == host,
            _ => true,
        };
        let is_clear = match (self.length, self.is_chunked) {
            (Some(_), true) => false,
            (None, true) => !is_http_10,
            (None, false) => !(is_http_10 && has_body),
            (Some(_), false) => true,
        };
        if !(has_host && is_same_host && is_clear) {
            return Err(Ambiguous);
        }
        Ok(if self.is_chunked { None } else { Some(self.length.unwrap_or_default()) })
    }
}

impl RequestLine {
    fn read(line: &[u8]) -> Result<Self, Ambiguous> {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let &[method, target, version] = words.as_slice() else { return Err(Ambiguous) };
        let is_http_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(Ambiguous),
        };
        let is_method =
            (1..=METHOD_BYTES_MAX).contains(&method.len()) && method.iter().all(u8::is_ascii_uppercase);
        if !is_method || method == b"CONNECT" || !target.iter().all(u8::is_ascii_graphic) {
            return Err(Ambiguous);
        }
        let authority = match target {
            [b'/', ..] => None,
            _ => Some(authority_of(target).ok_or(Ambiguous)?),
        };
        Ok(Self { is_http_10, has_body: !matches!(method, b"GET" | b"HEAD" | b"OPTIONS"), authority })
    }
}

fn authority_of(target: &[u8]) -> Option<Vec<u8>> {
    let lower = target.to_ascii_lowercase();
    let rest = lower.strip_prefix(b"https://").or_else(|| lower.strip_prefix(b"http://"))?;
    let authority = rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()?;
    is_host(authority).then(|| authority.to_vec())
}

// Digits alone: no sign, no blank, no list of several.
fn length(value: &[u8]) -> Result<u64, Ambiguous> {
    let is_number = (1..=LENGTH_DIGITS_MAX).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(value).ok().filter(|_| is_number).ok_or(Ambiguous)?;
    digits.parse().map_err(|_| Ambiguous)
}

fn is_host(value: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(byte);
    !value.is_empty() && value.iter().all(is_part)
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

const LENGTH_DIGITS_MAX: usize = 15;
const METHOD_BYTES_MAX: usize = 16;
