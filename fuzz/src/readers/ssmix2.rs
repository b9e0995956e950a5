//! Paths of a storage and the files behind them.

use kakehashi::dialect::ssmix2::{MAX_PATH_BYTES, StorageFile, read_path, read_unfiled};

/// A path, as it lies in a tree and as a person gives it. What is read can be named again.
pub fn path(data: &[u8]) {
    let _ = StorageFile::parse_any(data);
    if let Ok(file) = StorageFile::parse_relative(data) {
        let named = file.relative_path();
        // CP932 grows when it is read.
        if named.reveal().len() > MAX_PATH_BYTES {
            return;
        }
        let again = StorageFile::parse_relative(named.reveal().as_bytes()).expect("its own path is refused");
        assert_eq!(again.key(), file.key(), "its own path names another file");
    }
}

/// A path up to the first NUL, the file's bytes behind it.
pub fn file(data: &[u8]) {
    let mut halves = data.splitn(2, |byte| *byte == 0);
    let path = halves.next().unwrap_or_default();
    match halves.next() {
        Some(bytes) => drop(read_path(path, bytes)),
        None => drop(read_unfiled(path)),
    }
}
