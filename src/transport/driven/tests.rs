//! Connections over a pipe, whose other end is written by hand.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::task::Id;

use super::*;

/// Our end of the pipe: notes its driver, and which tasks read it.
struct Noting {
    pipe: DuplexStream,
    link: Link,
    readers: Arc<Mutex<Vec<Id>>>,
}

impl AsyncRead for Noting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.link.note();
        self.readers.lock().unwrap().extend(tokio::task::try_id());
        Pin::new(&mut self.pipe).poll_read(task, into)
    }
}

impl AsyncWrite for Noting {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(task)
    }
}

struct Pair {
    sender: SendRequest<Empty<Bytes>>,
    server: DuplexStream,
    link: Link,
    readers: Arc<Mutex<Vec<Id>>>,
}

async fn pair() -> Pair {
    let (pipe, server) = duplex(64 << 10);
    let (link, readers) = (Link::default(), Arc::<Mutex<Vec<Id>>>::default());
    let io = Noting { pipe, link: link.clone(), readers: Arc::clone(&readers) };
    let (sender, connection) = handshake(TokioIo::new(io)).await.unwrap();
    Drivers.execute(Box::pin(async move { drop(connection.await) }));
    Pair { sender, server, link, readers }
}

impl Pair {
    /// Sends a request; the other end answers with a head and this.
    async fn ask(&mut self, begin: &str) -> DrivenBody {
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(Request::new(Empty::new()));
        let told = async {
            let mut request = [0; 1024];
            let read = self.server.read(&mut request).await.unwrap();
            assert!(request[..read].ends_with(b"\r\n\r\n"));
            self.server.write_all(begin.as_bytes()).await.unwrap();
        };
        let (answer, ()) = tokio::join!(answer, told);
        DrivenBody::new(answer.unwrap().into_body(), Some(self.link.clone()))
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

async fn next(body: &mut DrivenBody) -> Option<Bytes> {
    let frame = std::future::poll_fn(|task| body.poll_frame(task)).await?;
    frame.unwrap().into_data().ok()
}

async fn rest(mut body: DrivenBody) -> BytesMut {
    let mut read = BytesMut::new();
    while let Some(bytes) = next(&mut body).await {
        read.extend_from_slice(&bytes);
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_an_answer_moves_its_connection_on_and_gives_it_back_after_the_end() {
    let mut pair = pair().await;
    for _ in 0..3 {
        let mut body = pair.ask(&format!("{CHUNKED}5\r\nfirst\r\n")).await;
        let reader = tokio::spawn(async move {
            assert_eq!(next(&mut body).await.as_deref(), Some(b"first".as_slice()));
            // Another task reads on.
            let (begun, begins) = tokio::sync::oneshot::channel();
            let reader = tokio::spawn(async move {
                begun.send(tokio::task::id()).unwrap();
                rest(body).await
            });
            (begins.await.unwrap(), reader.await.unwrap())
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        pair.readers.lock().unwrap().clear();
        for _ in 0..100 {
            pair.server.write_all(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let readers = std::mem::take(&mut *pair.readers.lock().unwrap());
        pair.server.write_all(b"0\r\n\r\n").await.unwrap();
        let (reader, read) = reader.await.unwrap();
        assert_eq!(read.len(), 100 * 0x1000);
        assert!(!readers.is_empty() && readers.iter().all(|id| *id == reader), "{reader} {readers:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_given_up_ends_its_connection_read_from_or_not() {
    for is_read in [true, false] {
        let mut pair = pair().await;
        let mut body = pair.ask(&format!("{CHUNKED}5\r\nfirst\r\n")).await;
        if is_read {
            assert!(next(&mut body).await.is_some());
        }
        drop(body);
        let mut left = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), pair.server.read_to_end(&mut left)).await;
        assert!(matches!(ended, Ok(Ok(0))), "{ended:?}");
        assert!(pair.sender.ready().await.is_err());
    }
}

#[tokio::test]
async fn a_connection_that_breaks_within_an_answer_breaks_the_answer() {
    let mut pair = pair().await;
    let mut body = pair.ask(&format!("{CHUNKED}5\r\nfir")).await;
    assert!(next(&mut body).await.is_some());
    drop(pair.server);
    let broken = std::future::poll_fn(|task| body.poll_frame(task)).await;
    assert!(matches!(broken, Some(Err(_))));
    assert!(pair.sender.ready().await.is_err());
}

#[tokio::test]
async fn an_answer_that_is_there_at_once_and_one_without_a_body_leave_the_connection_usable() {
    let mut pair = pair().await;
    for _ in 0..3 {
        let body = pair.ask("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody").await;
        assert_eq!(rest(body).await, b"body".as_slice());
        let body = pair.ask("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(rest(body).await, b"".as_slice());
    }
}

#[tokio::test]
async fn a_reader_does_not_keep_its_thread_though_there_is_always_more() {
    let mut pair = pair().await;
    let body = pair.ask(CHUNKED).await;
    let reader = tokio::spawn(rest(body));
    let (sent, turns) = (1_000, Arc::new(Mutex::new(0_u32)));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            *counted.lock().unwrap() += 1;
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..sent {
        pair.server.write_all(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()).await.unwrap();
    }
    pair.server.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(reader.await.unwrap().len(), sent * 0x1000);
    other.abort();
    assert!(*turns.lock().unwrap() > 10);
}

#[tokio::test]
async fn a_connection_serves_the_next_request_while_the_reader_of_its_last_answer_takes_its_time() {
    let mut pair = pair().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut body = pair.ask("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody").await;
        // Read to its last byte, but not asked for what is behind it: as a package is after its last boundary.
        assert_eq!(next(&mut body).await.as_deref(), Some(b"body".as_slice()));
        held.push(body);
    }
    for mut body in held {
        assert!(next(&mut body).await.is_none());
    }
}
