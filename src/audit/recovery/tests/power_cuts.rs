//! What a power cut may leave, over generated histories: no acknowledged record lost, no log that
//! cannot be opened, and the same after a cut amid the recovery. `KAKEHASHI_LONG=1` for ten times as
//! many, `KAKEHASHI_SEED` for others.

use std::time::Instant;

use super::super::super::disk::Disk;
use super::super::super::event::{Ending, Event, Kind};
use super::super::super::segments::{Entry, Segments};
use super::super::super::simulated_disk::{Crash, Fault, SimulatedDisk};
use super::{Numbers, assert_nothing_lost, history};
use crate::model::Phi;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn recovered(disk: &SimulatedDisk, what: &str) -> Segments {
    match Segments::recover(Box::new(disk.clone()), SEGMENT_BYTES, None) {
        Ok((segments, _)) => segments,
        Err((_, error)) => panic!("{what}: {error}"),
    }
}

fn contents(disk: &SimulatedDisk) -> Vec<(String, Vec<u8>)> {
    disk.list().unwrap().into_iter().map(|name| (name.clone(), disk.content(&name))).collect()
}

/// The power goes once more, up to three times, while it recovers.
fn cut_amid_recovery(left: SimulatedDisk, numbers: &mut Numbers) -> SimulatedDisk {
    let mut left = left;
    for _ in 0..numbers.below(4) {
        left.fail_at(numbers.below(6), Fault::Io, true);
        if let Ok((mut segments, _)) = Segments::recover(Box::new(left.clone()), SEGMENT_BYTES, None) {
            // What nobody was told of.
            let _ = segments.commit(&[Entry::new(&Event::new(Kind::Refusal, Ending::Refused))]);
        }
        left = left.crashed(Crash(numbers.below(u64::MAX)));
    }
    left
}

fn judge(left: &SimulatedDisk, acknowledged: &[(u64, Vec<u8>)], what: &str) {
    drop(recovered(left, what));
    let once = contents(left);
    let mut again = recovered(left, what);
    assert_eq!(contents(left), once, "{what}: a second recovery changes something");
    assert_nothing_lost(left, acknowledged, what);
    // A machine that runs on from here loses nothing either.
    again.commit(&[Entry::new(&Event::new(Kind::Refusal, Ending::Refused))]).unwrap();
    assert_nothing_lost(&left.crashed(Crash(0)), acknowledged, what);
}

#[test]
fn after_any_power_cut_in_a_generated_history_all_that_was_acknowledged_is_there_and_the_log_is_sound() {
    let began = Instant::now();
    let histories = if std::env::var("KAKEHASHI_LONG").is_ok_and(|v| v == "1") { 2_000 } else { 200 };
    let first = number("KAKEHASHI_SEED").unwrap_or(0);
    let mut states = 0;
    for seed in first..first + histories {
        let whole = SimulatedDisk::new();
        history(&whole, seed, 6);
        let mut numbers = Numbers(seed ^ 0x00c0_ffee);
        for fault in [Fault::Io, Fault::Full, Fault::Late] {
            let at = numbers.below(whole.operations());
            let disk = SimulatedDisk::new();
            disk.fail_at(at, fault, true);
            let (acknowledged, _) = history(&disk, seed, 6);
            for crash in [0, u64::MAX, 1 + numbers.below(u64::MAX - 2), 1 + numbers.below(u64::MAX - 2)] {
                let what = format!("seed {seed}, {fault:?} at operation {at}, crash {crash:x}");
                let left = cut_amid_recovery(disk.crashed(Crash(crash)), &mut numbers);
                judge(&left, &acknowledged, &what);
                states += 1;
            }
        }
    }
    println!("power cuts: {histories} histories from {first}, {states} states, {:?}", began.elapsed());
    assert_eq!(states, histories * 12);
}

/// All sequences of choices, one after the other, as an odometer.
struct Choices {
    path: Vec<bool>,
    at: usize,
}

impl Choices {
    fn choose(&mut self) -> bool {
        if self.at == self.path.len() {
            self.path.push(false);
        }
        self.at += 1;
        self.path[self.at - 1]
    }

    /// The next sequence; false when all have been.
    fn advance(&mut self) -> bool {
        self.path.truncate(self.at);
        self.at = 0;
        while self.path.last() == Some(&true) {
            self.path.pop();
        }
        match self.path.last_mut() {
            Some(last) => {
                *last = true;
                true
            }
            None => false,
        }
    }
}

#[test]
fn every_state_there_is_between_two_syncs_of_small_histories_can_be_opened() {
    let began = Instant::now();
    let (mut states, mut points) = (0, 0);
    for seed in 0..12 {
        let whole = SimulatedDisk::new();
        small_history(&whole, seed);
        for at in 0..whole.operations() {
            let disk = SimulatedDisk::new();
            disk.fail_at(at, Fault::Late, true);
            let acknowledged = small_history(&disk, seed);
            let mut choices = Choices { path: Vec::new(), at: 0 };
            points += 1;
            loop {
                let left = disk.crashed_as(|| choices.choose());
                let what = format!("seed {seed}, operation {at}, {:?}", choices.path);
                judge(&left, &acknowledged, &what);
                states += 1;
                if !choices.advance() {
                    break;
                }
            }
        }
    }
    println!("power cuts: {points} points, {states} states in full, {:?}", began.elapsed());
    assert!(states > points * 2, "{states} states at {points} points");
}

/// Commits that take a few sectors, and segments of a few commits.
fn small_history(disk: &SimulatedDisk, seed: u64) -> Vec<(u64, Vec<u8>)> {
    let mut numbers = Numbers(seed);
    let Ok((mut segments, _)) = Segments::recover(Box::new(disk.clone()), 1500, None) else {
        return Vec::new();
    };
    let mut acknowledged = Vec::new();
    for _ in 0..5 {
        let event = |_| {
            let mut event = Event::new(Kind::Refusal, Ending::Refused);
            event.detail = Some(Phi::new("x".repeat(usize::try_from(numbers.below(700)).unwrap())));
            Entry::new(&event)
        };
        let entries: Vec<Entry> = (0..2).map(event).collect();
        let Ok(sequences) = segments.commit(&entries) else { break };
        acknowledged.extend(sequences.into_iter().zip(entries.into_iter().map(|entry| entry.bytes)));
    }
    acknowledged
}

#[test]
fn sectors_that_a_cut_had_thrown_away_and_a_power_cut_brings_back_are_not_taken_for_records() {
    for seed in 0..40 {
        let disk = SimulatedDisk::new();
        let (acknowledged, _) = history(&disk, seed, 4);
        // A commit that is written and not synced, cut by a reopening, and another in its place.
        let mut segments = recovered(&disk, "first");
        disk.fail_at(disk.operations() + 1, Fault::Io, false);
        let lost: Vec<Entry> =
            (0..5).map(|_| Entry::new(&Event::new(Kind::Refusal, Ending::Refused))).collect();
        assert!(segments.commit(&lost).is_err());
        let records = acknowledged
            .last()
            .map(|(sequence, bytes)| sequence + super::super::super::record::slices(bytes).len() as u64);
        let reopened = Segments::recover(segments.into_disk(), SEGMENT_BYTES, records);
        let (mut segments, _) = reopened.ok().expect("opened again");
        disk.fail_at(disk.operations() + 1, Fault::Io, true);
        assert!(segments.commit(&[Entry::new(&Event::new(Kind::Stop, Ending::Complete))]).is_err());
        let mut choices = Choices { path: Vec::new(), at: 0 };
        for number in 0..STATES_MAX {
            let left = disk.crashed_as(|| choices.choose());
            judge(&left, &acknowledged, &format!("seed {seed}, state {number}"));
            if !choices.advance() {
                break;
            }
        }
    }
}

const SEGMENT_BYTES: u64 = 3000;
const STATES_MAX: usize = 256;
