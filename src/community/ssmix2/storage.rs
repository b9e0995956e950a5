//! The trees on disk (japan.md 1.1, 1.7): which patients have folders, which files lie in them, and
//! opening one of them safely. No symbolic link below a root is followed, names are raw bytes, and
//! whatever cannot be taken is counted and named.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::quarantine::Tally;

/// The level of the patient's folder below a root.
pub(super) const PATIENT_LEVEL: usize = 3;

/// Folders below a patient's folder at most; a storage has five with companions.
const DEPTH_MAX: usize = 8;

/// A file younger than this may still change without a new time of modification.
const SETTLES_AFTER: Duration = Duration::from_secs(2);

/// A root; it may itself be a link.
#[derive(Debug, Clone)]
pub(super) struct Root(PathBuf);

/// Where a file lies: the root's position and the path below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileKey {
    pub(super) root: usize,
    pub(super) relative: PathBuf,
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
    device: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// Whether the file is old enough for its stamp to be trusted.
    pub(super) fn has_settled(&self) -> bool {
        self.modified
            .and_then(|at| SystemTime::now().duration_since(at).ok())
            .is_some_and(|age| age > SETTLES_AFTER)
    }
}

/// Why a file could not be opened as it was indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unopened {
    /// It is another content now.
    Changed,
    /// It is gone.
    Vanished,
    /// It is there and cannot be read.
    Unreadable,
}

impl Root {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether the root can be listed.
    pub(super) fn is_there(&self) -> bool {
        std::fs::read_dir(&self.0).is_ok()
    }

    /// The patient folders of this root at or below a folder, by patient number, each as path below
    /// the root; the third level decides (japan.md 1.1).
    pub(super) fn patient_folders(
        &self,
        below: &Path,
        found: &mut BTreeMap<String, BTreeSet<PathBuf>>,
        bad: &mut Tally,
    ) -> std::io::Result<()> {
        let mut level = vec![below.to_path_buf()];
        for _ in below.components().count()..PATIENT_LEVEL {
            let mut next = Vec::new();
            for folder in &level {
                match self.subfolders(folder, bad) {
                    Ok(below) => next.extend(below),
                    Err(error) if folder.as_os_str().is_empty() => return Err(error),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(_) => bad.push(&self.0.join(folder), "unreadable"),
                }
            }
            level = next;
        }
        for folder in level {
            match folder.file_name().and_then(OsStr::to_str) {
                Some(number) => {
                    found.entry(number.to_owned()).or_default().insert(folder);
                }
                None => bad.push(&self.0.join(&folder), "not-storage-path"),
            }
        }
        Ok(())
    }

    fn subfolders(&self, folder: &Path, bad: &mut Tally) -> std::io::Result<Vec<PathBuf>> {
        let mut below = Vec::new();
        for entry in std::fs::read_dir(self.0.join(folder))? {
            let entry = entry?;
            let relative = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => below.push(relative),
                Ok(kind) if kind.is_symlink() => bad.push(&entry.path(), "symbolic-link"),
                Ok(_) => bad.push(&entry.path(), "not-storage-path"),
                Err(_) => {}
            }
        }
        Ok(below)
    }

    /// Every regular file below a patient's folder, up to a cap, and what is not one.
    pub(super) fn files(
        &self,
        position: usize,
        folder: &Path,
        found: &mut BTreeMap<FileKey, Stamp>,
        files_max: usize,
        bad: &mut Tally,
    ) {
        let mut open = vec![(folder.to_path_buf(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let absolute = self.0.join(&folder);
            let entries = match std::fs::read_dir(&absolute) {
                Ok(_) if depth > DEPTH_MAX => {
                    bad.push(&absolute, "too-deep");
                    continue;
                }
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(_) => {
                    bad.push(&absolute, "unreadable");
                    continue;
                }
            };
            for entry in entries.flatten() {
                let relative = folder.join(entry.file_name());
                match entry.metadata() {
                    Ok(m) if m.is_dir() => open.push((relative, depth + 1)),
                    Ok(m) if m.is_file() && found.len() >= files_max => {
                        bad.push(&entry.path(), "too-many-files")
                    }
                    Ok(m) if m.is_file() => {
                        found.insert(FileKey { root: position, relative }, Stamp::of(&m));
                    }
                    Ok(m) => bad.push(&entry.path(), what_it_is(&m)),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(_) => bad.push(&entry.path(), "unreadable"),
                }
            }
        }
    }

    /// Opens a file below this root if it still is the one indexed. No folder on the way may have
    /// become a link that leaves the root.
    pub(super) fn open_file(&self, relative: &Path, stamp: &Stamp) -> Result<File, Unopened> {
        let unopened = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Unopened::Vanished,
            _ => Unopened::Unreadable,
        };
        let path = self.0.canonicalize().map_err(unopened)?.join(relative);
        let real = path.canonicalize().map_err(unopened)?;
        if real != path {
            return Err(Unopened::Changed);
        }
        // A pipe put in the file's place would block the open.
        if Stamp::of(&std::fs::symlink_metadata(&path).map_err(unopened)?) != *stamp {
            return Err(Unopened::Changed);
        }
        let file = File::open(&path).map_err(unopened)?;
        let now = Stamp::of(&file.metadata().map_err(unopened)?);
        if now == *stamp { Ok(file) } else { Err(Unopened::Changed) }
    }

    /// Reads a whole file of the size its stamp tells.
    pub(super) fn read_file(&self, relative: &Path, stamp: &Stamp) -> Result<Vec<u8>, Unopened> {
        let file = self.open_file(relative, stamp)?;
        let mut bytes = Vec::with_capacity(usize::try_from(stamp.bytes).unwrap_or_default());
        file.take(stamp.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|_| Unopened::Unreadable)?;
        let whole = u64::try_from(bytes.len()).is_ok_and(|length| length == stamp.bytes);
        if whole { Ok(bytes) } else { Err(Unopened::Changed) }
    }
}

/// The raw bytes of a path below a root: names may be CP932 or NFD.
pub(super) fn raw(relative: &Path) -> &[u8] {
    relative.as_os_str().as_bytes()
}

fn what_it_is(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_symlink() {
        "symbolic-link"
    } else if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device() {
        "not-a-file"
    } else {
        "not-storage-path"
    }
}
