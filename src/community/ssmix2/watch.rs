//! Notification of the file system as a hint of what changed, where it can be trusted: a share
//! mounted from elsewhere takes a watch and then tells nothing of what others write.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::storage::{PATIENT_LEVEL, Root};

/// Hints kept between two looks; beyond that the whole storage is looked at.
const HINTS_MAX: usize = 10_000;

/// Folders in which something happened: the root's position and the path to the patient's folder
/// or one above it.
#[derive(Debug, Default)]
pub(super) struct Hints {
    pub(super) folders: BTreeSet<(usize, PathBuf)>,
    /// Whether events were lost.
    pub(super) incomplete: bool,
}

/// A running watch over all roots; ends when dropped.
pub(super) struct Watch {
    _watcher: RecommendedWatcher,
    hints: Arc<Mutex<Hints>>,
}

impl Watch {
    /// Watches all roots, or tells why it cannot. Takes as long as walking the trees.
    pub(super) fn start(roots: &[Root]) -> Result<Self, &'static str> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut real_roots = Vec::new();
        for root in roots {
            let real = root.path().canonicalize().map_err(|_| "a root cannot be resolved")?;
            if !is_local(&mounts, &real) {
                return Err("a root lies on a file system that does not tell what others write");
            }
            real_roots.push(real);
        }
        let hints = Arc::new(Mutex::new(Hints::default()));
        let (taken, roots) = (Arc::clone(&hints), real_roots.clone());
        let mut watcher = notify::recommended_watcher(move |event| take(&taken, &roots, event))
            .map_err(|_| "no watcher")?;
        for root in &real_roots {
            watcher.watch(root, RecursiveMode::Recursive).map_err(|_| "more folders than can be watched")?;
        }
        Ok(Self { _watcher: watcher, hints })
    }

    /// What happened since the last call.
    pub(super) fn drain(&self) -> Hints {
        std::mem::take(&mut *self.hints.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn take(hints: &Mutex<Hints>, roots: &[PathBuf], event: notify::Result<notify::Event>) {
    let mut hints = hints.lock().unwrap_or_else(PoisonError::into_inner);
    let Ok(event) = event else {
        hints.incomplete = true;
        return;
    };
    if matches!(event.kind, notify::EventKind::Access(_)) {
        return;
    }
    hints.incomplete |= event.need_rescan() || hints.folders.len() >= HINTS_MAX;
    if hints.incomplete {
        return;
    }
    for path in &event.paths {
        for (position, root) in roots.iter().enumerate() {
            if let Ok(relative) = path.strip_prefix(root) {
                hints.folders.insert((position, relative.components().take(PATIENT_LEVEL).collect()));
            }
        }
    }
}

/// Whether the mount a path lies on is known to notify of every change.
/// Lines of mountinfo: `id parent major:minor root mount-point options ... - type source options`.
fn is_local(mounts: &str, path: &Path) -> bool {
    let mounted = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?.replace("\\040", " ");
        path.starts_with(&point).then(|| (point.len(), after.split(' ').next().unwrap_or_default()))
    });
    let deepest = mounted.max_by_key(|(length, _)| *length);
    deepest.is_some_and(|(_, kind)| {
        matches!(
            kind,
            "bcachefs" | "btrfs" | "ext2" | "ext3" | "ext4" | "f2fs" | "overlay" | "tmpfs" | "xfs" | "zfs"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_below_a_local_mount_is_not_trusted_to_notify() {
        let mounts =
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:5 / /srv/a\\040b rw shared:1 - cifs //nas/x rw\n";
        assert!(is_local(mounts, Path::new("/srv/local")));
        assert!(!is_local(mounts, Path::new("/srv/a b/std")));
        assert!(!is_local("", Path::new("/srv")));
    }

    #[test]
    fn an_event_is_kept_as_the_patient_folder_and_a_lost_one_asks_for_everything() {
        let hints = Mutex::new(Hints::default());
        let roots = [PathBuf::from("/r")];
        let event =
            notify::Event::new(notify::EventKind::Any).add_path("/r/000/001/0000012/-/ADT-00/x".into());
        take(&hints, &roots, Ok(event));
        assert_eq!(hints.lock().unwrap().folders, BTreeSet::from([(0, "000/001/0000012".into())]));
        take(&hints, &roots, Err(notify::Error::generic("queue overflow")));
        assert!(hints.lock().unwrap().incomplete);
    }
}
