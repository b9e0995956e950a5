//! A document of 64 MiB through the package writer and the package reader, never whole in memory. The
//! baseline copies the same pieces.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use kakehashi::dialect::soap::{Attachment, Limits, package, receive_any};
use kakehashi::model::DocumentStream;

const PIECES: usize = 4096;
const PIECE_BYTES: usize = 16 << 10;

fn document() -> DocumentStream {
    let piece: Vec<u8> = (0..PIECE_BYTES).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect();
    let piece = Bytes::from(piece);
    Box::pin(stream::iter((0..PIECES).map(move |_| Ok(piece.clone()))))
}

// Peak resident memory.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or_default()
}

async fn drained(mut body: DocumentStream) -> usize {
    let mut bytes = 0;
    while let Some(piece) = body.next().await {
        bytes += piece.unwrap().len();
    }
    bytes
}

async fn copied(mut body: DocumentStream) -> usize {
    let (mut bytes, mut buffer) = (0, BytesMut::new());
    while let Some(piece) = body.next().await {
        buffer.clear();
        buffer.extend_from_slice(&piece.unwrap());
        bytes += std::hint::black_box(&buffer).len();
    }
    bytes
}

async fn through_a_package() -> usize {
    let root =
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><a/></s:Body></s:Envelope>";
    let attachment = Attachment {
        content_id: "document@example".to_owned(),
        media_type: "application/octet-stream".to_owned(),
        body: document(),
    };
    let (content_type, body) = package("urn:uuid:1", "urn:action", root.to_owned(), vec![attachment]);
    let received = receive_any(Some(&content_type), body, Limits::default()).await.expect("a package");
    drained(received.parts.expect("parts").document("cid:document@example")).await
}

fn timed(what: &str, work: impl FnOnce() -> usize) {
    let (before, started) = (peak_kib(), Instant::now());
    assert_eq!(work(), PIECES * PIECE_BYTES);
    let rate = 64.0 / started.elapsed().as_secs_f64();
    println!("{what}\t{rate:.0} MiB/s, peak memory +{} KiB", peak_kib().saturating_sub(before));
}

pub fn measure() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    timed("stream, copied (baseline)", || runtime.block_on(copied(document())));
    timed("stream, packed and unpacked", || runtime.block_on(through_a_package()));
}
