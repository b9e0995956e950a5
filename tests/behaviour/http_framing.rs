//! Requests that two programs may read as different ones (RFC 9112 11), sent to the three listeners of
//! a running broker: what is ambiguous is refused, and what is smuggled behind it is never served.

use tokio::net::TcpStream;

use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan};
use crate::simulators::raw::{connect, until_closed};

/// What stands behind each request, on the same connection.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A head as every client writes it, with these lines and this behind it.
fn post(lines: &str, rest: &str) -> String {
    format!("POST /path HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n{rest}")
}

/// Ways to say where a body ends that not everybody reads alike.
fn lengths() -> Vec<String> {
    let mut cases = Vec::new();
    for length in [
        "+4",
        "-4",
        "-0",
        "0x4",
        "4 4",
        "4,4",
        "4, 4",
        "4;",
        "4.0",
        "4e0",
        "\"4\"",
        "",
        " ",
        "four",
        "0004x",
        "4\u{b2}",
        "18446744073709551616",
        "99999999999999999999999999",
        "9223372036854775808",
        "4\t4",
        "(4)",
        "%34",
    ] {
        cases.push(post(&format!("Content-Length: {length}\r\n"), "body"));
    }
    for twice in [("4", "4"), ("4", "5"), ("0", "4"), ("4", "0"), ("", "4"), ("4", "+4")] {
        let (one, two) = twice;
        cases.push(post(&format!("Content-Length: {one}\r\nContent-Length: {two}\r\n"), "body"));
        cases.push(post(&format!("Content-Length: {one}\r\nX: y\r\ncontent-LENGTH: {two}\r\n"), "body"));
    }
    cases
}

fn codings() -> Vec<String> {
    let chunked = "4\r\nbody\r\n0\r\n\r\n";
    let mut cases = Vec::new();
    for coding in [
        "identity",
        "chunked, identity",
        "identity, chunked",
        "gzip, chunked",
        "chunked, chunked",
        "xchunked",
        "chunkedx",
        "chunked;q=1",
        "\"chunked\"",
        "chunked,",
        ",chunked",
        "",
        "gzip",
        "cow",
        "ch\tunked",
        "chunked\u{b}",
        "chunke\u{b4}",
        "Chunked, gzip",
        "trailers",
    ] {
        cases.push(post(&format!("Transfer-Encoding: {coding}\r\n"), chunked));
    }
    for lines in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: CHUNKED\r\nX: y\r\nCONTENT-LENGTH: 14\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: y\r\n\tTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\rX: y\r\n",
        "Transfer-Encoding: chunked\nX: y\r\n",
        "Content-Length : 4\r\n",
        "Content-Length: 4\r\n Content-Length: 0\r\n",
    ] {
        cases.push(post(lines, chunked));
    }
    cases
}

fn heads() -> Vec<String> {
    let get = |line: &str, lines: &str| format!("{line}\r\n{lines}\r\n");
    let host = "Host: localhost\r\n";
    let mut cases: Vec<String> = [
        "GET /path",
        "GET /path HTTP/0.9",
        "GET /path HTTP/1.2",
        "GET /path HTTP/2.0",
        "GET /path HTTP/1.1 ",
        "GET  /path HTTP/1.1",
        " GET /path HTTP/1.1",
        "GET\t/path\tHTTP/1.1",
        "GET /pa th HTTP/1.1",
        "GET /path http/1.1",
        "GET /path HTTP/1.10",
        "GET /path HTTP/01.1",
        "G\u{e9}T /path HTTP/1.1",
        "GET path HTTP/1.1",
        "GET * HTTP/1.1",
        "CONNECT localhost:443 HTTP/1.1",
        "CONNECT /path HTTP/1.1",
        "GET ftp://localhost/path HTTP/1.1",
        "GET https://elsewhere/path HTTP/1.1",
        "GET https://localhost:1/path HTTP/1.1",
        "GET https://localhost@elsewhere/ HTTP/1.1",
        "GET // HTTP/1.1\rX: y",
        "GET /path\u{0} HTTP/1.1",
        "GET HTTP/1.1",
        "PRI * HTTP/2.0",
        "get /path HTTP/1.1",
    ]
    .iter()
    .map(|line| get(line, host))
    .collect();
    for lines in [
        "",
        "Host:\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: a@b\r\n",
        "Host : a\r\n",
        "Host: a\r\n b\r\n",
        "Host: a\r\nX\r\n",
        "Host: a\r\n: y\r\n",
        "Host: a\r\nX y: z\r\n",
        "Host: a\r\nX: a\u{0}b\r\n",
        "Host: a\r\nX: a\rb\r\n",
        "Host: a\r\nX: y\n",
        "Host: a\nX: y\r\n",
        "Host: a\r\n\u{0}X: y\r\n",
        "Host: a\r\nX\u{7f}: y\r\n",
        "Host: a\r\n(X): y\r\n",
        "Host: a\r\nX[0]: y\r\n",
        "Host: a\r\nX: \u{1b}y\r\n",
        "Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    ] {
        cases.push(get("GET /path HTTP/1.1", lines));
    }
    cases.push("GET /path HTTP/1.1\nHost: a\n\n".to_owned());
    cases.push("GET /path HTTP/1.1\r\nHost: a\r\n\n".to_owned());
    cases.push("\r\n\r\nGET /path HTTP/1.1\r\nHost: a\r\n\r\n".to_owned());
    cases.push("\nGET /path HTTP/1.1\r\nHost: a\r\n\r\n".to_owned());
    cases.push("POST /path HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".to_owned());
    cases.push("POST /path HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned());
    cases.push(format!("GET /path HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(200 << 10)));
    cases.push(format!("GET /path HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(500)));
    cases.push(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "y".repeat(200 << 10)));
    cases
}

/// Bodies in chunks of which not everybody finds the same end.
fn chunks() -> Vec<String> {
    let sizes = [
        "4;ext",
        "4;ext=1",
        "4;ext=\"\r\n\"",
        "4 ",
        " 4",
        "+4",
        "-4",
        "0x4",
        "4\t",
        "4\r",
        "4\n",
        "",
        ";",
        "g",
        "4,4",
        "0004 ",
        "4.",
        "ffffffffffffffff",
        "10000000000000004",
        "fffffffffffffff0",
        "00000000000000000000000004",
    ];
    let mut cases: Vec<String> = sizes.iter().map(|size| format!("{size}\r\nbody\r\n0\r\n\r\n")).collect();
    for body in [
        "4\nbody\n0\n\n",
        "4\r\nbody0\r\n\r\n",
        "4\r\nbody\n0\r\n\r\n",
        "4\r\nbodyxx0\r\n\r\n",
        "4\r\nbody\r\n0\r\nX: y\r\n\r\n",
        "4\r\nbody\r\n0\r\nContent-Length: 4\r\n\r\n",
        "4\r\nbody\r\n0\n\r\n",
        "4\r\nbody\r\n0\r\n\n",
        "4\r\nbody\r\n0\r\nx\r\n\r\n",
        "4\r\nbody\r\n00;\r\n\r\n",
        "5\r\nbody\r\n0\r\n\r\n",
        "3\r\nbody\r\n0\r\n\r\n",
    ] {
        cases.push(body.to_owned());
    }
    cases.iter().map(|body| post("Transfer-Encoding: chunked\r\n", body)).collect()
}

fn statuses(reply: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(reply);
    text.match_indices("HTTP/1.").filter_map(|(at, _)| text[at..].split(' ').nth(1)?.parse().ok()).collect()
}

async fn send(listener: &str, port: u16, certificate: &str, bytes: &str) -> Vec<u16> {
    let reply = if listener == "admin" {
        until_closed(TcpStream::connect(("127.0.0.1", port)).await.unwrap(), bytes.as_bytes()).await
    } else {
        until_closed(connect(certificate, port, "http/1.1").await, bytes.as_bytes()).await
    };
    statuses(&reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_requests_are_refused_on_every_listener_and_nothing_behind_them_is_served() {
    let okayama =
        Plan::new(OKAYAMA).peer(HIROSHIMA, 1).limits("header_ms = 2000\nbody_idle_ms = 300").start().await;
    let cases: Vec<String> = [lengths(), codings(), heads(), chunks()].concat();
    assert!(cases.len() >= 150, "{}", cases.len());
    let listeners = [
        ("peer", okayama.peer_port(), "hiroshima-gateway", "/xcpd"),
        ("portal", okayama.portal_port(), "okayama-portal", "/xca/query"),
        ("admin", okayama.admin_port(), "", "/healthz"),
    ];
    let mut wrong = Vec::new();
    for (listener, port, certificate, path) in listeners {
        for case in &cases {
            let bytes = format!("{}{SMUGGLED}", case.replace("/path", path));
            let got = send(listener, port, certificate, &bytes).await;
            // One refusal, or none where the end came first. The admin listener reads no bodies, so that
            // it may have answered before a body turned out to be nonsense.
            let is_refused = match got.as_slice() {
                [] | [400 | 408 | 413 | 414 | 431] => true,
                [405] | [405, 400] => {
                    listener == "admin" && case.contains("Transfer-Encoding: chunked\r\n\r\n")
                }
                _ => false,
            };
            if !is_refused {
                wrong.push(format!("{listener}: {got:?} to {case:.200?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let metrics = okayama.admin("/metrics").await.1;
    assert!(metrics.contains("reason=\"framing\""), "{metrics}");
    let records = okayama.stop().await;
    assert!(!records.all().await.is_empty());
    println!("{} ambiguous requests on 3 listeners, 0 served", cases.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_in_one_way_only_is_read_and_so_is_what_follows() {
    let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, 1).start().await;
    let port = okayama.peer_port();
    for (case, status) in [
        ("GET /xcpd HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("\r\nGET /xcpd HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("TRACE /xcpd HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("OPTIONS /xcpd HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET https://localhost/xcpd HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET /elsewhere HTTP/1.1\r\nHost: localhost\r\nX: \t y \r\nEmpty:\r\n\r\n", 404),
        ("POST /xcpd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody", 500),
        ("POST /xcpd HTTP/1.1\r\nhost: localhost\r\ncontent-length:004\r\n\r\nbody", 500),
        (
            "POST /xcpd HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            500,
        ),
        (
            "POST /xcpd HTTP/1.1\r\nHost: localhost\r\ntransfer-encoding:chunked\r\n\r\n2\r\nbo\r\n02\r\ndy\r\n000\r\n\r\n",
            500,
        ),
    ] {
        let got = send("peer", port, "hiroshima-gateway", &format!("{case}{SMUGGLED}")).await;
        assert_eq!(got, [status, 404], "{case:?}");
    }
    okayama.stop().await;
}
