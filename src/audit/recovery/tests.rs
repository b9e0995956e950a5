mod failures;
mod power_cuts;

use std::collections::BTreeMap;

use super::super::event::{Ending, Event, Kind};
use super::super::segments::{Entry, Segments};
use super::super::simulated_disk::{Crash, Fault, SimulatedDisk};
use super::super::verify::{Head, verify_disk};
use super::*;
use crate::model::Phi;

/// splitmix64: the same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn event(numbers: &mut Numbers, open: &mut Vec<u64>) -> Event {
    let mut event = match numbers.below(3) {
        0 => Event { awaits_close: true, ..Event::new(Kind::Open, Ending::Begun) },
        1 if !open.is_empty() => {
            let closed = open.swap_remove(usize::try_from(numbers.below(open.len() as u64)).unwrap());
            Event { closes: Some(closed), ..Event::new(Kind::Release, Ending::Complete) }
        }
        _ => Event::new(Kind::Refusal, Ending::Refused),
    };
    // Mostly small, now and then one that takes two records.
    let length = if numbers.below(16) == 0 { 70_000 } else { numbers.below(900) };
    event.detail = Some(Phi::new("x".repeat(usize::try_from(length).unwrap())));
    event
}

/// Writes commits until the disk fails; gives what was acknowledged.
fn history(disk: &SimulatedDisk, seed: u64, commits: u64) -> (Vec<(u64, Vec<u8>)>, u64) {
    let mut numbers = Numbers(seed);
    let Ok((mut segments, _)) = Segments::recover(Box::new(disk.clone()), 3000, None) else {
        return (Vec::new(), 0);
    };
    let (mut acknowledged, mut open) = (Vec::new(), Vec::new());
    for _ in 0..commits {
        let events: Vec<Event> = (0..=numbers.below(5)).map(|_| event(&mut numbers, &mut open)).collect();
        let entries: Vec<Entry> = events.iter().map(Entry::new).collect();
        let Ok(sequences) = segments.commit(&entries) else { break };
        for ((sequence, entry), event) in sequences.into_iter().zip(entries).zip(events) {
            if event.awaits_close {
                open.push(sequence);
            }
            acknowledged.push((sequence, entry.bytes));
        }
    }
    let records = segments.next();
    (acknowledged, records)
}

/// Every event in the log, by its sequence.
fn events(disk: &SimulatedDisk) -> BTreeMap<u64, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut assembler = Assembler::default();
    for segment in disk.list().unwrap() {
        let mut reader = SegmentReader::new(disk, &segment, 0);
        while let Some(placed) = reader.next().unwrap() {
            if let Some((first, event)) = assembler.push(placed.unwrap()).unwrap() {
                found.insert(first.stored.part.sequence, super::super::record::cbor(&event));
            }
        }
    }
    found
}

fn assert_nothing_lost(disk: &SimulatedDisk, acknowledged: &[(u64, Vec<u8>)], what: &str) {
    let verified = verify_disk(disk, None).unwrap();
    assert!(verified.is_sound(), "{what}: {:?}", verified.breaks);
    let found = events(disk);
    for (sequence, bytes) in acknowledged {
        assert_eq!(found.get(sequence), Some(bytes), "{what}: record {sequence} is lost");
    }
}

#[test]
fn whatever_a_power_cut_leaves_no_acknowledged_record_is_lost_and_the_log_is_sound() {
    let mut states = 0;
    for seed in 0..250 {
        let whole = SimulatedDisk::new();
        history(&whole, seed, 6);
        // The power goes during some operation of this history.
        let mut numbers = Numbers(seed ^ 0xdead);
        for _ in 0..3 {
            let at = numbers.below(whole.operations());
            let disk = SimulatedDisk::new();
            disk.fail_at(at, Fault::Io, true);
            let (acknowledged, _) = history(&disk, seed, 6);
            for crash in [0, u64::MAX, 1 + numbers.below(u64::MAX - 2), 1 + numbers.below(u64::MAX - 2)] {
                let what = format!("seed {seed}, operation {at}, crash {crash:x}");
                let left = disk.crashed(Crash(crash));
                // And once more, while it recovers.
                left.fail_at(numbers.below(6), Fault::Io, true);
                _ = Segments::recover(Box::new(left.clone()), 3000, None);
                let left = left.crashed(Crash(numbers.below(u64::MAX)));
                let recovered = Segments::recover(Box::new(left.clone()), 3000, None);
                let Ok((mut segments, _)) = recovered else {
                    panic!("{what}: {}", recovered.err().map(|e| e.1.to_string()).unwrap_or_default());
                };
                assert_nothing_lost(&left, &acknowledged, &what);
                segments.commit(&[Entry::new(&Event::new(Kind::Start, Ending::Complete))]).unwrap();
                states += 1;
            }
        }
    }
    assert_eq!(states, 3000);
}

#[test]
fn after_any_failed_operation_the_log_is_opened_again_with_all_that_was_acknowledged_and_no_more() {
    for fault in [Fault::Io, Fault::Full] {
        let whole = SimulatedDisk::new();
        history(&whole, 7, 12);
        for at in 0..whole.operations() {
            let disk = SimulatedDisk::new();
            disk.fail_at(at, fault, false);
            let (acknowledged, _) = history(&disk, 7, 12);
            let records = acknowledged
                .last()
                .map_or(0, |(sequence, bytes)| sequence + super::super::record::slices(bytes).len() as u64);
            let recovered = Segments::recover(Box::new(disk.clone()), 3000, Some(records));
            let Ok((segments, _)) = recovered else {
                panic!("operation {at}: {}", recovered.err().map(|e| e.1.to_string()).unwrap_or_default());
            };
            assert_eq!(segments.next(), records, "operation {at}");
            // What a failed sync left in memory only must be on the disk now.
            assert_nothing_lost(&disk.crashed(Crash(0)), &acknowledged, &format!("{fault:?} at {at}"));
        }
    }
}

#[test]
fn a_torn_tail_is_cut_and_named() {
    let disk = SimulatedDisk::new();
    let (acknowledged, records) = history(&disk, 1, 1);
    let segment = disk.list().unwrap().pop().unwrap();
    let sound = disk.content(&segment);
    disk.tamper(&segment, [&sound[..], &[0, 0, 1, 0, 9, 9, 9]].concat());
    let (segments, found) = Segments::recover(Box::new(disk.clone()), 3000, None).ok().unwrap();
    assert_eq!(found.cut, Some(Cut { segment: segment.clone(), at: sound.len() as u64, bytes_cut: 7 }));
    assert_eq!(segments.next(), records);
    assert_eq!(disk.content(&segment), sound);
    assert_nothing_lost(&disk, &acknowledged, "cut");
}

#[test]
fn an_event_cut_between_its_records_is_cut_whole() {
    let disk = SimulatedDisk::new();
    let (mut segments, _) = Segments::recover(Box::new(disk.clone()), 1 << 20, None).ok().unwrap();
    let small = Entry::new(&Event::new(Kind::Start, Ending::Complete));
    segments.commit(&[small]).unwrap();
    let segment = disk.list().unwrap().pop().unwrap();
    let before = disk.content(&segment).len();
    let mut large = Event::new(Kind::Refusal, Ending::Refused);
    large.detail = Some(Phi::new("x".repeat(200_000)));
    let sequences = segments.commit(&[Entry::new(&large)]).unwrap();
    assert_eq!((sequences, segments.next()), (vec![1], 5));
    let all = disk.content(&segment);
    disk.tamper(&segment, all[..all.len() - 10_000].to_vec());
    let (segments, found) = Segments::recover(Box::new(disk.clone()), 1 << 20, None).ok().unwrap();
    assert_eq!(segments.next(), 1);
    assert_eq!(found.cut.unwrap().at, before as u64);
}

#[test]
fn damage_to_what_was_durable_is_refused_and_left_as_it_is() {
    let disk = SimulatedDisk::new();
    history(&disk, 3, 20);
    let segments = disk.list().unwrap();
    assert!(segments.len() > 2);
    for segment in &segments[segments.len() - 2..] {
        let copy = disk.crashed(Crash(0));
        let mut content = copy.content(segment);
        content[30] ^= 1;
        copy.tamper(segment, content.clone());
        let refused = Segments::recover(Box::new(copy.clone()), 3000, None).err().map(|(_, error)| error);
        // In the last segment the damage may hit the last commit, which cannot be told from a tear.
        let Some(AuditError::Damaged { segment: named, at, .. }) = refused else {
            assert_eq!(Some(segment), segments.last());
            continue;
        };
        assert_eq!((&named, at), (segment, 0));
        assert_eq!(copy.content(segment), content);
    }
}

#[test]
fn a_log_shorter_than_acknowledged_is_refused() {
    let disk = SimulatedDisk::new();
    let (_, records) = history(&disk, 5, 3);
    let refused = Segments::recover(Box::new(disk), 3000, Some(records + 2)).err().map(|(_, error)| error);
    assert!(
        matches!(refused, Some(AuditError::Missing { from, to }) if (from, to) == (records, records + 1))
    );
}

#[test]
fn a_start_finds_what_was_left_open_however_long_ago_it_was() {
    let disk = SimulatedDisk::new();
    let (mut segments, _) = Segments::recover(Box::new(disk.clone()), 1000, None).ok().unwrap();
    let open = Event { awaits_close: true, ..Event::new(Kind::Open, Ending::Begun) };
    let opened = segments.commit(&[Entry::new(&open), Entry::new(&open)]).unwrap();
    let close = Event { closes: Some(opened[0]), ..Event::new(Kind::Close, Ending::NothingReleased) };
    segments.commit(&[Entry::new(&close)]).unwrap();
    for _ in 0..100 {
        segments.commit(&[Entry::new(&Event::new(Kind::Refusal, Ending::Refused))]).unwrap();
    }
    assert!(disk.list().unwrap().len() > 5);
    let (_, found) = Segments::recover(Box::new(disk.clone()), 1000, None).ok().unwrap();
    assert_eq!(found.unpaired.into_keys().collect::<Vec<_>>(), [opened[1]]);
    let head = verify_disk(&disk, None).unwrap().head;
    assert_eq!(head.map(|head: Head| head.records), Some(103));
}

#[test]
fn what_a_failed_sync_left_in_memory_only_is_on_the_disk_once_the_log_is_open() {
    let whole = SimulatedDisk::new();
    history(&whole, 11, 8);
    for at in 0..whole.operations() {
        let disk = SimulatedDisk::new();
        disk.fail_at(at, Fault::Io, false);
        history(&disk, 11, 8);
        // The process is started again, the machine is not.
        let (mut segments, _) = Segments::recover(Box::new(disk.clone()), 3000, None).ok().unwrap();
        let found: Vec<_> = events(&disk).into_iter().collect();
        segments.commit(&[Entry::new(&Event::new(Kind::Refusal, Ending::Refused))]).unwrap();
        assert_nothing_lost(&disk.crashed(Crash(0)), &found, &format!("operation {at}"));
    }
}
