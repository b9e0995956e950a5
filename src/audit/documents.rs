//! Documents on their way out: bytes and hashes are taken as they pass, a withdrawal or a writer
//! that goes down stops them at the next chunk, and after the last one the closing record is
//! written, for which the end of the last stream waits (decisions D1).

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest::{Context as Digest, SHA256};
use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::oneshot;
use tokio::time::{Timeout, timeout};

use super::event::{Ending, Event};
use super::handle::{Durable, Handle};
use super::judge::Judge;
use super::record::digest;
use super::references::DocumentRef;
use crate::model::{DocumentId, DocumentStream, Interrupted, PassingHash, RequestContext};
use crate::policy::Permit;

/// The documents of one answer.
#[derive(Clone)]
pub struct Streams(Arc<Group>);

struct Group {
    handle: Handle,
    durable: Durable,
    running: Running,
    open: Mutex<Open>,
}

/// The closing record as it grows.
struct Open {
    left: usize,
    closing: Event,
}

/// Whether documents may go on.
pub(super) struct Running {
    version: u64,
    present_version: Box<dyn Fn() -> u64 + Send + Sync>,
    still_allows: Box<dyn Fn(&DocumentId) -> bool + Send + Sync>,
}

impl Running {
    /// By this judge, who allowed all of them at this version of the consents.
    pub(super) fn new<J: Judge>(
        context: &RequestContext,
        permit: &Permit,
        judge: &Arc<J>,
        version: u64,
    ) -> Self {
        let (versions, judge) = (Arc::clone(judge), Arc::clone(judge));
        let (context, permit) = (context.clone(), permit.clone());
        Self {
            version,
            present_version: Box::new(move || versions.consent_version()),
            still_allows: Box::new(move |document| judge.still_allows(&context, &permit, document)),
        }
    }
}

impl Streams {
    pub(super) fn new(handle: Handle, durable: Durable, released: Event, running: Running) -> Self {
        let closing = released.closing(durable.sequence);
        let open = Mutex::new(Open { left: closing.documents.len(), closing });
        Self(Arc::new(Group { handle, durable, running, open }))
    }

    /// Lets a body run through the counter.
    pub(super) fn wrap(
        &self,
        index: usize,
        id: DocumentId,
        inner: DocumentStream,
        passing: Option<PassingHash>,
    ) -> DocumentStream {
        if let Some(passing) = &passing {
            passing.take_over();
        }
        Box::pin(Body {
            passing,
            group: Arc::clone(&self.0),
            index,
            id,
            inner: Some(inner),
            version: self.0.running.version,
            bytes: 0,
            digest: Some(Digest::new(&SHA256)),
            closing: None,
        })
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("record", &self.0.durable.sequence).finish_non_exhaustive()
    }
}

impl Group {
    /// Notes the end of one document; gives the closing record after the last.
    fn finish(&self, index: usize, bytes: u64, sha256: [u8; 32], ending: &str) -> Option<Event> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = open.closing.documents.get_mut(index) {
            document.bytes_sent = Some(bytes);
            document.sha256 = Some(sha256.into());
            document.ending = Some(ending.to_owned());
        }
        self.handle.shared.counters.document_bytes.add(bytes);
        open.left = open.left.saturating_sub(1);
        if open.left > 0 {
            return None;
        }
        let mut closing = open.closing.clone();
        let whole = |document: &DocumentRef| document.ending.as_deref() == Some(WHOLE);
        let all_whole = closing.documents.iter().all(whole);
        closing.ending = if all_whole { Ending::Complete } else { Ending::Interrupted };
        closing.bytes = Some(closing.documents.iter().filter_map(|document| document.bytes_sent).sum());
        closing.at_micros = crate::model::Timestamp::now().micros();
        Some(closing)
    }
}

struct Body {
    group: Arc<Group>,
    index: usize,
    id: DocumentId,
    /// None once it has ended.
    inner: Option<DocumentStream>,
    /// The consents that last allowed it.
    version: u64,
    bytes: u64,
    digest: Option<Digest>,
    /// A hash that is made along.
    passing: Option<PassingHash>,
    /// The closing record on its way to the disk.
    closing: Option<Pin<Box<Timeout<oneshot::Receiver<()>>>>>,
}

impl Body {
    /// Ends this document; the closing record, if due, is owed whether or not anybody waits.
    fn end(&mut self, ending: &str) {
        self.inner = None;
        let Some(hash) = self.digest.take().map(digest) else { return };
        if let Some(closing) = self.group.finish(self.index, self.bytes, hash, ending) {
            let generation = self.group.durable.generation;
            let told = self.group.handle.owe_and_tell(generation, closing);
            // Without a runtime nobody waits: it is being dropped.
            if tokio::runtime::Handle::try_current().is_ok() {
                self.closing = Some(Box::pin(timeout(CLOSING_WAIT, told)));
            }
        }
    }

    fn interrupt(&mut self, interrupted: Interrupted) -> Poll<Option<Result<Bytes, Interrupted>>> {
        let ending = match interrupted {
            Interrupted::Broken(_) => "broken",
            Interrupted::Idle => "idle",
            Interrupted::TooLarge(_) => "too-large",
            Interrupted::Withdrawn => "withdrawn",
        };
        if interrupted == Interrupted::Withdrawn {
            self.group.handle.shared.counters.withdrawn.add(1);
        }
        self.end(ending);
        // A broken stream has no end that could wait.
        self.closing = None;
        Poll::Ready(Some(Err(interrupted)))
    }

    /// Whether a chunk may be handed over at this moment.
    fn may_go_on(&mut self) -> Result<(), Interrupted> {
        if !self.group.handle.shared.is_current(self.group.durable.generation) {
            return Err(Interrupted::Broken(LOG_LOST.to_owned()));
        }
        let present = (self.group.running.present_version)();
        if present != self.version {
            if !(self.group.running.still_allows)(&self.id) {
                return Err(Interrupted::Withdrawn);
            }
            self.version = present;
        }
        Ok(())
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Interrupted>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(inner) = this.inner.as_mut() {
            match std::task::ready!(inner.as_mut().poll_next(task)) {
                Some(Ok(chunk)) => {
                    if let Err(interrupted) = this.may_go_on() {
                        return this.interrupt(interrupted);
                    }
                    this.bytes += chunk.len() as u64;
                    match (&mut this.digest, &this.passing) {
                        (Some(digest), Some(passing)) => passing.pass(&chunk, digest),
                        (Some(digest), None) => digest.update(&chunk),
                        (None, _) => {}
                    }
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Some(Err(interrupted)) => return this.interrupt(interrupted),
                None => this.end(WHOLE),
            }
        }
        let Some(closing) = this.closing.as_mut() else { return Poll::Ready(None) };
        let written = std::task::ready!(closing.as_mut().poll(task));
        this.closing = None;
        match written {
            Ok(Ok(())) => Poll::Ready(None),
            Ok(Err(_)) | Err(_) => Poll::Ready(Some(Err(Interrupted::Broken(LOG_LOST.to_owned())))),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.end("dropped");
    }
}

/// How long the end of a document waits for the closing record.
const CLOSING_WAIT: Duration = Duration::from_secs(5);
const WHOLE: &str = "whole";
const LOG_LOST: &str = "the audit log is not available";
