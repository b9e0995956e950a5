//! Receives a message: plain SOAP or a package, told by its header or its first bytes. Reads the
//! root into memory, leaves the rest unread. May be cancelled; the source is then dropped.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::super::text::text_of;
use super::super::{ContentType, Envelope};
use super::head::PartHead;
use super::parts::Parts;
use super::splitter::Step;
use super::under_way::{KEPT_BYTES_MAX, LEVELS, Package, PartName, Passed, Unread};
use crate::dialect::Received;
use crate::model::{DocumentStream, Interrupted, Malformed, Warning};

/// Caps of one message.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the root part, or of a message without parts.
    pub root_bytes_max: u64,
    /// Bytes of one attached part, after decoding.
    pub part_bytes_max: u64,
    /// Content-Length, where it was told: room is made for it at once, within the cap.
    pub root_bytes_told: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { root_bytes_max: 8 << 20, part_bytes_max: 1 << 30, root_bytes_told: 0 }
    }
}

/// Why a message could not be received.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreceived {
    /// The body ended early, stalled, or is over the cap (`TooLarge`: 413, decisions E1).
    #[error("{0}")]
    Interrupted(Interrupted),
    /// It is no message we can read.
    #[error("{0}")]
    Malformed(Malformed),
}

impl From<Malformed> for Unreceived {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Interrupted> for Unreceived {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

impl From<Unread> for Unreceived {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Interrupted(interrupted) => Self::Interrupted(interrupted),
            Unread::Malformed(malformed) => Self::Malformed(malformed),
        }
    }
}

/// RFC 2046 5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;
const PASSED_PARTS_MAX: usize = 16;

/// Receives a message whose root must be a SOAP envelope.
///
/// # Errors
/// `Malformed` with the codes of [`Envelope::read`], [`decode_text`] and `mtom-no-root`,
/// `mtom-boundary`, `mtom-preamble`, `mtom-part-head`; `Interrupted` when the bytes stop.
pub async fn receive(
    content_type: Option<&str>,
    body: DocumentStream,
    limits: Limits,
) -> Result<Received, Unreceived> {
    receive_root(content_type, body, limits, Envelope::read_owned).await
}

/// As [`receive`], but a root that is no envelope is taken for a bare payload (`decode` reads both
/// alike).
///
/// # Errors
/// As [`receive`].
pub async fn receive_any(
    content_type: Option<&str>,
    body: DocumentStream,
    limits: Limits,
) -> Result<Received, Unreceived> {
    let read = |source: String| match Envelope::read(&source) {
        Err(malformed) if malformed.code == "not-soap" => Ok(Envelope::bare(&source)),
        read => read,
    };
    receive_root(content_type, body, limits, read).await
}

/// As [`receive`], the root part's text read by `read`.
///
/// # Errors
/// As [`receive`], and those of `read`.
pub async fn receive_root(
    content_type: Option<&str>,
    body: DocumentStream,
    limits: Limits,
    read: impl Fn(String) -> Result<Envelope, Malformed>,
) -> Result<Received, Unreceived> {
    // Looking at the first bytes may reach the end already; a stream must not be asked again then.
    let mut body: DocumentStream = Box::pin(body.fuse());
    let header = ContentType::read(content_type.unwrap_or_default());
    // A buffer that grows holds the message twice while it moves. A package is passed on in pieces.
    let told = if header.is_multipart() { 0 } else { limits.root_bytes_told.min(limits.root_bytes_max) };
    let mut begun = BytesMut::with_capacity(usize::try_from(told).unwrap_or_default());
    let boundary = match header.parameter("boundary").filter(|_| header.is_multipart()) {
        Some(boundary) => Some(boundary.to_owned()),
        None => sniff(&mut body, &mut begun).await?,
    };
    let Some(boundary) = boundary else {
        let bytes = whole(body, begun, limits.root_bytes_max).await?;
        let (text, warnings) = text_of(header.parameter("charset"), bytes)?;
        let mut envelope = read(text)?;
        envelope.warnings.extend(warnings);
        return Ok(Received { envelope, parts: None });
    };
    if !(1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) {
        return Err(Malformed::new("mtom-boundary", "", "the boundary is empty or too long").into());
    }
    let mut package = Package::new(body, begun.freeze(), &boundary, limits.part_bytes_max);
    let (head, bytes, mut warnings) =
        root(&mut package, header.parameter("start"), limits.root_bytes_max).await?;
    let decoded = head.transfer().decode(bytes, true);
    let why = "the root part does not hold to its Content-Transfer-Encoding";
    let decoded = decoded.ok_or_else(|| Malformed::new("mtom-part-head", "", why))?;
    let (text, charset_warnings) = text_of(head.content_type.parameter("charset"), decoded)?;
    warnings.extend(charset_warnings);
    let mut envelope = read(text)?;
    envelope.warnings.extend(warnings);
    Ok(Received { envelope, parts: Some(Parts::new(package)) })
}

// A body that begins with `--` is a package whatever its header says; its first line is the boundary.
async fn sniff(body: &mut DocumentStream, begun: &mut BytesMut) -> Result<Option<String>, Unreceived> {
    loop {
        let content = begun.trim_ascii_start();
        let is_undecided = content.is_empty() || content == b"-";
        let line_end = memchr::memchr(b'\n', content);
        let is_package = content.starts_with(b"--");
        if begun.len() > 64 << 10 || !(is_undecided || is_package) {
            return Ok(None);
        }
        if is_package && (line_end.is_some() || content.len() > BOUNDARY_BYTES_MAX * 2) {
            let line = content.get(2..line_end.unwrap_or(content.len())).unwrap_or_default();
            let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
            return Ok(Some(line));
        }
        match body.next().await {
            Some(bytes) => begun.extend_from_slice(&bytes?),
            None => return Ok(None),
        }
    }
}

async fn whole(mut body: DocumentStream, mut begun: BytesMut, max: u64) -> Result<Bytes, Interrupted> {
    while let Some(bytes) = body.next().await {
        begun.extend_from_slice(&bytes?);
        if begun.len() as u64 > max {
            break;
        }
    }
    if begun.len() as u64 > max { Err(Interrupted::TooLarge(max)) } else { Ok(begun.freeze()) }
}

/// The root part: the one `start` names, else the first.
async fn root(
    package: &mut Package,
    start: Option<&str>,
    max: u64,
) -> Result<(PartHead, Bytes, Vec<Warning>), Unreceived> {
    let mut warnings = Vec::new();
    let start = start.map(PartName::of_reference);
    for count in 0..=PASSED_PARTS_MAX {
        let step = poll_fn(|context| package.poll_step(context)).await?;
        let Step::Head(head) = step else { break };
        let fits = |name: &PartName| LEVELS.iter().any(|level| name.fits(head.content_id.as_deref(), *level));
        let is_start = start.as_ref().is_none_or(fits);
        let media_type = head.content_type.media_type.as_str();
        let looks_like_root = matches!(
            media_type,
            "" | "application/xop+xml" | "application/soap+xml" | "application/xml" | "text/xml"
        );
        if is_start || (count == 0 && looks_like_root) {
            if !is_start {
                warnings.push(Warning::new("mtom-start", "`start` does not name the first part"));
            }
            let (body, is_delimited) = part(package, max).await?;
            if !is_delimited {
                warnings.push(Warning::new("mtom-unclosed", "the package ends without its closing boundary"));
            }
            return Ok((head, body, warnings));
        }
        let (body, _) = part(package, KEPT_BYTES_MAX as u64).await?;
        package.pass(Passed { head, body });
    }
    // `start` names no part at all: the first is taken, whatever it calls itself.
    let first = package.first_passed();
    let first = first.ok_or_else(|| Malformed::new("mtom-no-root", "", "the package has no root part"))?;
    warnings.push(Warning::new("mtom-start", "`start` names no part"));
    Ok((first.head, first.body, warnings))
}

async fn part(package: &mut Package, max: u64) -> Result<(Bytes, bool), Unreceived> {
    let mut body = BytesMut::new();
    loop {
        match poll_fn(|context| package.poll_step(context)).await? {
            Step::Data(piece) => {
                body.extend_from_slice(&piece);
                if body.len() as u64 > max {
                    return Err(Interrupted::TooLarge(max).into());
                }
            }
            Step::PartEnd { is_delimited } => return Ok((body.freeze(), is_delimited)),
            Step::End { .. } | Step::Head(_) | Step::More => return Ok((body.freeze(), false)),
        }
    }
}
