//! One connection after its handshake: HTTP/1.1 or HTTP/2 as ALPN chose, deadlines for the first
//! request, the headers, the age and the end; a reader that is too slow ends its HTTP/2 stream or the
//! connection. Upgrades are not offered.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ProtocolVersion;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::certificate::CertificateFacts;
use super::framing::Unambiguous;
use super::pace::{Look, PaceLimits, Paces, StreamTasks};
use super::tls::Trust;
use crate::config::Limits;
use crate::model::{Endpoint, Interrupted, TargetName};

/// The body of an answer. An error in it ends the answer broken, never as a shorter one.
pub type BoxBody = UnsyncBoxBody<Bytes, Interrupted>;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// Certificate and addresses.
    pub endpoint: Endpoint,
    /// The one configured peer the certificate belongs to.
    pub peer: TargetName,
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls: &'static str,
}

/// The deadlines and sizes of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenLimits {
    /// After this the connection is asked to end.
    pub age: Duration,
    /// How long what runs may go on when the connection is asked to end.
    pub drain: Duration,
    /// For headers; also how long a kept HTTP/1.1 connection may be idle.
    pub header: Duration,
    /// Bytes of headers.
    pub header_bytes_max: usize,
    /// HTTP/2 streams.
    pub streams_max: u32,
    /// How long an answer may stand still at its reader.
    pub answer_idle: Duration,
    /// Bytes a second that a reader must take while we wait for it; 0 is no least rate.
    pub answer_bytes_per_second_min: u64,
}

impl From<&Limits> for ListenLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            age: Duration::from_secs(limits.connection_age_s),
            drain: Duration::from_millis(limits.drain_ms),
            header: Duration::from_millis(limits.header_ms),
            header_bytes_max: usize::try_from(limits.header_bytes_max).unwrap_or(32 << 10),
            streams_max: u32::try_from(limits.streams_max).unwrap_or(64),
            answer_idle: Duration::from_millis(limits.answer_idle_ms),
            answer_bytes_per_second_min: limits.answer_bytes_per_second_min,
        }
    }
}

impl From<ListenLimits> for PaceLimits {
    fn from(limits: ListenLimits) -> Self {
        Self { idle: limits.answer_idle, bytes_per_second_min: limits.answer_bytes_per_second_min }
    }
}

/// Why a request's body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// The connection broke.
    #[error("the body ended before its end")]
    Broken,
    /// Nothing came for longer than the idle limit.
    #[error("no byte arrived within the idle limit")]
    Idle,
    /// More bytes than the cap: 413.
    #[error("the body exceeds the cap")]
    TooLarge,
}

/// Reads a request's body whole, within a cap and an idle limit. Dropping it ends the reading.
///
/// # Errors
/// The cap, the idle limit, a broken connection.
pub async fn read_body(mut body: Incoming, bytes_max: u64, idle: Duration) -> Result<Bytes, BodyFault> {
    let cap = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let announced = hyper::body::Body::size_hint(&body).lower();
    if announced > bytes_max {
        discard(&mut body, bytes_max).await;
        return Err(BodyFault::TooLarge);
    }
    let mut whole = BytesMut::new();
    loop {
        let frame = timeout(idle, body.frame()).await.map_err(|_| BodyFault::Idle)?;
        let Some(frame) = frame else { return Ok(whole.freeze()) };
        let Ok(data) = frame.map_err(|_| BodyFault::Broken)?.into_data() else { continue };
        if whole.len().saturating_add(data.len()) > cap {
            drop(whole);
            discard(&mut body, bytes_max).await;
            return Err(BodyFault::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
}

// A connection closed over unread bytes is reset, and the caller may never see the 413: so some of
// what is still coming is read and thrown away, within bounds.
async fn discard(body: &mut Incoming, cap: u64) {
    let most = cap.saturating_mul(DISCARDED_CAPS_MAX);
    let thrown = async {
        let mut bytes: u64 = 0;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            if bytes > most {
                return;
            }
        }
    };
    drop(timeout(DISCARD_TIME, thrown).await);
}

const DISCARDED_CAPS_MAX: u64 = 8;
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// What a connection was let in with, and under which settings it last was.
pub(super) struct Admission {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) facts: CertificateFacts,
    pub(super) version: Option<ProtocolVersion>,
    pub(super) under: Mutex<Arc<Trust>>,
}

impl Admission {
    /// Whether the certificate still counts. Looks again only when the settings have changed.
    fn still_stands(&self, now: &Arc<Trust>) -> bool {
        let mut under = self.under.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&under, now) {
            return true;
        }
        let stands = now.admit_again(&self.facts, &self.chain, self.version).is_ok();
        if stands {
            *under = Arc::clone(now);
        }
        stands
    }
}

/// The certificate does not count any more.
#[derive(Debug, thiserror::Error)]
#[error("the certificate of this connection is not trusted any more")]
struct NotTrusted;

/// Everything one connection is served with.
pub(super) struct Setup<S> {
    pub(super) admission: Admission,
    pub(super) connected: Arc<Connected>,
    pub(super) limits: ListenLimits,
    pub(super) service: Arc<S>,
    pub(super) shutdown: CancellationToken,
    pub(super) trust: Arc<arc_swap::ArcSwap<Trust>>,
    /// Told when answers were cut because their reader took too little: those of a stream, or all.
    pub(super) on_slow: Box<dyn Fn(Look) + Send + Sync>,
}

/// Serves one connection to its end; whether it was ended over requests that can be read in two ways.
pub(super) async fn serve<IO, S, F>(io: IO, http2: bool, setup: Setup<S>) -> bool
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(Arc<Connected>, Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<BoxBody>> + Send + 'static,
{
    let Setup { admission, connected, limits, service, shutdown, trust, on_slow } = setup;
    let admission = Arc::new(admission);
    let asked = Arc::new(AtomicBool::new(false));
    let paces = Arc::new(Paces::new(PaceLimits::from(limits)));
    let answer = {
        let (asked, paces) = (Arc::clone(&asked), Arc::clone(&paces));
        service_fn(move |request| {
            asked.store(true, Ordering::Relaxed);
            let stands = admission.still_stands(&trust.load_full());
            let answer = stands.then(|| service(Arc::clone(&connected), request));
            let paces = Arc::clone(&paces);
            async move {
                match answer {
                    Some(answer) => Ok(answer.await.map(|body| paces.body(body))),
                    None => Err(NotTrusted),
                }
            }
        })
    };
    let builder = builder(http2, limits);
    let io = Unambiguous::of(paces.socket(io), http2, limits.header_bytes_max);
    let has_refused = io.has_refused();
    let connection = builder.serve_connection(TokioIo::new(io), answer);
    tokio::pin!(connection);
    let start = Instant::now();
    let mut ends: Option<Instant> = None;
    let mut has_aged = false;
    let mut first_request_due = true;
    let mut looks = tokio::time::interval(paces.look_every());
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = connection.as_mut() => break,
            () = sleep_until(start + limits.header), if first_request_due => {
                if !asked.load(Ordering::Relaxed) {
                    break;
                }
                first_request_due = false;
            }
            now = looks.tick() => {
                let look = paces.look(now);
                if look != Look::Fine {
                    on_slow(look);
                }
                if look == Look::TooSlow {
                    break;
                }
            }
            () = shutdown.cancelled(), if ends.is_none() => {
                connection.as_mut().graceful_shutdown();
                ends = Some(Instant::now() + limits.drain);
            }
            // No new requests; what is under way may take as long as its reader keeps pace.
            () = sleep_until(start + limits.age), if ends.is_none() && !has_aged => {
                connection.as_mut().graceful_shutdown();
                has_aged = true;
            }
            () = sleep_until(ends.unwrap_or(start)), if ends.is_some() => break,
        }
    }
    has_refused.load(Ordering::Relaxed)
}

/// Windows and frames as measured (crates.md 3.2); every budget of h2 is set by us.
fn builder(http2: bool, limits: ListenLimits) -> Builder<StreamTasks> {
    let mut builder = Builder::new(StreamTasks);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(limits.header_bytes_max.max(8 << 10))
        .half_close(false)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(16 << 20)
        .max_frame_size(256 << 10)
        .max_send_buf_size(1 << 20)
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(32 << 10))
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(1_024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    if http2 { builder.http2_only() } else { builder.http1_only() }
}
