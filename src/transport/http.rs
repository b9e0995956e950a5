//! One pooled HTTPS client a target: our certificate for it, its authorities, deadlines for the
//! connection, the headers and each piece of the body. Never follows a redirect, never repeats.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::driven::{DrivenBody, Drivers, Link};
use super::failure::{of_body, of_request};
use super::far_end::{Making, Named, Socket, Stream as Https, naming, reading_ahead};
use super::tls::{TlsError, client_config};
use crate::config::TargetFile;
use crate::model::{DocumentStream, Endpoint, Failure, Interrupted};
use crate::telemetry::TraceParent;

/// A message to post.
#[derive(Debug)]
pub struct Post<'a> {
    /// Bytes of the answer that are read at most.
    pub answer_bytes_max: u64,
    /// The message.
    pub body: Bytes,
    /// Content-Type.
    pub content_type: &'a str,
    /// Until the answer's headers are there, the connection included.
    pub timeout: Duration,
    /// From the configuration, never from a message.
    pub to: &'a Uri,
    /// The request it belongs to.
    pub trace: TraceParent,
}

/// An answer: its head, and its body as it comes.
pub struct HttpAnswer {
    /// The body, within its cap and idle limit. Dropping it gives the connection up.
    pub body: DocumentStream,
    /// Who answered, as the connection's certificate says.
    pub endpoint: Option<Arc<Endpoint>>,
    /// All headers.
    pub headers: HeaderMap,
    /// Status; a SOAP fault comes with any.
    pub status: StatusCode,
}

impl HttpAnswer {
    /// Content-Type, empty when there is none.
    pub fn content_type(&self) -> &str {
        self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The whole body.
    ///
    /// # Errors
    /// `TimedOut` when it stops coming, `Unreadable` over the cap, `Unreachable` when it breaks.
    pub async fn whole(self) -> Result<Bytes, Failure> {
        let mut body = self.body;
        let mut whole = BytesMut::new();
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece.map_err(|interrupted| of_body(&interrupted))?);
        }
        Ok(whole.freeze())
    }
}

type Connector = Making<HttpsConnector<Making<HttpConnector, TokioIo<TcpStream>, Socket>>, Https, Named>;

/// A target's connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    idle: Duration,
}

impl HttpClient {
    /// From a target's file.
    ///
    /// # Errors
    /// A key, certificate or list that cannot be used.
    pub fn new(target: &TargetFile) -> Result<Self, TlsError> {
        let connect = Duration::from_millis(target.timeout_ms);
        let idle = Duration::from_millis(target.limits.body_idle_ms);
        let connections = usize::try_from(target.limits.in_flight).unwrap_or(16);
        Ok(Self::with(client_config(target)?, connect, idle, connections))
    }

    /// From TLS settings: time to connect, time between two pieces of an answer, idle connections
    /// kept.
    pub fn with(tls: ClientConfig, connect: Duration, idle: Duration, connections: usize) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect));
        // HTTP/1.1: faster than HTTP/2 for documents as measured (crates.md 4.1), and every SOAP
        // stack speaks it.
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1();
        let https = https.wrap_connector(reading_ahead(tcp));
        let client = Client::builder(Drivers)
            .http1_max_buf_size(READ_BYTES_MAX)
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(connections)
            .build(naming(https));
        Self { client, idle }
    }

    /// Posts a message; returns with the answer's head. Dropping the future gives the request up.
    ///
    /// # Errors
    /// `TimedOut`, `Unreachable` (who refused whose certificate is told), never by status.
    pub async fn post(&self, post: Post<'_>) -> Result<HttpAnswer, Failure> {
        let unsendable = |_| Failure::Unreachable("the request cannot be written".to_owned());
        let content_type = HeaderValue::from_str(post.content_type)
            .map_err(|_| Failure::Unreachable("the request cannot be written".to_owned()))?;
        let request = Request::post(post.to)
            .header(CONTENT_TYPE, content_type)
            .header("traceparent", post.trace.to_string())
            .body(Full::new(post.body))
            .map_err(unsendable)?;
        let response = timeout(post.timeout, self.client.request(request))
            .await
            .map_err(|_| Failure::TimedOut)?
            .map_err(|error| of_request(&error))?;
        let (mut head, body) = response.into_parts();
        let announced = hyper::body::Body::size_hint(&body).lower();
        if announced > post.answer_bytes_max {
            return Err(of_body(&Interrupted::TooLarge(post.answer_bytes_max)));
        }
        let body = DrivenBody::new(body, head.extensions.remove::<Link>());
        let pieces = Pieces {
            body,
            idle: self.idle,
            timer: Box::pin(sleep(self.idle)),
            waiting_since: None,
            read: 0,
            bytes_max: post.answer_bytes_max,
            is_over: false,
        };
        let body = Box::pin(pieces);
        let endpoint = head.extensions.remove::<Arc<Endpoint>>();
        Ok(HttpAnswer { body, endpoint, headers: head.headers, status: head.status })
    }
}

/// Less than the time after which servers commonly close an idle connection.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Bytes of an answer decrypted at once, and of its head. What is read is hashed and sent on before more is
/// read, from the processor's caches as long as it is not too much.
const READ_BYTES_MAX: usize = 96 << 10;

/// The body of an answer as it comes.
struct Pieces {
    body: DrivenBody,
    /// How long nothing may come.
    idle: Duration,
    /// Set anew only when it fires, not for every piece.
    timer: Pin<Box<Sleep>>,
    /// Since when nothing has come.
    waiting_since: Option<Instant>,
    read: u64,
    bytes_max: u64,
    is_over: bool,
}

impl Pieces {
    fn poll_piece(&mut self, task: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        loop {
            let Poll::Ready(frame) = self.body.poll_frame(task) else {
                ready!(self.idled(task));
                return Poll::Ready(Some(Err(Interrupted::Idle)));
            };
            self.waiting_since = None;
            let data = match frame.map(|frame| frame.map(hyper::body::Frame::into_data)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => {
                    let why = "the connection ended".to_owned();
                    return Poll::Ready(Some(Err(Interrupted::Broken(why))));
                }
                Some(Ok(Err(_trailers))) => continue,
                Some(Ok(Ok(data))) => data,
            };
            self.read = self.read.saturating_add(data.len() as u64);
            let is_within = self.read <= self.bytes_max;
            return Poll::Ready(Some(is_within.then_some(data).ok_or(Interrupted::TooLarge(self.bytes_max))));
        }
    }

    /// Ready once nothing has come for too long.
    fn idled(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let due = *self.waiting_since.get_or_insert_with(Instant::now) + self.idle;
        loop {
            ready!(self.timer.as_mut().poll(task));
            if self.timer.deadline() >= due {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, Interrupted>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_piece(task));
        self.is_over = !matches!(next, Some(Ok(_)));
        if self.is_over {
            self.body.finish();
        }
        Poll::Ready(next)
    }
}
