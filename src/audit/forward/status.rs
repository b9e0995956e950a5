//! How forwarding stands, for metrics and health. Numbers and our own words; nothing of a record.

use std::sync::{Mutex, PoisonError};

use crate::model::Timestamp;

/// How forwarding stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardReport {
    /// Whether there is a connection.
    pub is_connected: bool,
    /// Why there is none, or why nothing can be read.
    pub why: Option<String>,
    /// The first record that is still to be written, or to be written again.
    pub next: u64,
    /// When it happened, microseconds since the epoch; None when nothing waits.
    pub waits_since: Option<i64>,
    /// Messages written for the first time by this process.
    pub sent: u64,
    /// Messages written again.
    pub sent_again: u64,
}

/// The report as it changes. The forwarder writes, anybody reads.
#[derive(Debug, Default)]
pub struct ForwardStatus(Mutex<ForwardReport>);

impl ForwardStatus {
    /// The report of this moment.
    pub fn report(&self) -> ForwardReport {
        self.with(|report| report.clone())
    }

    /// True when that is news.
    pub(super) fn connected(&self) -> bool {
        self.with(|report| {
            report.why = None;
            !std::mem::replace(&mut report.is_connected, true)
        })
    }

    /// True when that is news.
    pub(super) fn disconnected(&self, why: &str) -> bool {
        self.with(|report| {
            let was = std::mem::replace(&mut report.is_connected, false);
            was || report.why.replace(why.to_owned()).as_deref() != Some(why)
        })
    }

    /// The log cannot be read from this record on.
    pub(super) fn stuck(&self, record: u64) {
        let why = format!("record {record} of the audit log cannot be read: run `kakehashi audit verify`");
        self.with(|report| {
            report.why = Some(why);
            // Its age cannot be read either: it counts from now.
            report.waits_since.get_or_insert_with(|| Timestamp::now().micros());
        });
    }

    pub(super) fn waits(&self, next: u64, since: Option<i64>) {
        self.with(|report| (report.next, report.waits_since) = (next, since));
    }

    pub(super) fn wrote(&self, sent: u64, again: u64) {
        self.with(|report| {
            report.sent += sent;
            report.sent_again += again;
        });
    }

    /// Whether nothing was waiting.
    pub(super) fn is_idle(&self) -> bool {
        self.with(|report| report.waits_since.is_none())
    }

    fn with<T>(&self, change: impl FnOnce(&mut ForwardReport) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
