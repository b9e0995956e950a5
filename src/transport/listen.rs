//! Our accept loop: a cap on connections, a deadline and a cap on handshakes, one peer a
//! certificate, and an end within a deadline. What is turned away is told to a callback and counted.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use rustls::{CertificateError, Error, HandshakeKind, ProtocolVersion};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::certificate::{CertificateFacts, Stranger};
use super::descriptors::affordable;
use super::pace::Look;
use super::read_ahead::ReadAhead;
use super::serving::{Admission, BoxBody, Connected, ListenLimits, Setup, serve};
use super::tls::{KnownPeer, NotAdmitted, Trust};
use crate::config::Limits;
use crate::model::{Endpoint, Side, TargetName};
use crate::telemetry::Metrics;

/// Why a connection was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RejectionReason {
    /// The certificate fits more than one peer.
    Ambiguous,
    /// The certificate does not verify: authority, dates, purpose, signature.
    Certificate,
    /// Others wanted the place of this slow handshake.
    Crowded,
    /// A request whose end, or whose host, could be read in two ways.
    Framing,
    /// No TLS, or nothing in common.
    Handshake,
    /// No certificate was shown.
    NoCertificate,
    /// TLS 1.2 from a peer whose file does not allow it.
    OldVersion,
    /// The certificate's revocation cannot be told: no list, or one that ran out.
    RevocationUnknown,
    /// The certificate is revoked.
    Revoked,
    /// The handshake took too long.
    TimedOut,
    /// The peer has as many connections as it may.
    TooManyConnections,
    /// The certificate fits no peer.
    Unknown,
    /// The certificate is signed by an authority that is not this peer's.
    WrongAuthority,
}

impl RejectionReason {
    /// The word in metrics and in the record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::Certificate => "certificate",
            Self::Crowded => "crowded",
            Self::Framing => "framing",
            Self::Handshake => "handshake",
            Self::NoCertificate => "no_certificate",
            Self::OldVersion => "old_version",
            Self::RevocationUnknown => "revocation_unknown",
            Self::Revoked => "revoked",
            Self::TimedOut => "timed_out",
            Self::TooManyConnections => "too_many_connections",
            Self::Unknown => "unknown",
            Self::WrongAuthority => "wrong_authority",
        }
    }
}

/// A connection that was turned away: a node authentication failure for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where it came from.
    pub address: SocketAddr,
    /// What TLS said, for the operator.
    pub detail: String,
    /// Our address.
    pub local: SocketAddr,
    /// Why.
    pub reason: RejectionReason,
    /// The listener's side.
    pub side: Side,
    /// SHA-256 of the certificate's key, hex; empty when none was seen.
    pub spki_sha256: String,
    /// The certificate's subject; empty when none was seen.
    pub subject: String,
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    local: SocketAddr,
    socket: TcpListener,
}

/// What a listener serves with. Trust and limits may be swapped while it runs (`connections_max` and
/// `handshakes_max` are taken at the start).
#[derive(Debug, Clone)]
pub struct Serving {
    /// Caps and deadlines.
    pub limits: Arc<ArcSwap<Limits>>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
    /// Cancel it to stop accepting and drain.
    pub shutdown: CancellationToken,
    /// Who speaks to this listener.
    pub side: Side,
    /// Whom it trusts.
    pub trust: Arc<ArcSwap<Trust>>,
}

impl Listener {
    /// Binds; port 0 takes a free one. With an interface named, what comes in through another one does
    /// not reach it: without, Linux takes a connection to any address of the machine on every interface.
    ///
    /// # Errors
    /// As the system says; an interface that is not there.
    pub async fn bind(address: SocketAddr, interface: Option<&str>) -> io::Result<Self> {
        let socket = match interface {
            None => TcpListener::bind(address).await?,
            Some(interface) => {
                let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
                socket.set_reuse_address(true)?;
                socket.set_nonblocking(true)?;
                socket.bind_device(Some(interface.as_bytes()))?;
                socket.bind(&address.into())?;
                socket.listen(BACKLOG)?;
                TcpListener::from_std(socket.into())?
            }
        };
        Ok(Self { local: socket.local_addr()?, socket })
    }

    /// The address bound.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Accepts until `shutdown`, then waits for what runs, `drain_ms` at most.
    pub async fn serve<S, F, R>(self, serving: Serving, service: S, on_reject: R)
    where
        S: Fn(Arc<Connected>, Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<BoxBody>> + Send + 'static,
        R: Fn(Rejection) + Send + Sync + 'static,
    {
        let limits = serving.limits.load_full();
        let wanted = usize::try_from(limits.connections_max).unwrap_or(1_024);
        let connections = affordable(wanted);
        if connections < wanted {
            tracing::warn!(listener = %self.local, wanted, connections, "fewer connections: few open files allowed");
        }
        let places = Arc::new(Semaphore::new(connections));
        let handshakes = usize::try_from(limits.handshakes_max).unwrap_or(64);
        let door = Arc::new(Door {
            handshakes: Handshakes { waiting: Mutex::default(), most: handshakes },
            on_reject: Box::new(on_reject),
            open: Mutex::default(),
            service: Arc::new(service),
            serving,
        });
        let tracker = TaskTracker::new();
        loop {
            let shutdown = &door.serving.shutdown;
            let place = tokio::select! {
                () = shutdown.cancelled() => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            let Ok(place) = place else { break };
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    let door = Arc::clone(&door);
                    tracker.spawn(async move {
                        door.let_in(stream, address).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors or memory: it passes. The socket is kept.
                    tracing::warn!(%error, listener = %self.local, "accept failed, waiting");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.socket);
        tracker.close();
        let drain = Duration::from_millis(door.serving.limits.load().drain_ms);
        if timeout(drain + Duration::from_millis(100), tracker.wait()).await.is_err() {
            tracing::warn!(listener = %self.local, open = tracker.len(), "connections cut after the drain time");
        }
    }
}

/// Connections that wait in the kernel, as tokio has it for the others.
const BACKLOG: i32 = 1_024;

/// Bytes that TLS takes at once: a piece of a document with its chunk's head and end, so that these are
/// not sent by themselves.
const SENT_BYTES_MAX: usize = 65 << 10;

/// Bytes of requests read ahead at most: most requests are no larger.
const READ_AHEAD_BYTES: usize = 32 << 10;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct Door<S> {
    handshakes: Handshakes,
    on_reject: Box<dyn Fn(Rejection) + Send + Sync>,
    open: Mutex<HashMap<TargetName, u64>>,
    service: Arc<S>,
    serving: Serving,
}

impl<S, F> Door<S>
where
    S: Fn(Arc<Connected>, Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<BoxBody>> + Send + 'static,
{
    async fn let_in(&self, stream: TcpStream, address: SocketAddr) {
        let side = self.serving.side;
        let local = stream.local_addr().unwrap_or(address);
        let reject = |reason: RejectionReason, detail: String, facts: Option<&CertificateFacts>| {
            self.serving.metrics.connection_refused(side.word(), reason.word());
            let (subject, spki_sha256) =
                facts.map(|f| (f.subject.clone(), f.spki_sha256.clone())).unwrap_or_default();
            (self.on_reject)(Rejection { address, detail, local, reason, side, spki_sha256, subject });
        };
        let limits = self.serving.limits.load_full();
        let trust = self.serving.trust.load_full();
        let stream = match self.handshake(stream, &trust, Duration::from_millis(limits.handshake_ms)).await {
            Ok(stream) => stream,
            Err((reason, detail)) => return reject(reason, detail, None),
        };
        let (_, tls) = stream.get_ref();
        let version = tls.protocol_version();
        let http2 = tls.alpn_protocol() == Some(b"h2");
        let chain: Vec<_> =
            tls.peer_certificates().unwrap_or_default().iter().map(|c| c.clone().into_owned()).collect();
        let Some(facts) = chain.first().and_then(|first| CertificateFacts::of(first)) else {
            return reject(RejectionReason::NoCertificate, "no certificate".to_owned(), None);
        };
        // A session taken up again has not looked at the certificate: a list may have run out since.
        let resumed = tls.handshake_kind() == Some(HandshakeKind::Resumed);
        let admitted = if resumed {
            trust.admit_again(&facts, &chain, version)
        } else {
            trust.admit(&facts, &chain, version)
        };
        let peer = match admitted {
            Ok(peer) => peer,
            Err(why) => return reject(reason_of(&why), why.to_string(), Some(&facts)),
        };
        let Some(_counted) = self.count(&peer, limits.connections_per_peer_max) else {
            let detail = format!("`{}` has {} already", peer.name, limits.connections_per_peer_max);
            return reject(RejectionReason::TooManyConnections, detail, Some(&facts));
        };
        let _open = self.serving.metrics.connection(side.word());
        let endpoint = Endpoint {
            subject: facts.subject.clone(),
            spki_sha256: facts.spki_sha256.clone(),
            address,
            local,
        };
        let tls = if version == Some(ProtocolVersion::TLSv1_3) { "TLSv1.3" } else { "TLSv1.2" };
        let seen = facts.clone();
        let setup = Setup {
            admission: Admission { chain, facts, version, under: Mutex::new(trust) },
            connected: Arc::new(Connected { endpoint, peer: peer.name.clone(), tls }),
            limits: ListenLimits::from(&*limits),
            service: Arc::clone(&self.service),
            shutdown: self.serving.shutdown.clone(),
            trust: Arc::clone(&self.serving.trust),
            on_slow: self.slow_reader(peer.name.clone()),
        };
        if serve(stream, http2, setup).await {
            let detail = format!("`{}` sent a request that can be read in two ways", peer.name);
            reject(RejectionReason::Framing, detail, Some(&seen));
        }
    }

    fn slow_reader(&self, peer: TargetName) -> Box<dyn Fn(Look) + Send + Sync> {
        let (metrics, side) = (Arc::clone(&self.serving.metrics), self.serving.side.word());
        Box::new(move |look| {
            metrics.slow_reader(side, &peer.0);
            let cut = if look == Look::TooSlow { "connection" } else { "stream" };
            tracing::warn!(side, %peer, cut, "answers are taken too slowly");
        })
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        trust: &Trust,
        deadline: Duration,
    ) -> Result<TlsStream<ReadAhead<TcpStream>>, (RejectionReason, String)> {
        let _ = stream.set_nodelay(true);
        let start = Instant::now();
        let place = self.handshakes.enter();
        let acceptor = TlsAcceptor::from(Arc::clone(&trust.server));
        let accepted = tokio::select! {
            accepted = timeout(deadline, acceptor.accept(ReadAhead::new(stream, READ_AHEAD_BYTES))) => accepted,
            () = self.serving.shutdown.cancelled() => {
                return Err((RejectionReason::Crowded, "shutting down".to_owned()));
            }
            () = place.cut.cancelled() => {
                return Err((RejectionReason::Crowded, "too many handshakes".to_owned()));
            }
        };
        match accepted {
            Ok(Ok(mut stream)) => {
                stream.get_mut().1.set_buffer_limit(Some(SENT_BYTES_MAX));
                self.serving.metrics.handshake(self.serving.side.word(), start.elapsed());
                Ok(stream)
            }
            Ok(Err(error)) => Err(handshake_failure(&error)),
            Err(_) => Err((RejectionReason::TimedOut, "handshake took too long".to_owned())),
        }
    }

    /// One more connection of a peer, unless it has too many.
    fn count(&self, peer: &KnownPeer, most: u64) -> Option<Counted<'_>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(peer.name.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Counted { open: &self.open, peer: peer.name.clone() })
    }
}

struct Counted<'a> {
    open: &'a Mutex<HashMap<TargetName, u64>>,
    peer: TargetName,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
        }
    }
}

/// Handshakes under way. When there are too many, the one that has taken longest is cut: honest
/// ones are quick, so those who dawdle cannot keep them out.
struct Handshakes {
    waiting: Mutex<VecDeque<CancellationToken>>,
    most: usize,
}

struct Place<'a> {
    cut: CancellationToken,
    handshakes: &'a Handshakes,
}

impl Handshakes {
    fn enter(&self) -> Place<'_> {
        let cut = CancellationToken::new();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|other| !other.is_cancelled());
        if waiting.len() >= self.most
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.cancel();
        }
        waiting.push_back(cut.clone());
        Place { cut, handshakes: self }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.cut.cancel();
        let mut waiting = self.handshakes.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|other| !other.is_cancelled());
    }
}

fn reason_of(why: &NotAdmitted) -> RejectionReason {
    match why {
        NotAdmitted::Stranger(Stranger::Ambiguous) => RejectionReason::Ambiguous,
        NotAdmitted::Stranger(Stranger::Unknown) => RejectionReason::Unknown,
        NotAdmitted::OldVersion(_) => RejectionReason::OldVersion,
        NotAdmitted::WrongAuthority(..) => RejectionReason::WrongAuthority,
    }
}

fn handshake_failure(error: &io::Error) -> (RejectionReason, String) {
    use CertificateError::{
        ExpiredRevocationList, ExpiredRevocationListContext, Revoked, UnknownRevocationStatus,
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let reason = match inner {
        Some(Error::NoCertificatesPresented) => RejectionReason::NoCertificate,
        Some(Error::InvalidCertificate(Revoked)) => RejectionReason::Revoked,
        Some(Error::InvalidCertificate(
            ExpiredRevocationList | ExpiredRevocationListContext { .. } | UnknownRevocationStatus,
        )) => RejectionReason::RevocationUnknown,
        Some(Error::InvalidCertificate(_)) => RejectionReason::Certificate,
        _ => RejectionReason::Handshake,
    };
    (reason, inner.map_or_else(|| error.kind().to_string(), ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_through_an_interface_that_is_not_there_is_an_error_and_not_one_on_all() {
        let address = "127.0.0.1:0".parse().unwrap();
        assert!(Listener::bind(address, Some("nowhere0")).await.is_err());
        assert!(Listener::bind(address, Some("lo")).await.is_ok());
    }
}
