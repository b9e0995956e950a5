//! One pooled HTTPS client a target: our certificate for it, its authorities, deadlines for the
//! connection, the headers and each piece of the body. Never follows a redirect, never repeats.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::failure::{of_body, of_request};
use super::far_end::Naming;
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

/// A target's connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<Naming<HttpsConnector<HttpConnector>>, Full<Bytes>>,
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
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().wrap_connector(tcp);
        let https = Naming::over(https);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(connections)
            .build(https);
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
        let body = pieces(body, self.idle, post.answer_bytes_max);
        let endpoint = head.extensions.remove::<Arc<Endpoint>>();
        Ok(HttpAnswer { body, endpoint, headers: head.headers, status: head.status })
    }
}

/// Less than the time after which servers commonly close an idle connection.
const POOL_IDLE: Duration = Duration::from_secs(4);

fn pieces(body: Incoming, idle: Duration, bytes_max: u64) -> DocumentStream {
    Box::pin(stream::unfold(Some((body, 0_u64)), move |state| async move {
        let (mut body, mut read) = state?;
        loop {
            let frame = match timeout(idle, body.frame()).await {
                Err(_) => return Some((Err(Interrupted::Idle), None)),
                Ok(None) => return None,
                Ok(Some(Err(_))) => {
                    let why = "the connection ended".to_owned();
                    return Some((Err(Interrupted::Broken(why)), None));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            read = read.saturating_add(data.len() as u64);
            if read > bytes_max {
                return Some((Err(Interrupted::TooLarge(bytes_max)), None));
            }
            return Some((Ok(data), Some((body, read))));
        }
    }))
}
