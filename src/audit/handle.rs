//! The way to the writer: a queue with a bound for those who wait, and a list for what must be written
//! even when nobody waits any more.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::disk::Disk;
use super::event::{Ending, Event, Kind};
use super::segments::{AuditError, Cut, Entry};
use super::stats::Counters;
use super::writer::{AuditOptions, Recovered, Writer};
use crate::model::Refusal;

/// Whether anything can be released at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditHealth {
    /// Records are written; with what the last opening cut, if anything.
    Up(Option<Cut>),
    /// Nothing is released. The text names the failure of the file system.
    Down(String),
    /// Stopped in order.
    Stopped,
}

/// What the writer and everybody else share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Even while the writer is down, odd while it is up; grows with each change. Whoever holds an
    /// older one may neither stream nor close: recovery has closed it.
    generation: AtomicU64,
    health: Mutex<AuditHealth>,
    /// Since when the writer has been at its oldest record; None while nothing waits for it.
    at_work_since: Mutex<Option<Instant>>,
    /// Records that must not be lost when a future is dropped. Bounded by what is open.
    owed: Mutex<Vec<Owed>>,
    pub(super) counters: Counters,
    pub(super) durable: watch::Sender<u64>,
}

impl Shared {
    fn new() -> Self {
        Self {
            generation: AtomicU64::new(0),
            health: Mutex::new(AuditHealth::Stopped),
            at_work_since: Mutex::default(),
            owed: Mutex::default(),
            counters: Counters::default(),
            durable: watch::Sender::new(0),
        }
    }

    /// Forgets what is owed: recovery has closed it.
    pub(super) fn forget_owed(&self) {
        locked(&self.owed).clear();
    }

    /// The generation while the writer is up.
    pub(super) fn generation(&self) -> Option<u64> {
        Some(self.generation.load(SeqCst)).filter(|generation| generation % 2 == 1)
    }

    /// Whether the writer has been up without a break since then.
    pub(super) fn is_current(&self, generation: u64) -> bool {
        self.generation.load(SeqCst) == generation
    }

    pub(super) fn health(&self) -> AuditHealth {
        locked(&self.health).clone()
    }

    /// Says what the writer is at: since when its oldest record has been waiting, or nothing.
    pub(super) fn at_work(&self, since: Option<Instant>) {
        *locked(&self.at_work_since) = since;
    }

    /// How long the oldest record has been waiting for the disk.
    pub(super) fn waiting(&self) -> Duration {
        locked(&self.at_work_since).map(|since| since.elapsed()).unwrap_or_default()
    }

    pub(super) fn owe(&self, owed: Owed) {
        if self.is_current(owed.generation) {
            locked(&self.owed).push(owed);
        }
    }

    /// Whether anything is owed.
    pub(super) fn owes(&self) -> bool {
        !locked(&self.owed).is_empty()
    }

    pub(super) fn take_owed(&self) -> Vec<Owed> {
        let mut owed = std::mem::take(&mut *locked(&self.owed));
        owed.retain(|owed| self.is_current(owed.generation));
        owed
    }

    pub(super) fn set(&self, health: AuditHealth) {
        let up = matches!(health, AuditHealth::Up(_));
        self.counters.up.set(u64::from(up));
        *locked(&self.health) = health;
        let is_odd = self.generation.load(SeqCst) % 2 == 1;
        if up != is_odd {
            self.generation.fetch_add(1, SeqCst);
        }
        // Whoever follows the log looks at the health as well.
        self.durable.send_modify(|_| ());
    }
}

/// A panic elsewhere leaves these values whole: each is changed in one step.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A record that is written with the next commit, whether or not anybody waits for it.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) generation: u64,
    pub(super) event: Event,
    pub(super) done: Option<oneshot::Sender<()>>,
}

/// An event on its way to the writer.
pub(super) struct Waiting {
    pub(super) entry: Entry,
    pub(super) generation: u64,
    pub(super) since: Instant,
    /// Written when the waiter is gone before it learns of its record.
    pub(super) abandoned: Option<Arc<Event>>,
    pub(super) done: oneshot::Sender<u64>,
}

pub(super) enum Command {
    Append(Waiting),
    Reopen(oneshot::Sender<Result<Recovered, AuditError>>),
    Stop(oneshot::Sender<()>),
    /// Something is owed.
    Wake,
}

/// The other end of the writer. Clones share it; when the last goes, the writer ends.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    commands: mpsc::Sender<Command>,
    pub(super) shared: Arc<Shared>,
}

/// A handle that keeps no writer alive.
#[derive(Debug, Clone)]
pub(super) struct WeakHandle {
    commands: mpsc::WeakSender<Command>,
    shared: Arc<Shared>,
}

impl WeakHandle {
    /// The handle, while anybody else has one.
    pub(super) fn upgrade(&self) -> Option<Handle> {
        let commands = self.commands.upgrade()?;
        Some(Handle { commands, shared: Arc::clone(&self.shared) })
    }
}

/// A durable record: its sequence, and the time of the writer it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Durable {
    pub sequence: u64,
    pub generation: u64,
}

impl Handle {
    pub(super) fn downgrade(&self) -> WeakHandle {
        WeakHandle { commands: self.commands.downgrade(), shared: Arc::clone(&self.shared) }
    }

    /// Recovers the log, closes what was left open, writes the start record, starts the thread.
    pub(super) fn start(disk: Box<dyn Disk>, options: AuditOptions) -> Result<(Self, Recovered), AuditError> {
        let shared = Arc::new(Shared::new());
        let (commands, queue) = mpsc::channel(options.queue_max.max(1));
        let recovered = Writer::start(disk, options, Arc::clone(&shared), queue)?;
        Ok((Self { commands, shared }, recovered))
    }

    /// As [`Handle::append_by`], with the patience of one that has no deadline of its own.
    pub(super) async fn append(&self, event: &Event, since: Option<u64>) -> Result<Durable, Refusal> {
        self.append_by(event, since, tokio::time::Instant::now() + PATIENCE).await
    }

    /// Writes an event; returns when it is durable, or refuses when it is not by then. An event that
    /// awaits its closing record is closed by the writer when the caller is gone before it learns of
    /// it, a release taken back. With `since`, the writer must have been up without a break since
    /// that generation.
    pub(super) async fn append_by(
        &self,
        event: &Event,
        since: Option<u64>,
        until: tokio::time::Instant,
    ) -> Result<Durable, Refusal> {
        let written = tokio::time::timeout_at(until, self.try_append(event, since)).await;
        let written = written.unwrap_or_else(|_| {
            tracing::error!("the audit log does not answer in time: nothing is released");
            Err(Refusal::AuditUnavailable)
        });
        if written.is_err() {
            self.shared.counters.unavailable.add(1);
        }
        written
    }

    async fn try_append(&self, event: &Event, since: Option<u64>) -> Result<Durable, Refusal> {
        let generation = self.shared.generation().ok_or(Refusal::AuditUnavailable)?;
        if since.is_some_and(|since| since != generation) {
            return Err(Refusal::AuditUnavailable);
        }
        let entry = Entry::new(event);
        if !entry.fits() {
            return Err(Refusal::Internal("the event is too large for the audit log".to_owned()));
        }
        let abandoned = if event.awaits_close {
            Some(Arc::new(event.closing(0)))
        } else {
            (event.kind == Kind::Release && event.shown > 0).then(|| Arc::new(event.taken_back()))
        };
        let (done, written) = oneshot::channel();
        let mut answer = Answered { handle: self, generation, abandoned: abandoned.clone(), written };
        let waiting = Waiting { entry, generation, since: Instant::now(), abandoned, done };
        self.commands.send(Command::Append(waiting)).await.map_err(|_| Refusal::AuditUnavailable)?;
        let sequence = (&mut answer.written).await.map_err(|_| Refusal::AuditUnavailable)?;
        answer.abandoned = None;
        Ok(Durable { sequence, generation })
    }

    /// Writes an event soon; nobody waits. May be called from a destructor.
    pub(super) fn owe(&self, generation: u64, event: Event) {
        self.shared.owe(Owed { generation, event, done: None });
        // A full queue wakes the writer as well.
        let _ = self.commands.try_send(Command::Wake);
    }

    /// As [`Handle::owe`]; what comes back tells when it is durable, or fails. Dropping it loses
    /// nothing.
    pub(super) fn owe_and_tell(&self, generation: u64, event: Event) -> oneshot::Receiver<()> {
        let (done, written) = oneshot::channel();
        self.shared.owe(Owed { generation, event, done: Some(done) });
        let _ = self.commands.try_send(Command::Wake);
        written
    }

    pub(super) async fn reopen(&self) -> Result<Recovered, AuditError> {
        let (done, opened) = oneshot::channel();
        self.commands.send(Command::Reopen(done)).await.map_err(|_| AuditError::Stopped)?;
        opened.await.map_err(|_| AuditError::Stopped)?
    }

    pub(super) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

/// Waits for the writer's answer. Dropped between the answer and its reading, it owes the record that
/// the writer would have written had nobody waited.
struct Answered<'a> {
    handle: &'a Handle,
    generation: u64,
    abandoned: Option<Arc<Event>>,
    written: oneshot::Receiver<u64>,
}

impl Drop for Answered<'_> {
    fn drop(&mut self) {
        // From here on the writer sees that nobody waits.
        self.written.close();
        if let (Some(abandoned), Ok(sequence)) = (self.abandoned.take(), self.written.try_recv()) {
            let abandoned = Arc::unwrap_or_clone(abandoned);
            self.handle.owe(self.generation, nobody_waited(abandoned, sequence));
        }
    }
}

/// A durable release of which nothing has left. Dropped unsettled, it is taken back.
#[derive(Debug)]
pub(super) struct NeverLeft {
    handle: Handle,
    pub(super) durable: Durable,
    taken_back: Option<Event>,
}

impl NeverLeft {
    pub(super) fn new(handle: &Handle, durable: Durable, release: &Event) -> Self {
        // One that awaits its closing record is taken back by that.
        let taken_back = (!release.awaits_close && release.shown > 0).then(|| release.taken_back());
        Self { handle: handle.clone(), durable, taken_back }
    }

    /// Another record replaces it.
    pub(super) fn settled(mut self) {
        self.taken_back = None;
    }
}

impl Drop for NeverLeft {
    fn drop(&mut self) {
        if let Some(event) = self.taken_back.take() {
            self.handle.owe(self.durable.generation, nobody_waited(event, self.durable.sequence));
        }
    }
}

/// The record that closes or takes back the one at `sequence`, for which nobody waited any more.
pub(super) fn nobody_waited(mut abandoned: Event, sequence: u64) -> Event {
    if abandoned.kind == Kind::Release {
        abandoned.replaces = Some(sequence);
    } else {
        abandoned.closes = Some(sequence);
    }
    abandoned.bytes = Some(0);
    abandoned.ending = Ending::NothingReleased;
    abandoned
}

/// How long a record without a deadline of its own may take.
const PATIENCE: Duration = Duration::from_secs(5);
