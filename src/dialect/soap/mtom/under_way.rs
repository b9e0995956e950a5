//! A package under way. It is read only as far as the document being polled needs; what passes
//! meanwhile is kept for its own stream up to a cap, or skipped when nobody wants it.

use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode_str;

use super::super::transfer::Transfer;
use super::head::PartHead;
use super::splitter::{Splitter, Step};
use crate::model::{DocumentStream, Interrupted, Malformed};

/// A document somebody asked for.
#[derive(Default)]
struct Want {
    name: PartName,
    /// What has come and was not taken yet.
    kept: BytesMut,
    /// The piece just read on its own behalf.
    piece: Option<Bytes>,
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
    /// Content-IDs of parts that served somebody: another part of the same name could be meant as well.
    served: Vec<String>,
    transfer: Transfer,
    part_bytes: u64,
    /// Of all documents together.
    kept_bytes: usize,
    /// Set when nothing more can be read.
    over: Option<Interrupted>,
}

/// Bytes kept for a document while another is read.
pub(super) const KEPT_BYTES_MAX: usize = 1 << 20;
// The same for all documents of a package together.
const KEPT_BYTES_ALL_MAX: usize = 16 << 20;
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
            served: Vec::new(),
            transfer: Transfer::Raw,
            part_bytes: 0,
            kept_bytes: 0,
            over: None,
        }
    }

    pub(super) fn pass(&mut self, passed: Passed) {
        self.passed.push(passed);
    }

    /// Takes back the first part that passed.
    pub(super) fn first_passed(&mut self) -> Option<Passed> {
        (!self.passed.is_empty()).then(|| self.passed.remove(0))
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
            self.splitter.push(piece);
        }
    }

    /// Somebody asks for a part; gives the number to take it by.
    pub(super) fn want(&mut self, href: &str) -> usize {
        let mut want = Want { name: PartName::of_reference(href), ..Want::default() };
        let matching = |level: u8| {
            let fits = |passed: &&Passed| want.name.fits(passed.head.content_id.as_deref(), level);
            self.passed.iter().find(fits)
        };
        if let Some(passed) = LEVELS.into_iter().find_map(matching) {
            let mut transfer = passed.head.transfer();
            match transfer.decode(passed.body.clone(), true) {
                Some(body) => {
                    want.piece = Some(body);
                    want.end = Some(Ok(()));
                }
                None => want.end = Some(Err(not_encoded())),
            }
        } else if let Some(over) = &self.over {
            want.end = Some(Err(over.clone()));
        }
        self.wants.push(want);
        self.wants.len() - 1
    }

    /// What has come for a document, or its end. Pending means that the package must be polled.
    pub(super) fn take(
        &mut self,
        index: usize,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Bytes, Interrupted>>> {
        let Some(want) = self.wants.get_mut(index) else { return Poll::Ready(None) };
        if !want.kept.is_empty() {
            self.kept_bytes = self.kept_bytes.saturating_sub(want.kept.len());
            return Poll::Ready(Some(Ok(std::mem::take(&mut want.kept).freeze())));
        }
        if let Some(piece) = want.piece.take() {
            return Poll::Ready(Some(Ok(piece)));
        }
        if let Some(end) = &mut want.end {
            // An error is told once; after it, as after the end, there is nothing.
            return Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err));
        }
        want.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Nobody wants this document any more. Whoever waits for the package must now poll it himself.
    pub(super) fn leave(&mut self, index: usize) {
        if let Some(want) = self.wants.get_mut(index) {
            want.is_dropped = true;
            want.piece = None;
            self.kept_bytes = self.kept_bytes.saturating_sub(std::mem::take(&mut want.kept).len());
        }
        self.wants.iter_mut().for_each(Want::wake);
    }

    fn begin(&mut self, head: &PartHead) {
        self.transfer = head.transfer();
        self.part_bytes = 0;
        let id = head.content_id.as_deref();
        if self.served.iter().any(|served| Some(served.as_str()) == id) {
            self.finish(Interrupted::Broken("two parts have one Content-ID".into()));
            return;
        }
        let is_open = |want: &Want| !want.is_dropped && !want.has_begun && want.end.is_none();
        let at_level = |level: u8| -> Vec<usize> {
            let wants = self.wants.iter().enumerate();
            let fitting = wants.filter(|(_, want)| is_open(want) && want.name.fits(id, level));
            fitting.map(|(index, _)| index).collect()
        };
        self.current = LEVELS.into_iter().map(at_level).find(|found| !found.is_empty()).unwrap_or_default();
        for index in &self.current {
            if let Some(want) = self.wants.get_mut(*index) {
                want.has_begun = true;
            }
        }
        self.served.extend(id.filter(|_| !self.current.is_empty()).map(str::to_owned));
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
        for &index in &self.current {
            let Some(want) = self.wants.get_mut(index) else { continue };
            if want.is_dropped || want.end.is_some() || decoded.is_empty() {
                continue;
            }
            if index == polled {
                want.piece = Some(decoded.clone());
                continue;
            }
            let is_kept = want.kept.len() + decoded.len() <= KEPT_BYTES_MAX;
            if is_kept && self.kept_bytes + decoded.len() <= KEPT_BYTES_ALL_MAX {
                self.kept_bytes += decoded.len();
                want.kept.extend_from_slice(&decoded);
            } else {
                let why = "the documents were not read in the order in which they came";
                self.kept_bytes = self.kept_bytes.saturating_sub(std::mem::take(&mut want.kept).len());
                want.end = Some(Err(Interrupted::Broken(why.into())));
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

    /// Takes a step in, on behalf of the document being polled.
    pub(super) fn advance(&mut self, step: Result<Step, Unread>, polled: usize) {
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
    Malformed(Malformed),
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

/// The part that an xop:Include or `start` names.
#[derive(Debug, Default)]
pub(super) struct PartName {
    bare: String,
    decoded: String,
}

/// How close a name and a Content-ID are: equal after decoding the name; equal as they stand or both
/// decoded; equal but for case.
pub(super) const LEVELS: [u8; 3] = [0, 1, 2];

impl PartName {
    /// From `cid:...`, with or without angle brackets.
    pub(super) fn of_reference(href: &str) -> Self {
        let href = href.trim();
        let bare = match href.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("cid:") => href.get(4..).unwrap_or_default(),
            _ => href,
        };
        let bare = bare.strip_prefix('<').and_then(|b| b.strip_suffix('>')).unwrap_or(bare);
        Self { bare: bare.to_owned(), decoded: decoded(bare) }
    }

    /// Whether a part has this name.
    pub(super) fn fits(&self, content_id: Option<&str>, level: u8) -> bool {
        let Some(id) = content_id else { return false };
        match level {
            0 => self.decoded == id,
            1 => self.bare == id || self.decoded == decoded(id),
            _ => self.decoded.eq_ignore_ascii_case(&decoded(id)),
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
