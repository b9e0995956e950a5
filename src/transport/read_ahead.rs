//! Reads more from a socket at once than TLS asks for, which is a record of 16 KiB at most. The kernel does
//! much for each read beside copying (it acknowledges, and wakes who sends), so what comes in many records
//! is cheaper to take in a few large pieces.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;
use tokio_util::io::poll_read_buf;

/// A connection that is read ahead. What was read is held until it is asked for, so by a reader who
/// stands still; an idle connection holds no memory for it.
pub(super) struct ReadAhead<T> {
    inner: T,
    ahead: BytesMut,
    bytes_max: usize,
}

impl<T> ReadAhead<T> {
    /// Of which nothing was read yet; about so many bytes at once at most.
    pub(super) fn new(inner: T, bytes_max: usize) -> Self {
        Self { inner, ahead: BytesMut::new(), bytes_max }
    }

    /// The connection itself.
    pub(super) const fn inner(&self) -> &T {
        &self.inner
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadAhead<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, ahead, bytes_max } = &mut *self;
        if ahead.is_empty() {
            ahead.reserve(*bytes_max);
            let read = poll_read_buf(Pin::new(inner), task, ahead);
            if !matches!(read, Poll::Ready(Ok(1..))) {
                *ahead = BytesMut::new();
            }
            ready!(read)?;
        } else {
            // Counted as the socket counts what it gives: a task that is given much lets others go on.
            ready!(poll_proceed(task)).made_progress();
        }
        let given = ahead.len().min(buf.remaining());
        buf.put_slice(ahead.get(..given).unwrap_or_default());
        ahead.advance(given);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ReadAhead<T> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(task, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(task)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(task, bufs)
    }
}

impl<T: Connection> Connection for ReadAhead<T> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    // A connection that gives some bytes and then breaks.
    struct Breaking(Option<&'static [u8]>);

    impl AsyncRead for Breaking {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let given = self.0.take().map(|bytes| buf.put_slice(bytes));
            Poll::Ready(given.ok_or_else(|| io::ErrorKind::ConnectionReset.into()))
        }
    }

    proptest! {
        #[test]
        fn the_bytes_that_came_are_read_in_order_whatever_is_asked_for_at_once(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..200), 0..8),
            (asked, bytes_max) in (1_usize..70, 1_usize..70),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(async {
                let (mut far, near) = duplex(4096);
                for piece in &pieces {
                    far.write_all(piece).await.unwrap();
                }
                drop(far);
                let mut near = ReadAhead::new(near, bytes_max);
                let (mut read, mut some) = (Vec::new(), vec![0; asked]);
                loop {
                    match near.read(&mut some).await.unwrap() {
                        0 => break read,
                        count => read.extend_from_slice(&some[..count]),
                    }
                }
            });
            prop_assert_eq!(read, pieces.concat());
        }
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_comes_holds_no_memory_for_it() {
        let (mut far, near) = duplex(4096);
        let mut near = ReadAhead::new(near, 1024);
        far.write_all(b"some").await.unwrap();
        let mut some = [0; 4];
        near.read_exact(&mut some).await.unwrap();
        assert!(near.ahead.capacity() > 0, "nothing was read ahead");
        assert!(poll!(Box::pin(near.read(&mut some))).is_pending());
        assert_eq!(near.ahead.capacity(), 0);
    }

    #[tokio::test]
    async fn what_came_before_a_connection_broke_is_read_before_the_error() {
        let mut near = ReadAhead::new(Breaking(Some(b"some")), 1024);
        let mut some = [0; 2];
        for expected in [b"so", b"me"] {
            near.read_exact(&mut some).await.unwrap();
            assert_eq!(&some, expected);
        }
        assert_eq!(near.read(&mut some).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
