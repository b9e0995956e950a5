//! Reads events from a log that may be growing: from a place, as many as are whole.

use std::io;

use super::disk::Disk;
use super::event::Event;
use super::record::{Hash, Part, Stored};
use super::segments::{Assembler, Placed, SegmentReader, first_of, segment_name};
use crate::store::AuditPosition;

/// An event with its number.
#[derive(Debug)]
pub struct PlacedEvent {
    /// The sequence of its first record.
    pub sequence: u64,
    /// SHA-256 of its first record as stored.
    pub hash: Hash,
    /// The event.
    pub event: Event,
}

/// Reads at most `events_max` events from a place, none that begins at or behind record `until`.
/// Stops before anything that is not sound: verifying says what it is.
///
/// # Errors
/// Those of the disk.
pub fn read_from(
    disk: &dyn Disk,
    from: &AuditPosition,
    until: u64,
    events_max: usize,
) -> io::Result<(Vec<PlacedEvent>, AuditPosition)> {
    let mut events = Vec::new();
    let mut position = from.clone();
    let segments = disk.list()?;
    // Behind the end of a segment the next one goes on, under the name of its first record.
    let begins = segments.iter().position(|name| *name == from.segment).unwrap_or(0);
    for segment in segments.iter().skip(begins) {
        let at = if *segment == from.segment {
            from.at
        } else if first_of(segment) == Some(position.next) {
            0
        } else {
            break;
        };
        let mut reader = SegmentReader::new(disk, segment, at);
        let mut assembler = Assembler::default();
        let mut expected = position.next;
        while events.len() < events_max && position.next < until {
            let Some(Ok(placed)) = reader.next()? else { break };
            let last = placed.clone();
            if last.stored.part.sequence != expected {
                return Ok((events, position));
            }
            expected += 1;
            match assembler.push(placed) {
                Ok(None) => {}
                Ok(Some((first, event))) => {
                    position = behind(&last);
                    let Stored { part: Part { sequence, .. }, hash, .. } = first.stored;
                    events.push(PlacedEvent { sequence, hash, event });
                }
                Err(_) => return Ok((events, position)),
            }
        }
    }
    Ok((events, position))
}

fn behind(last: &Placed) -> AuditPosition {
    AuditPosition {
        next: last.stored.part.sequence + 1,
        segment: last.segment.clone(),
        at: last.at + last.stored.length as u64,
        hash: last.stored.hash,
    }
}

/// The event that begins with this record; None when the log does not have it.
///
/// # Errors
/// Those of the disk.
pub fn find(disk: &dyn Disk, sequence: u64) -> io::Result<Option<Event>> {
    let segments = disk.list()?;
    let holds = |name: &&String| first_of(name).is_some_and(|first| first <= sequence);
    let Some(segment) = segments.iter().rfind(holds) else { return Ok(None) };
    let mut reader = SegmentReader::new(disk, segment, 0);
    let mut assembler = Assembler::default();
    while let Some(Ok(placed)) = reader.next()? {
        if placed.stored.part.sequence < sequence {
            continue;
        }
        match assembler.push(placed) {
            Ok(None) => {}
            Ok(Some((first, event))) => {
                return Ok((first.stored.part.sequence == sequence).then_some(event));
            }
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// Whether the log goes on at this place: its next record is the one that follows, by number and
/// chain. A place in another log, or behind the end, is none of this one.
///
/// # Errors
/// Those of the disk.
pub fn continues(disk: &dyn Disk, position: &AuditPosition) -> io::Result<bool> {
    if position.next == 0 {
        return Ok(true);
    }
    let segments = disk.list()?;
    let places = [(position.segment.clone(), position.at), (segment_name(position.next), 0)];
    for (segment, at) in places {
        if segments.contains(&segment)
            && let Some(Ok(placed)) = SegmentReader::new(disk, &segment, at).next()?
        {
            let stored = placed.stored;
            return Ok(stored.part.sequence == position.next && stored.previous == position.hash);
        }
    }
    Ok(false)
}
