//! The audit log as it lies on a disk that somebody else has written to.

use std::io;

use kakehashi::audit::{Disk, Event, verify_disk};

/// The payload of a record.
pub fn event(data: &[u8]) {
    if let Ok(event) = minicbor::decode::<Event>(data) {
        let bytes = minicbor::to_vec(&event).expect("what was read can be written");
        let again: Event = minicbor::decode(&bytes).expect("what was written can be read");
        assert!(again == event, "a record changed by being written again");
    }
}

struct OneSegment(Vec<u8>);

fn refused<T>() -> io::Result<T> {
    Err(io::Error::from(io::ErrorKind::PermissionDenied))
}

impl Disk for OneSegment {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(vec!["00000000000000000000.log".to_owned()])
    }

    fn create(&mut self, _: &str) -> io::Result<()> {
        refused()
    }

    fn size(&self, _: &str) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read(&self, _: &str, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let rest = usize::try_from(at).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        Ok(rest.get(..length).unwrap_or(rest).to_vec())
    }

    fn append(&mut self, _: &str, _: &[u8]) -> io::Result<()> {
        refused()
    }

    fn overwrite(&mut self, _: &str, _: u64, _: &[u8]) -> io::Result<()> {
        refused()
    }

    fn truncate(&mut self, _: &str, _: u64) -> io::Result<()> {
        refused()
    }

    fn sync(&mut self, _: &str) -> io::Result<()> {
        refused()
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        refused()
    }
}

/// A whole segment, verified.
pub fn segment(data: &[u8]) {
    let _ = verify_disk(&OneSegment(data.to_vec()), None);
}
