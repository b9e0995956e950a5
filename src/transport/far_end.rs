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

/// Bytes of answers read from a connection at once.
const READ_BYTES_MAX: usize = 256 << 10;

/// What TLS is spoken over.
type Socket = TokioIo<ReadAhead<TcpStream>>;

/// A connector whose connections are read ahead.
#[derive(Debug, Clone)]
pub(super) struct ReadingAhead<C>(C);

impl<C> ReadingAhead<C> {
    /// Over a connector.
    pub(super) const fn over(connector: C) -> Self {
        Self(connector)
    }
}

impl<C> Service<Uri> for ReadingAhead<C>
where
    C: Service<Uri, Response = TokioIo<TcpStream>>,
    C::Future: Send + 'static,
    C::Error: 'static,
{
    type Response = Socket;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<Socket, C::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        connecting.map_ok(|socket| TokioIo::new(ReadAhead::new(socket.into_inner(), READ_BYTES_MAX))).boxed()
    }
}

/// What HTTPS is spoken over.
type Stream = MaybeHttpsStream<Socket>;

/// A connector whose connections know their far end.
#[derive(Debug, Clone)]
pub(super) struct Naming<C>(C);

impl<C> Naming<C> {
    /// Over a connector.
    pub(super) const fn over(connector: C) -> Self {
        Self(connector)
    }
}

impl<C> Service<Uri> for Naming<C>
where
    C: Service<Uri, Response = Stream>,
    C::Future: Send + 'static,
    C::Error: 'static,
{
    type Response = Named;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<Named, C::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        let named = |stream| {
            let endpoint = endpoint_of(&stream).map(Arc::new);
            Named { stream, endpoint, link: Link::default() }
        };
        connecting.map_ok(named).boxed()
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
