//! The tests against a real rsyslog, as a binary of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rsyslog;

/// Not a test: what the tests start as a process that can be killed.
#[test]
fn writer_process() {
    rsyslog::writer::run_if_asked();
}

#[test]
fn nothing_is_lost_when_either_side_is_killed() {
    rsyslog::nothing_is_lost_when_either_side_is_killed();
}

#[test]
fn every_message_of_two_networks_is_valid() {
    // A folder that is named stays, with the messages for other readers.
    let kept = std::env::var_os("AUDIT_MESSAGES").map(std::path::PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    rsyslog::every_message_of_two_networks_is_valid(kept.as_deref().unwrap_or(folder.path()));
}
