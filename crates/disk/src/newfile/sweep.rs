//! Removes unfinished files of runs that were killed.

use std::fs::{self, DirEntry, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::process::geteuid;

use super::{PREFIX, SUFFIX};

/// Younger files may belong to a run that has not locked them yet.
const AGE: Duration = Duration::from_secs(60);

/// Removes unfinished files of this user that no process has locked. Returns their paths.
pub(super) fn sweep(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter(is_named_as_ours).filter_map(|entry| remove(&entry.path())).collect()
}

fn is_named_as_ours(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let middle = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    middle.is_some_and(|middle| {
        middle.len() == 6 && middle.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

fn remove(path: &Path) -> Option<PathBuf> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty()).ok()?);
    let found = file.metadata().ok()?;
    let ours = found.is_file() && found.nlink() == 1 && found.uid() == geteuid().as_raw();
    let age = SystemTime::now().duration_since(found.modified().ok()?).ok()?;
    if !ours || age < AGE || flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return None;
    }
    // Between opening and locking, its process may have finished the file and ended.
    let now = fs::symlink_metadata(path).ok()?;
    if (now.dev(), now.ino()) != (found.dev(), found.ino()) {
        return None;
    }
    fs::remove_file(path).ok()?;
    Some(path.to_path_buf())
}
