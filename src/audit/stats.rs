//! What the log counts, as plain numbers for the metrics page. No label, no value of a record.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A reading of the counters; all grow from the start of the process except where said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditStats {
    /// 1 while records can be written (gauge).
    pub up: u64,
    /// Stored records in the log (gauge).
    pub records: u64,
    /// Events written durably.
    pub events: u64,
    /// Commits: one write and one sync each.
    pub commits: u64,
    /// Bytes of events written.
    pub event_bytes: u64,
    /// Writes or syncs that failed.
    pub failures: u64,
    /// Events that were refused because the writer was down, or lost with a failed commit.
    pub unavailable: u64,
    /// Records that wait for their closing one (gauge).
    pub unpaired: u64,
    /// Time spent in commits, microseconds.
    pub commit_micros: u64,
    /// Rejections that were counted into an aggregate instead of standing alone.
    pub aggregated: u64,
    /// Releases under an obligation, emergency among them.
    pub obligations: u64,
    /// Streams stopped because consent was withdrawn.
    pub withdrawn: u64,
    /// Bytes of documents handed over.
    pub document_bytes: u64,
    /// Records that the index has not taken in yet (gauge).
    pub index_behind: u64,
}

macro_rules! counters {
    ($($name:ident),*) => {
        /// The counters behind the reading.
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: Counter),* }

        impl Counters {
            pub(super) fn read(&self) -> AuditStats {
                AuditStats { $($name: self.$name.value()),* }
            }
        }
    };
}

counters!(
    up,
    records,
    events,
    commits,
    event_bytes,
    failures,
    unavailable,
    unpaired,
    commit_micros,
    aggregated,
    obligations,
    withdrawn,
    document_bytes,
    index_behind
);

/// One number.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
