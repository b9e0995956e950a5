//! The log as segments: read record by record, recovered after a crash, appended to in commits.
//! A segment is named by the sequence of its first record; a commit never spans two. A torn tail is
//! cut and named; damage to what was durable is never cut, the log then refuses to open.

use std::collections::BTreeMap;
use std::io;

use super::disk::{Disk, SEGMENT_SUFFIX};
use super::event::Event;
use super::record::{Hash, PARTS_MAX, Part, Stored, Unreadable, read_record, slices, write_record};

/// Why the log cannot be used. No text holds a value of a record.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file system failed.
    #[error("audit log: {0}")]
    Disk(#[from] io::Error),
    /// Something that was durable is damaged: nothing is cut, a person must look (`audit verify`).
    #[error("audit log: `{segment}` is damaged at byte {at}: {why}")]
    Damaged {
        /// The segment.
        segment: String,
        /// Offset in bytes.
        at: u64,
        /// What is wrong.
        why: Unreadable,
    },
    /// Records that had been acknowledged are gone.
    #[error("audit log: records {from} to {to} are missing")]
    Missing {
        /// First missing sequence.
        from: u64,
        /// Last missing sequence.
        to: u64,
    },
    /// The writer has stopped.
    #[error("audit log: the writer has stopped")]
    Stopped,
}

/// A torn tail that was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub segment: String,
    /// Where it was cut, offset in bytes.
    pub at: u64,
    /// How many bytes were cut.
    pub bytes_cut: u64,
}

/// A record with its place.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The segment.
    pub segment: String,
    /// Offset in bytes.
    pub at: u64,
    /// The record.
    pub stored: Stored,
}

/// Reads one segment from an offset, with a bounded buffer.
pub struct SegmentReader<'a> {
    disk: &'a dyn Disk,
    segment: String,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<'a> SegmentReader<'a> {
    /// From an offset that is the beginning of a record.
    pub fn new(disk: &'a dyn Disk, segment: &str, at: u64) -> Self {
        Self { disk, segment: segment.to_owned(), at, buffer: Vec::new(), used: 0 }
    }

    /// The next record; None at the end. After an error the reader stays where it is.
    ///
    /// # Errors
    /// Those of the disk; inside, why the bytes are no record.
    pub fn next(&mut self) -> io::Result<Option<Result<Placed, Unreadable>>> {
        let mut found = read_record(self.buffer.get(self.used..).unwrap_or_default());
        if found.is_err() {
            // The buffer is used up, or the log has grown since it was read.
            self.buffer = self.disk.read(&self.segment, self.at, READ_BYTES)?;
            self.used = 0;
            if self.buffer.is_empty() {
                return Ok(None);
            }
            found = read_record(&self.buffer);
        }
        Ok(Some(found.map(|stored| {
            let at = self.at;
            self.used += stored.length;
            self.at += stored.length as u64;
            Placed { segment: self.segment.clone(), at, stored }
        })))
    }

    /// Where the next record begins.
    pub const fn at(&self) -> u64 {
        self.at
    }
}

/// Puts the parts of events together.
#[derive(Debug, Default)]
pub struct Assembler {
    first: Option<Placed>,
    parts: u32,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes the next record; gives the event when it is whole, with the place of its first record.
    ///
    /// # Errors
    /// When the part does not continue what went before, or the event cannot be read.
    pub fn push(&mut self, placed: Placed) -> Result<Option<(Placed, Event)>, Unreadable> {
        let Part { part, parts, .. } = placed.stored.part;
        let expected = self.first.as_ref().map(|first| first.stored.part.parts);
        if part != self.parts || expected.is_some_and(|of| of != parts) || parts as usize > PARTS_MAX {
            return Err(Unreadable::Parts);
        }
        self.bytes.extend_from_slice(&placed.stored.part.event);
        let first = self.first.take().unwrap_or(placed);
        self.parts += 1;
        if self.parts < parts {
            self.first = Some(first);
            return Ok(None);
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.parts = 0;
        let event: Event = minicbor::decode(&bytes).map_err(|_| Unreadable::Payload)?;
        Ok(Some((first, event)))
    }

    /// Where the unfinished event begins, if there is one.
    pub const fn unfinished(&self) -> Option<&Placed> {
        self.first.as_ref()
    }
}

/// An event ready to be appended.
#[derive(Debug)]
pub struct Entry {
    /// Its CBOR.
    pub bytes: Vec<u8>,
    /// Whether a closing record must follow it.
    pub awaits_close: bool,
    /// The record it closes.
    pub closes: Option<u64>,
}

impl Entry {
    /// Of an event.
    pub fn new(event: &Event) -> Self {
        Self { bytes: super::record::cbor(event), awaits_close: event.awaits_close, closes: event.closes }
    }

    /// Whether it fits into the records one event may take.
    pub fn fits(&self) -> bool {
        slices(&self.bytes).len() <= PARTS_MAX
    }
}

/// What recovery found.
#[derive(Debug, Default)]
pub struct Found {
    /// The tail that was cut.
    pub cut: Option<Cut>,
    /// Events that wait for their closing record, by sequence.
    pub unpaired: BTreeMap<u64, Event>,
}

/// The log, open for appending.
pub struct Segments {
    disk: Box<dyn Disk>,
    segment_bytes_max: u64,
    current: Option<String>,
    length: u64,
    next: u64,
    last_hash: Hash,
    unpaired: std::collections::BTreeSet<u64>,
}

impl Segments {
    /// Reads the end of the log, cuts a torn tail, and takes what is left to the disk once more (a
    /// failed sync may have left it in memory only). With `acknowledged`, everything behind that many
    /// records is cut: nobody was told it was there. The disk comes back with an error.
    ///
    /// # Errors
    /// `Damaged`, `Missing`, `Disk`.
    pub fn recover(
        mut disk: Box<dyn Disk>,
        segment_bytes_max: u64,
        acknowledged: Option<u64>,
    ) -> Result<(Self, Found), (Box<dyn Disk>, AuditError)> {
        match super::recovery::recover(disk.as_mut(), acknowledged) {
            Ok(tail) => {
                let unpaired = tail.found.unpaired.keys().copied().collect();
                let segments = Self {
                    disk,
                    segment_bytes_max,
                    current: tail.segment,
                    length: tail.length,
                    next: tail.next,
                    last_hash: tail.last_hash,
                    unpaired,
                };
                Ok((segments, tail.found))
            }
            Err(error) => Err((disk, error)),
        }
    }

    /// Appends events as one commit: one write, one sync. Gives the sequence of each.
    ///
    /// # Errors
    /// After any error the log must be recovered before it is used again.
    pub fn commit(&mut self, entries: &[Entry]) -> io::Result<Vec<u64>> {
        let commit = self.next;
        let oldest_open = self.unpaired.first().copied().unwrap_or(commit);
        let mut bytes = Vec::new();
        let mut sequences = Vec::with_capacity(entries.len());
        for entry in entries {
            sequences.push(self.next);
            let parts = u32::try_from(slices(&entry.bytes).len()).unwrap_or(u32::MAX);
            for (part, slice) in (0..).zip(slices(&entry.bytes)) {
                let event = slice.to_vec().into();
                let part = Part { sequence: self.next, commit, oldest_open, part, parts, event };
                self.last_hash = write_record(&mut bytes, &part, &self.last_hash);
                self.next += 1;
            }
        }
        let segment = match self.current.take() {
            Some(segment) if self.length < self.segment_bytes_max => segment,
            _ => self.roll(commit)?,
        };
        self.disk.append(&segment, &bytes)?;
        self.disk.sync(&segment)?;
        self.length += bytes.len() as u64;
        self.current = Some(segment);
        for (entry, sequence) in entries.iter().zip(&sequences) {
            if entry.awaits_close {
                self.unpaired.insert(*sequence);
            }
            if let Some(closed) = entry.closes {
                self.unpaired.remove(&closed);
            }
        }
        Ok(sequences)
    }

    fn roll(&mut self, first: u64) -> io::Result<String> {
        let segment = segment_name(first);
        self.disk.create(&segment)?;
        self.disk.sync_folder()?;
        self.length = 0;
        Ok(segment)
    }

    /// The sequence the next record gets: how many there are.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Whether this record waits for its closing one.
    pub fn awaits_close(&self, sequence: u64) -> bool {
        self.unpaired.contains(&sequence)
    }

    /// How many records wait for their closing one.
    pub fn unpaired(&self) -> usize {
        self.unpaired.len()
    }

    /// The disk, to recover anew.
    pub fn into_disk(self) -> Box<dyn Disk> {
        self.disk
    }
}

/// The name of the segment that begins with this record.
pub fn segment_name(first: u64) -> String {
    format!("{first:020}{SEGMENT_SUFFIX}")
}

/// The sequence a segment's name promises for its first record.
pub fn first_of(segment: &str) -> Option<u64> {
    segment.strip_suffix(SEGMENT_SUFFIX).filter(|digits| digits.len() == 20)?.parse().ok()
}

const READ_BYTES: usize = 1 << 20;
