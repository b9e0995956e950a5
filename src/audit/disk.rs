//! The few file operations the audit log makes, as a trait, so that tests can fail any of them and
//! walk through every state a power cut may leave. The real one keeps its folder at 0700, its
//! files at 0600, and lets one writer in at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Files of one folder, each only appended to, cut, or overwritten with the same bytes.
pub trait Disk: Send + 'static {
    /// The names of all segments, in order.
    ///
    /// # Errors
    /// Those of the file system, here and below.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes a new, empty segment. It is durable after [`Disk::sync_folder`].
    fn create(&mut self, segment: &str) -> io::Result<()>;
    /// The length in bytes.
    fn size(&self, segment: &str) -> io::Result<u64>;
    /// At most `length` bytes from `at`; fewer only at the end.
    fn read(&self, segment: &str, at: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Writes at the end. On an error any part may have been written.
    fn append(&mut self, segment: &str, bytes: &[u8]) -> io::Result<()>;
    /// Writes bytes that stand there already, so that the next sync takes them to the disk.
    fn overwrite(&mut self, segment: &str, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts to a length.
    fn truncate(&mut self, segment: &str, length: u64) -> io::Result<()>;
    /// Waits until the content is on the disk.
    fn sync(&mut self, segment: &str) -> io::Result<()>;
    /// Waits until the folder's names are on the disk.
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub struct FolderDisk {
    folder: PathBuf,
    /// Held as long as the writer lives; the lock goes with the process.
    _lock: Option<File>,
    /// The segment last touched.
    open: Option<(String, File)>,
}

impl FolderDisk {
    /// For the writer: makes the folder where it is missing and locks it.
    ///
    /// # Errors
    /// `WouldBlock` when another writer holds the folder; those of the file system.
    pub fn for_writing(folder: &Path) -> io::Result<Self> {
        if !folder.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join(LOCK_NAME))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, "another process writes this log"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { folder: folder.to_owned(), _lock: Some(lock), open: None })
    }

    /// For readers: takes no lock and makes nothing.
    pub fn for_reading(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), _lock: None, open: None }
    }

    fn path(&self, segment: &str) -> PathBuf {
        self.folder.join(segment)
    }

    fn writable(&mut self, segment: &str) -> io::Result<&mut File> {
        let file = match self.open.take() {
            Some((name, file)) if name == segment => file,
            _ => OpenOptions::new().read(true).write(true).open(self.path(segment))?,
        };
        Ok(&mut self.open.insert((segment.to_owned(), file)).1)
    }
}

impl Disk for FolderDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            if let Ok(name) = entry?.file_name().into_string()
                && name.ends_with(SEGMENT_SUFFIX)
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&mut self, segment: &str) -> io::Result<()> {
        let path = self.path(segment);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        self.open = Some((segment.to_owned(), file));
        Ok(())
    }

    fn size(&self, segment: &str) -> io::Result<u64> {
        Ok(std::fs::metadata(self.path(segment))?.len())
    }

    fn read(&self, segment: &str, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(segment))?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, segment: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.writable(segment)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(bytes)
    }

    fn overwrite(&mut self, segment: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.writable(segment)?.write_all_at(bytes, at)
    }

    fn truncate(&mut self, segment: &str, length: u64) -> io::Result<()> {
        self.writable(segment)?.set_len(length)
    }

    fn sync(&mut self, segment: &str) -> io::Result<()> {
        self.writable(segment)?.sync_data()
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

/// How the names of segments end.
pub const SEGMENT_SUFFIX: &str = ".segment";
const LOCK_NAME: &str = "lock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_and_files_are_the_owners_alone_and_a_second_writer_is_turned_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let mut disk = FolderDisk::for_writing(&path).unwrap();
        disk.create("a.segment").unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("a.segment"))), (0o700, 0o600));
        assert_eq!(FolderDisk::for_writing(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(disk);
        assert!(FolderDisk::for_writing(&path).is_ok());
    }

    #[test]
    fn what_is_appended_cut_and_overwritten_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = FolderDisk::for_writing(folder.path()).unwrap();
        disk.create("a.segment").unwrap();
        disk.append("a.segment", b"hello ").unwrap();
        disk.append("a.segment", b"world").unwrap();
        disk.truncate("a.segment", 8).unwrap();
        disk.overwrite("a.segment", 6, b"wo").unwrap();
        disk.append("a.segment", b"!").unwrap();
        disk.sync("a.segment").unwrap();
        disk.sync_folder().unwrap();
        assert_eq!(disk.read("a.segment", 4, 100).unwrap(), b"o wo!");
        assert_eq!(disk.size("a.segment").unwrap(), 9);
        assert_eq!(disk.list().unwrap(), ["a.segment"]);
    }
}
