//! A look at an audit log from outside, as an auditor has it.

use std::path::PathBuf;

use kakehashi::audit::{Crash, Disk, SimulatedDisk, search, verify};
use kakehashi::store::{AuditQuery, IndexedEvent};
use tempfile::TempDir;

use super::waiting::attained;

pub struct Records {
    folder: PathBuf,
    _kept: Option<TempDir>,
}

impl Records {
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, _kept: None }
    }

    pub const fn keeping(folder: PathBuf, kept: TempDir) -> Self {
        Self { folder, _kept: Some(kept) }
    }

    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// All events in order.
    pub async fn all(&self) -> Vec<IndexedEvent> {
        let query = AuditQuery { limit: 10_000_000, ..AuditQuery::default() };
        search(&self.folder, None, &query).await.unwrap().events
    }

    /// Events of a kind.
    pub async fn of(&self, kind: &str) -> Vec<IndexedEvent> {
        self.all().await.into_iter().filter(|event| event.kind == kind).collect()
    }

    /// The last event of a kind.
    pub async fn last(&self, kind: &str) -> IndexedEvent {
        self.of(kind).await.pop().unwrap_or_else(|| panic!("no record of kind {kind}"))
    }

    /// Waits until so many of a kind are there: refusals are counted together before they are
    /// written, and a stream is closed behind its last byte.
    pub async fn attained(&self, kind: &str, count: usize) -> Vec<IndexedEvent> {
        attained(kind, || async {
            let events = self.of(kind).await;
            (events.len() >= count).then_some(events)
        })
        .await
    }

    /// Whether these bytes stand anywhere in the log.
    pub fn hold(&self, bytes: &[u8]) -> bool {
        let files = std::fs::read_dir(&self.folder).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|content| memchr::memmem::find(&content, bytes).is_some())
    }

    /// The chain holds and nothing is left open.
    pub fn verify(&self) {
        let verified = verify(&self.folder, None).unwrap();
        assert!(verified.breaks.is_empty(), "{:?}", verified.breaks);
    }
}

/// Whether these bytes stand anywhere in a log that a power cut left.
pub fn left_by_a_power_cut(disk: &SimulatedDisk, bytes: &[u8]) -> bool {
    let left = disk.crashed(Crash(0));
    left.list().unwrap().iter().any(|name| memchr::memmem::find(&left.content(name), bytes).is_some())
}
