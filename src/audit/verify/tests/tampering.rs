//! Every change to a log that a chain of hashes and a head known before can tell, and the two that
//! they cannot. `KAKEHASHI_LONG=1` flips a hundred thousand bits.

use std::time::Instant;

use super::super::super::event::{Ending, Event, Kind};
use super::super::super::record::write_record;
use super::super::super::segments::{Entry, Segments, segment_name};
use super::super::super::simulated_disk::SimulatedDisk;
use super::super::*;
use crate::model::Phi;

/// A log of many small segments; commits of one to three events.
fn log(by: &str, commits: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let (mut segments, _) = Segments::recover(Box::new(disk.clone()), 900, None).ok().unwrap();
    for number in 0..commits {
        let event = |of: u64| {
            let mut event = Event::new(Kind::Refusal, Ending::Refused);
            (event.count, event.by) = (number * 10 + of, Some(by.to_owned()));
            event.detail = Some(Phi::new("橋".repeat(usize::try_from(number % 7).unwrap())));
            Entry::new(&event)
        };
        segments.commit(&(0..=number % 3).map(event).collect::<Vec<_>>()).unwrap();
    }
    disk
}

/// A copy to be tampered with.
fn copy(disk: &SimulatedDisk) -> SimulatedDisk {
    disk.crashed(super::super::super::simulated_disk::Crash(0))
}

fn head(disk: &SimulatedDisk) -> Option<Head> {
    verify_disk(disk, None).unwrap().head
}

/// All records, with their segment.
fn records(disk: &SimulatedDisk) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for segment in disk.list().unwrap() {
        let content = disk.content(&segment);
        let mut reader = SegmentReader::new(disk, &segment, 0);
        while let Some(Ok(placed)) = reader.next().unwrap() {
            let at = usize::try_from(placed.at).unwrap();
            all.push((segment.clone(), content[at..at + placed.stored.length].to_vec()));
        }
    }
    all
}

/// The log made of these records.
fn of(records: &[(String, Vec<u8>)]) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let mut segments: Vec<&String> = records.iter().map(|(segment, _)| segment).collect();
    segments.dedup();
    for segment in segments {
        let content = records.iter().filter(|(of, _)| of == segment).map(|(_, bytes)| bytes.as_slice());
        disk.tamper(segment, content.collect::<Vec<_>>().concat());
    }
    disk
}

fn is_found(disk: &SimulatedDisk, known: Option<Head>) -> bool {
    !verify_disk(disk, known).unwrap().is_sound()
}

#[test]
fn flipped_bits_wherever_they_are_are_found() {
    let began = Instant::now();
    let is_long = std::env::var("KAKEHASHI_LONG").is_ok_and(|value| value == "1");
    let (flips, commits) = if is_long { (100_000, 60) } else { (2_000, 24) };
    let disk = log("a", commits);
    let segments = disk.list().unwrap();
    let bits: usize = segments.iter().map(|segment| disk.content(segment).len() * 8).sum();
    let step = (bits / flips).max(1);
    let mut flipped = 0;
    for segment in &segments {
        let sound = disk.content(segment);
        for bit in (0..sound.len() * 8).step_by(step) {
            let mut content = sound.clone();
            content[bit / 8] ^= 1 << (bit % 8);
            disk.tamper(segment, content);
            assert!(is_found(&disk, None), "{segment}, bit {bit}");
            flipped += 1;
        }
        disk.tamper(segment, sound);
    }
    println!("tampering: {flipped} of {bits} bits flipped, all found, {:?}", began.elapsed());
    assert!(flipped >= flips.min(bits), "{flipped}");
}

/// Segment by name, and a record of it.
type Records = Vec<(String, Vec<u8>)>;

#[test]
fn records_taken_out_doubled_exchanged_or_from_another_log_are_found() {
    let disk = log("a", 24);
    let (all, foreign, known) = (records(&disk), records(&log("b", 24)), head(&disk));
    assert!(!is_found(&of(&all), known), "put together again it is as it was");
    let last = all.len() - 1;
    let mut changes = 0;
    let mut found = |change: &dyn Fn(&mut Records), known, what: &str| {
        let mut changed = all.clone();
        change(&mut changed);
        assert!(is_found(&of(&changed), known), "{what}");
        changes += 1;
    };
    for at in 0..=last {
        // The last one's absence is a cut tail: only what was known before tells it.
        let needed = known.filter(|_| at == last);
        found(&|all| drop(all.remove(at)), needed, &format!("{at} taken out"));
        found(&|all| all.insert(at, all[at].clone()), None, &format!("{at} doubled"));
        found(&|all| all[at].1.clone_from(&foreign[at].1), needed, &format!("{at} of another log"));
        for other in at + 1..=last {
            found(
                &|all| {
                    let kept = all[at].1.clone();
                    all[at].1 = all[other].1.clone();
                    all[other].1 = kept;
                },
                None,
                &format!("{at} and {other} exchanged"),
            );
        }
    }
    println!("tampering: {changes} changes to records, all found");
}

#[test]
fn a_tail_cut_anywhere_is_found_by_the_head_known_before() {
    let disk = log("a", 12);
    let known = head(&disk);
    let segments = disk.list().unwrap();
    let mut cuts = 0;
    for (index, segment) in segments.iter().enumerate() {
        for length in 0..disk.content(segment).len() {
            let cut = copy(&disk);
            cut.tamper(segment, disk.content(segment)[..length].to_vec());
            segments[index + 1..].iter().for_each(|later| cut.remove(later));
            assert!(is_found(&cut, known), "{segment} cut at {length}");
            cuts += 1;
        }
    }
    println!("tampering: {cuts} cuts of the tail, all found");
}

#[test]
fn segments_taken_out_exchanged_renamed_or_from_another_log_are_found() {
    let (disk, other) = (log("a", 24), log("b", 24));
    let known = head(&disk);
    let segments = disk.list().unwrap();
    assert!(segments.len() > 4, "{}", segments.len());
    for (index, segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        let gone = copy(&disk);
        gone.remove(segment);
        assert!(is_found(&gone, known.filter(|_| is_last)), "{segment} gone");
        let renamed = copy(&disk);
        renamed.remove(segment);
        renamed.tamper(&segment_name(9_000_000 + index as u64), disk.content(segment));
        assert!(is_found(&renamed, None), "{segment} renamed");
        let foreign = copy(&disk);
        foreign.tamper(segment, other.content(segment));
        assert!(is_found(&foreign, known.filter(|_| is_last)), "{segment} of another log");
        for next in &segments[index + 1..] {
            let exchanged = copy(&disk);
            exchanged.tamper(segment, disk.content(next));
            exchanged.tamper(next, disk.content(segment));
            assert!(is_found(&exchanged, None), "{segment} and {next} exchanged");
        }
    }
}

/// Writes the chain anew from a record on, every checksum right: what whoever owns the disk can do.
fn chained_anew(disk: &SimulatedDisk, from: usize) -> SimulatedDisk {
    let mut before = [0; 32];
    let mut all = Vec::new();
    for (at, (segment, bytes)) in records(disk).into_iter().enumerate() {
        let mut stored = read_record(&bytes).unwrap();
        if at == from {
            let mut event: Event = minicbor::decode(&stored.part.event).unwrap();
            event.by = Some("forged".to_owned());
            stored.part.event = super::super::super::record::cbor(&event).into();
        }
        let mut written = Vec::new();
        before = write_record(&mut written, &stored.part, &before);
        all.push((segment, written));
    }
    of(&all)
}

#[test]
fn without_a_head_known_elsewhere_a_shorter_and_a_rewritten_log_pass_and_with_one_they_do_not() {
    let disk = log("a", 12);
    let known = head(&disk);
    let last = disk.list().unwrap().pop().unwrap();
    let shorter = copy(&disk);
    shorter.remove(&last);
    assert!(!is_found(&shorter, None), "this is what the head is kept for");
    assert!(is_found(&shorter, known));
    let total = records(&disk).len();
    for from in 0..total {
        let rewritten = chained_anew(&disk, from);
        assert!(!is_found(&rewritten, None), "this is what cosignatures will be for");
        assert!(is_found(&rewritten, known), "record {from} rewritten");
    }
}
