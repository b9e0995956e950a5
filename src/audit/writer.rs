//! The one writer: takes all that waits, writes it in one go, syncs once, wakes everybody. A failed
//! write or sync puts it down: nothing is tried again as if it had worked, every waiter is told, and
//! only an explicit reopening, which verifies and cuts, brings it up. Runs on its own thread.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};

use super::disk::Disk;
use super::event::{Ending, Event, Kind};
use super::segments::{AuditError, Cut, Entry, Segments};
use super::stats::Counters;
use crate::model::{Phi, Refusal};

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

/// What opening the log found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The torn tail that was cut.
    pub cut: Option<Cut>,
    /// Opens closed as "may have been sent, nothing released".
    pub closed_opens: usize,
    /// Streams closed as "at most so many bytes".
    pub closed_releases: usize,
    /// Records in the log after opening.
    pub records: u64,
}

/// How the log is kept.
#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// A segment that is longer, in bytes, gets no further commit.
    pub segment_bytes_max: u64,
    /// Events that may wait for the writer; more wait to get into the queue.
    pub queue_max: usize,
    /// Name and version in start records.
    pub software: String,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            segment_bytes_max: 16 << 20,
            queue_max: 1024,
            software: format!("kakehashi {}", env!("CARGO_PKG_VERSION")),
        }
    }
}

/// What the writer and everybody else share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Even while the writer is down, odd while it is up; grows with each change. Whoever holds an
    /// older one may neither stream nor close: recovery has closed it.
    generation: AtomicU64,
    health: Mutex<AuditHealth>,
    /// Records that must not be lost when a future is dropped. Bounded by what is open.
    owed: Mutex<Vec<Owed>>,
    pub(super) counters: Counters,
    pub(super) durable: watch::Sender<u64>,
}

impl Shared {
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

    fn owe(&self, owed: Owed) {
        if self.is_current(owed.generation) {
            locked(&self.owed).push(owed);
        }
    }

    fn take_owed(&self) -> Vec<Owed> {
        let mut owed = std::mem::take(&mut *locked(&self.owed));
        owed.retain(|owed| self.is_current(owed.generation));
        owed
    }

    fn set(&self, health: AuditHealth) {
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
struct Owed {
    generation: u64,
    event: Event,
    done: Option<oneshot::Sender<()>>,
}

/// An event on its way to the writer.
struct Waiting {
    entry: Entry,
    generation: u64,
    /// Written when the waiter is gone before it learns of its record.
    abandoned: Option<Box<Event>>,
    done: oneshot::Sender<u64>,
}

enum Command {
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
        let shared = Arc::new(Shared {
            generation: AtomicU64::new(0),
            health: Mutex::new(AuditHealth::Stopped),
            owed: Mutex::default(),
            counters: Counters::default(),
            durable: watch::Sender::new(0),
        });
        let (commands, queue) = mpsc::channel(options.queue_max.max(1));
        let mut writer =
            Writer { log: Log::Closed, acknowledged: None, options, shared: Arc::clone(&shared), queue };
        let recovered = writer.open(disk)?;
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
        Ok((Self { commands, shared }, recovered))
    }

    /// Writes an event; returns when it is durable. An event that awaits its closing record is
    /// closed by the writer when the caller is dropped before it learns of it. With `since`, the
    /// writer must have been up without a break since that generation.
    pub(super) async fn append(&self, event: &Event, since: Option<u64>) -> Result<Durable, Refusal> {
        let written = self.try_append(event, since).await;
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
        let abandoned = event.awaits_close.then(|| Box::new(event.closing(0)));
        let (done, written) = oneshot::channel();
        let waiting = Waiting { entry, generation, abandoned, done };
        self.commands.send(Command::Append(waiting)).await.map_err(|_| Refusal::AuditUnavailable)?;
        let sequence = written.await.map_err(|_| Refusal::AuditUnavailable)?;
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

enum Log {
    Up(Segments),
    Down(Box<dyn Disk>),
    Closed,
}

struct Writer {
    log: Log,
    /// How many records have been acknowledged to somebody; None before the first opening.
    acknowledged: Option<u64>,
    options: AuditOptions,
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Command>,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut batch = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            let mut control = None;
            while let Some(command) = next.take() {
                match command {
                    Command::Append(waiting) => {
                        bytes += waiting.entry.bytes.len();
                        batch.push(waiting);
                    }
                    Command::Wake => {}
                    other => {
                        control = Some(other);
                        break;
                    }
                }
                if batch.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
                    next = self.queue.try_recv().ok();
                }
            }
            self.write(batch);
            match control {
                Some(Command::Reopen(done)) => {
                    let _ = done.send(self.reopen());
                }
                Some(Command::Stop(done)) => {
                    self.stop();
                    let _ = done.send(());
                    return;
                }
                _ => {}
            }
        }
        self.write(Vec::new());
        self.shared.set(AuditHealth::Stopped);
    }

    /// One commit for all that waits and all that is owed. Whoever is dropped here unanswered
    /// learns that the log is not available.
    fn write(&mut self, batch: Vec<Waiting>) {
        let (mut waiters, mut entries) = (Vec::new(), Vec::new());
        for Waiting { entry, generation, abandoned, done } in batch {
            // A record of an earlier generation may close what recovery has closed already. An
            // open or a stream nobody waits for any more need not begin.
            let pointless = abandoned.is_some() && done.is_closed();
            if self.shared.is_current(generation) && !pointless {
                entries.push(entry);
                waiters.push((generation, abandoned, done));
            }
        }
        let owed = self.shared.take_owed();
        entries.extend(owed.iter().map(|owed| Entry::new(&owed.event)));
        if entries.is_empty() {
            return;
        }
        let Some(sequences) = self.commit(&entries) else { return };
        owed.into_iter().filter_map(|owed| owed.done).for_each(|done| _ = done.send(()));
        for ((generation, abandoned, done), sequence) in waiters.into_iter().zip(sequences) {
            if done.send(sequence).is_err()
                && let Some(mut event) = abandoned
            {
                event.closes = Some(sequence);
                event.bytes = Some(0);
                event.ending = Ending::NothingReleased;
                self.shared.owe(Owed { generation, event: *event, done: None });
            }
        }
        // What has just become owed is written at once rather than with the next record.
        let late = self.shared.take_owed();
        let entries: Vec<Entry> = late.iter().map(|owed| Entry::new(&owed.event)).collect();
        if !entries.is_empty() && self.commit(&entries).is_some() {
            late.into_iter().filter_map(|owed| owed.done).for_each(|done| _ = done.send(()));
        }
    }

    fn commit(&mut self, entries: &[Entry]) -> Option<Vec<u64>> {
        let Log::Up(segments) = &mut self.log else { return None };
        let counters = &self.shared.counters;
        let began = Instant::now();
        match segments.commit(entries) {
            Ok(sequences) => {
                counters.commits.add(1);
                counters.commit_micros.add(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
                counters.events.add(entries.len() as u64);
                counters.event_bytes.add(entries.iter().map(|entry| entry.bytes.len() as u64).sum());
                counters.records.set(segments.next());
                counters.unpaired.set(segments.unpaired() as u64);
                self.acknowledged = Some(segments.next());
                self.shared.durable.send_replace(segments.next());
                Some(sequences)
            }
            Err(error) => {
                counters.failures.add(1);
                tracing::error!(error = %error, "the audit log cannot be written: nothing is released");
                self.shared.set(AuditHealth::Down(error.to_string()));
                if let Log::Up(segments) = std::mem::replace(&mut self.log, Log::Closed) {
                    self.log = Log::Down(segments.into_disk());
                }
                None
            }
        }
    }

    fn reopen(&mut self) -> Result<Recovered, AuditError> {
        match std::mem::replace(&mut self.log, Log::Closed) {
            Log::Down(disk) => self.open(disk),
            Log::Up(segments) => {
                let records = segments.next();
                self.log = Log::Up(segments);
                Ok(Recovered { records, ..Recovered::default() })
            }
            Log::Closed => Err(AuditError::Stopped),
        }
    }

    /// Verifies and cuts, then closes what is open and writes the start record in one commit.
    fn open(&mut self, disk: Box<dyn Disk>) -> Result<Recovered, AuditError> {
        let opened = Segments::recover(disk, self.options.segment_bytes_max, self.acknowledged);
        let (mut segments, found) = match opened {
            Ok(opened) => opened,
            Err((disk, error)) => {
                self.log = Log::Down(disk);
                self.shared.set(AuditHealth::Down(error.to_string()));
                return Err(error);
            }
        };
        let closed_opens = found.unpaired.values().filter(|event| event.kind == Kind::Open).count();
        let closed_releases = found.unpaired.len() - closed_opens;
        let mut start = Event::new(Kind::Start, Ending::Complete);
        let mut words = self.options.software.clone();
        if let Some(Cut { segment, at, bytes_cut }) = &found.cut {
            tracing::warn!(segment, at, bytes_cut, "the audit log had a torn tail, it was cut");
            words = format!("{words}; cut {bytes_cut} bytes of `{segment}` at {at}");
        }
        start.detail = Some(Phi::new(words));
        let closings = found.unpaired.iter().map(|(sequence, event)| Entry::new(&event.closing(*sequence)));
        let entries: Vec<Entry> = std::iter::once(Entry::new(&start)).chain(closings).collect();
        if let Err(error) = segments.commit(&entries) {
            self.shared.counters.failures.add(1);
            self.log = Log::Down(segments.into_disk());
            self.shared.set(AuditHealth::Down(error.to_string()));
            return Err(error.into());
        }
        let records = segments.next();
        self.acknowledged = Some(records);
        self.log = Log::Up(segments);
        locked(&self.shared.owed).clear();
        self.shared.counters.records.set(records);
        self.shared.counters.unpaired.set(0);
        self.shared.set(AuditHealth::Up(found.cut.clone()));
        self.shared.durable.send_replace(records);
        Ok(Recovered { cut: found.cut, closed_opens, closed_releases, records })
    }

    fn stop(&mut self) {
        self.commit(&[Entry::new(&Event::new(Kind::Stop, Ending::Complete))]);
        self.log = Log::Closed;
        self.shared.set(AuditHealth::Stopped);
    }
}

/// The most events of one commit.
const BATCH_EVENTS_MAX: usize = 512;
/// No further event is taken into a commit beyond this.
const BATCH_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests;
