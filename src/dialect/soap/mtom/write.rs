//! Writes a package: the root, then each attachment as its stream gives it. A stream that fails
//! ends the package with its error and without the closing boundary.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use crate::model::{DocumentStream, Interrupted};

/// A document to attach.
pub struct Attachment {
    /// Content-ID without brackets.
    pub content_id: String,
    /// Content-Type of the part.
    pub media_type: String,
    /// Its bytes.
    pub body: DocumentStream,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("content_id", &self.content_id).finish_non_exhaustive()
    }
}

enum Piece {
    Body(DocumentStream),
    Bytes(Bytes),
}

/// A `multipart/related` package: its Content-Type and its bytes. Boundary and root Content-ID are
/// derived from `seed`, the MessageID, which nobody can foresee. Dropping the stream drops the
/// attachments.
pub fn package(
    seed: &str,
    action: &str,
    root: String,
    attachments: Vec<Attachment>,
) -> (String, DocumentStream) {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, seed.as_bytes()).simple();
    let boundary = format!("MIMEBoundary_{id}");
    let root_id = format!("root.{id}@kakehashi");
    let content_type = format!(
        "multipart/related; boundary=\"{boundary}\"; type=\"application/xop+xml\"; start=\"<{root_id}>\"; \
         start-info=\"application/soap+xml\"; action=\"{}\"",
        line(action).replace(['"', '\\'], "")
    );
    let root_type = "application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"";
    let mut pieces =
        VecDeque::from([Piece::Bytes(head(&boundary, root_type, &root_id, true)), Piece::Bytes(root.into())]);
    for attachment in attachments {
        pieces.push_back(Piece::Bytes(head(
            &boundary,
            &attachment.media_type,
            &attachment.content_id,
            false,
        )));
        pieces.push_back(Piece::Body(attachment.body));
    }
    pieces.push_back(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()));
    (content_type, Box::pin(stream::unfold(pieces, next)))
}

async fn next(mut pieces: VecDeque<Piece>) -> Option<(Result<Bytes, Interrupted>, VecDeque<Piece>)> {
    loop {
        match pieces.pop_front()? {
            Piece::Bytes(bytes) => return Some((Ok(bytes), pieces)),
            Piece::Body(mut body) => match body.next().await {
                Some(Ok(bytes)) => {
                    pieces.push_front(Piece::Body(body));
                    return Some((Ok(bytes), pieces));
                }
                Some(Err(interrupted)) => return Some((Err(interrupted), VecDeque::new())),
                None => {}
            },
        }
    }
}

fn head(boundary: &str, content_type: &str, content_id: &str, is_first: bool) -> Bytes {
    let before = if is_first { "" } else { "\r\n" };
    let (content_type, content_id) = (line(content_type), line(content_id));
    format!(
        "{before}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\n\
         Content-ID: <{content_id}>\r\n\r\n"
    )
    .into()
}

// A media type comes from metadata: it must not break out of its header line.
fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
