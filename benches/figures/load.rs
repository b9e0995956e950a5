//! The load source: some connections of a portal, kept, each with one request at a time. All messages are
//! written and signed before it says `ready`; every answer is held against what was asked.
//!
//! Says `ready`, waits for a line, sends everything, says
//! `requests seconds p50_us p99_us wrong bytes`, waits for a line again and closes its connections.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::arguments::Arguments;
use super::asker::{Asker, Message};
use super::tls;

type Sender = SendRequest<Full<bytes::Bytes>>;

/// Who answers later has stalled.
const ANSWERED_WITHIN: Duration = Duration::from_secs(180);

/// What is expected of every answer.
#[derive(Clone, Copy)]
struct Expected {
    is_stream: bool,
    size: u64,
    /// Bytes a second that are read at most; 0 is as they come.
    rate: u64,
    seconds_max: u64,
}

pub fn run(arguments: &Arguments) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work(arguments));
}

fn wait_for_a_line() {
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

async fn work(arguments: &Arguments) {
    let (certs, key) = (arguments.path("certs"), arguments.text("key"));
    let (kind, size) = (arguments.text("kind"), arguments.number("size"));
    let (count, warm): (usize, usize) = (arguments.number("count"), arguments.number("warm"));
    let asker = Asker::new(&certs, key, arguments.number("portal"));
    let config = Arc::new(tls::client(&certs, &format!("portal-{key}")));
    let port: u16 = arguments.number("port");
    let connections: usize = arguments.number("connections");
    // Each connection begins with its first message where there is a warm-up: some servers keep a thread at
    // each one until that comes, and have fewer threads.
    let mut senders: Vec<Option<Sender>> = Vec::new();
    for _ in 0..connections {
        senders.push(if warm > 0 { None } else { Some(connect(port, Arc::clone(&config)).await) });
    }
    let to = (port, config);
    let rate = arguments.number("rate");
    let is_stream = kind == "retrieve";
    let expected = Expected { is_stream, size, rate, seconds_max: arguments.number("seconds_max") };
    let mut messages = Vec::new();
    for _ in 0..warm + count {
        messages.push(asker.message(kind, size).await);
    }
    let measured = messages.split_off(warm);
    if warm > 0 {
        let done = send_all(&mut senders, &to, messages, expected).await;
        assert_eq!(done.wrong, 0, "wrong answers while warming up: {}", done.why);
    }
    println!("ready");
    wait_for_a_line();
    let mut done = send_all(&mut senders, &to, measured, expected).await;
    done.micros.sort_unstable();
    let percentile = |part: usize| done.micros.get(done.micros.len() * part / 100).copied().unwrap_or(0);
    let (p50, p99) = (percentile(50), percentile(99));
    if done.wrong > 0 {
        eprintln!("wrong: {}", done.why);
    }
    let Done { seconds, wrong, bytes, .. } = done;
    println!("{count} {seconds:.4} {p50} {p99} {wrong} {bytes}");
    wait_for_a_line();
}

async fn connect(port: u16, config: Arc<rustls::ClientConfig>) -> Sender {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(config).connect(name, stream).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    sender
}

struct Done {
    seconds: f64,
    micros: Vec<u64>,
    wrong: u64,
    why: String,
    bytes: u64,
}

async fn send_all(
    senders: &mut [Option<Sender>],
    (port, config): &(u16, Arc<rustls::ClientConfig>),
    messages: Vec<Message>,
    expected: Expected,
) -> Done {
    let (messages, next) = (Arc::new(messages), Arc::new(AtomicUsize::new(0)));
    let bytes = AtomicU64::new(0);
    let started = Instant::now();
    let working = senders.iter_mut().map(|sender| {
        let (messages, next, bytes) = (Arc::clone(&messages), Arc::clone(&next), &bytes);
        async move {
            let (mut micros, mut wrong, mut why) = (Vec::new(), 0, String::new());
            let sender = match sender {
                Some(sender) => sender,
                none => none.insert(connect(*port, Arc::clone(config)).await),
            };
            while let Some(message) = messages.get(next.fetch_add(1, Ordering::Relaxed)) {
                let began = Instant::now();
                let answered = tokio::time::timeout(ANSWERED_WITHIN, ask(sender, message, expected)).await;
                match answered.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
                    Ok(read) => {
                        bytes.fetch_add(read, Ordering::Relaxed);
                    }
                    Err(said) => {
                        wrong += 1;
                        why = said;
                        if !sender.is_ready() || why.starts_with("no answer") {
                            break;
                        }
                    }
                }
                micros.push(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            (micros, wrong, why)
        }
    });
    let all = join_all(working).await;
    let mut done = Done {
        seconds: started.elapsed().as_secs_f64(),
        micros: Vec::new(),
        wrong: 0,
        why: String::new(),
        bytes: bytes.load(Ordering::Relaxed),
    };
    for (micros, wrong, why) in all {
        done.micros.extend(micros);
        done.wrong += wrong;
        done.why = if why.is_empty() { done.why } else { why };
    }
    done
}

async fn ask(sender: &mut Sender, message: &Message, expected: Expected) -> Result<u64, String> {
    let request = Request::post(message.path)
        .header("host", "localhost")
        .header("content-type", &message.content_type)
        .body(Full::new(message.body.clone()))
        .unwrap();
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    if expected.is_stream {
        return stream(answer.into_body(), status, expected).await;
    }
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    let entries = memmem::find_iter(&body, "ExtrinsicObject ").count();
    let is_of_it = memmem::find(&body, message.id.as_bytes()).is_some();
    let is_right = match message.path {
        "/xcpd" => memmem::find(&body, b"\"HM000201\"").is_some(),
        _ => entries as u64 == expected.size,
    };
    if status == 200 && is_of_it && is_right {
        return Ok(body.len() as u64);
    }
    let start = String::from_utf8_lossy(&body[..body.len().min(600)]).into_owned();
    Err(format!("{status}, {entries} entries, {} bytes: {start}", body.len()))
}

async fn stream(mut body: hyper::body::Incoming, status: u16, expected: Expected) -> Result<u64, String> {
    let Expected { size, rate, seconds_max, .. } = expected;
    let (began, mut read, mut tail) = (Instant::now(), 0_u64, Vec::new());
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|error| error.to_string())?.into_data().unwrap_or_default();
        read += data.len() as u64;
        tail = data[data.len().saturating_sub(8)..].to_vec();
        if seconds_max > 0 && began.elapsed() > Duration::from_secs(seconds_max) {
            return Ok(read);
        }
        if rate > 0 {
            let due = Duration::from_secs_f64(read as f64 / rate as f64);
            tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        }
    }
    let is_whole =
        status == 200 && read > size << 20 && read < (size << 20) + 16_384 && tail.ends_with(b"--\r\n");
    if is_whole { Ok(read) } else { Err(format!("{status}, {read} bytes of {size} MiB")) }
}
