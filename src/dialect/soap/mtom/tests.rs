use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;

use super::*;
use crate::dialect::Received;
use crate::model::{DocumentStream, Interrupted, Malformed};

const ROOT: &str =
    "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><a/></s:Body></s:Envelope>";
const TYPE: &str = "multipart/related; boundary=uuid:b+id=1; type=\"application/xop+xml\"; start=\"<r@x>\";";

fn body(pieces: Vec<Bytes>) -> DocumentStream {
    Box::pin(stream::iter(pieces.into_iter().map(Ok)))
}

fn whole(bytes: &[u8]) -> DocumentStream {
    body(vec![Bytes::copy_from_slice(bytes)])
}

fn split(bytes: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| Bytes::copy_from_slice(&bytes[pair[0]..pair[1]])).collect()
}

fn received(content_type: &str, body: DocumentStream) -> Result<Received, Unreceived> {
    receive(Some(content_type), body, Limits::default()).now_or_never().unwrap()
}

fn drained(document: DocumentStream) -> Result<Vec<u8>, Interrupted> {
    let pieces = document.collect::<Vec<_>>().now_or_never().unwrap();
    pieces.into_iter().collect::<Result<Vec<_>, _>>().map(|pieces| pieces.concat())
}

fn document(content_type: &str, package: &[u8], href: &str) -> Result<Vec<u8>, Interrupted> {
    let parts = received(content_type, whole(package)).unwrap().parts.unwrap();
    drained(parts.document(href))
}

fn parts(line_end: &str, documents: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes =
        format!("preamble{line_end}--uuid:b+id=1{line_end}Content-ID: <r@x>{line_end}{line_end}{ROOT}");
    let mut package = std::mem::take(&mut bytes).into_bytes();
    for (id, content) in documents {
        let head = format!(
            "{line_end}--uuid:b+id=1 {line_end}content-id: <{id}>{line_end}Content-Type: text/plain;{line_end}\tx=y \
             {line_end} {line_end}"
        );
        package.extend(head.bytes());
        package.extend(*content);
    }
    package.extend(format!("{line_end}--uuid:b+id=1--{line_end}epilogue").bytes());
    package
}

#[test]
fn the_line_end_before_a_boundary_is_not_the_documents_and_nothing_else_is_cut() {
    for content in
        ["", "a", "a\r\n", "a\r\n\r\n", "\n", "a\n--uuid:b+id=12\n", "--uuid:b+id=1x", "a\n--uuid:b"]
    {
        for line_end in ["\r\n", "\n"] {
            let package = parts(line_end, &[("d@x", content.as_bytes())]);
            assert_eq!(document(TYPE, &package, "cid:d@x"), Ok(content.as_bytes().to_vec()), "{content:?}");
        }
    }
    let with_cr = parts("\n", &[("d@x", b"a\r")]);
    assert_eq!(document(TYPE, &with_cr, "cid:d@x"), Ok(b"a\r".to_vec()));
}

#[test]
fn a_reference_is_found_encoded_or_not_and_in_any_case() {
    let package = parts("\r\n", &[("d%40x", b"1"), ("urn:E@x", b"2")]);
    for (href, content) in
        [("cid:d%40x", "1"), ("cid:d@x", "1"), ("CID:urn%3Ae%40X", "2"), ("cid:urn:E@x", "2")]
    {
        assert_eq!(document(TYPE, &package, href), Ok(content.as_bytes().to_vec()), "{href}");
    }
    assert!(matches!(document(TYPE, &package, "cid:other"), Err(Interrupted::Broken(_))));
}

#[test]
fn a_document_without_a_boundary_behind_it_is_broken_and_never_whole() {
    let package = parts("\r\n", &[("d@x", b"whole"), ("e@x", b"a long document")]);
    let cut = package.len() - "--uuid:b+id=1--\r\nepilogue".len();
    for cut in [cut, cut - 5, cut + 8] {
        assert!(matches!(document(TYPE, &package[..cut], "cid:e@x"), Err(Interrupted::Broken(_))), "{cut}");
        assert_eq!(document(TYPE, &package[..cut], "cid:d@x"), Ok(b"whole".to_vec()));
    }
    let root_only = format!("--uuid:b+id=1\n\n{ROOT}");
    let read = received(TYPE, whole(root_only.as_bytes())).unwrap();
    assert!(read.envelope.warnings.iter().any(|w| w.code == "mtom-unclosed"));
}

#[test]
fn a_failing_source_fails_the_document_being_read_and_those_behind_it() {
    let package = parts("\r\n", &[("d@x", b"0123456789"), ("e@x", b"e")]);
    let cut = package.len() - 60;
    let source = stream::iter([Ok(Bytes::copy_from_slice(&package[..cut])), Err(Interrupted::Idle)]);
    let parts = received(TYPE, Box::pin(source)).unwrap().parts.unwrap();
    let (d, e) = (parts.document("cid:d@x"), parts.document("cid:e@x"));
    assert_eq!(drained(e), Err(Interrupted::Idle));
    assert_eq!(drained(d), Ok(b"0123456789".to_vec()));
}

#[test]
fn documents_are_read_in_any_order_up_to_the_cap_and_a_dropped_one_is_skipped() {
    let large = vec![b'x'; 3 << 20];
    let package = parts("\r\n", &[("l@x", &large), ("s@x", b"small"), ("t@x", b"twice")]);
    let open = || received(TYPE, whole(&package)).unwrap().parts.unwrap();
    let opened = open();
    let (l, s) = (opened.document("cid:l@x"), opened.document("cid:s@x"));
    assert_eq!(drained(l).map(|l| l.len()), Ok(large.len()));
    assert_eq!(drained(s), Ok(b"small".to_vec()));

    let opened = open();
    let (l, s) = (opened.document("cid:l@x"), opened.document("cid:s@x"));
    assert_eq!(drained(s), Ok(b"small".to_vec()));
    assert!(matches!(drained(l), Err(Interrupted::Broken(_))));

    let opened = open();
    drop(opened.document("cid:l@x"));
    let (one, other) = (opened.document("cid:t@x"), opened.document("cid:t@x"));
    let s = opened.document("cid:s@x");
    assert_eq!(drained(one), Ok(b"twice".to_vec()));
    assert_eq!(drained(other), Ok(b"twice".to_vec()));
    assert_eq!(drained(s), Ok(b"small".to_vec()));
}

#[tokio::test]
async fn documents_read_by_different_tasks_wake_each_other() {
    let package = parts("\r\n", &[("d@x", b"one"), ("e@x", b"two")]);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let source = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|bytes| (Ok(bytes), receiver))
    });
    // Nobody reads the epilogue: what is sent of it goes nowhere.
    tokio::spawn(async move {
        for piece in package.chunks(3) {
            let _ = sender.send(Bytes::copy_from_slice(piece)).await;
            tokio::task::yield_now().await;
        }
    });
    let opened = receive(Some(TYPE), Box::pin(source), Limits::default()).await.unwrap().parts.unwrap();
    let (d, e) = (opened.document("cid:d@x"), opened.document("cid:e@x"));
    let read = |document: DocumentStream| {
        tokio::spawn(async move {
            document.collect::<Vec<_>>().await.into_iter().flatten().collect::<Vec<_>>().concat()
        })
    };
    let (d, e) = (read(d), read(e));
    assert_eq!((d.await.unwrap(), e.await.unwrap()), (b"one".to_vec(), b"two".to_vec()));
}

#[test]
fn a_part_over_its_cap_is_too_large_and_the_next_one_stands() {
    let package = parts("\r\n", &[("l@x", &[0; 100]), ("s@x", b"small")]);
    let limits = Limits { part_bytes_max: 99, ..Limits::default() };
    let read = receive(Some(TYPE), whole(&package), limits).now_or_never().unwrap().unwrap();
    let parts = read.parts.unwrap();
    let (l, s) = (parts.document("cid:l@x"), parts.document("cid:s@x"));
    assert_eq!(drained(l), Err(Interrupted::TooLarge(99)));
    assert_eq!(drained(s), Ok(b"small".to_vec()));
    let limits = Limits { root_bytes_max: 20, ..Limits::default() };
    let over = receive(Some(TYPE), whole(&package), limits).now_or_never().unwrap();
    assert_eq!(over.err(), Some(Unreceived::Interrupted(Interrupted::TooLarge(20))));
}

#[test]
fn encoded_parts_are_decoded_and_a_root_may_stand_behind_another_part() {
    let package = format!(
        "--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: BASE64\r\nContent-ID: p\r\n\r\n5bGx\r\n\r\n\
         --b\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-ID: <r>\r\n\r\n{}\r\n--b--",
        ROOT.replace('=', "=3D")
    );
    let content_type = "multipart/related; boundary=b; start=\"<r>\"";
    assert_eq!(document(content_type, package.as_bytes(), "cid:p"), Ok("山".as_bytes().to_vec()));
}

#[test]
fn a_package_is_known_by_its_first_bytes_whatever_the_header_says() {
    let package = format!("\r\n--uuid:x \r\n\r\n{ROOT}\r\n--uuid:x--\r\n");
    let read = received("application/soap+xml", whole(package.as_bytes())).unwrap();
    assert!(read.parts.is_some());
    assert!(received("text/xml; charset=UTF-8", whole(ROOT.as_bytes())).unwrap().parts.is_none());
}

#[test]
fn the_root_is_the_part_start_names_or_else_the_first() {
    let package = |first: &str| {
        format!(
            "--b\r\nContent-Type: {first}\r\nContent-ID: <one@x>\r\n\r\n{ROOT}\r\n--b\r\n\
             Content-Type: text/plain\r\nContent-ID: <two@x>\r\n\r\ndocument\r\n--b--\r\n"
        )
    };
    for first in
        ["application/xop+xml; type=x", "application/xml", "text/xml", "x/y", "text/plain; charset=utf-8"]
    {
        for (start, is_told) in [
            ("; start=\"<one@x>\"", false),
            ("; start=one@x", false),
            ("; start=\"cid:one%40x\"", false),
            ("; start=\"<http://tempuri.org/0>\"", true),
            ("; start=", false),
            ("", false),
        ] {
            let content_type = format!("multipart/related; boundary=b{start}");
            let read = received(&content_type, whole(package(first).as_bytes()));
            let read = read.unwrap_or_else(|why| panic!("{first} {start}: {why}"));
            assert_eq!(read.envelope.source(), ROOT, "{first} {start}");
            let codes: Vec<_> = read.envelope.warnings.iter().map(|warning| warning.code).collect();
            assert_eq!(codes.contains(&"mtom-start"), is_told, "{first} {start}");
            let document = drained(read.parts.unwrap().document("cid:two@x"));
            assert_eq!(document, Ok(b"document".to_vec()), "{first} {start}");
        }
    }
}

#[test]
fn heads_and_preambles_without_end_are_refused() {
    let code = |package: String| match received("multipart/related; boundary=b", whole(package.as_bytes())) {
        Err(Unreceived::Malformed(Malformed { code, .. })) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code("x".repeat(70_000)), "mtom-preamble");
    assert_eq!(code(format!("--b\r\nX: {}", "x".repeat(20_000))), "mtom-part-head");
    assert_eq!(code("--b\r\nno colon\r\n\r\n".into()), "mtom-part-head");
    assert_eq!(code("--b--\r\n".into()), "mtom-no-root");
    assert_eq!(code(String::new()), "mtom-preamble");
}

#[test]
fn a_document_that_fails_ends_the_package_without_its_closing_boundary() {
    let failing = stream::iter([Ok(Bytes::from_static(b"half")), Err(Interrupted::Withdrawn)]);
    let attachment =
        Attachment { content_id: "d@x".into(), media_type: "text/plain".into(), body: Box::pin(failing) };
    let (_, written) = package("urn:uuid:1", "urn:a", ROOT.into(), vec![attachment]);
    let pieces = written.collect::<Vec<_>>().now_or_never().unwrap();
    assert_eq!(pieces.last(), Some(&Err(Interrupted::Withdrawn)));
    assert!(!pieces.iter().flatten().any(|piece| piece.ends_with(b"--\r\n")));
}

#[test]
fn a_media_type_cannot_break_out_of_its_header() {
    let attachment = Attachment {
        content_id: "d@x".into(),
        media_type: "text/plain\r\nX-Evil: 1".into(),
        body: whole(b"d"),
    };
    let (_, written) = package("s", "urn:a", ROOT.into(), vec![attachment]);
    assert!(!drained(written).unwrap().windows(8).any(|w| w == b"\nX-Evil:"));
}

proptest! {
    #[test]
    fn what_is_packaged_is_read_back_under_any_split(
        documents in proptest::collection::vec(proptest::collection::vec("[ab\r\n-]{0,9}|--MIME|\r\n", 0..5), 0..4),
        cuts in proptest::collection::vec(0_usize..5000, 0..40),
    ) {
        let documents: Vec<Vec<u8>> = documents.iter().map(|parts| parts.concat().into_bytes()).collect();
        let attachments = documents.iter().enumerate().map(|(n, content)| Attachment {
            content_id: format!("{n}@x"),
            media_type: "application/octet-stream".into(),
            body: whole(content),
        });
        let (content_type, written) = package("urn:uuid:1", "urn:a", ROOT.into(), attachments.collect());
        let bytes = drained(written).unwrap();
        let parts = received(&content_type, body(split(&bytes, &cuts))).unwrap().parts.unwrap();
        let streams: Vec<_> = (0..documents.len()).map(|n| parts.document(&format!("cid:{n}@x"))).collect();
        for (stream, content) in streams.into_iter().zip(documents) {
            prop_assert_eq!(drained(stream), Ok(content));
        }
    }

    #[test]
    fn no_bytes_and_no_header_bring_the_reader_down(
        header in "(multipart/related|text/xml)?;? ?(boundary=|start=|charset=)?\"?[-b<>;\\\\\"山]{0,6}",
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        texts in proptest::collection::vec("--b|\r\n|\n|<|s:Envelope|Content-ID: <b>|=|\\?xml encoding='x'", 0..12),
    ) {
        for body in [bytes, texts.concat().into_bytes()] {
            if let Ok(read) = receive_any(Some(&header), whole(&body), Limits::default()).now_or_never().unwrap() {
                let _ = read.envelope.body_tree();
                let _ = read.parts.map(|parts| drained(parts.document("cid:b")));
            }
        }
    }

    #[test]
    fn the_split_of_the_bytes_does_not_change_what_is_read(
        pieces in proptest::collection::vec("\r\n--b\r\n|\n--b\n|--b--|--b|\r|\n|C: d\r\n|Content-ID: <1>\n|x|-", 0..20),
        cuts in proptest::collection::vec(0_usize..200, 0..30),
        boundary in "b|-|--|b-b|bb|--b",
        line_end in "\r\n|\n",
    ) {
        let pieces = pieces.concat().replace('b', &boundary);
        let text = format!("--{boundary}{line_end}{line_end}{ROOT}{line_end}{pieces}");
        let content_type = &format!("multipart/related; boundary=\"{boundary}\"");
        let outcome = |source: DocumentStream| received(content_type, source).map(|read| {
            let parts = read.parts.unwrap();
            let (one, whole_text) = (parts.document("cid:1"), read.envelope.source().to_owned());
            (whole_text, drained(one))
        });
        let at_once = outcome(whole(text.as_bytes()));
        prop_assert_eq!(outcome(body(split(text.as_bytes(), &cuts))), at_once.clone());
        let single = text.bytes().map(|b| Bytes::from(vec![b])).collect();
        prop_assert_eq!(outcome(body(single)), at_once);
    }
}

#[test]
fn what_passes_is_passed_in_slices_of_what_came_but_where_a_boundary_may_go_on() {
    let whole = Bytes::from(parts("\r\n", &[("d@x", &[b'x'; 300])]));
    let begun = whole.windows(300).position(|window| window == [b'x'; 300]).unwrap();
    let cuts = [begun + 100, begun + 200, begun + 303];
    let pieces = vec![
        whole.slice(..cuts[0]),
        whole.slice(cuts[0]..cuts[1]),
        // Ends within the boundary.
        whole.slice(cuts[1]..cuts[2]),
        whole.slice(cuts[2]..),
    ];
    let document = received(TYPE, body(pieces)).unwrap().parts.unwrap().document("cid:d@x");
    let passed: Vec<_> = document.collect::<Vec<_>>().now_or_never().unwrap();
    let passed: Vec<Bytes> = passed.into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(passed.iter().map(Bytes::len).collect::<Vec<_>>(), [100, 100, 100]);
    for (number, piece) in passed.iter().enumerate() {
        assert_eq!(piece.as_ptr(), whole[begun + number * 100..].as_ptr());
    }
}

#[tokio::test]
async fn an_empty_answer_is_malformed_and_its_end_is_asked_for_once() {
    for whole in ["", "x"] {
        let pieces = vec![Ok(Bytes::from_static(whole.as_bytes()))];
        let once = futures_util::stream::unfold(pieces.into_iter(), |mut left| async {
            left.next().map(|p| (p, left))
        });
        let received = receive(Some("text/plain"), Box::pin(once), Limits::default()).await;
        assert!(matches!(received, Err(Unreceived::Malformed(_))));
    }
}
