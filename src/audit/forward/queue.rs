//! The log as the queue of what is still to be sent: events from a place on, each with the records it
//! rests on. The log is the one durable copy; nothing is kept beside it but a place.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::audit::atna::{AuditSource, Linked, Message, messages};
use crate::audit::disk::FolderDisk;
use crate::audit::event::{Event, Kind};
use crate::audit::tail::{Place, PlacedEvent, find, oldest, place_of, read_from};
use crate::store::AuditPosition;

/// Reads a log from its files.
#[derive(Debug)]
pub struct Queue {
    disk: FolderDisk,
    source: AuditSource,
    /// Records that wait for their closing one, so that most need not be looked for.
    waiting: BTreeMap<u64, Event>,
    /// Records of further messages of requests under way: what a look-up's answer led to, what was
    /// sent once more. They belong to the opening record of their request.
    further: BTreeMap<u64, Event>,
    /// The record up to which events were read.
    reached: u64,
}

/// Some events' messages.
#[derive(Debug)]
pub struct Batch {
    /// Each with the number of its record.
    pub messages: Vec<(u64, Message)>,
    /// When the first of them happened, microseconds since the epoch.
    pub first_at: Option<i64>,
    /// The place behind them.
    pub to: AuditPosition,
}

impl Queue {
    /// Of a log's folder.
    pub fn new(folder: &Path, source: AuditSource) -> Self {
        let disk = FolderDisk::for_reading(folder);
        Self { disk, source, waiting: BTreeMap::new(), further: BTreeMap::new(), reached: 0 }
    }

    /// The place, if it is one of this log; else the beginning.
    ///
    /// # Errors
    /// Those of the disk, here and below.
    pub fn start(&self, place: AuditPosition) -> io::Result<AuditPosition> {
        // Where it cannot be told, nothing is sent a second time.
        let is_foreign = place_of(&self.disk, &place)? == Place::Foreign;
        if !is_foreign && place.next > 0 {
            return Ok(place);
        }
        if is_foreign {
            tracing::warn!(
                record = place.next,
                "the audit log is another one: it is forwarded from its beginning"
            );
        }
        if let Some(record) = oldest(&self.disk)?.filter(|oldest| *oldest > 0) {
            tracing::warn!(record, "the audit log begins with this record: what is older is not forwarded");
        }
        Ok(AuditPosition::default())
    }

    /// The next events, none at or behind record `until`.
    pub fn next(&mut self, from: &AuditPosition, until: u64, events_max: usize) -> io::Result<Batch> {
        if from.next < self.reached {
            // Once more from an earlier place: what waits there is met again.
            self.waiting.clear();
            self.further.clear();
        }
        let (events, to) = read_from(&self.disk, from, until, events_max)?;
        self.reached = to.next;
        let first_at = events.first().map(|placed| placed.event.at_micros);
        let mut all = Vec::new();
        for placed in events {
            let sequence = placed.sequence;
            all.extend(self.linked(placed)?.into_iter().map(|message| (sequence, message)));
        }
        Ok(Batch { messages: all, first_at, to })
    }

    /// When the event at a place happened.
    pub fn happened(&self, from: &AuditPosition, until: u64) -> io::Result<Option<i64>> {
        let (events, _) = read_from(&self.disk, from, until, 1)?;
        Ok(events.first().map(|placed| placed.event.at_micros))
    }

    fn linked(&mut self, placed: PlacedEvent) -> io::Result<Vec<Message>> {
        let PlacedEvent { sequence, hash, event } = placed;
        let closed = self.event_of(event.closes)?;
        let opened = self.opening(closed.as_ref(), event.replaces)?;
        // A record that was replaced had told of its peers, unless its stream was to tell.
        let replaced = self.event_of(event.replaces)?;
        let peers_told = event.kind == Kind::Release && replaced.is_some_and(|before| !before.awaits_close);
        let linked = Linked {
            sequence,
            hash: &hash,
            event: &event,
            closed: closed.as_ref(),
            opened: opened.as_ref(),
            peers_told,
        };
        let made = messages(&linked, &self.source);
        if event.awaits_close {
            keep(&mut self.waiting, sequence, event);
        } else if event.kind == Kind::Open {
            keep(&mut self.further, sequence, event);
        } else {
            // The end of a request: a stream's release, and what had been opened for it.
            let mut closed = event.closes;
            while let Some(record) = closed {
                closed = self.waiting.remove(&record).and_then(|event| event.closes);
            }
        }
        Ok(made)
    }

    /// The record of what was about to leave, behind what is closed or replaced.
    fn opening(&self, closed: Option<&Event>, replaces: Option<u64>) -> io::Result<Option<Event>> {
        let mut next = match closed {
            Some(closed) => Some(closed.clone()),
            None => self.event_of(replaces)?,
        };
        for _ in 0..LINKS_MAX {
            match next {
                Some(mut event) if event.kind == Kind::Open => {
                    let further = self.further.values().filter(|further| event.is_supplemented_by(further));
                    let legs: Vec<_> = further.flat_map(|further| further.legs.clone()).collect();
                    event.legs.extend(legs);
                    return Ok(Some(event));
                }
                Some(event) => next = self.event_of(event.closes.or(event.replaces))?,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    fn event_of(&self, sequence: Option<u64>) -> io::Result<Option<Event>> {
        let Some(sequence) = sequence else { return Ok(None) };
        match self.waiting.get(&sequence) {
            Some(event) => Ok(Some(event.clone())),
            None => find(&self.disk, sequence),
        }
    }
}

fn keep(records: &mut BTreeMap<u64, Event>, sequence: u64, event: Event) {
    records.insert(sequence, event);
    while records.len() > WAITING_MAX {
        records.pop_first();
    }
}

/// As many as requests may be at work.
const WAITING_MAX: usize = 256;
/// An answer is recorded anew at most a few times.
const LINKS_MAX: usize = 16;

#[cfg(test)]
mod tests;
