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

/// Documents beyond which a batch is not made longer: an event of a long list holds thousands.
const DOCUMENTS_MAX: usize = 20_000;

/// Reads at most `events_max` events from a place, none that begins at or behind record `until`.
/// Stops before anything that is not sound: verifying says what it is. Of a place of another log it
/// reads nothing ([`place_of`]).
///
/// # Errors
/// Those of the disk.
pub fn read_from(
    disk: &dyn Disk,
    from: &AuditPosition,
    until: u64,
    events_max: usize,
) -> io::Result<(Vec<PlacedEvent>, AuditPosition)> {
    let segments = disk.list()?;
    let mut begin = from.clone();
    // Whoever moved the oldest segments away still finds what the others hold.
    if from.segment.is_empty() {
        begin.next = segments.first().and_then(|first| first_of(first)).unwrap_or(from.next);
    }
    let (events, position) = read_segments(disk, &segments, begin, (until, events_max))?;
    // A place that nothing was read up to is none.
    let position = if events.is_empty() { from.clone() } else { position };
    Ok((events, position))
}

fn read_segments(
    disk: &dyn Disk,
    segments: &[String],
    from: AuditPosition,
    (until, events_max): (u64, usize),
) -> io::Result<(Vec<PlacedEvent>, AuditPosition)> {
    let mut events = Vec::new();
    let mut documents = 0;
    let mut position = from.clone();
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
        while events.len() < events_max && documents < DOCUMENTS_MAX && position.next < until {
            let Some(Ok(placed)) = reader.next()? else { break };
            let is_next = placed.stored.part.sequence == expected;
            // The first one has to follow what the place was behind.
            let is_chained = events.is_empty() && expected == from.next && !from.segment.is_empty();
            if !is_next || (is_chained && placed.stored.previous != from.hash) {
                return Ok((events, position));
            }
            expected += 1;
            let after = behind(&placed);
            match assembler.push(placed) {
                Ok(None) => {}
                Ok(Some((first, event))) => {
                    position = after;
                    let Stored { part: Part { sequence, .. }, hash, .. } = first.stored;
                    documents += event.documents.len();
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

/// Whether a place is one of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is: the next record follows it by number and chain, or where none stands there yet, the record
    /// before ends there.
    Held,
    /// It is not: the log is another one, or was restored or cut.
    Foreign,
    /// The log is not there, or what is before the place cannot be read.
    Unknown,
}

/// Whether this is a place of the log.
///
/// # Errors
/// Those of the disk.
pub fn place_of(disk: &dyn Disk, position: &AuditPosition) -> io::Result<Place> {
    let of = |is_held| if is_held { Place::Held } else { Place::Foreign };
    if let Some(follows) = next_at(disk, position)? {
        return Ok(of(follows));
    }
    if position.next == 0 {
        return Ok(Place::Held);
    }
    let segments = disk.list()?;
    if !segments.contains(&position.segment) {
        return Ok(if segments.is_empty() { Place::Unknown } else { Place::Foreign });
    }
    // The record before ends there: told by its number and by itself.
    let mut reader = SegmentReader::new(disk, &position.segment, 0);
    while reader.at() < position.at {
        let stored = match reader.next()? {
            Some(Ok(placed)) => placed.stored,
            Some(Err(_)) => return Ok(Place::Unknown),
            None => return Ok(Place::Foreign),
        };
        if reader.at() == position.at {
            let is_before = stored.part.sequence + 1 == position.next && stored.hash == position.hash;
            return Ok(of(is_before));
        }
    }
    Ok(Place::Foreign)
}

/// Whether nothing stands behind a place that cannot be read.
///
/// # Errors
/// Those of the disk.
pub fn is_whole_behind(disk: &dyn Disk, position: &AuditPosition) -> io::Result<bool> {
    if !read_from(disk, position, u64::MAX, 1)?.0.is_empty() {
        // It has grown since.
        return Ok(true);
    }
    for segment in disk.list()? {
        let at = if segment == position.segment {
            position.at
        } else if first_of(&segment).is_none_or(|first| first >= position.next) {
            0
        } else {
            continue;
        };
        if SegmentReader::new(disk, &segment, at).next()?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

// Whether the record at a place follows what was before it; None where no record stands there.
fn next_at(disk: &dyn Disk, position: &AuditPosition) -> io::Result<Option<bool>> {
    if position.next == 0 {
        return Ok(None);
    }
    let segments = disk.list()?;
    let places = [(position.segment.clone(), position.at), (segment_name(position.next), 0)];
    for (segment, at) in places {
        if segments.contains(&segment)
            && let Some(Ok(placed)) = SegmentReader::new(disk, &segment, at).next()?
        {
            let stored = placed.stored;
            return Ok(Some(stored.part.sequence == position.next && stored.previous == position.hash));
        }
    }
    Ok(None)
}

/// The number of the oldest record in the folder; None of an empty log.
///
/// # Errors
/// Those of the disk.
pub fn oldest(disk: &dyn Disk) -> io::Result<Option<u64>> {
    Ok(disk.list()?.first().and_then(|first| first_of(first)))
}

#[cfg(test)]
mod tests {
    use super::super::event::{Ending, Kind};
    use super::super::segments::{Entry, Segments};
    use super::super::simulated_disk::SimulatedDisk;
    use super::*;

    fn write(disk: &SimulatedDisk, count: usize) {
        write_in_segments(disk, count, 1 << 30);
    }

    fn write_in_segments(disk: &SimulatedDisk, count: usize, bytes_max: u64) {
        let (mut log, _) = Segments::recover(Box::new(disk.clone()), bytes_max, None).ok().unwrap();
        for _ in 0..count {
            log.commit(&[Entry::new(&Event::new(Kind::Refusal, Ending::Refused))]).unwrap();
        }
    }

    #[test]
    fn small_records_are_not_fetched_from_the_disk_one_by_one() {
        let disk = SimulatedDisk::new();
        write(&disk, 50);
        let before = disk.reads();
        let (events, end) = read_from(&disk, &AuditPosition::default(), u64::MAX, 100).unwrap();
        assert_eq!((events.len(), end.next), (50, 50));
        assert!(disk.reads() - before <= 5, "{} reads", disk.reads() - before);
    }

    #[test]
    fn without_its_oldest_segments_a_log_is_read_from_the_oldest_that_is_there() {
        let disk = SimulatedDisk::new();
        write_in_segments(&disk, 6, 1);
        assert!(disk.list().unwrap().len() > 4);
        disk.remove(&segment_name(0));
        disk.remove(&segment_name(1));
        let (events, end) = read_from(&disk, &AuditPosition::default(), u64::MAX, 100).unwrap();
        assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2, 3, 4, 5]);
        let (more, same) = read_from(&disk, &end, u64::MAX, 100).unwrap();
        assert!(more.is_empty() && same == end);
        disk.tamper(&segment_name(2), Vec::new());
        let (none, place) = read_from(&disk, &AuditPosition::default(), u64::MAX, 100).unwrap();
        assert!(none.is_empty() && place == AuditPosition::default(), "{place:?}");
    }

    #[test]
    fn a_place_is_of_the_log_it_was_reached_in_and_of_no_other() {
        let (one, other) = (SimulatedDisk::new(), SimulatedDisk::new());
        write_in_segments(&one, 6, 1);
        for _ in 0..6 {
            // The same numbers and lengths under other hashes.
            let (mut log, _) = Segments::recover(Box::new(other.clone()), 1, None).ok().unwrap();
            log.commit(&[Entry::new(&Event::new(Kind::Refusal, Ending::Failed))]).unwrap();
        }
        let mut place = AuditPosition::default();
        for number in 1..=6 {
            place = read_from(&one, &place, u64::MAX, 1).unwrap().1;
            assert_eq!(place.next, number);
            assert_eq!(place_of(&one, &place).unwrap(), Place::Held, "{place:?}");
            assert_eq!(place_of(&other, &place).unwrap(), Place::Foreign, "{place:?}");
            let (events, stays) = read_from(&other, &place, u64::MAX, 10).unwrap();
            assert!(events.is_empty() && stays == place, "{place:?}");
        }
        let beyond = AuditPosition { at: place.at + 1, ..place.clone() };
        assert_eq!(place_of(&one, &beyond).unwrap(), Place::Foreign);
        assert_eq!(place_of(&other, &AuditPosition::default()).unwrap(), Place::Held);
        one.remove(&place.segment);
        assert_eq!(place_of(&one, &place).unwrap(), Place::Foreign);
        assert_eq!(place_of(&SimulatedDisk::new(), &place).unwrap(), Place::Unknown);
    }

    #[test]
    fn behind_damage_a_place_stays_one_of_the_log_as_far_as_can_be_told() {
        let disk = SimulatedDisk::new();
        write(&disk, 6);
        let (_, third) = read_from(&disk, &AuditPosition::default(), u64::MAX, 3).unwrap();
        let (_, end) = read_from(&disk, &third, u64::MAX, 9).unwrap();
        assert!(is_whole_behind(&disk, &third).unwrap() && is_whole_behind(&disk, &end).unwrap());
        let mut content = disk.content(&segment_name(0));
        content[usize::try_from(third.at).unwrap() + 40] ^= 1;
        disk.tamper(&segment_name(0), content);
        assert_eq!(place_of(&disk, &end).unwrap(), Place::Unknown);
        assert_eq!(place_of(&disk, &third).unwrap(), Place::Held);
        assert!(!is_whole_behind(&disk, &third).unwrap());
        let (events, reached) = read_from(&disk, &AuditPosition::default(), u64::MAX, 9).unwrap();
        assert_eq!((events.len(), reached.next), (3, 3));
    }

    #[test]
    fn a_reader_that_came_to_the_end_reads_on_when_the_log_has_grown() {
        let disk = SimulatedDisk::new();
        write(&disk, 2);
        let name = segment_name(0);
        let mut reader = SegmentReader::new(&disk, &name, 0);
        let mut numbers = || {
            let mut numbers = Vec::new();
            while let Some(Ok(placed)) = reader.next().unwrap() {
                numbers.push(placed.stored.part.sequence);
            }
            numbers
        };
        assert_eq!(numbers(), [0, 1]);
        write(&disk, 3);
        assert_eq!(numbers(), [2, 3, 4]);
        assert!(numbers().is_empty());
    }
}
