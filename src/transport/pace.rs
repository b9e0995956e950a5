//! How fast the other end takes what we send. One that stands still, or takes a byte a minute, would
//! hold its place and its document for ever: it is given a pause at most, and a least rate while we
//! wait for it. Time in which we have nothing to send does not count.

use std::future::Future;
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
use tokio_util::sync::CancellationToken;

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

/// How much longer than the pause a reader may stand still that has taken more than it must. The
/// kernels at both ends tell us of what it takes in lumps of some hundred kilobytes, which at the
/// least rate lie minutes apart.
const CREDIT_PAUSES: u32 = 4;

impl PaceLimits {
    fn most(self) -> Duration {
        if self.bytes_per_second_min == 0 { self.idle } else { self.idle * (CREDIT_PAUSES + 1) }
    }
}

#[derive(Debug)]
struct Taken {
    /// Since when something has been waiting for the reader.
    waiting_since: Option<Instant>,
    /// How much longer it may let us wait. Waiting uses it up, every byte taken buys the time that it
    /// may take at the least rate.
    patience: Duration,
}

/// The pace of one connection, or of one answer.
#[derive(Debug)]
pub(super) struct Pace {
    limits: PaceLimits,
    taken: Mutex<Taken>,
    /// Ends the HTTP/2 stream of this answer; where there is none, the connection ends.
    cut: Option<CancellationToken>,
}

impl Pace {
    fn new(limits: PaceLimits, cut: Option<CancellationToken>) -> Arc<Self> {
        let taken = Taken { waiting_since: None, patience: limits.idle };
        Arc::new(Self { limits, taken: Mutex::new(taken), cut })
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
            taken.patience = taken.patience.saturating_sub(now.saturating_duration_since(since));
        }
        if bytes > 0 {
            let bought = match bytes.saturating_mul(1_000_000).checked_div(self.limits.bytes_per_second_min) {
                Some(micros) => Duration::from_micros(micros),
                None => self.limits.idle,
            };
            taken.patience = taken.patience.saturating_add(bought).min(self.limits.most());
        }
    }

    /// Whether it has stood still too long, or taken too little of what waited for it.
    fn is_too_slow(&self, now: Instant) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.waiting_since.is_some_and(|since| now.saturating_duration_since(since) >= taken.patience)
    }
}

/// What a look at the paces of a connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Everybody keeps pace.
    Fine,
    /// Readers of single HTTP/2 streams did not; these were cut, the connection goes on.
    StreamsCut,
    /// The reader of the whole connection does not.
    TooSlow,
}

tokio::task_local! {
    /// Ends the HTTP/2 stream whose task this is.
    static CUT: CancellationToken;
}

/// Runs each HTTP/2 stream as a task that can be ended alone: dropped, it resets its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamTasks;

impl<F> hyper::rt::Executor<F> for StreamTasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let cut = CancellationToken::new();
        let stream = CUT.scope(cut.clone(), stream);
        tokio::spawn(async move {
            tokio::select! {
                () = stream => {}
                () = cut.cancelled() => {}
            }
        });
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

    fn start(&self, cut: Option<CancellationToken>) -> Arc<Pace> {
        let pace = Pace::new(self.limits, cut);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|pace| pace.strong_count() > 0);
        open.push(Arc::downgrade(&pace));
        pace
    }

    /// Whether any of them is too slow; streams that are have been cut.
    pub(super) fn look(&self, now: Instant) -> Look {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|pace| pace.strong_count() > 0);
        let mut look = Look::Fine;
        for pace in open.iter().filter_map(Weak::upgrade).filter(|pace| pace.is_too_slow(now)) {
            match &pace.cut {
                None => return Look::TooSlow,
                Some(cut) if !cut.is_cancelled() => {
                    cut.cancel();
                    look = Look::StreamsCut;
                }
                Some(_) => {}
            }
        }
        look
    }

    /// How often to look.
    pub(super) fn look_every(&self) -> Duration {
        (self.limits.idle / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    /// The connection's bytes, watched.
    pub(super) fn socket<IO>(&self, io: IO) -> Watched<IO> {
        Watched { io, pace: self.start(None) }
    }

    /// An answer, watched, in the task that sends it. HTTP/2 stops asking for pieces of one whose
    /// reader stands still, though the socket goes on.
    pub(super) fn body(&self, inner: BoxBody) -> BoxBody {
        let pace = self.start(CUT.try_with(CancellationToken::clone).ok());
        // Without a window HTTP/2 does not even ask for the first piece.
        pace.waits(Instant::now());
        UnsyncBoxBody::new(WatchedBody { inner, pace, handed: 0, rest: Bytes::new(), broken: None })
    }
}

/// HTTP/2 takes a piece whole when its reader has room for a byte, and then nobody watches what waits:
/// what may wait so is bounded by this.
const PIECE_BYTES: usize = 64 << 10;

struct WatchedBody {
    inner: BoxBody,
    pace: Arc<Pace>,
    /// Bytes of the piece handed over last.
    handed: u64,
    /// What is left of a larger piece.
    rest: Bytes,
    /// How it broke: told a turn later, so that what was before can be sent.
    broken: Option<Interrupted>,
}

impl WatchedBody {
    fn hand_over(&mut self, mut bytes: Bytes) -> Frame<Bytes> {
        let piece = bytes.split_to(bytes.len().min(PIECE_BYTES));
        self.rest = bytes;
        self.handed = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.pace.waits(Instant::now());
        Frame::data(piece)
    }
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
        if let Some(broken) = this.broken.take() {
            return Poll::Ready(Some(Err(broken)));
        }
        if !this.rest.is_empty() {
            let rest = std::mem::take(&mut this.rest);
            return Poll::Ready(Some(Ok(this.hand_over(rest))));
        }
        let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(task)) else {
            return Poll::Ready(None);
        };
        match frame.map(Frame::into_data) {
            Ok(Ok(bytes)) => Poll::Ready(Some(Ok(this.hand_over(bytes)))),
            Ok(Err(trailers)) => Poll::Ready(Some(Ok(trailers))),
            // hyper throws away what it has not sent yet when a body fails, the head included: whoever reads
            // would not see a message that breaks, but none. It sends while a body has nothing to give.
            Err(broken) => {
                this.broken = Some(broken);
                task.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.broken.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, inner) = (u64::try_from(self.rest.len()).unwrap_or(u64::MAX), self.inner.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
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

    fn pace() -> Arc<Pace> {
        Pace::new(LIMITS, None)
    }

    #[test]
    fn a_reader_that_takes_nothing_is_too_slow_after_the_pause_and_one_that_waits_for_us_never_is() {
        let (pace, start) = (pace(), Instant::now());
        assert!(!pace.is_too_slow(at(start, 1_000)), "nothing waits");
        pace.waits(start);
        assert!(!pace.is_too_slow(at(start, 9)));
        assert!(pace.is_too_slow(at(start, 10)));
        pace.took(1_000, at(start, 10));
        assert!(!pace.is_too_slow(at(start, 1_000)), "what is slow is us");
    }

    /// Whether a reader is cut that takes so many bytes every so many seconds.
    fn is_cut(pace: &Pace, start: Instant, every: u64, bytes: u64) -> bool {
        (0..2_000).any(|turn| {
            pace.waits(at(start, turn * every));
            let is_cut = pace.is_too_slow(at(start, (turn + 1) * every));
            pace.took(bytes, at(start, (turn + 1) * every));
            is_cut
        })
    }

    #[test]
    fn the_least_rate_holds_however_large_the_lumps_are_in_which_bytes_are_seen_to_be_taken() {
        let start = Instant::now();
        for (every, bytes, cut) in [(1, 100, false), (1, 90, true), (9, 900, false), (40, 4_000, false)] {
            let pace = pace();
            // What the kernels take at once in the beginning.
            pace.took(10_000, start);
            assert_eq!(is_cut(&pace, start, every, bytes), cut, "{bytes} bytes every {every} s");
        }
    }

    #[test]
    fn a_quick_beginning_pays_for_a_bounded_pause_only() {
        let (pace, start) = (pace(), Instant::now());
        pace.took(u64::MAX, start);
        pace.waits(start);
        assert!(!pace.is_too_slow(at(start, 49)));
        assert!(pace.is_too_slow(at(start, 50)));
    }

    #[test]
    fn without_a_least_rate_any_byte_is_worth_the_whole_pause() {
        let (pace, start) =
            (Pace::new(PaceLimits { bytes_per_second_min: 0, ..LIMITS }, None), Instant::now());
        assert!(!is_cut(&pace, start, 9, 1));
        assert!(is_cut(&pace, at(start, 10_000), 10, 1));
    }

    #[tokio::test]
    async fn what_came_before_a_body_broke_may_be_sent_before_it_is_told_that_it_broke() {
        let paces = Paces::new(LIMITS);
        let broken = || Interrupted::Broken("it differs".to_owned());
        let pieces = futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"a"))), Err(broken())]);
        let mut body = paces.body(UnsyncBoxBody::new(http_body_util::StreamBody::new(pieces)));
        let mut poll = || {
            let mut task = Context::from_waker(std::task::Waker::noop());
            let frame = Pin::new(&mut body).poll_frame(&mut task);
            frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())))
        };
        assert_eq!(poll(), Poll::Ready(Some(Ok(Bytes::from_static(b"a")))));
        assert_eq!(poll(), Poll::Pending, "now it is sent");
        assert_eq!(poll(), Poll::Ready(Some(Err(broken()))));
    }
}
