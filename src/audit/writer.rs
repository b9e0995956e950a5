//! The one writer: takes all that waits, writes it in one go, syncs once, wakes everybody. A failed
//! write or sync puts it down: nothing is tried again as if it had worked, every waiter is told, and
//! only an explicit reopening, which verifies and cuts, brings it up. Runs on its own thread.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::disk::Disk;
use super::event::{Ending, Event, Kind};
use super::handle::{AuditHealth, Command, Owed, Shared, Waiting, nobody_waited};
use super::segments::{AuditError, Cut, Entry, Segments};
use crate::model::Phi;

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
    /// From one commit to the next at least, while several records await their close or the last commit had
    /// several: more events then share a sync, which costs as much processor time as carrying a small
    /// message. Nobody waits where commits are further apart anyway, or one request is alone.
    pub gather: Duration,
    /// Name and version in start records.
    pub software: String,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            segment_bytes_max: 16 << 20,
            queue_max: 1024,
            gather: Duration::from_millis(4),
            software: format!("kakehashi {}", env!("CARGO_PKG_VERSION")),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if matches!(self.shared.health(), AuditHealth::Up(_)) {
            self.shared.set(AuditHealth::Down("the writer has ended".to_owned()));
        }
    }
}

enum Log {
    Up(Segments),
    Down(Box<dyn Disk>),
    Closed,
}

pub(super) struct Writer {
    log: Log,
    /// How many records have been acknowledged to somebody; None before the first opening.
    acknowledged: Option<u64>,
    options: AuditOptions,
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Command>,
}

impl Writer {
    /// Opens the log and starts the thread.
    pub(super) fn start(
        disk: Box<dyn Disk>,
        options: AuditOptions,
        shared: Arc<Shared>,
        queue: mpsc::Receiver<Command>,
    ) -> Result<Recovered, AuditError> {
        let mut writer = Self { log: Log::Closed, acknowledged: None, options, shared, queue };
        let recovered = writer.open(disk)?;
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
        Ok(recovered)
    }

    fn run(mut self) {
        // When the last commit began, and how many events it had.
        let (mut last, mut together) = (Instant::now(), 0);
        while let Some(first) = self.queue.blocking_recv() {
            if together > 1 || self.do_several_await_their_close() {
                std::thread::sleep(self.options.gather.saturating_sub(last.elapsed()));
            }
            last = Instant::now();
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
            together = batch.len();
            let oldest = batch.iter().map(|waiting| waiting.since).min();
            self.shared.at_work(Some(oldest.unwrap_or_else(Instant::now)));
            self.write(batch);
            self.shared.at_work(control.is_some().then(Instant::now));
            match control {
                Some(Command::Reopen(done)) => {
                    let _ = done.send(self.reopen());
                }
                Some(Command::Stop(done)) => {
                    self.stop();
                    self.shared.at_work(None);
                    let _ = done.send(());
                    return;
                }
                _ => {}
            }
            self.shared.at_work(None);
        }
        self.write(Vec::new());
        self.shared.set(AuditHealth::Stopped);
    }

    fn do_several_await_their_close(&self) -> bool {
        matches!(&self.log, Log::Up(segments) if segments.unpaired() > 1)
    }

    /// One commit for all that waits and all that is owed. Whoever is dropped here unanswered
    /// learns that the log is not available.
    fn write(&mut self, batch: Vec<Waiting>) {
        let Log::Up(segments) = &self.log else { return };
        let mut closed = HashSet::new();
        // A request that is dropped on its way may leave two records that close the same one.
        let mut is_first = |closes: Option<u64>| {
            closes.is_none_or(|sequence| segments.awaits_close(sequence) && closed.insert(sequence))
        };
        let (mut waiters, mut entries) = (Vec::new(), Vec::new());
        for Waiting { entry, generation, abandoned, done, .. } in batch {
            // A record of an earlier generation may close what recovery has closed already. What
            // opens, releases or closes something for nobody need not be written.
            let is_bound = abandoned.is_some() || entry.closes.is_some();
            let pointless = is_bound && done.is_closed();
            if self.shared.is_current(generation) && !pointless && is_first(entry.closes) {
                entries.push(entry);
                waiters.push((generation, abandoned, done));
            }
        }
        let mut owed = self.shared.take_owed();
        owed.retain(|owed| is_first(owed.event.closes));
        entries.extend(owed.iter().map(|owed| Entry::new(&owed.event)));
        if entries.is_empty() {
            return;
        }
        let Some(sequences) = self.commit(&entries) else { return };
        owed.into_iter().filter_map(|owed| owed.done).for_each(|done| _ = done.send(()));
        for ((generation, abandoned, done), sequence) in waiters.into_iter().zip(sequences) {
            if done.send(sequence).is_err()
                && let Some(abandoned) = abandoned
            {
                let event = nobody_waited(Arc::unwrap_or_clone(abandoned), sequence);
                self.shared.owe(Owed { generation, event, done: None });
            }
        }
        // What has just become owed is written at once rather than with the next record.
        if self.shared.owes() {
            self.write(Vec::new());
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
        self.shared.forget_owed();
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
