//! Lies that are told below SOAP: answers whose bytes do not fit what is said of them.

use std::sync::{Arc, Mutex};

use kakehashi::dialect::ebxml::CrossGatewayQuery;

use super::{MARK, counted, heard, truth};
use crate::simulators::client::{Client, PHYSICIAN, documents_of, patient};
use crate::simulators::gateway::Arrived;
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan};
use crate::simulators::raw::{RawGateway, Then, Written};

/// Makes what is written of an honest body.
type Tell = fn(&str) -> (String, Then);

fn with(lines: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml; charset=UTF-8\r\n{lines}\r\n{body}")
}

fn whole(body: &str) -> String {
    with(&format!("Content-Length: {}\r\n", body.len()), body)
}

const LIES: [(&str, Tell); 14] = [
    ("fewer bytes than announced", |body| {
        (with(&format!("Content-Length: {}\r\n", body.len() + 10), body), Then::Close)
    }),
    ("more bytes than announced", |body| {
        (with(&format!("Content-Length: {}\r\n", body.len() / 2), body), Then::Close)
    }),
    ("half of it, and then nothing", |body| {
        (with(&format!("Content-Length: {}\r\n", body.len()), &body[..100]), Then::Wait)
    }),
    ("two lengths", |body| {
        (with(&format!("Content-Length: 5\r\nContent-Length: {}\r\n", body.len()), body), Then::Close)
    }),
    ("a length that is none", |body| (with("Content-Length: +5\r\n", body), Then::Close)),
    ("half of the chunks", |body| {
        (with("Transfer-Encoding: chunked\r\n", &format!("{:x}\r\n{body}\r\n", body.len())), Then::Close)
    }),
    ("chunks that are none", |body| {
        (with("Transfer-Encoding: chunked\r\n", &format!("zz\r\n{body}\r\n0\r\n\r\n")), Then::Close)
    }),
    ("a coding nobody asked for", |body| {
        (
            with(
                "Transfer-Encoding: gzip, chunked\r\nContent-Encoding: gzip\r\n",
                &format!("4\r\n\u{1}\u{2}\u{3}\u{4}\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
            ),
            Then::Close,
        )
    }),
    ("no answer", |_| (String::new(), Then::Close)),
    ("no HTTP", |body| (format!("220 {MARK}\r\n{body}"), Then::Close)),
    ("a switch of protocols", |body| {
        (
            format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{body}"),
            Then::Close,
        )
    }),
    ("headers without end", |_| {
        ("HTTP/1.1 200 OK\r\n".to_owned() + &"X: EVIL\r\n".repeat(10_000), Then::Repeat)
    }),
    ("interim answers without end", |_| {
        ("HTTP/1.1 103 Early Hints\r\nX: EVIL\r\n\r\n".to_owned(), Then::Repeat)
    }),
    ("a body without end", |_| (with("", &" ".repeat(64 << 10)), Then::Repeat)),
];

async fn list(portal: &Client) -> String {
    let request = documents_of(&patient("2.999.34.1", "H-1"));
    let message = portal.write::<CrossGatewayQuery>(&request).await;
    heard(portal, &message).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_bytes_do_not_fit_is_none_and_an_answer_behind_it_is_never_read() {
    let tell: Arc<Mutex<Option<Tell>>> = Arc::default();
    let set = Arc::clone(&tell);
    let hiroshima = RawGateway::start(HIROSHIMA, move |path, envelope| {
        let set = Arc::clone(&set);
        async move {
            let arrived = Arrived { place: HIROSHIMA, path, traceparent: String::new(), envelope };
            let truth = truth(&arrived).await.body;
            let tell = *set.lock().unwrap();
            let (text, then) = match tell {
                Some(tell) => tell(&truth),
                None => (whole(&truth), Then::Wait),
            };
            Written { bytes: text.into_bytes(), then }
        }
    })
    .await;
    let more = "timeout_ms = 2000\nbreaker = { failures = 1000, open_ms = 10 }\n\
                limits = { per_second = 10_000, answer_bytes_max = 1_048_576, body_idle_ms = 300 }";
    let plan = Plan::new(OKAYAMA).peer_with(HIROSHIMA, hiroshima.port, more);
    let okayama = plan.limits("person_per_minute = 1_000\nperson_burst = 1_000").start().await;
    let portal = okayama.portal(PHYSICIAN).expecting(HIROSHIMA);
    assert_eq!(list(&portal).await.matches("<rim:ExtrinsicObject").count(), 2);
    for (name, lie) in LIES {
        let before = counted(&okayama.admin("/metrics").await.1);
        *tell.lock().unwrap() = Some(lie);
        let reply = list(&portal).await;
        *tell.lock().unwrap() = None;
        assert!(!reply.contains(MARK) && !reply.contains("<rim:ExtrinsicObject"), "{name}: {reply}");
        assert!(counted(&okayama.admin("/metrics").await.1) > before, "{name}: not counted");
    }
    // The truth, and behind it an answer to whatever is asked next.
    *tell.lock().unwrap() =
        Some(|body| (format!("{}{}", whole(body), whole(&body.replace("処方\"", "EVIL\""))), Then::Wait));
    for _ in 0..3 {
        let reply = list(&portal).await;
        assert!(!reply.contains(MARK), "an answer that came before it was asked for: {reply}");
    }
    okayama.stop().await;
}
