//! The end of the log after a crash: what is whole, what is torn, what waits for its closing record.
//!
//! INVARIANT: only the last commit may be torn, for the next one is written after its sync. So bytes
//! that are no record are a torn tail unless a record of a later commit stands behind them.

use std::collections::BTreeMap;

use super::disk::Disk;
use super::event::{Event, Kind};
use super::record::{Hash, RECORD_BYTES_MAX, Unreadable, read_record};
use super::segments::{Assembler, AuditError, Cut, Found, Placed, SegmentReader, first_of};

/// Where appending goes on.
pub(super) struct Tail {
    pub segment: Option<String>,
    pub length: u64,
    pub next: u64,
    pub last_hash: Hash,
    pub found: Found,
}

/// What a walk to the end of the log saw.
struct Walked {
    end: End,
    last: Option<Placed>,
    /// The first record of the last commit.
    last_commit: Option<Placed>,
    oldest_open: u64,
    unpaired: BTreeMap<u64, Event>,
}

/// The end of the last segment.
struct End {
    segment: String,
    /// Behind the last record that counts.
    at: u64,
    size: u64,
}

/// Reads the end of the log and cuts what is torn, and everything behind `acknowledged`.
pub(super) fn recover(disk: &mut dyn Disk, acknowledged: Option<u64>) -> Result<Tail, AuditError> {
    let segments = disk.list()?;
    let Some(last_segment) = segments.last() else {
        return match acknowledged.filter(|next| *next > 0) {
            Some(next) => Err(AuditError::Missing { from: 0, to: next - 1 }),
            None => {
                Ok(Tail { segment: None, length: 0, next: 0, last_hash: [0; 32], found: Found::default() })
            }
        };
    };
    // The last segment may have no record yet, so the one before it is read as well.
    let mut from = segments.len().saturating_sub(2);
    let mut walked = walk(disk, segments.get(from..).unwrap_or_default(), acknowledged)?;
    let needed = segments
        .iter()
        .rposition(|name| first_of(name).is_some_and(|first| first <= walked.oldest_open))
        .unwrap_or(0);
    if needed < from {
        from = needed;
        walked = walk(disk, segments.get(from..).unwrap_or_default(), acknowledged)?;
    }
    let next = walked.last.as_ref().map_or(0, |last| last.stored.part.sequence + 1);
    if walked.last.is_none() && (from > 0 || first_of(last_segment) != Some(0)) {
        return Err(AuditError::Missing { from: 0, to: first_of(last_segment).unwrap_or_default() });
    }
    if let Some(acknowledged) = acknowledged.filter(|acknowledged| *acknowledged > next) {
        return Err(AuditError::Missing { from: next, to: acknowledged - 1 });
    }
    let cut = cut_and_settle(disk, &walked)?;
    Ok(Tail {
        segment: Some(walked.end.segment),
        length: walked.end.at,
        next,
        last_hash: walked.last.map_or([0; 32], |last| last.stored.hash),
        found: Found { cut, unpaired: walked.unpaired },
    })
}

/// Cuts the tail, then writes the last commit over itself and syncs: what a failed sync left in
/// memory only would otherwise look durable and not be.
fn cut_and_settle(disk: &mut dyn Disk, walked: &Walked) -> Result<Option<Cut>, AuditError> {
    let End { segment, at, size } = &walked.end;
    if size > at {
        disk.truncate(segment, *at)?;
    }
    if let Some(first) = walked.last_commit.as_ref().filter(|first| first.segment == *segment) {
        let length = usize::try_from(at - first.at).unwrap_or(usize::MAX);
        let bytes = disk.read(segment, first.at, length)?;
        disk.overwrite(segment, first.at, &bytes)?;
    }
    disk.sync(segment)?;
    disk.sync_folder()?;
    Ok((size > at).then(|| Cut { segment: segment.clone(), at: *at, bytes_cut: size - at }))
}

fn walk(disk: &dyn Disk, segments: &[String], acknowledged: Option<u64>) -> Result<Walked, AuditError> {
    let mut walked = Walked {
        end: End { segment: String::new(), at: 0, size: 0 },
        last: None,
        last_commit: None,
        oldest_open: 0,
        unpaired: BTreeMap::new(),
    };
    let mut assembler = Assembler::default();
    for (index, segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        let mut reader = SegmentReader::new(disk, segment, 0);
        let mut expected =
            walked.last.as_ref().map_or(first_of(segment), |p| Some(p.stored.part.sequence + 1));
        if first_of(segment) != expected {
            return Err(damaged(segment, 0, Unreadable::Sequence));
        }
        let mut before = walked.last.as_ref().map(|last| last.stored.hash);
        let mut end = loop {
            let at = reader.at();
            let placed = match reader.next()? {
                None => break at,
                Some(Ok(placed)) => check(placed, expected, before),
                Some(Err(why)) => Err(why),
            };
            let why = match placed {
                Ok(placed) if acknowledged.is_some_and(|next| placed.stored.part.sequence >= next) => {
                    break at;
                }
                Ok(placed) => {
                    expected = Some(placed.stored.part.sequence + 1);
                    before = Some(placed.stored.hash);
                    match take(&mut walked, &mut assembler, placed) {
                        Ok(()) => continue,
                        Err(why) => why,
                    }
                }
                Err(why) => why,
            };
            if !is_last || later_commit_follows(disk, segment, at, expected)? {
                return Err(damaged(segment, at, why));
            }
            break at;
        };
        if let Some(first) = assembler.unfinished() {
            if !is_last {
                return Err(damaged(segment, first.at, Unreadable::Parts));
            }
            end = first.at;
        }
        walked.end = End { segment: segment.clone(), at: end, size: disk.size(segment)? };
    }
    Ok(walked)
}

/// Takes a sound record in: the last whole event and what waits for its closing record.
fn take(walked: &mut Walked, assembler: &mut Assembler, placed: Placed) -> Result<(), Unreadable> {
    let last = placed.clone();
    let Some((first, event)) = assembler.push(placed)? else { return Ok(()) };
    let sequence = first.stored.part.sequence;
    walked.oldest_open = last.stored.part.oldest_open;
    if walked.last_commit.as_ref().is_none_or(|c| c.stored.part.commit != last.stored.part.commit) {
        walked.last_commit = Some(first);
    }
    if let Some(closed) = event.closes {
        walked.unpaired.remove(&closed);
    }
    if event.awaits_close {
        walked.unpaired.insert(sequence, event);
    } else if event.kind == Kind::Open {
        // What was sent later may have been sent as well.
        let opened = walked.unpaired.values_mut().find(|opened| opened.is_supplemented_by(&event));
        if let Some(opened) = opened {
            opened.legs.extend(event.legs);
        }
    }
    walked.last = Some(last);
    Ok(())
}

fn check(placed: Placed, expected: Option<u64>, before: Option<Hash>) -> Result<Placed, Unreadable> {
    if Some(placed.stored.part.sequence) != expected {
        return Err(Unreadable::Sequence);
    }
    let begins = placed.stored.part.sequence == 0 && placed.stored.previous != [0; 32];
    if begins || before.is_some_and(|hash| hash != placed.stored.previous) {
        return Err(Unreadable::Chain);
    }
    Ok(placed)
}

/// Whether behind an unreadable place stands a record of a commit that began after it: then the
/// place had been durable, and this is damage and no torn tail.
fn later_commit_follows(
    disk: &dyn Disk,
    segment: &str,
    at: u64,
    expected: Option<u64>,
) -> Result<bool, AuditError> {
    let size = disk.size(segment)?;
    let mut from = at + 1;
    while from < size {
        let bytes = disk.read(segment, from, SCAN_BYTES + RECORD_BYTES_MAX)?;
        for offset in 0..bytes.len().min(SCAN_BYTES) {
            let rest = bytes.get(offset..).unwrap_or_default();
            // A length below 64 KiB begins with two zero bytes: most places need no checksum.
            if rest.starts_with(&[0, 0])
                && let Ok(stored) = read_record(rest)
                && expected.is_none_or(|expected| stored.part.commit > expected)
            {
                return Ok(true);
            }
        }
        from += SCAN_BYTES as u64;
    }
    Ok(false)
}

fn damaged(segment: &str, at: u64, why: Unreadable) -> AuditError {
    AuditError::Damaged { segment: segment.to_owned(), at, why }
}

const SCAN_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
