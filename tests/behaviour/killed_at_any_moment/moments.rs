//! When the program is killed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kakehashi::audit::{AuditLog, AuditOptions, FolderDisk, Note, NoteKind};
use kakehashi::model::Phi;

use super::load::Load;
use crate::simulators::process::Process;
use crate::simulators::seed::Seed;
use crate::simulators::waiting::attained;

/// What the program is at when it is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// Anything: so long after the load began.
    UnderLoad(Duration),
    /// So long after a client has read the first piece of a large document.
    InDocument(Duration),
    /// So long after the log has grown: between its write and its sync, or right behind.
    InCommit(Duration),
    /// So long after a new segment has appeared.
    InRotation,
    /// As `UnderLoad`, and then so many times more while it recovers.
    InStart(u32),
}

/// How often what comes in twenty kills.
pub fn schedule(seed: &mut Seed, kills: usize) -> Vec<Moment> {
    let mut all = Vec::new();
    let mut left = kills;
    let mut turn = seed.below(8);
    while left > 0 {
        let moment = match turn % 8 {
            0 | 4 => Moment::InDocument(Duration::from_micros(seed.below(8_000))),
            1 | 5 => Moment::InCommit(Duration::from_micros(seed.below(1_500))),
            2 if !all.contains(&Moment::InRotation) => Moment::InRotation,
            3 if left > 1 => Moment::InStart(1),
            6 if left > 2 => Moment::InStart(2),
            _ => Moment::UnderLoad(Duration::from_millis(seed.below(250))),
        };
        left -= if let Moment::InStart(more) = &moment { 1 + *more as usize } else { 1 };
        all.push(moment);
        turn += 1;
    }
    all
}

/// Kills it when the moment has come.
pub async fn strike(broker: &mut Process, load: &Load, moment: &Moment) {
    let folder = broker.path().join("var/audit");
    match moment {
        Moment::UnderLoad(after) => tokio::time::sleep(*after).await,
        Moment::InStart(_) => {
            load.has_answers().await;
        }
        Moment::InDocument(after) => {
            load.has_begun_a_document().await;
            spin(*after);
        }
        Moment::InCommit(after) => {
            load.has_answers().await;
            let last = segments(&folder).pop().expect("a segment");
            let before = size(&last);
            look("the log grows", || size(&last) > before || segments(&folder).len() > 1);
            spin(*after);
        }
        Moment::InRotation => {
            let before = segments(&folder).len();
            look("a new segment", || segments(&folder).len() > before);
        }
    }
    broker.kill();
}

/// Kills it again while it recovers, at random moments of its start.
pub async fn strike_again_while_it_starts(
    broker: &mut Process,
    moment: &Moment,
    clean: Duration,
    seed: &mut Seed,
) -> usize {
    let Moment::InStart(times) = moment else { return 0 };
    let start_micros = u64::try_from(clean.as_micros()).unwrap();
    for _ in 0..*times {
        broker.spawn();
        tokio::time::sleep(Duration::from_micros(seed.below(start_micros))).await;
        broker.kill();
    }
    *times as usize
}

/// Writes what makes the next commits begin a new segment. The program does not run.
pub async fn fill_the_segment(broker: &Process) {
    let folder = broker.path().join("var/audit");
    let (log, _) = AuditLog::start(&folder, AuditOptions::default()).unwrap();
    let last = segments(&folder).pop().unwrap();
    while size(&last) < AuditOptions::default().segment_bytes_max - ROOM {
        let note = Note {
            kind: NoteKind::Configuration,
            by: "test".to_owned(),
            text: Phi::new("変".repeat(20_000)),
            patients: Vec::new(),
            consent_version: None,
            policy_set: None,
        };
        log.note(note).await.unwrap();
    }
    log.stop().await;
    // The lock goes with the writer's thread.
    attained("the log is let go", || async { FolderDisk::for_writing(&folder).is_ok().then_some(()) }).await;
}

const ROOM: u64 = 100_000;

/// Looks almost without a pause: the moment is short.
fn look(what: &str, mut has_come: impl FnMut() -> bool) {
    tokio::task::block_in_place(|| {
        let since = Instant::now();
        while !has_come() {
            assert!(since.elapsed() < Duration::from_secs(30), "never came to pass: {what}");
            std::thread::sleep(Duration::from_micros(50));
        }
    });
}

/// A sleep is too coarse for less than a millisecond.
fn spin(time: Duration) {
    tokio::task::block_in_place(|| {
        let since = Instant::now();
        while since.elapsed() < time {
            std::hint::spin_loop();
        }
    });
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map(|found| found.len()).unwrap_or_default()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().flatten().map(|file| file.path());
    let mut segments: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "segment")).collect();
    segments.sort();
    segments
}
