//! How fast the other end takes what we send. One that stands still, or takes a byte a minute, would
//! hold its place and its document for ever: it is given a pause at most, and a least rate while we
//! wait for it. Time in which we have nothing to send does not count.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::serving::BoxBody;
use crate::model::Interrupted;

/// What a reader is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PaceLimits {
    /// How long it may take nothing.
    pub(super) idle: Duration,
    /// Bytes a second it must take while we wait for it; 0 is no least rate.
    pub(super) bytes_per_second_min: u64,
}

#[derive(Debug, Default)]
struct Taken {
    /// Since when something has been waiting for the reader.
    waiting_since: Option<Instant>,
    /// What it took, and how long we waited for it, since it was last looked at.
    bytes: u64,
    waited: Duration,
}

/// The pace of one connection, or of one answer.
#[derive(Debug)]
pub(super) struct Pace {
    limits: PaceLimits,
    taken: Mutex<Taken>,
}

impl Pace {
    fn new(limits: PaceLimits) -> Arc<Self> {
        Arc::new(Self { limits, taken: Mutex::default() })
    }

    /// Something waits for the reader from here on.
    fn waits(&self, now: Instant) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.waiting_since.get_or_insert(now);
    }

    /// The reader has taken so much; nothing waits.
    fn took(&self, bytes: u64, now: Instant) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = taken.waiting_since.take() {
            taken.waited += now.saturating_duration_since(since);
        }
        taken.bytes = taken.bytes.saturating_add(bytes);
    }

    /// Whether it has stood still too long, or taken too little of what waited for it.
    fn is_too_slow(&self, now: Instant) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let PaceLimits { idle, bytes_per_second_min } = self.limits;
        let still = taken.waiting_since.map(|since| now.saturating_duration_since(since)).unwrap_or_default();
        if still >= idle {
            return true;
        }
        let waited = taken.waited + still;
        if waited < idle {
            return false;
        }
        let least = u128::from(bytes_per_second_min) * waited.as_millis() / 1_000;
        let is_less = u128::from(taken.bytes) < least;
        // Judged anew from here, so that a quick beginning does not pay for a slow rest.
        *taken = Taken { waiting_since: taken.waiting_since.map(|_| now), ..Taken::default() };
        is_less
    }
}

/// The paces of one connection: its socket's, and those of its answers.
#[derive(Debug)]
pub(super) struct Paces {
    limits: PaceLimits,
    open: Mutex<Vec<Weak<Pace>>>,
}

impl Paces {
    pub(super) fn new(limits: PaceLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    fn start(&self) -> Arc<Pace> {
        let pace = Pace::new(self.limits);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|pace| pace.strong_count() > 0);
        open.push(Arc::downgrade(&pace));
        pace
    }

    /// Whether any of them is too slow.
    pub(super) fn any_too_slow(&self, now: Instant) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|pace| pace.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).any(|pace| pace.is_too_slow(now))
    }

    /// How often to look.
    pub(super) fn look_every(&self) -> Duration {
        (self.limits.idle / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    /// The connection's bytes, watched.
    pub(super) fn socket<IO>(&self, io: IO) -> Watched<IO> {
        Watched { io, pace: self.start() }
    }

    /// An answer, watched. HTTP/2 stops asking for pieces of one whose reader stands still, though
    /// the socket goes on.
    pub(super) fn body(&self, inner: BoxBody) -> BoxBody {
        UnsyncBoxBody::new(WatchedBody { inner, pace: self.start(), handed: 0 })
    }
}

struct WatchedBody {
    inner: BoxBody,
    pace: Arc<Pace>,
    /// Bytes of the piece handed over last.
    handed: u64,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        let this = &mut *self;
        // Whoever asks for the next piece has taken the one before.
        this.pace.took(std::mem::take(&mut this.handed), Instant::now());
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(task));
        if let Some(Ok(piece)) = &frame {
            let length = piece.data_ref().map_or(0, Bytes::len);
            this.handed = u64::try_from(length).unwrap_or(u64::MAX);
            this.pace.waits(Instant::now());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A connection whose writing is watched.
pub(super) struct Watched<IO> {
    io: IO,
    pace: Arc<Pace>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(task, into)
    }
}

impl<IO: AsyncWrite + Unpin> Watched<IO> {
    fn note(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.pace.waits(Instant::now()),
            Poll::Ready(Ok(bytes)) => {
                self.pace.took(u64::try_from(*bytes).unwrap_or_default(), Instant::now())
            }
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(task, bytes);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(task, bytes);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(task);
        match &flushed {
            Poll::Pending => self.pace.waits(Instant::now()),
            Poll::Ready(_) => self.pace.took(0, Instant::now()),
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PaceLimits = PaceLimits { idle: Duration::from_secs(10), bytes_per_second_min: 100 };

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_reader_that_takes_nothing_is_too_slow_after_the_pause_and_one_that_waits_for_us_never_is() {
        let (pace, start) = (Pace::new(LIMITS), Instant::now());
        assert!(!pace.is_too_slow(at(start, 1_000)), "nothing waits");
        pace.waits(start);
        assert!(!pace.is_too_slow(at(start, 9)));
        assert!(pace.is_too_slow(at(start, 10)));
        pace.took(1_000, at(start, 10));
        assert!(!pace.is_too_slow(at(start, 1_000)), "what is slow is us");
    }

    #[test]
    fn a_reader_that_trickles_is_too_slow_also_after_a_quick_beginning() {
        let (pace, start) = (Pace::new(LIMITS), Instant::now());
        let trickled = |from: u64, bytes: u64| {
            (from..from + 12).any(|second| {
                pace.waits(at(start, second));
                pace.took(bytes, at(start, second + 1));
                pace.is_too_slow(at(start, second + 1))
            })
        };
        assert!(!trickled(0, 1_000_000));
        assert!(!trickled(12, 100));
        assert!(trickled(24, 99));
    }
}
