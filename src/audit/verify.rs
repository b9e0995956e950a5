//! Walks a whole log offline: checksums, chain, numbers, the parts of events, the pairs of opening
//! and closing records, and whether the log is as long as it was once known to be. A cut at the end
//! leaves a sound log, so only a known head (kept by the index, later by witnesses) can tell it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::disk::{Disk, FolderDisk};
use super::event::{Event, Kind};
use super::record::{Hash, RECORD_BYTES_MAX, Unreadable, read_record};
use super::segments::{Assembler, Placed, SegmentReader, first_of};

/// How long the log was once, and the hash of its last record then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of records.
    pub records: u64,
    /// SHA-256 of the last of them, as stored.
    pub hash: [u8; 32],
}

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// Not a sound record, or not the one that follows.
    #[error("{0}")]
    Record(#[from] Unreadable),
    /// The segment's name does not tell its first record.
    #[error("the segment's name does not fit its first record")]
    Name,
    /// Records before the first segment are gone.
    #[error("the {0} records before this segment are missing")]
    Missing(u64),
    /// A closing record closes nothing that was open.
    #[error("record {0} closes record {1}, which was not open")]
    ClosesNothing(u64, u64),
    /// The broker started again and did not close it.
    #[error("record {0} was never closed")]
    NeverClosed(u64),
    /// The end is cut off: so many records are left of those known.
    #[error("the log has {found} records and once had {known}")]
    Shorter {
        /// Records in the log.
        found: u64,
        /// Records known before.
        known: u64,
    },
    /// The log was rewritten before a point known earlier.
    #[error("record {0} is not the one known before")]
    Rewritten(u64),
}

/// A break with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The segment.
    pub segment: String,
    /// Offset in bytes.
    pub at: u64,
    /// What is wrong there.
    pub what: What,
}

/// What a walk through the log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Segments read.
    pub segments: usize,
    /// Sound records.
    pub records: u64,
    /// Whole events.
    pub events: u64,
    /// The end of the log.
    pub head: Option<Head>,
    /// Breaks; the first thousand.
    pub breaks: Vec<Break>,
    /// How many breaks there are.
    pub breaks_total: usize,
    /// Records that still await their closing one: requests in flight, or a crash since.
    pub unclosed: Vec<u64>,
}

impl Verified {
    /// Whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.breaks_total == 0
    }
}

/// Verifies the log in a folder; with `known`, also that it still begins with what was known.
///
/// # Errors
/// Those of the file system.
pub fn verify(folder: &Path, known: Option<Head>) -> io::Result<Verified> {
    verify_disk(&FolderDisk::for_reading(folder), known)
}

/// As [`verify`], on any disk.
///
/// # Errors
/// Those of the disk.
pub fn verify_disk(disk: &dyn Disk, known: Option<Head>) -> io::Result<Verified> {
    let mut walk = Walk { known, ..Walk::default() };
    for segment in disk.list()? {
        walk.segment(disk, &segment)?;
    }
    walk.end();
    Ok(walk.verified)
}

#[derive(Default)]
struct Walk {
    known: Option<Head>,
    verified: Verified,
    /// The number the next record must have; None behind a break.
    expected: Option<u64>,
    before: Option<Hash>,
    assembler: Assembler,
    unpaired: BTreeSet<u64>,
    last_start: Option<u64>,
    place: (String, u64),
}

impl Walk {
    fn segment(&mut self, disk: &dyn Disk, segment: &str) -> io::Result<()> {
        self.place = (segment.to_owned(), 0);
        let named = first_of(segment);
        match (named, self.expected) {
            (None, _) => self.broken(What::Name),
            (Some(first), None) if self.verified.segments == 0 => {
                if first > 0 {
                    self.broken(What::Missing(first));
                }
                self.expected = Some(first);
            }
            (Some(first), Some(expected)) if first != expected => {
                self.broken(What::Record(Unreadable::Sequence));
                self.expected = Some(first);
            }
            _ => {}
        }
        self.unfinished();
        self.verified.segments += 1;
        let mut reader = SegmentReader::new(disk, segment, 0);
        loop {
            let at = reader.at();
            self.place = (segment.to_owned(), at);
            match reader.next()? {
                None => return Ok(()),
                Some(Ok(placed)) => {
                    if at == 0 && named.is_some_and(|named| named != placed.stored.part.sequence) {
                        self.broken(What::Name);
                    }
                    self.record(placed);
                }
                Some(Err(why)) => {
                    self.broken(What::Record(why));
                    (self.expected, self.before, self.assembler) = (None, None, Assembler::default());
                    let Some(next) = next_sound(disk, segment, at + 1)? else { return Ok(()) };
                    reader = SegmentReader::new(disk, segment, next);
                }
            }
        }
    }

    fn record(&mut self, placed: Placed) {
        let (sequence, hash) = (placed.stored.part.sequence, placed.stored.hash);
        if self.expected.is_some_and(|expected| expected != sequence) {
            self.broken(What::Record(Unreadable::Sequence));
        } else if self.before.is_some_and(|before| before != placed.stored.previous)
            || (sequence == 0 && placed.stored.previous != [0; 32])
        {
            self.broken(What::Record(Unreadable::Chain));
        }
        if self.known.is_some_and(|known| known.records == sequence + 1 && known.hash != hash) {
            self.broken(What::Rewritten(sequence));
        }
        self.expected = Some(sequence + 1);
        self.before = Some(hash);
        self.verified.records += 1;
        self.verified.head = Some(Head { records: sequence + 1, hash });
        if self.assembler.unfinished().is_some() && placed.stored.part.part == 0 {
            self.unfinished();
        }
        match self.assembler.push(placed) {
            Ok(None) => {}
            Ok(Some((first, event))) => self.event(first.stored.part.sequence, &event),
            Err(why) => {
                self.broken(What::Record(why));
                self.assembler = Assembler::default();
            }
        }
    }

    fn event(&mut self, sequence: u64, event: &Event) {
        self.verified.events += 1;
        if let Some(closed) = event.closes
            && !self.unpaired.remove(&closed)
        {
            self.broken(What::ClosesNothing(sequence, closed));
        }
        if event.awaits_close {
            self.unpaired.insert(sequence);
        }
        if event.kind == Kind::Start {
            self.last_start = Some(sequence);
        }
    }

    /// An event that lacks its last parts.
    fn unfinished(&mut self) {
        if self.assembler.unfinished().is_some() {
            self.broken(What::Record(Unreadable::Parts));
            self.assembler = Assembler::default();
        }
    }

    fn end(&mut self) {
        self.unfinished();
        let records = self.verified.head.map_or(0, |head| head.records);
        if let Some(known) = self.known.filter(|known| known.records > records) {
            self.broken(What::Shorter { found: records, known: known.records });
        }
        let unclosed: Vec<u64> = self.unpaired.iter().copied().collect();
        for sequence in &unclosed {
            if self.last_start.is_some_and(|start| *sequence < start) {
                self.broken(What::NeverClosed(*sequence));
            }
        }
        self.verified.unclosed = unclosed;
    }

    fn broken(&mut self, what: What) {
        self.verified.breaks_total += 1;
        if self.verified.breaks.len() < BREAKS_MAX {
            let (segment, at) = self.place.clone();
            self.verified.breaks.push(Break { segment, at, what });
        }
    }
}

/// The next place at which a sound record begins.
fn next_sound(disk: &dyn Disk, segment: &str, mut from: u64) -> io::Result<Option<u64>> {
    let size = disk.size(segment)?;
    while from < size {
        let bytes = disk.read(segment, from, SCAN_BYTES + RECORD_BYTES_MAX)?;
        for offset in 0..bytes.len().min(SCAN_BYTES) {
            let rest = bytes.get(offset..).unwrap_or_default();
            if rest.starts_with(&[0, 0]) && read_record(rest).is_ok() {
                return Ok(Some(from + offset as u64));
            }
        }
        from += SCAN_BYTES as u64;
    }
    Ok(None)
}

const BREAKS_MAX: usize = 1000;
const SCAN_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
