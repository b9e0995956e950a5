//! Each operation of the disk fails in turn, writing and reading ones, once or for good, until none is
//! left that could: nobody is told of what is not kept, nothing is cut because it could not be read.

use std::time::Instant;

use super::super::super::disk::Disk;
use super::super::super::handle::{AuditHealth, Handle};
use super::super::super::segments::{AuditError, Segments};
use super::super::super::simulated_disk::{Crash, Fault, SimulatedDisk};
use super::super::super::tail::{find, place_of, read_from};
use super::super::super::verify::verify_disk;
use super::super::super::writer::AuditOptions;
use super::super::super::{Ending, Event, Kind};
use super::{assert_nothing_lost, history};
use crate::store::AuditPosition;

fn contents(disk: &SimulatedDisk) -> Vec<(String, Vec<u8>)> {
    disk.list().unwrap().into_iter().map(|name| (name.clone(), disk.content(&name))).collect()
}

#[test]
fn whichever_reading_operation_fails_nothing_is_cut_and_nothing_is_called_sound() {
    let disk = SimulatedDisk::new();
    let (acknowledged, _) = history(&disk, 7, 12);
    let (mut failed, mut at) = (0, 0);
    loop {
        let copy = disk.crashed(Crash(0));
        let before = contents(&copy);
        copy.fail_reading_at(copy.reads() + at);
        let (recovered, has_failed) = {
            let recovered = Segments::recover(Box::new(copy.clone()), 3000, None);
            let verified = verify_disk(&copy, None);
            let read = read_from(&copy, &AuditPosition::default(), u64::MAX, usize::MAX);
            let found = find(&copy, 3);
            let goes_on = place_of(&copy, &AuditPosition { next: 3, ..AuditPosition::default() });
            let all = [verified.is_err(), read.is_err(), found.is_err(), goes_on.is_err()];
            (recovered.err().map(|(_, error)| error), all.contains(&true))
        };
        copy.mend();
        if let Some(error) = &recovered {
            assert!(matches!(error, AuditError::Disk(_)), "operation {at}: {error}");
        }
        let after = contents(&copy);
        assert_eq!(after, before, "operation {at}: something was cut");
        assert_nothing_lost(&copy, &acknowledged, &format!("operation {at}"));
        if recovered.is_none() && !has_failed {
            break;
        }
        assert!(has_failed, "operation {at}: it went on as if it had been read");
        failed += 1;
        at += 1;
    }
    println!("disk: {failed} reading operations failed in turn");
    assert!(failed > 12, "{failed}");
}

fn opening() -> Event {
    Event { awaits_close: true, ..Event::new(Kind::Open, Ending::Begun) }
}

/// Small segments, so that a new one is among the operations.
fn options() -> AuditOptions {
    AuditOptions { segment_bytes_max: 400, ..AuditOptions::default() }
}

/// One failure in the life of a writer: what it was asked, what it told.
async fn live(disk: &SimulatedDisk, told: &mut Vec<u64>) -> Result<(), AuditError> {
    let (handle, _) = Handle::start(Box::new(disk.clone()), options())?;
    for round in 0..8 {
        let event = if round % 2 == 0 { opening() } else { Event::new(Kind::Refusal, Ending::Refused) };
        match handle.append(&event, None).await {
            Ok(durable) => {
                assert!(matches!(handle.shared.health(), AuditHealth::Up(_)));
                told.push(durable.sequence);
            }
            Err(_) => {
                assert!(matches!(handle.shared.health(), AuditHealth::Down(_)), "health does not tell");
                // As the broker does every two seconds.
                if handle.reopen().await.is_err() {
                    assert!(matches!(handle.shared.health(), AuditHealth::Down(_)), "health does not tell");
                }
            }
        }
    }
    handle.stop().await;
    Ok(())
}

fn numbers_in(disk: &SimulatedDisk) -> Vec<u64> {
    let (events, _) = read_from(disk, &AuditPosition::default(), u64::MAX, usize::MAX).unwrap();
    events.into_iter().map(|event| event.sequence).collect()
}

#[tokio::test]
async fn whichever_operation_fails_in_a_writers_life_nobody_is_told_of_what_is_not_kept() {
    let began = Instant::now();
    let whole = SimulatedDisk::new();
    live(&whole, &mut Vec::new()).await.unwrap();
    let (mut points, mut not_started) = (0, 0);
    for lasts in [false, true] {
        for fault in [Some(Fault::Io), Some(Fault::Full), Some(Fault::Late), None] {
            // With reopenings there are more operations than in a life without failures.
            for at in 0..2 * if fault.is_some() { whole.operations() } else { whole.reads() } {
                let disk = SimulatedDisk::new();
                match fault {
                    Some(fault) => disk.fail_at(at, fault, lasts),
                    None => disk.fail_reading_at(at),
                }
                let mut told = Vec::new();
                not_started += usize::from(live(&disk, &mut told).await.is_err());
                let what = format!("{fault:?} at {at}, lasting {lasts}");
                for left in
                    [disk.crashed(Crash(0)), disk.crashed(Crash(u64::MAX)), disk.crashed(Crash(at + 1))]
                {
                    let started = Handle::start(Box::new(left.clone()), options());
                    assert!(started.is_ok(), "{what}: {:?}", started.err());
                    let kept = numbers_in(&left);
                    assert!(
                        told.iter().all(|sequence| kept.contains(sequence)),
                        "{what}: {told:?} of {kept:?}"
                    );
                    let verified = verify_disk(&left, None).unwrap();
                    assert!(verified.is_sound(), "{what}: {:?}", verified.breaks);
                    assert!(verified.unclosed.is_empty(), "{what}: {:?}", verified.unclosed);
                }
                points += 1;
            }
        }
    }
    println!("disk: {points} failures in a writer's life, {not_started} at its start, {:?}", began.elapsed());
    assert!(not_started > 0 && points > 200, "{points} points, {not_started} at the start");
}
