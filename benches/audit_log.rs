//! Durable records: many that wait together beside one after the other, on the same disk in the
//! same run. The ratio says something, the rates are the disk's.

use std::time::Instant;

use futures_util::future::join_all;
use kakehashi::audit::{AuditLog, AuditOptions, Note, NoteKind};
use kakehashi::model::Phi;

fn note() -> Note {
    Note {
        kind: NoteKind::Configuration,
        by: "bench".to_owned(),
        text: Phi::new("x".repeat(800)),
        patients: Vec::new(),
        consent_version: None,
        policy_set: None,
    }
}

pub fn compare() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // A folder of the build: a temporary one is often in memory and syncs for nothing.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (log, _) = AuditLog::start(&folder.path().join("audit"), AuditOptions::default()).unwrap();
        let (alone, together) = (256_u32, 8192_u32);
        let started = Instant::now();
        for _ in 0..alone {
            log.note(note()).await.unwrap();
        }
        let one_by_one = f64::from(alone) / started.elapsed().as_secs_f64();
        let before = log.stats().commits;
        let started = Instant::now();
        for _ in 0..together / 512 {
            for done in join_all((0..512).map(|_| log.note(note()))).await {
                done.unwrap();
            }
        }
        let grouped = f64::from(together) / started.elapsed().as_secs_f64();
        let commits = log.stats().commits - before;
        println!("audit, one by one\t{one_by_one:.0} records/s");
        println!("audit, 512 waiting\t{grouped:.0} records/s, {commits} commits for {together}");
        println!("audit, gain\t{:.1} x", grouped / one_by_one);
        log.stop().await;
    });
}
