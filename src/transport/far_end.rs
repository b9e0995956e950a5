//! Who is at the far end of a connection of ours: the connector tells each answer its server's
//! certificate and addresses, because they are part of the audit record (decisions D3), and by whom the
//! connection is moved on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt, TryFutureExt};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::certificate::CertificateFacts;
use super::driven::Link;
use super::read_ahead::ReadAhead;
use crate::model::Endpoint;

/// Bytes of answers read ahead at most.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// What TLS is spoken over.
pub(super) type Socket = TokioIo<ReadAhead<TcpStream>>;

/// What HTTPS is spoken over.
pub(super) type Stream = MaybeHttpsStream<Socket>;

/// A connector, and what each of its connections is made into.
pub(super) struct Making<C, S, T> {
    connector: C,
    make: fn(S) -> T,
}

/// A connector whose connections are read ahead.
pub(super) const fn reading_ahead<C>(connector: C) -> Making<C, TokioIo<TcpStream>, Socket> {
    Making { connector, make: |socket| TokioIo::new(ReadAhead::new(socket.into_inner(), READ_AHEAD_BYTES)) }
}

/// A connector whose connections know their far end.
pub(super) const fn naming<C>(connector: C) -> Making<C, Stream, Named> {
    let make = |stream| {
        let endpoint = endpoint_of(&stream).map(Arc::new);
        Named { stream, endpoint, link: Link::default() }
    };
    Making { connector, make }
}

impl<C: Clone, S, T> Clone for Making<C, S, T> {
    fn clone(&self) -> Self {
        Self { connector: self.connector.clone(), make: self.make }
    }
}

impl<C, S, T> Service<Uri> for Making<C, S, T>
where
    C: Service<Uri, Response = S>,
    C::Future: Send + 'static,
    C::Error: 'static,
    S: 'static,
    T: 'static,
{
    type Response = T;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<T, C::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        self.connector.call(to).map_ok(self.make).boxed()
    }
}

/// A connection and its far end.
pub(super) struct Named {
    stream: Stream,
    endpoint: Option<Arc<Endpoint>>,
    link: Link,
}

// None for a connection that ended meanwhile or shows no certificate; TLS without one does not come
// this far.
fn endpoint_of(stream: &Stream) -> Option<Endpoint> {
    let MaybeHttpsStream::Https(tls) = stream else { return None };
    let (tcp, session) = tls.inner().get_ref();
    let tcp = tcp.inner().inner().inner();
    let facts = CertificateFacts::of(session.peer_certificates()?.first()?)?;
    Some(Endpoint {
        subject: facts.subject,
        spki_sha256: facts.spki_sha256,
        address: tcp.peer_addr().ok()?,
        local: tcp.local_addr().ok()?,
    })
}

impl Connection for Named {
    fn connected(&self) -> Connected {
        let connected = self.stream.connected().extra(self.link.clone());
        match &self.endpoint {
            Some(endpoint) => connected.extra(Arc::clone(endpoint)),
            None => connected,
        }
    }
}

impl Read for Named {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.link.note();
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for Named {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
