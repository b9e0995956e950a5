//! Packages that are meant to be more than they look. Each is made while it is read, so that how much
//! of it was pulled before it was refused can be told: that bounds what it can cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

use super::*;
use crate::dialect::Received;
use crate::model::{DocumentStream, Interrupted};

const ROOT: &str =
    "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><a/></s:Body></s:Envelope>";
const TYPE: &str = "multipart/related; boundary=b; type=\"application/xop+xml\"; start=\"<r@x>\"";
/// More than any package may cost.
const TIMES: usize = 100_000;

/// A package with its root, and then a piece again and again.
fn package_of(
    first: &str,
    piece: impl Fn(usize) -> String + Send + 'static,
) -> (DocumentStream, Arc<AtomicUsize>) {
    let pulled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pulled);
    let first = first.to_owned();
    let pieces = stream::iter(0..TIMES).map(move |number| {
        let piece = if number == 0 { first.clone() } else { piece(number) };
        counted.fetch_add(piece.len(), Ordering::Relaxed);
        Ok(Bytes::from(piece))
    });
    (Box::pin(pieces), pulled)
}

fn root() -> String {
    format!("--b\r\nContent-ID: <r@x>\r\n\r\n{ROOT}\r\n")
}

fn received(content_type: &str, body: DocumentStream) -> Result<Received, Unreceived> {
    let limits = Limits { root_bytes_max: 64 << 10, part_bytes_max: 64 << 10, root_bytes_told: u64::MAX };
    receive(Some(content_type), body, limits).now_or_never().unwrap()
}

/// A document of the package: its bytes, and why it broke.
fn document(received: &Received, href: &str) -> (usize, Option<Interrupted>) {
    let document = received.parts.as_ref().unwrap().document(href);
    let pieces = document.collect::<Vec<_>>().now_or_never().unwrap();
    let bytes = pieces.iter().flatten().map(Bytes::len).sum();
    (bytes, pieces.into_iter().find_map(Result::err))
}

#[test]
fn what_never_ends_is_refused_after_a_bounded_part_of_it() {
    type Piece = fn(usize) -> String;
    let cases: [(&str, &str, String, Piece); 9] = [
        ("no boundary", TYPE, "preamble".to_owned(), |_| "x".repeat(1_000)),
        ("lines before the boundary", TYPE, "\r\n".to_owned(), |_| "--c\r\n".repeat(100)),
        ("a head without end", TYPE, "--b\r\nX: ".to_owned(), |_| "y".repeat(1_000)),
        ("a head of fields without end", TYPE, "--b\r\n".to_owned(), |_| "X: y\r\n".to_owned()),
        ("a head folded without end", TYPE, "--b\r\nX: y\r\n".to_owned(), |_| " z\r\n".to_owned()),
        ("a root without end", TYPE, "--b\r\nContent-ID: <r@x>\r\n\r\n".to_owned(), |_| "<a>".repeat(300)),
        (
            "parts before the root without end",
            TYPE,
            "--b\r\nContent-ID: <a>\r\nContent-Type: x/y\r\n\r\n\r\n".to_owned(),
            |n| format!("--b\r\nContent-ID: <{n}>\r\n\r\n\r\n"),
        ),
        ("a boundary that its first line never ends", "", "--".to_owned(), |_| "b".repeat(100)),
        ("blanks before anything", "", " ".to_owned(), |_| " ".repeat(1_000)),
    ];
    for (name, content_type, first, piece) in cases {
        let (body, pulled) = package_of(&first, piece);
        assert!(received(content_type, body).is_err(), "{name}");
        let pulled = pulled.load(Ordering::Relaxed);
        assert!(pulled <= 160 << 10, "{name}: {pulled} bytes were read");
    }
}

#[test]
fn a_document_behind_a_hundred_thousand_parts_or_in_a_bomb_breaks_after_a_bounded_part() {
    type Piece = fn(usize) -> String;
    let cases: [(&str, Piece); 5] = [
        ("parts of nothing", |n| format!("--b\r\nContent-ID: <{n}@x>\r\n\r\n\r\n")),
        ("parts without a name", |_| "--b\r\n\r\n\r\n".to_owned()),
        ("one part without end", |n| {
            if n == 1 { "--b\r\nContent-ID: <d@x>\r\n\r\n".to_owned() } else { "x".repeat(1_000) }
        }),
        ("heads without end", |_| "--b\r\nX: ".to_owned() + &"y".repeat(1_000)),
        ("boundaries within the data", |n| {
            if n == 1 {
                "--b\r\nContent-ID: <d@x>\r\n\r\n".to_owned()
            } else {
                "\r\n--bb\r\n--b--x\r\n --b".repeat(50)
            }
        }),
    ];
    for (name, piece) in cases {
        let (body, pulled) = package_of(&root(), piece);
        let received = received(TYPE, body).unwrap();
        let (bytes, broken) = document(&received, "cid:d@x");
        assert!(broken.is_some(), "{name}");
        assert!(bytes <= 64 << 10, "{name}: {bytes} bytes were passed on");
        let pulled = pulled.load(Ordering::Relaxed);
        assert!(pulled <= 160 << 10, "{name}: {pulled} bytes were read");
    }
}

fn whole(text: &str) -> DocumentStream {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    Box::pin(stream::iter([Ok(bytes)]))
}

#[test]
fn what_does_not_fit_together_is_broken_and_never_another_document() {
    let part = |head: &str, content: &str| format!("--b\r\n{head}\r\n\r\n{content}\r\n");
    let (d, e) = (part("Content-ID: <d@x>", "right"), part("Content-ID: <e@x>", "other"));
    let coded = |coding: &str, content: &str| {
        part(&format!("Content-ID: <d@x>\r\nContent-Transfer-Encoding: {coding}"), content)
    };
    for (name, rest) in [
        ("a reference without part", format!("{e}--b--\r\n")),
        ("no parts at all", "--b--\r\n".to_owned()),
        ("the end of the package before it", format!("--b--\r\n{d}")),
        ("a part without a name", format!("{}--b--\r\n", part("Content-Type: a/b", "right"))),
        ("a name that begins alike", format!("{}--b--\r\n", part("Content-ID: <d@x.example>", "right"))),
        ("the end within it", "--b\r\nContent-ID: <d@x>\r\n\r\nrig".to_owned()),
        ("the end within its head", "--b\r\nContent-ID: <d@".to_owned()),
        ("no base64", format!("{}--b--\r\n", coded("base64", "r!ght"))),
        ("a head that is none", format!("{}--b--\r\n", part("Content-ID <d@x>", "right"))),
    ] {
        let received = received(TYPE, whole(&format!("{}{rest}", root()))).unwrap();
        let (_, broken) = document(&received, "cid:d@x");
        assert!(matches!(broken, Some(Interrupted::Broken(_))), "{name}: {broken:?}");
    }
    // A package within a part is bytes like any other.
    let nested = part(
        "Content-ID: <n@x>\r\nContent-Type: multipart/related; boundary=c",
        "--c\r\nContent-ID: <d@x>\r\n\r\nright\r\n--c--",
    );
    let received = received(TYPE, whole(&format!("{}{nested}--b--\r\n", root()))).unwrap();
    assert!(document(&received, "cid:d@x").1.is_some());
}

#[test]
fn two_parts_of_one_name_are_never_both_taken_and_what_follows_is_not_believed() {
    let part = |id: &str, content: &str| format!("--b\r\nContent-ID: <{id}>\r\n\r\n{content}\r\n");
    let package =
        format!("{}{}{}{}--b--\r\n", root(), part("d@x", "one"), part("d@x", "two"), part("e@x", "three"));
    let received = received(TYPE, whole(&package)).unwrap();
    let parts = received.parts.unwrap();
    let (first, later) = (parts.document("cid:d@x"), parts.document("cid:e@x"));
    let first: Vec<_> = first.collect::<Vec<_>>().now_or_never().unwrap();
    assert_eq!(first, [Ok(Bytes::from_static(b"one"))]);
    let later: Vec<_> = later.collect::<Vec<_>>().now_or_never().unwrap();
    assert!(matches!(later.as_slice(), [Err(Interrupted::Broken(_))]), "{later:?}");
}

#[test]
fn a_boundary_that_is_none_is_refused() {
    let long = "b".repeat(71);
    for boundary in ["\"\"", "", long.as_str()] {
        let package = root().replace("--b", &format!("--{}", boundary.replace('"', "")));
        let content_type = format!("multipart/related; boundary={boundary}; type=\"application/xop+xml\"");
        let refused = received(&content_type, whole(&package));
        assert!(refused.is_err() || boundary.is_empty(), "{boundary}");
    }
    let most = "b".repeat(70);
    let package = format!("{}--b--\r\n", root()).replace("--b", &format!("--{most}"));
    assert!(received(&format!("multipart/related; boundary={most}"), whole(&package)).is_ok());
}
