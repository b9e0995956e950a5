//! A connection over mutual TLS on which a test writes bytes of its own.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::client::tls;
use super::network::Place;

/// Longer than any deadline of these tests: who is not cut by then never is.
const GIVE_UP: Duration = Duration::from_secs(20);

/// Connects with a system's certificate, speaking this protocol.
pub async fn connect(certificate: &str, port: u16, alpn: &str) -> TlsStream<TcpStream> {
    let mut settings = tls(certificate);
    settings.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(settings)).connect(name, tcp).await.unwrap()
}

/// Writes all that the other end takes, and reads until it ends the connection.
pub async fn until_closed(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, bytes: &[u8]) -> Vec<u8> {
    // It may have closed before it took all.
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut read = Vec::new();
    let ended = tokio::time::timeout(GIVE_UP, stream.read_to_end(&mut read)).await;
    assert!(ended.is_ok(), "it is never closed: {}", String::from_utf8_lossy(&read));
    read
}

/// A gateway that answers each message with bytes of its own; gone when dropped.
pub struct RawGateway {
    pub port: u16,
    task: tokio::task::JoinHandle<()>,
}

/// What to write, and what to do then.
pub struct Written {
    pub bytes: Vec<u8>,
    pub then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Close,
    /// Waits for the other end to give up, or to ask again.
    Wait,
    /// Writes the bytes again and again.
    Repeat,
}

impl RawGateway {
    /// Starts one; `answering` is given the path and the envelope.
    pub async fn start<F>(
        place: Place,
        answering: impl Fn(String, String) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Written> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", super::network::free_port())).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(super::gateway::tls(place)));
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, answering) = (acceptor.clone(), answering.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(socket).await else { return };
                    while let Some((path, envelope)) = request(&mut stream).await {
                        let Written { bytes, then } = answering(path, envelope).await;
                        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                            return;
                        }
                        while then == Then::Repeat && stream.write_all(&bytes).await.is_ok() {}
                        if then == Then::Close {
                            let _ = stream.shutdown().await;
                            return;
                        }
                    }
                });
            }
        });
        Self { port, task }
    }
}

impl Drop for RawGateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Path and body of the next request.
async fn request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length: usize = lower.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
            if body.len() >= length {
                return Some((head.split(' ').nth(1)?.to_owned(), body.to_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
