//! The readers of `fuzz/` on the ordinary build: seeds kept from earlier findings, and a short seeded
//! run of mutations. None may panic, take long, or hold many times its input (goals R5).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this folder is a test"
)]

mod memory;
mod mutate;
#[path = "../../fuzz/src/readers/mod.rs"]
mod readers;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mutate::{Chance, mutated, seeds, words};
use readers::{READERS, Reader};

/// Executions of each reader; a build without optimisation has a twentieth.
const RUNS: usize = 50_000;
const RUNS_LONG: usize = 2_000_000;
/// For one input of at most 64 KiB (goals R5).
const TIME_MAX: Duration = Duration::from_millis(10);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

// Past the captured output of tests: a suite tells its time.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Whether this build is optimised: assertions are on in both, so only the speed tells.
fn is_optimised() -> bool {
    let sum = || (0..3_000_000_u64).fold(1_u64, |sum, n| sum.rotate_left(5) ^ std::hint::black_box(n));
    let fastest = (0..5).map(|_| {
        let begun = Instant::now();
        std::hint::black_box(sum());
        begun.elapsed()
    });
    fastest.min().unwrap() < Duration::from_millis(15)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

/// What a run of one reader came to.
#[derive(Default)]
struct Outcome {
    slowest: Duration,
    // Bytes held for an input, beyond a room that every input may have, in times of the input.
    held: usize,
    finding: Option<String>,
}

fn once(reader: Reader, input: &[u8]) -> Result<(Duration, usize), String> {
    let begun = Instant::now();
    let mut result = Ok(());
    let held = memory::most_held(|| {
        result = catch_unwind(AssertUnwindSafe(|| reader(input))).map_err(|why| {
            let text = why.downcast_ref::<String>().cloned();
            text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        });
    });
    result.map(|()| (begun.elapsed(), held))
}

/// What this thread has had of the processor so far, where the system tells.
fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The processor time an input takes, the least of several runs; None where nobody can tell.
fn processor_time(reader: Reader, input: &[u8]) -> Result<Option<Duration>, String> {
    let mut least = None;
    for _ in 0..5 {
        let Some(before) = on_processor() else { return Ok(None) };
        once(reader, input)?;
        let Some(after) = on_processor() else { return Ok(None) };
        let took = after.saturating_sub(before);
        least = Some(least.map_or(took, |least: Duration| least.min(took)));
    }
    Ok(least)
}

/// Feeds one input, and judges it.
fn feed(reader: Reader, input: &[u8], bounds: &Bounds, outcome: &mut Outcome) -> Result<(), String> {
    let Bounds { time_max, held_times_max } = *bounds;
    let (mut took, held) = once(reader, input)?;
    // The machine is shared: what counts is the processor time, asked only where it may be too much.
    if took > time_max {
        took = processor_time(reader, input)?.unwrap_or(time_max);
    }
    if took > time_max + TICK {
        return Err(format!("{took:?} for {} bytes", input.len()));
    }
    let beyond = held.saturating_sub(ROOM_BYTES) / input.len().max(1);
    if beyond > held_times_max {
        return Err(format!("{held} bytes held for {} bytes", input.len()));
    }
    outcome.slowest = outcome.slowest.max(took);
    outcome.held = outcome.held.max(beyond);
    Ok(())
}

// The system counts in these.
const TICK: Duration = Duration::from_millis(4);
/// What an input may cost however short it is: tables of a regular expression, a parsed certificate.
const ROOM_BYTES: usize = 1 << 20;

/// What one input may cost.
struct Bounds {
    time_max: Duration,
    held_times_max: usize,
}

impl Bounds {
    fn of(reader: &str, time_max: Duration) -> Self {
        if reader.starts_with("config_") {
            // Operators' own files, not messages. They are loaded from the disk with every file they name,
            // certificates too; and the TOML reader keeps each of the faults of a file that is no TOML.
            Self { time_max: time_max * 5, held_times_max: 128 }
        } else {
            Self { time_max, held_times_max: 8 }
        }
    }
}

fn run(name: &str, reader: Reader, runs: usize, seed: u64, bounds: &Bounds) -> Outcome {
    let (kept, words) =
        (seeds(&folder().join("seeds").join(name)), words(include_str!("../../fuzz/words.dict")));
    let mut outcome = Outcome::default();
    let mut chance = Chance(seed);
    for at in 0..runs {
        let input = kept.get(at).cloned().unwrap_or_else(|| mutated(&kept, &words, &mut chance));
        if let Err(why) = feed(reader, &input, bounds, &mut outcome) {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("finding-{name}"));
            std::fs::write(&path, &input).unwrap();
            outcome.finding = Some(format!("{name}, input {at} (in {}): {why}", path.display()));
            break;
        }
    }
    outcome
}

#[test]
fn no_reader_panics_or_takes_long_or_holds_many_times_its_input() {
    let seed = number("KAKEHASHI_SEED").unwrap_or(5);
    let is_long = std::env::var_os("KAKEHASHI_LONG").is_some();
    let (runs, time_max) = match (is_long, is_optimised()) {
        (true, true) => (RUNS_LONG, TIME_MAX),
        (true, false) => (RUNS_LONG, TIME_MAX * 20),
        (false, true) => (RUNS, TIME_MAX),
        (false, false) => (RUNS / 20, TIME_MAX * 20),
    };
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    let findings = Mutex::new(Vec::new());
    let work = || {
        while let Some((name, reader)) = READERS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begun = Instant::now();
            let outcome = run(name, *reader, runs, seed, &Bounds::of(name, time_max));
            let (slowest, held) = (outcome.slowest.as_micros(), outcome.held);
            tell(&format!(
                "{name:20} {runs} runs {:5.1} s, slowest {slowest} us, held {held} times the input at most",
                begun.elapsed().as_secs_f32()
            ));
            findings.lock().unwrap().extend(outcome.finding);
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    tell(&format!("short fuzz: {:.1} s, KAKEHASHI_SEED={seed}", begun.elapsed().as_secs_f32()));
    let findings = findings.into_inner().unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_reader_has_seeds_and_every_folder_of_seeds_a_reader() {
    let mut folders: Vec<String> = std::fs::read_dir(folder().join("seeds"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, READERS.map(|(name, _)| name));
    assert!(folders.iter().all(|name| !seeds(&folder().join("seeds").join(name)).is_empty()));
}
