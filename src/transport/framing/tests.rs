//! Each case passes or is refused the same way however its bytes are cut on their way.

use super::{CHUNK_LINE_BYTES_MAX, Framing};

const HEAD: usize = 16 << 10;

/// How many bytes are passed on when they come in pieces of this size.
fn passed(bytes: &[u8], piece: usize) -> usize {
    let mut framing = Framing::new(HEAD);
    let mut at = 0;
    for piece in bytes.chunks(piece) {
        match framing.passed(piece) {
            Ok(()) => at += piece.len(),
            Err(more) => return at + more,
        }
    }
    at
}

#[test]
fn what_is_clear_passes_whole_however_it_is_cut() {
    for clear in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a:1\r\ncontent-length: 3\r\n\r\nab\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:  Chunked \r\n\r\n2\r\na\n\r\n0A\r\n0123456789\r\n0\r\n\r\n",
        "POST https://a/b HTTP/1.1\r\nHost: A\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{e5}\tb\r\n\r\n",
    ] {
        for piece in 1..=clear.len() {
            assert_eq!(passed(clear.as_bytes(), piece), clear.len(), "{clear:?} in pieces of {piece}");
        }
    }
}

#[test]
fn what_is_ambiguous_is_never_passed_to_its_end_however_it_is_cut() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for ambiguous in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x=\"\r\n\"\r\na\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let bytes = format!("{ambiguous}{smuggled}");
        for piece in 1..=bytes.len() {
            let passed = passed(bytes.as_bytes(), piece);
            assert!(passed < ambiguous.len(), "{ambiguous:?} in pieces of {piece}: {passed}");
        }
    }
}

#[test]
fn a_head_without_end_and_a_chunk_line_without_end_are_refused_within_their_caps() {
    let head = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(2 * HEAD));
    assert!(passed(head.as_bytes(), 1_000) <= HEAD);
    let fields = format!("GET / HTTP/1.1\r\n{}", "X: a\r\n".repeat(HEAD));
    assert!(passed(fields.as_bytes(), 1_000) <= HEAD);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{head}{}", "0".repeat(HEAD));
    assert!(passed(chunk.as_bytes(), 1_000) <= head.len() + CHUNK_LINE_BYTES_MAX);
}
