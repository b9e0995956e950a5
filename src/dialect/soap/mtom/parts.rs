//! The parts behind a package's root. The package is read only as far as the document being polled
//! needs; what passes meanwhile is kept for its own stream up to a cap, or skipped when nobody
//! wants it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use percent_encoding::percent_decode_str;

use super::super::transfer::Transfer;
use super::splitter::{PartHead, Splitter, Step};
use crate::model::{DocumentStream, Interrupted};

/// The parts behind the root of a package that is being received.
#[derive(Clone)]
pub struct Parts {
    package: Arc<Mutex<Package>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl Parts {
    pub(super) fn new(package: Package) -> Self {
        Self { package: Arc::new(Mutex::new(package)) }
    }

    /// The body of the part an xop:Include names (`cid:...`), as a stream that reads the package
    /// when it is polled. Several documents share the package and are drained in order: a part that
    /// passes while another is polled is kept up to 1 MiB, beyond that its own stream ends with
    /// `Broken`. Ask for all documents before the first is polled. Dropping a stream skips its part.
    ///
    /// A part that the end of the bytes cut, one that is missing and one whose transfer encoding
    /// does not hold end with `Broken`, one over the cap with `TooLarge`.
    pub fn document(&self, href: &str) -> DocumentStream {
        let mut package = lock(&self.package);
        let want = Want { href: href.trim().to_owned(), ..Want::default() };
        package.wants.push(want);
        let index = package.wants.len() - 1;
        package.hand_over_passed(index);
        drop(package);
        Box::pin(PartStream { package: Arc::clone(&self.package), index })
    }
}

fn lock(package: &Mutex<Package>) -> MutexGuard<'_, Package> {
    package.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A document somebody asked for.
#[derive(Default)]
struct Want {
    href: String,
    /// What has come and was not taken yet.
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    /// Set once nothing more will come: how it ended.
    end: Option<Result<(), Interrupted>>,
    has_begun: bool,
    is_dropped: bool,
    waker: Option<Waker>,
}

/// A part that came before the root or before anybody asked.
pub(super) struct Passed {
    pub(super) head: PartHead,
    pub(super) body: Bytes,
}

/// A package under way.
pub(super) struct Package {
    source: DocumentStream,
    /// What the source gave and the splitter has not seen.
    pending: Bytes,
    splitter: Splitter,
    part_bytes_max: u64,
    passed: Vec<Passed>,
    wants: Vec<Want>,
    /// Wants that the part under way serves, its decoder and its size so far.
    current: Vec<usize>,
    transfer: Transfer,
    part_bytes: u64,
    /// Set when nothing more can be read.
    over: Option<Interrupted>,
}

/// Bytes kept for a document while another is read.
pub(super) const KEPT_BYTES_MAX: usize = 1 << 20;
// Bytes handed to the splitter at a time, so that a document leaves in pieces.
const PIECE_BYTES: usize = 64 << 10;

impl Package {
    pub(super) fn new(source: DocumentStream, pending: Bytes, boundary: &str, part_bytes_max: u64) -> Self {
        Self {
            source,
            pending,
            splitter: Splitter::new(boundary),
            part_bytes_max,
            passed: Vec::new(),
            wants: Vec::new(),
            current: Vec::new(),
            transfer: Transfer::Raw,
            part_bytes: 0,
            over: None,
        }
    }

    pub(super) fn pass(&mut self, passed: Passed) {
        self.passed.push(passed);
    }

    /// The next step of the package other than `More`.
    pub(super) fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Result<Step, Unread>> {
        loop {
            match self.splitter.step() {
                Ok(Step::More) => {}
                Ok(step) => return Poll::Ready(Ok(step)),
                Err(malformed) => return Poll::Ready(Err(Unread::Malformed(malformed))),
            }
            if self.pending.is_empty() {
                match self.source.as_mut().poll_next(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => self.splitter.end(),
                    Poll::Ready(Some(Ok(bytes))) => self.pending = bytes,
                    Poll::Ready(Some(Err(interrupted))) => {
                        return Poll::Ready(Err(Unread::Interrupted(interrupted)));
                    }
                }
            }
            let piece = self.pending.split_to(self.pending.len().min(PIECE_BYTES));
            self.splitter.push(&piece);
        }
    }

    fn hand_over_passed(&mut self, index: usize) {
        let over = self.over.clone();
        let Some(want) = self.wants.get_mut(index) else { return };
        let matching = |level: u8| {
            let id = |passed: &&Passed| matches_at(&want.href, passed.head.content_id.as_deref(), level);
            self.passed.iter().find(id)
        };
        if let Some(passed) = (0..3).find_map(matching) {
            let mut transfer = passed.head.transfer();
            match transfer.decode(passed.body.clone(), true) {
                Some(body) => {
                    want.waiting.push_back(body);
                    want.end = Some(Ok(()));
                }
                None => want.end = Some(Err(not_encoded())),
            }
        } else if let Some(over) = over {
            want.end = Some(Err(over));
        }
    }

    fn begin(&mut self, head: &PartHead) {
        self.transfer = head.transfer();
        self.part_bytes = 0;
        let id = head.content_id.as_deref();
        let is_open = |want: &Want| !want.is_dropped && !want.has_begun && want.end.is_none();
        let at_level = |level: u8| -> Vec<usize> {
            let wants = self.wants.iter().enumerate();
            let fitting = wants.filter(|(_, want)| is_open(want) && matches_at(&want.href, id, level));
            fitting.map(|(index, _)| index).collect()
        };
        self.current = (0..3).map(at_level).find(|found| !found.is_empty()).unwrap_or_default();
        for index in &self.current {
            if let Some(want) = self.wants.get_mut(*index) {
                want.has_begun = true;
            }
        }
    }

    fn data(&mut self, piece: Bytes, polled: usize, is_last: bool) {
        if self.current.is_empty() {
            return;
        }
        let Some(decoded) = self.transfer.decode(piece, is_last) else {
            self.end_current(&Err(not_encoded()));
            return;
        };
        self.part_bytes += decoded.len() as u64;
        if self.part_bytes > self.part_bytes_max {
            self.end_current(&Err(Interrupted::TooLarge(self.part_bytes_max)));
            return;
        }
        for index in self.current.clone() {
            let Some(want) = self.wants.get_mut(index) else { continue };
            if want.is_dropped || want.end.is_some() || decoded.is_empty() {
                continue;
            }
            want.waiting_bytes += decoded.len();
            if index != polled && want.waiting_bytes > KEPT_BYTES_MAX {
                let why = "the documents were not read in the order in which they came";
                want.waiting.clear();
                want.end = Some(Err(Interrupted::Broken(why.into())));
            } else {
                want.waiting.push_back(decoded.clone());
            }
            want.wake();
        }
    }

    fn end_current(&mut self, end: &Result<(), Interrupted>) {
        for index in std::mem::take(&mut self.current) {
            if let Some(want) = self.wants.get_mut(index).filter(|want| want.end.is_none()) {
                want.end = Some(end.clone());
                want.wake();
            }
        }
    }

    fn finish(&mut self, why: Interrupted) {
        for want in self.wants.iter_mut().filter(|want| want.end.is_none()) {
            want.end = Some(Err(why.clone()));
            want.wake();
        }
        self.current.clear();
        self.over = Some(why);
    }

    fn advance(&mut self, step: Result<Step, Unread>, polled: usize) {
        match step {
            Ok(Step::Head(head)) => self.begin(&head),
            Ok(Step::Data(piece)) => self.data(piece, polled, false),
            Ok(Step::PartEnd { is_delimited: true }) => {
                self.data(Bytes::new(), polled, true);
                self.end_current(&Ok(()));
            }
            Ok(Step::PartEnd { is_delimited: false }) => {
                self.end_current(&Err(Interrupted::Broken("the package ends within a part".into())));
            }
            Ok(Step::End { .. }) => {
                self.finish(Interrupted::Broken("the package holds no such part".into()));
            }
            Ok(Step::More) => {}
            Err(Unread::Interrupted(interrupted)) => self.finish(interrupted),
            Err(Unread::Malformed(malformed)) => self.finish(Interrupted::Broken(malformed.to_string())),
        }
    }
}

/// Why a package could not be read on.
pub(super) enum Unread {
    Interrupted(Interrupted),
    Malformed(crate::model::Malformed),
}

impl Want {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

fn not_encoded() -> Interrupted {
    Interrupted::Broken("a part does not hold to its Content-Transfer-Encoding".into())
}

/// Whether a reference names a Content-ID: exactly after decoding (level 0), exactly as it stands
/// (1), without regard to case (2).
pub(super) fn matches_at(href: &str, content_id: Option<&str>, level: u8) -> bool {
    let Some(id) = content_id else { return false };
    let bare = match href.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("cid:") => href.get(4..).unwrap_or_default(),
        _ => href,
    };
    let bare = bare.strip_prefix('<').and_then(|b| b.strip_suffix('>')).unwrap_or(bare);
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    match level {
        0 => decoded(bare) == id,
        1 => bare == id || decoded(bare) == decoded(id),
        _ => decoded(bare).eq_ignore_ascii_case(&decoded(id)),
    }
}

struct PartStream {
    package: Arc<Mutex<Package>>,
    index: usize,
}

impl Stream for PartStream {
    type Item = Result<Bytes, Interrupted>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut package = lock(&self.package);
        loop {
            let Some(want) = package.wants.get_mut(self.index) else { return Poll::Ready(None) };
            if let Some(bytes) = want.waiting.pop_front() {
                want.waiting_bytes = want.waiting_bytes.saturating_sub(bytes.len());
                return Poll::Ready(Some(Ok(bytes)));
            }
            if let Some(end) = &mut want.end {
                // An error is told once; after it, as after the end, there is nothing.
                return Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err));
            }
            want.waker = Some(context.waker().clone());
            match package.poll_step(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(step) => package.advance(step, self.index),
            }
        }
    }
}

impl Drop for PartStream {
    fn drop(&mut self) {
        let mut package = lock(&self.package);
        if let Some(want) = package.wants.get_mut(self.index) {
            want.is_dropped = true;
            want.waiting.clear();
        }
        // Whoever waits for the package must now poll it himself.
        package.wants.iter_mut().for_each(Want::wake);
    }
}
