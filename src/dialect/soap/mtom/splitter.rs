//! Cuts a multipart body (RFC 2046 5.1) at its boundary lines: bytes in, steps out, no waiting. It
//! holds back no more than a boundary line or one part head, and its result does not depend on how
//! the bytes were split on their way. What it gives are slices of what it was given: bytes are copied
//! only where a boundary line or a head may go on in the next piece.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use super::head::{HEAD_LINES_MAX, PartHead};
use crate::model::Malformed;

/// What the bytes so far give.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes of the part begun.
    Data(Bytes),
    /// The package is over; whether by its closing boundary.
    End { is_closed: bool },
    /// A part begins.
    Head(PartHead),
    /// More bytes are needed, or [`Splitter::end`].
    More,
    /// The part is over; whether a boundary ended it rather than the end of the bytes.
    PartEnd { is_delimited: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Body,
    Head,
    Over { is_closed: bool },
    Preamble,
}

/// A boundary line met in the buffer.
enum Line {
    /// It ends at `end`; `is_close` with the final `--`.
    Boundary { end: usize, is_close: bool, has_cr: bool },
    /// It only looks like one.
    Other,
    /// The buffer ends before that can be told.
    Undecided,
}

#[derive(Debug)]
pub(super) struct Splitter {
    finder: Finder<'static>,
    /// What has come and was not passed on.
    buffer: Bytes,
    state: State,
    /// Nothing of the preamble or part has been passed on, so that the buffer begins a line.
    is_fresh: bool,
    /// The package ends its lines with CR LF, as its first boundary line shows.
    has_cr: bool,
    is_ended: bool,
    preamble_bytes: usize,
    parts: usize,
    /// Line ends passed so far, to tell where an error is.
    lines: usize,
}

const HEAD_BYTES_MAX: usize = 16 << 10;
const PADDING_BYTES_MAX: usize = 256;
const PARTS_MAX: usize = 1000;
const PREAMBLE_BYTES_MAX: usize = 64 << 10;

impl Splitter {
    /// For a boundary as the Content-Type names it.
    pub(super) fn new(boundary: &str) -> Self {
        let delimiter = format!("--{boundary}");
        Self {
            finder: Finder::new(delimiter.as_bytes()).into_owned(),
            buffer: Bytes::new(),
            state: State::Preamble,
            is_fresh: true,
            has_cr: false,
            is_ended: false,
            preamble_bytes: 0,
            parts: 0,
            lines: 0,
        }
    }

    /// More bytes.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if matches!(self.state, State::Over { .. }) {
            return;
        }
        if self.buffer.is_empty() {
            self.buffer = bytes;
            return;
        }
        let held = std::mem::take(&mut self.buffer);
        let mut joined = held.try_into_mut().unwrap_or_else(|held| {
            let mut joined = BytesMut::with_capacity(held.len() + bytes.len());
            joined.extend_from_slice(&held);
            joined
        });
        joined.extend_from_slice(&bytes);
        self.buffer = joined.freeze();
    }

    /// No more bytes will come.
    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next step.
    ///
    /// # Errors
    /// `mtom-preamble`, `mtom-part-head`, `mtom-too-many-parts`.
    pub(super) fn step(&mut self) -> Result<Step, Malformed> {
        loop {
            match self.state {
                State::Preamble => {
                    let before = self.buffer.len();
                    match self.until_boundary() {
                        Step::PartEnd { is_delimited: true } => {}
                        Step::PartEnd { is_delimited: false } => {
                            let why = "the boundary line never comes";
                            return Err(self.malformed("mtom-preamble", why));
                        }
                        Step::Data(_) => {
                            self.preamble_bytes += before.saturating_sub(self.buffer.len());
                            if self.preamble_bytes > PREAMBLE_BYTES_MAX {
                                let why =
                                    format!("more than {PREAMBLE_BYTES_MAX} bytes before the first part");
                                return Err(self.malformed("mtom-preamble", why));
                            }
                        }
                        other => return Ok(other),
                    }
                }
                State::Head => {
                    let Some(head) = self.head()? else { return Ok(Step::More) };
                    self.parts += 1;
                    if self.parts > PARTS_MAX {
                        let why = format!("more than {PARTS_MAX} parts");
                        return Err(self.malformed("mtom-too-many-parts", why));
                    }
                    self.state = State::Body;
                    self.is_fresh = true;
                    return Ok(Step::Head(head));
                }
                State::Body => return Ok(self.until_boundary()),
                State::Over { is_closed } => return Ok(Step::End { is_closed }),
            }
        }
    }

    /// Data up to the next boundary line; `PartEnd` when it stands right here.
    fn until_boundary(&mut self) -> Step {
        let mut from = 0;
        while let Some(found) = self.buffer.get(from..).and_then(|rest| self.finder.find(rest)) {
            let at = from + found;
            let (content_end, begins_line) = self.content_end(at);
            if !begins_line {
                from = at + 1;
                continue;
            }
            match self.line(at) {
                Line::Other => from = at + 1,
                Line::Undecided => return self.data(content_end),
                Line::Boundary { .. } if content_end > 0 => return self.data(content_end),
                Line::Boundary { end, is_close, has_cr } => {
                    self.pass(end);
                    if self.state == State::Preamble {
                        self.has_cr = has_cr;
                    }
                    self.state = if is_close { State::Over { is_closed: true } } else { State::Head };
                    return Step::PartEnd { is_delimited: true };
                }
            }
        }
        if self.is_ended {
            if self.buffer.is_empty() {
                self.state = State::Over { is_closed: false };
                return Step::PartEnd { is_delimited: false };
            }
            return self.data(self.buffer.len());
        }
        self.data(self.buffer.len() - self.begun())
    }

    /// Bytes at the end that may be a line end and the boundary behind it, come in part.
    fn begun(&self) -> usize {
        let delimiter = self.finder.needle();
        if self.is_fresh && delimiter.starts_with(&self.buffer) {
            return self.buffer.len();
        }
        let begins = |bytes: &usize| match self.buffer.get(self.buffer.len() - bytes..) {
            Some([b'\r']) => true,
            Some([b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..]) => delimiter.starts_with(rest),
            _ => false,
        };
        // Whole, it would have been found.
        let most = self.buffer.len().min(delimiter.len() + 1);
        (1..=most).rev().find(begins).unwrap_or_default()
    }

    // The line end before a boundary belongs to it: CR LF, but only LF where the package writes so.
    fn content_end(&self, at: usize) -> (usize, bool) {
        let byte = |back: usize| at.checked_sub(back).and_then(|i| self.buffer.get(i)).copied();
        match (byte(2), byte(1)) {
            (Some(b'\r'), Some(b'\n')) if self.has_cr || self.state == State::Preamble => (at - 2, true),
            (_, Some(b'\n')) => (at - 1, true),
            (_, None) => (0, self.is_fresh),
            _ => (at, false),
        }
    }

    fn line(&self, at: usize) -> Line {
        let mut end = at + self.finder.needle().len();
        let rest = self.buffer.get(end..).unwrap_or_default();
        if rest == b"-" && !self.is_ended {
            return Line::Undecided;
        }
        let is_close = rest.starts_with(b"--");
        if is_close {
            end += 2;
        }
        let rest = self.buffer.get(end..).unwrap_or_default();
        let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if padding > PADDING_BYTES_MAX {
            return Line::Other;
        }
        end += padding;
        let boundary = |bytes: usize, has_cr: bool| Line::Boundary { end: end + bytes, is_close, has_cr };
        match self.buffer.get(end..).unwrap_or_default() {
            [b'\r', b'\n', ..] => boundary(2, true),
            [b'\n', ..] => boundary(1, false),
            [] if self.is_ended => boundary(0, self.has_cr),
            [b'\r'] if self.is_ended => boundary(1, true),
            [] | [b'\r'] => Line::Undecided,
            _ => Line::Other,
        }
    }

    fn data(&mut self, bytes: usize) -> Step {
        if bytes == 0 {
            return Step::More;
        }
        self.is_fresh = false;
        Step::Data(self.pass(bytes))
    }

    fn pass(&mut self, bytes: usize) -> Bytes {
        let passed = self.buffer.split_to(bytes);
        self.lines += memchr::memchr_iter(b'\n', &passed).count();
        passed
    }

    fn malformed(&self, code: &'static str, why: impl Into<String>) -> Malformed {
        Malformed::new(code, format!("{}:1", self.lines + 1), why)
    }

    /// The head once it is whole: up to a line that is empty or blank.
    fn head(&mut self) -> Result<Option<PartHead>, Malformed> {
        let mut lines: Vec<&[u8]> = Vec::new();
        let mut at = 0;
        loop {
            let rest = self.buffer.get(at..).unwrap_or_default();
            let line_end = memchr::memchr(b'\n', rest);
            let line = line_end.and_then(|end| rest.get(..end)).unwrap_or(rest);
            let is_whole = line_end.is_some() || self.is_ended;
            if at + line.len() > HEAD_BYTES_MAX || lines.len() > HEAD_LINES_MAX {
                return Err(self.malformed("mtom-part-head", "the head of a part is too long"));
            }
            if !is_whole {
                return Ok(None);
            }
            at += line.len() + usize::from(line_end.is_some());
            let line = line.trim_ascii_end();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let why = "the head of a part cannot be read";
        let head = PartHead::read(&lines).ok_or_else(|| self.malformed("mtom-part-head", why))?;
        self.pass(at);
        Ok(Some(head))
    }
}
