//! The lock on a data folder: a running broker holds it, so that a command that changes the store
//! knows whether to ask the broker or to write itself (decisions F1). Reading takes no lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Held as long as it lives; the operating system frees it when the process ends.
#[derive(Debug)]
pub struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock `store.lock` of a folder; None when another process holds it.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub fn take(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join("store.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let held = StoreLock::take(folder.path()).unwrap();
        assert!(held.is_some());
        assert!(StoreLock::take(folder.path()).unwrap().is_none());
        drop(held);
        assert!(StoreLock::take(folder.path()).unwrap().is_some());
    }
}
