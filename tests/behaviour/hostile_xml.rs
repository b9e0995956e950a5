//! Documents that declare what no message of ours may, in every encoding a sender may choose: all are
//! refused, and nothing they name is opened.

use bytes::Bytes;
use futures_util::stream;
use kakehashi::dialect::soap::{Envelope, Limits, receive};
use kakehashi::model::DocumentStream;
use kakehashi::xml::{Event, Reader};

const ENVELOPE: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header/><s:Body><a>IN</a></s:Body></s:Envelope>";

/// Document types, each with a message around it; PORT is where nobody may call.
fn declared(port: u16) -> Vec<String> {
    let http = format!("http://127.0.0.1:{port}/x");
    let subsets = [
        String::new(),
        "[<!ENTITY e \"x\">]".to_owned(),
        "[<!ENTITY a \"x\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY e \"&c;&c;&c;&c;\">]".to_owned(),
        format!("[<!ENTITY e SYSTEM \"{http}\">]"),
        "[<!ENTITY e SYSTEM \"file:///etc/passwd\">]".to_owned(),
        format!("[<!ENTITY e PUBLIC \"-//x\" \"{http}\">]"),
        format!("[<!ENTITY % p SYSTEM \"{http}\"> %p;]"),
        "[<!ENTITY % p \"<!ENTITY e 'x'>\"> %p;]".to_owned(),
        format!("[<!NOTATION n SYSTEM \"{http}\"><!ENTITY e SYSTEM \"{http}\" NDATA n>]"),
        "[<!ATTLIST a b CDATA \"x\">]".to_owned(),
        "[<!ELEMENT a ANY>]".to_owned(),
        format!("SYSTEM \"{http}\""),
        format!("PUBLIC \"-//x\" \"{http}\""),
        format!("SYSTEM \"{http}\" [<!ENTITY e \"x\">]"),
    ];
    let mut cases = Vec::new();
    for subset in &subsets {
        let dtd = format!("<!DOCTYPE s {subset}>");
        for text in ["x", "&e;"] {
            let message = ENVELOPE.replace("IN", text);
            cases.push(format!("{dtd}{message}"));
            cases.push(format!("<?xml version=\"1.0\"?>\r\n<!-- c -->{dtd}<?p i?>{message}"));
            cases.push(format!("\u{feff}{dtd}{message}"));
            cases.push(message.replace("<a>", &format!("{dtd}<a>")));
            cases.push(format!("{message}{dtd}"));
            cases.push(dtd.to_ascii_lowercase() + &message);
        }
    }
    cases.push(ENVELOPE.replace("IN", "&e;"));
    cases.push(format!("<?xml version=\"1.0\" standalone=\"no\"?>{}", ENVELOPE.replace("IN", "&nbsp;")));
    cases
}

/// A text in an encoding, with the charset under which it is sent.
fn encodings(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (le, be) = (u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes as fn(u16) -> [u8; 2]);
    let wide = |to: fn(u16) -> [u8; 2], bom: bool| {
        let units = bom.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(to).collect::<Vec<u8>>()
    };
    let utf8 = text.as_bytes().to_vec();
    let widest = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    vec![
        ("UTF-8", utf8.clone()),
        ("", utf8.clone()),
        ("utf-16", wide(le, true)),
        ("utf-16", wide(be, true)),
        ("utf-16le", wide(le, false)),
        ("utf-16be", wide(be, false)),
        ("", wide(le, true)),
        ("UTF-8", wide(be, true)),
        ("utf-32", widest),
        ("shift_jis", utf8.clone()),
        ("iso-2022-jp", utf8.clone()),
        ("utf-7", utf8.clone()),
        ("ebcdic", utf8),
    ]
}

async fn is_taken(charset: &str, bytes: Vec<u8>) -> bool {
    let content_type = match charset {
        "" => "application/soap+xml".to_owned(),
        charset => format!("application/soap+xml; charset={charset}"),
    };
    let body: DocumentStream = Box::pin(stream::iter([Ok(Bytes::from(bytes))]));
    match receive(Some(&content_type), body, Limits::default()).await {
        // The body is read by the transaction, all of it.
        Ok(received) => received.envelope.body_tree().is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn no_document_type_declaration_is_taken_in_any_place_or_encoding_and_nothing_it_names_is_opened() {
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    nobody.set_nonblocking(true).unwrap();
    let port = nobody.local_addr().unwrap().port();
    let mut count = 0;
    for case in declared(port) {
        for (charset, bytes) in encodings(&case) {
            assert!(!is_taken(charset, bytes).await, "{charset}: {case}");
            count += 1;
        }
        assert!(Envelope::read(&case).and_then(|envelope| envelope.body_tree()).is_err(), "{case}");
    }
    assert!(is_taken("UTF-8", ENVELOPE.as_bytes().to_vec()).await);
    assert!(nobody.accept().is_err(), "somebody called");
    println!("{count} documents, 0 taken, 0 calls");
}

fn refusal(text: &str) -> String {
    let mut reader = Reader::new(text);
    loop {
        match reader.next() {
            Ok(Event::Eof) => return String::new(),
            Ok(_) => {}
            Err(malformed) => return malformed.code.to_owned(),
        }
    }
}

#[test]
fn what_is_more_than_a_message_may_hold_is_refused_by_its_cap() {
    let attributes = |count: usize| (0..count).map(|n| format!(" a{n}=\"\"")).collect::<String>();
    let declared = |count: usize| (0..count).map(|n| format!(" xmlns:n{n}=\"urn:{n}\"")).collect::<String>();
    for (text, code) in [
        (format!("{}{}", "<a>".repeat(64), "</a>".repeat(64)), ""),
        (format!("{}{}", "<a>".repeat(65), "</a>".repeat(65)), "too-deep"),
        ("<a>".repeat(500_000), "too-deep"),
        (format!("<a{}/>", attributes(64)), ""),
        (format!("<a{}/>", attributes(65)), "too-many-attributes"),
        (format!("<a{}/>", attributes(50_000)), "too-many-attributes"),
        (format!("<a{}/>", declared(65)), "too-many-attributes"),
        (format!("<a{}/>", declared(5_000)), "malformed-xml"),
        (format!("<a>{}</a>", "x".repeat(4 << 20)), ""),
        (format!("<a>{}</a>", "x".repeat((4 << 20) + 1)), "too-long"),
        (format!("<a b=\"{}\"/>", "x".repeat((4 << 20) + 1)), "too-long"),
        ("<a/><a/>".to_owned(), "second-root"),
        ("<a>&#0;</a>".to_owned(), "malformed-xml"),
        ("<a>&#xFFFE;</a>".to_owned(), "malformed-xml"),
        ("<a>&#xD800;</a>".to_owned(), "malformed-xml"),
        ("<a>&#99999999999;</a>".to_owned(), "malformed-xml"),
        ("<a b=\"1\" b=\"2\"/>".to_owned(), "malformed-xml"),
        ("<a xmlns:p=\"u\" xmlns:q=\"u\" p:b=\"1\" q:b=\"2\"/>".to_owned(), "malformed-xml"),
        ("<p:a/>".to_owned(), "malformed-xml"),
        ("<a><!-- -- --></a>".to_owned(), "malformed-xml"),
    ] {
        assert_eq!(refusal(&text), code, "{text:.60}");
    }
}
