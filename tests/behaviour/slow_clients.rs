//! Systems that begin and do not go on: at the handshake, in the head, in the body, between requests.
//! Each is cut at its deadline, and an honest system is answered meanwhile.

use kakehashi::dialect::ebxml::CrossGatewayQuery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::simulators::client::{PHYSICIAN, documents_of, patient};
use crate::simulators::hospital::Hospital;
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, TOTTORI};
use crate::simulators::raw::{connect, until_closed};

/// What each sends before it falls silent.
const SILENT: [(&str, &str, &[u8]); 8] = [
    ("after the handshake", "http/1.1", b""),
    ("in the request line", "http/1.1", b"POST /xc"),
    ("in the head", "http/1.1", b"POST /xcpd HTTP/1.1\r\nHost: localhost\r\nX: "),
    ("in the body", "http/1.1", b"POST /xcpd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n<"),
    (
        "in a chunk",
        "http/1.1",
        b"POST /xcpd HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n<",
    ),
    ("between requests", "http/1.1", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("after the handshake, in HTTP/2", "h2", b""),
    ("after the preface", "h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
];
const OF_EACH: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_and_does_not_go_on_is_cut_at_the_deadline_while_others_are_answered() {
    let hospital = Hospital::okayama_university();
    let limits = "handshake_ms = 1500\nheader_ms = 1500\nbody_idle_ms = 300\nconnections_per_peer_max = 500";
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).peer(TOTTORI, 2).limits(limits);
    let okayama = plan.start().await;
    let port = okayama.peer_port();
    let mut silent = tokio::task::JoinSet::new();
    for _ in 0..OF_EACH {
        for (_, alpn, bytes) in SILENT {
            silent.spawn(async move {
                let stream = connect("tottori-gateway", port, alpn).await;
                until_closed(stream, bytes).await;
            });
        }
        // The beginning of a ClientHello.
        silent.spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        });
    }
    let honest = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    let cut = async {
        while let Some(ended) = silent.join_next().await {
            ended.unwrap();
        }
    };
    let answered = async {
        for _ in 0..10 {
            let reply = honest.ask_raw::<CrossGatewayQuery>(&request).await;
            assert_eq!(reply.registry_status(), "Success");
        }
    };
    tokio::join!(cut, answered);
    println!("{} silent connections, all cut, and an honest system answered", OF_EACH * (SILENT.len() + 1));
    okayama.stop().await;
}
