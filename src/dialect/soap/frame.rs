//! A payload in its envelope and packaging, ready for HTTP (wire.md 2, 4.1, 24.1).

use bytes::Bytes;
use futures_util::stream;

use super::{Fault, Header, package, write_answer, write_around, write_fault, write_request};
use crate::dialect::{Addressing, Listing, Packaging, Payload, Reply};
use crate::model::{DocumentStream, Interrupted, MessageId};

/// A body for HTTP.
pub enum FramedBody {
    /// Streamed; must leave chunked, and an error in it must break the message.
    Stream(DocumentStream),
    /// Known to its last byte.
    Whole(Bytes),
}

impl std::fmt::Debug for FramedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stream(_) => f.write_str("Stream"),
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
        }
    }
}

/// A message for HTTP.
#[derive(Debug)]
pub struct Framed {
    /// Status of an answer: 200, or 500 for a fault (decisions E1).
    pub status: u16,
    /// The Content-Type header.
    pub content_type: String,
    /// The body.
    pub body: FramedBody,
}

/// Frames a request of ours. The MIME boundary is derived from its MessageID.
pub fn frame_request(
    packaging: Packaging,
    action: &str,
    addressing: &Addressing,
    security: Option<&str>,
    payload: Payload,
) -> Framed {
    let root = write_request(action, addressing, security, &payload.xml);
    match packaging {
        Packaging::Mtom => packaged(&addressing.message, action, root, payload),
        Packaging::Simple => {
            let content_type = format!("application/soap+xml; charset=UTF-8; action=\"{action}\"");
            Framed { status: 200, content_type, body: FramedBody::Whole(root.into()) }
        }
    }
}

/// Frames an answer. A fault is always plain SOAP under 500. `request` is the header of what is
/// answered, None where it could not be read.
pub fn frame_answer(
    packaging: Packaging,
    action: &str,
    message: &MessageId,
    request: Option<&Header>,
    reply: Reply,
) -> Framed {
    match reply {
        Reply::Fault(fault) => frame_fault(&fault, message, request),
        Reply::Listing(listing) => {
            let (before, after) = write_around(action, Some(message), request);
            let body = FramedBody::Stream(Box::pin(stream::iter(pieces(listing, (before, after)))));
            Framed { body, ..plain(String::new()) }
        }
        Reply::Payload(mut payload) => {
            let body = std::mem::take(&mut payload.xml);
            let root = write_answer(action, Some(message), request, body);
            match packaging {
                Packaging::Mtom => packaged(message, action, root, payload),
                Packaging::Simple => Framed { status: 200, ..plain(root) },
            }
        }
    }
}

// Objects are gathered to pieces worth sending.
fn pieces(
    listing: Listing,
    (before, after): (String, String),
) -> impl Iterator<Item = Result<Bytes, Interrupted>> + Send {
    let Listing { before: opening, next: mut write_next, after: closing } = listing;
    let mut behind = Some(closing + &after);
    let mut piece = before + &opening;
    piece.reserve(ROOM_BYTES);
    std::iter::from_fn(move || {
        behind.as_ref()?;
        while piece.len() < PIECE_BYTES {
            match write_next(&mut piece) {
                Some(Ok(())) => {}
                Some(Err(malformed)) => {
                    behind = None;
                    return Some(Err(Interrupted::Broken(malformed.to_string())));
                }
                None => {
                    piece.push_str(&behind.take()?);
                    break;
                }
            }
        }
        let is_last = behind.is_none();
        let next = String::with_capacity(if is_last { 0 } else { ROOM_BYTES });
        Some(Ok(std::mem::replace(&mut piece, next).into()))
    })
}

/// Bytes from which a piece of a long list is sent: with one object more and its chunk's frame it is mostly
/// still within the 64 KiB that TLS takes in one go.
const PIECE_BYTES: usize = 56 << 10;
/// For a piece with the object that makes it one.
const ROOM_BYTES: usize = PIECE_BYTES + PIECE_BYTES / 4;

fn frame_fault(fault: &Fault, message: &MessageId, request: Option<&Header>) -> Framed {
    Framed { status: 500, ..plain(write_fault(fault, Some(message), request)) }
}

fn plain(root: String) -> Framed {
    let content_type = "application/soap+xml; charset=UTF-8".to_owned();
    Framed { status: 200, content_type, body: FramedBody::Whole(root.into()) }
}

fn packaged(message: &MessageId, action: &str, root: String, payload: Payload) -> Framed {
    let (content_type, body) = package(&message.0, action, root, payload.attachments);
    Framed { status: 200, content_type, body: FramedBody::Stream(body) }
}
