//! A strict reader of HTTP/1.1 framing in front of hyper (RFC 9112). Where two programs may read the
//! same bytes as different requests, the bytes are not passed on: hyper is given one that no request
//! may hold instead, answers 400, and the connection ends. What stands behind them is never read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::request_head::{Ambiguous, Head};

/// The framing of one connection, piece by piece.
#[derive(Debug)]
struct Framing {
    state: State,
    line: Vec<u8>,
    head_bytes_max: usize,
    head_bytes: usize,
    head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body { left: u64 },
    ChunkSize,
    Chunk { left: u64 },
    ChunkEnd,
    Trailer,
}

impl Framing {
    fn new(head_bytes_max: usize) -> Self {
        Self { state: State::Head, line: Vec::new(), head_bytes_max, head_bytes: 0, head: Head::default() }
    }

    /// How many of these bytes may be passed on; fewer than all where they are ambiguous.
    fn passed(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += match self.state {
                State::Body { left } => self.skip(rest, left, false),
                State::Chunk { left } => self.skip(rest, left, true),
                _ => self.line(rest).map_err(|Ambiguous| at)?,
            };
        }
        Ok(())
    }

    fn skip(&mut self, rest: &[u8], left: u64, is_chunk: bool) -> usize {
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        let left = left.saturating_sub(skipped as u64);
        self.state = match (left, is_chunk) {
            (0, true) => State::ChunkEnd,
            (0, false) => State::Head,
            (left, true) => State::Chunk { left },
            (left, false) => State::Body { left },
        };
        skipped
    }

    fn line(&mut self, rest: &[u8]) -> Result<usize, Ambiguous> {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let most = if self.state == State::Head { self.head_bytes_max } else { CHUNK_LINE_BYTES_MAX };
        self.head_bytes += end;
        if self.head_bytes > most {
            return Err(Ambiguous);
        }
        self.line.extend_from_slice(rest.get(..end).unwrap_or_default());
        if self.line.last() != Some(&b'\n') {
            return Ok(end);
        }
        let whole = std::mem::take(&mut self.line);
        let line = whole.strip_suffix(b"\r\n").ok_or(Ambiguous)?;
        self.state = self.after(line)?;
        if self.state != State::Head || self.head.is_new() {
            self.head_bytes = 0;
        }
        Ok(end)
    }

    fn after(&mut self, line: &[u8]) -> Result<State, Ambiguous> {
        match self.state {
            State::Head => match self.head.line(line)? {
                false => Ok(State::Head),
                true => match std::mem::take(&mut self.head).length()? {
                    None => Ok(State::ChunkSize),
                    Some(0) => Ok(State::Head),
                    Some(left) => Ok(State::Body { left }),
                },
            },
            State::ChunkSize => match chunk_size(line)? {
                0 => Ok(State::Trailer),
                left => Ok(State::Chunk { left }),
            },
            // Neither has anything in it: nobody here reads trailers.
            State::ChunkEnd if line.is_empty() => Ok(State::ChunkSize),
            State::Trailer if line.is_empty() => Ok(State::Head),
            _ => Err(Ambiguous),
        }
    }
}

// No extension, no sign, no blank: digits alone.
fn chunk_size(line: &[u8]) -> Result<u64, Ambiguous> {
    let is_size = (1..=CHUNK_DIGITS_MAX).contains(&line.len()) && line.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(line).ok().filter(|_| is_size).ok_or(Ambiguous)?;
    u64::from_str_radix(digits, 16).map_err(|_| Ambiguous)
}

const CHUNK_DIGITS_MAX: usize = 15;
const CHUNK_LINE_BYTES_MAX: usize = 64;

/// A connection of which only unambiguous requests are read.
#[derive(Debug)]
pub struct Unambiguous<IO> {
    io: IO,
    framing: Option<Framing>,
    has_refused: Arc<AtomicBool>,
}

impl<IO> Unambiguous<IO> {
    /// HTTP/1.1 with heads of so many bytes.
    pub fn http1(io: IO, head_bytes_max: usize) -> Self {
        Self::of(io, false, head_bytes_max)
    }

    /// HTTP/1.1, or HTTP/2, whose frames say themselves where they end.
    pub(super) fn of(io: IO, http2: bool, head_bytes_max: usize) -> Self {
        // hyper answers a head over its own cap with 431; the gate only has to be bounded.
        let most = head_bytes_max.max(8 << 10).saturating_mul(2);
        Self { io, framing: (!http2).then(|| Framing::new(most)), has_refused: Arc::default() }
    }

    /// Set once something was refused.
    pub(super) fn has_refused(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.has_refused)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Unambiguous<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.has_refused.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(task, into))?;
        let Some(framing) = &mut this.framing else { return Poll::Ready(Ok(())) };
        let fresh = into.filled().get(before..).unwrap_or_default();
        if let Err(passed) = framing.passed(fresh) {
            this.has_refused.store(true, Ordering::Relaxed);
            into.set_filled(before + passed);
            into.put_slice(b"\0");
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Unambiguous<IO> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(task, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests;
