//! HTTP/2 frames written by hand against a running broker: floods, bombs and games with windows. Who
//! plays them is cut off or bounded, and an honest system is answered all the while.

use std::time::Duration;

use kakehashi::dialect::ebxml::CrossGatewayQuery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::simulators::client::{PHYSICIAN, documents_of, patient};
use crate::simulators::hospital::Hospital;
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, TOTTORI};
use crate::simulators::raw::connect;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// `POST /xcpd`, in HPACK without the dynamic table.
fn head() -> Vec<u8> {
    let mut block = vec![0x83, 0x87, 0x04, 5];
    block.extend_from_slice(b"/xcpd");
    block.extend_from_slice(&[0x01, 9]);
    block.extend_from_slice(b"localhost");
    block
}

fn opened(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &head())
}

fn begun(rest: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[]), rest.concat()].concat()
}

fn odd(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

/// A field of 4,000 bytes put into the table, and named again so often.
fn hpack_bomb(times: usize) -> Vec<u8> {
    let mut block = head();
    block.extend_from_slice(&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    block.extend_from_slice(&[b'y'; 4_000]);
    block.extend(std::iter::repeat_n(0xbe, times));
    block
}

/// Floods, and what each is made of.
fn floods() -> Vec<(&'static str, Vec<u8>)> {
    let many = |frame: Vec<u8>, times: usize| frame.repeat(times);
    let setting = |id: u16, value: u32| [id.to_be_bytes().to_vec(), value.to_be_bytes().to_vec()].concat();
    let resets: Vec<Vec<u8>> =
        odd(20_000).map(|id| [opened(id), frame(RESET, 0, id, &[0, 0, 0, 8])].concat()).collect();
    let ended: Vec<Vec<u8>> =
        odd(5_000).map(|id| frame(HEADERS, END_HEADERS | END_STREAM, id, &head())).collect();
    let headless = frame(HEADERS, 0, 1, &head());
    let continued = frame(CONTINUATION, 0, 1, &[0x00, 1, b'x', 1, b'y']);
    let empty_continued = frame(CONTINUATION, 0, 1, &[]);
    vec![
        ("streams opened and reset at once", begun(&resets)),
        ("streams opened without end", begun(&odd(5_000).map(opened).collect::<Vec<_>>())),
        ("requests without end, answers never read", begun(&ended)),
        ("a head continued without end", begun(&[headless.clone(), many(continued, 50_000)])),
        ("a head continued with nothing", begun(&[headless, many(empty_continued, 50_000)])),
        ("settings", begun(&[many(frame(SETTINGS, 0, 0, &setting(4, 1_000)), 50_000)])),
        ("pings", begun(&[many(frame(PING, 0, 0, &[0; 8]), 50_000)])),
        ("priorities", begun(&[many(frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]), 50_000)])),
        ("a body in single bytes", begun(&[opened(1), many(frame(DATA, 0, 1, b"x"), 50_000)])),
        ("a body in no bytes", begun(&[opened(1), many(frame(DATA, 0, 1, b""), 50_000)])),
        ("padding alone", begun(&[opened(1), many(frame(DATA, 8, 1, &[255; 256]), 5_000)])),
        ("windows", begun(&[many(frame(WINDOW, 0, 0, &[0, 0, 0, 1]), 50_000)])),
        ("a window over the most", begun(&[many(frame(WINDOW, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), 2)])),
        ("a window of nothing", begun(&[frame(WINDOW, 0, 0, &[0; 4])])),
        (
            "a table named again and again",
            begun(&[
                frame(HEADERS, END_STREAM, 1, &hpack_bomb(0)),
                many(frame(CONTINUATION, 0, 1, &[0xbe; 16_000]), 20),
            ]),
        ),
        (
            "the same in many streams",
            begun(
                &odd(64)
                    .map(|id| frame(HEADERS, END_STREAM | END_HEADERS, id, &hpack_bomb(8_000)))
                    .collect::<Vec<_>>(),
            ),
        ),
        (
            "a table size without bound",
            begun(&[frame(HEADERS, END_HEADERS, 1, &[0x3f, 0xff, 0xff, 0xff, 0xff, 0x0f])]),
        ),
        ("a number without end", begun(&[frame(HEADERS, END_HEADERS, 1, &[0xff; 64])])),
        ("a frame over the most", begun(&[frame(DATA, 0, 1, &vec![0; 1 << 20])])),
        ("data of no stream", begun(&[many(frame(DATA, 0, 7, b"x"), 1_000)])),
        ("data of the connection", begun(&[frame(DATA, 0, 0, b"x")])),
        ("a head of an even stream", begun(&[opened(2)])),
        ("a stream that went back", begun(&[opened(9), opened(3)])),
        ("a promise", begun(&[frame(PUSH, END_HEADERS, 1, &[0, 0, 0, 2])])),
        (
            "another frame in the middle of a head",
            begun(&[frame(HEADERS, 0, 1, &head()), frame(PING, 0, 0, &[0; 8])]),
        ),
        ("a setting out of its range", begun(&[frame(SETTINGS, 0, 0, &setting(4, u32::MAX))])),
        ("half a setting", begun(&[frame(SETTINGS, 0, 0, &[0; 5])])),
        ("an acknowledgement with content", begun(&[frame(SETTINGS, 1, 0, &[0; 6])])),
        ("goodbye, and on", begun(&[frame(GOAWAY, 0, 0, &[0; 8]), opened(1)])),
        ("frames nobody knows", begun(&[many(frame(0xbb, 0xff, 1, &[0; 64]), 50_000)])),
        ("no preface", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("half a preface", b"PRI * HTTP/2.0\r\n\r\nSM".to_vec()),
    ]
}

async fn okayama(limits: &'static str) -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).peer(TOTTORI, 2).limits(limits);
    (plan.start().await, hospital)
}

/// Resident memory of this process.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

const GIVE_UP: Duration = Duration::from_secs(20);

/// How long a flood is played; who is not cut off by then is held by the limits of a connection.
const PLAYED: Duration = Duration::from_secs(3);

/// Writes without reading until all is taken or the other end has had enough, then reads to the end.
/// Whether it was cut off.
async fn flood(mut stream: TlsStream<TcpStream>, bytes: &[u8]) -> bool {
    let flooding = async {
        let _ = stream.write_all(bytes).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    };
    tokio::time::timeout(PLAYED, flooding).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_flood_takes_unbounded_memory_or_keeps_an_honest_system_from_its_answer() {
    let limits = "header_ms = 300\nbody_idle_ms = 200\nanswer_idle_ms = 300\nconnection_age_s = 1\n\
                  peer_per_second = 10_000\npeer_burst = 10_000\nperson_per_minute = 100_000\nperson_burst = 10_000";
    let (okayama, _hospital) = okayama(limits).await;
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    let before = resident();
    let mut lasted = Vec::new();
    for (name, bytes) in floods() {
        let stream = connect("tottori-gateway", okayama.peer_port(), "h2").await;
        let mut flooding = std::pin::pin!(flood(stream, &bytes));
        let mut answered = 0;
        loop {
            // A connection of its own each time: these limits cut every idle one.
            let honest = okayama.asked_by(HIROSHIMA, PHYSICIAN);
            tokio::select! {
                is_cut = &mut flooding, if answered > 0 => {
                    lasted.extend((!is_cut).then_some(name));
                    break;
                }
                reply = honest.ask_raw::<CrossGatewayQuery>(&request) => {
                    assert_eq!(reply.registry_status(), "Success", "{name}");
                    answered += 1;
                }
            }
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 512 << 20, "{name}: {grown} bytes");
    }
    // Who has asked something and does not answer our ping keeps its connection till that is missed.
    println!("{} floods, {} cut off at once; not {lasted:?}", floods().len(), floods().len() - lasted.len());
    assert!(lasted.len() <= floods().len() / 2, "{lasted:?}");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_reader_stands_still_is_reset_alone_and_its_connection_goes_on() {
    let (okayama, _hospital) = okayama("answer_idle_ms = 300").await;
    let mut stream = connect("hiroshima-gateway", okayama.peer_port(), "h2").await;
    // No window for any stream; the answer to the first cannot leave.
    let none = [&[0, 4][..], &0_u32.to_be_bytes()].concat();
    let request = |id| [opened(id), frame(DATA, END_STREAM, id, b"<x/>")].concat();
    let begun = [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &none), request(1)].concat();
    stream.write_all(&begun).await.unwrap();
    let is_reset = until_frame(&mut stream, RESET).await;
    assert_eq!(is_reset, 1, "the stream that stands still");
    // The next has a window, and is answered over the same connection.
    let more = [frame(WINDOW, 0, 3, &[0, 1, 0, 0])].concat();
    stream.write_all(&[request(3), more].concat()).await.unwrap();
    assert_eq!(until_frame(&mut stream, DATA).await, 3);
    let metrics = okayama.admin("/metrics").await.1;
    assert!(
        metrics.contains("kakehashi_slow_readers_total{peer=\"hiroshima\",side=\"peer\"} 1"),
        "{metrics}"
    );
    okayama.stop().await;
}

/// The stream of the next frame of this kind.
async fn until_frame(stream: &mut TlsStream<TcpStream>, kind: u8) -> u32 {
    let reading = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.expect("the connection goes on");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            stream.read_exact(&mut payload).await.expect("the connection goes on");
            if head[3] == kind {
                return u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            }
        }
    };
    tokio::time::timeout(GIVE_UP, reading).await.expect("the frame never comes")
}
