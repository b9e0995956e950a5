mod tampering;

use super::super::event::{Ending, Event, Kind};
use super::super::segments::{Entry, Segments};
use super::super::simulated_disk::SimulatedDisk;
use super::*;

fn log(commits: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let (mut segments, _) = Segments::recover(Box::new(disk.clone()), 400, None).ok().unwrap();
    for at in 0..commits {
        let mut event = Event::new(Kind::Refusal, Ending::Refused);
        event.count = at;
        segments.commit(&[Entry::new(&event)]).unwrap();
    }
    disk
}

/// The records of a segment, as stored.
fn records(disk: &SimulatedDisk, segment: &str) -> Vec<Vec<u8>> {
    let content = disk.content(segment);
    let mut reader = SegmentReader::new(disk, segment, 0);
    let mut records = Vec::new();
    while let Some(placed) = reader.next().unwrap() {
        let placed = placed.unwrap();
        let at = usize::try_from(placed.at).unwrap();
        records.push(content[at..at + placed.stored.length].to_vec());
    }
    records
}

fn changed(disk: &SimulatedDisk, segment: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Verified {
    let mut all = records(disk, segment);
    let before = disk.content(segment);
    change(&mut all);
    disk.tamper(segment, all.concat());
    let verified = verify_disk(disk, None).unwrap();
    disk.tamper(segment, before);
    verified
}

#[test]
fn a_log_as_written_is_sound() {
    let verified = verify_disk(&log(20), None).unwrap();
    assert!(verified.is_sound(), "{:?}", verified.breaks);
    assert_eq!((verified.records, verified.events), (20, 20));
    assert!(verified.segments > 3);
}

#[test]
fn every_flipped_bit_is_reported_with_its_segment() {
    let disk = log(8);
    for segment in disk.list().unwrap() {
        let sound = disk.content(&segment);
        for bit in (0..sound.len() * 8).step_by(5) {
            let mut content = sound.clone();
            content[bit / 8] ^= 1 << (bit % 8);
            disk.tamper(&segment, content);
            let verified = verify_disk(&disk, None).unwrap();
            assert_eq!(verified.breaks.first().map(|b| &b.segment), Some(&segment), "bit {bit}");
        }
        disk.tamper(&segment, sound);
    }
}

#[test]
fn a_record_taken_out_is_reported_and_so_are_two_that_changed_places() {
    let disk = log(12);
    let segments = disk.list().unwrap();
    let segment = &segments[1];
    assert!(records(&disk, segment).len() >= 2);
    assert!(!changed(&disk, segment, |all| _ = all.remove(0)).is_sound());
    assert!(!changed(&disk, segment, |all| _ = all.pop()).is_sound());
    assert!(!changed(&disk, segment, |all| all.swap(0, 1)).is_sound());
    assert!(!changed(&disk, segment, |all| all.insert(0, all[0].clone())).is_sound());
    let gone = disk.content(segment);
    disk.remove(segment);
    assert!(!verify_disk(&disk, None).unwrap().is_sound());
    disk.tamper(segment, gone);
    let first = segments[0].clone();
    disk.remove(&first);
    let verified = verify_disk(&disk, None).unwrap();
    assert!(matches!(verified.breaks[0].what, What::Missing(_)));
}

#[test]
fn a_record_rewritten_with_a_right_checksum_breaks_the_chain_behind_it() {
    let disk = log(12);
    let segment = disk.list().unwrap().remove(1);
    let verified = changed(&disk, &segment, |all| {
        let mut stored = read_record(&all[0]).unwrap();
        let event = Event::new(Kind::Refusal, Ending::Complete);
        stored.part.event = super::super::record::cbor(&event).into();
        let mut forged = Vec::new();
        super::super::record::write_record(&mut forged, &stored.part, &stored.previous);
        all[0] = forged;
    });
    assert_eq!(verified.breaks[0].what, What::Record(Unreadable::Chain));
}

#[test]
fn a_cut_tail_is_told_by_the_head_known_before() {
    let disk = log(12);
    let head = verify_disk(&disk, None).unwrap().head;
    let last = disk.list().unwrap().pop().unwrap();
    disk.remove(&last);
    assert!(verify_disk(&disk, None).unwrap().is_sound());
    let verified = verify_disk(&disk, head).unwrap();
    assert!(matches!(verified.breaks[0].what, What::Shorter { known: 12, .. }));
}

#[test]
fn a_log_rewritten_from_the_beginning_is_told_by_the_head_known_before() {
    let head = verify_disk(&log(5), None).unwrap().head;
    let mut other = Event::new(Kind::Refusal, Ending::Refused);
    other.by = Some("somebody else".to_owned());
    let disk = SimulatedDisk::new();
    let (mut segments, _) = Segments::recover(Box::new(disk.clone()), 400, None).ok().unwrap();
    for _ in 0..9 {
        segments.commit(&[Entry::new(&other)]).unwrap();
    }
    assert_eq!(verify_disk(&disk, head).unwrap().breaks[0].what, What::Rewritten(4));
}

#[test]
fn a_close_without_its_open_and_an_open_that_a_start_left_are_reported() {
    let disk = SimulatedDisk::new();
    let (mut segments, _) = Segments::recover(Box::new(disk.clone()), 4000, None).ok().unwrap();
    let close = Event { closes: Some(0), ..Event::new(Kind::Close, Ending::Complete) };
    let open = Event { awaits_close: true, ..Event::new(Kind::Open, Ending::Begun) };
    let start = Event::new(Kind::Start, Ending::Complete);
    segments.commit(&[Entry::new(&start), Entry::new(&close), Entry::new(&open)]).unwrap();
    let verified = verify_disk(&disk, None).unwrap();
    assert_eq!(
        verified.breaks.iter().map(|b| b.what.clone()).collect::<Vec<_>>(),
        [What::ClosesNothing(1, 0)]
    );
    assert_eq!(verified.unclosed, [2]);
    segments.commit(&[Entry::new(&start)]).unwrap();
    assert_eq!(verify_disk(&disk, None).unwrap().breaks[1].what, What::NeverClosed(2));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_stands_in_a_segment_neither_verifying_nor_opening_panics(
        at in 0_usize..600, garbage in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
    ) {
        let disk = log(6);
        let segment = disk.list().unwrap().remove(1);
        let mut content = disk.content(&segment);
        let at = at.min(content.len());
        let end = (at + garbage.len()).min(content.len());
        content.splice(at..end, garbage);
        disk.tamper(&segment, content);
        let verified = verify_disk(&disk, None).unwrap();
        let opened = Segments::recover(Box::new(disk.clone()), 400, None);
        // Opening looks at the last two segments only, verifying at all.
        if verified.is_sound() {
            proptest::prop_assert!(opened.is_ok());
        }
    }
}
