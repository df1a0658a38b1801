//! The list of mounts: a record file for each mount, which its process keeps locked while it lives.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde::{Deserialize, Serialize};

use crate::error::MountError;
use crate::staging;

/// A mounted image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mount {
    /// The version of this structure.
    pub schema: u32,
    /// The WIM.
    pub wim: PathBuf,
    /// The image's number.
    pub image: u32,
    /// The mount point.
    pub dir: PathBuf,
    /// The staging folder; `None` for a read-only mount.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub staging: Option<PathBuf>,
    /// The process.
    pub pid: u32,
    /// The fingerprint of the WIM at the time of mounting, in hexadecimal digits.
    pub fingerprint: String,
}

/// The state of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is in use.
    Mounted,
    /// Its process is gone. The changes are in the staging folder.
    Dead,
}

/// The record file of a mount, locked.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
    _lock: File,
}

const MAGIC: &str = "mount.json";
/// The subtype of our file system in the kernel's mount table.
pub(crate) const SUBTYPE: &str = "winpe-iscsi";

/// All mounts of this user, including those whose process is gone.
///
/// # Errors
/// [`MountError::Io`]: the folder with the records cannot be read.
pub fn mounts() -> Result<Vec<(Mount, State)>, MountError> {
    Ok(all()?.into_iter().map(|(_, mount, state)| (mount, state)).collect())
}

impl Mount {
    /// The number of uncommitted changes.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.staging.as_deref().map_or(0, staging::count)
    }
}

impl Record {
    /// Writes the record of a mount. It exists as long as the result lives.
    pub(crate) fn write(mount: &Mount) -> Result<Self, MountError> {
        let folder = folder()?;
        let failed = |error| MountError::io(&folder, "write a record to", error);
        let json = serde_json::to_vec_pretty(mount).map_err(|error| failed(error.into()))?;
        if let Some(staging) = &mount.staging {
            fs::write(staging.join(MAGIC), &json).map_err(failed)?;
        }
        let new = tempfile::Builder::new().prefix("new-").tempfile_in(&folder).map_err(failed)?;
        flock(new.as_file(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed(error.into()))?;
        new.as_file().write_all(&json).map_err(failed)?;
        let name = new.path().file_name().unwrap_or_default().to_string_lossy().replace("new-", "");
        let path = folder.join(format!("{name}.json"));
        let lock = new.persist_noclobber(&path).map_err(|error| failed(error.error))?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn remove(self) {
        // If this fails, unmounting removes the record.
        let _ = fs::remove_file(&self.path);
    }
}

/// The mount on that folder, or with that staging folder, and the path of its record.
pub(crate) fn find(dir: &Path) -> Result<(Option<PathBuf>, Mount, State), MountError> {
    let wanted = absolute(dir);
    let is_it =
        |mount: &Mount| mount.dir == wanted || mount.staging.as_deref() == Some(wanted.as_path());
    let known = all()?.into_iter().rev().find(|(_, mount, _)| is_it(mount));
    if let Some((path, mount, state)) = known {
        return Ok((Some(path), mount, state));
    }
    // Records do not survive a restart of the machine, but staging folders do.
    let left = fs::read(dir.join(MAGIC)).ok().and_then(|json| serde_json::from_slice(&json).ok());
    match left {
        Some(mount) => {
            check_own(dir)?;
            let staging = Some(wanted);
            Ok((None, Mount { staging, ..mount }, State::Dead))
        }
        None => Err(MountError::NotMounted { dir: dir.to_path_buf() }),
    }
}

/// Refuses a staging folder that another user made or can change, since it determines the WIM to
/// write and the content.
fn check_own(staging: &Path) -> Result<(), MountError> {
    let refused = |error| MountError::io(staging, "take changes from", error);
    let found = fs::metadata(staging).map_err(refused)?;
    if found.uid() != geteuid().as_raw() {
        return Err(refused(io::Error::other("it belongs to another user")));
    }
    if found.mode() & 0o022 != 0 {
        return Err(refused(io::Error::other("other users may write to it")));
    }
    Ok(())
}

/// Waits until the process of an unmounted mount has ended, and returns whether it has.
///
/// Another mount namespace (containers and services have their own) may still hold the mount.
/// Ending the process loses nothing: all writes are in the staging folder.
pub(crate) fn wait(record: &Path, pid: u32) -> bool {
    const PATIENCE: u32 = 50;
    for turn in 0..10 * PATIENCE {
        if !is_locked(record) {
            return true;
        }
        // The process still holds the lock, so the pid has not been reused.
        if turn == PATIENCE
            && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

fn all() -> Result<Vec<(PathBuf, Mount, State)>, MountError> {
    let folder = folder()?;
    let failed = |error| MountError::io(&folder, "read", error);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        // Its process may be removing it.
        let Ok(json) = fs::read(&path) else { continue };
        let Ok(mount) = serde_json::from_slice::<Mount>(&json) else { continue };
        let state = if is_locked(&path) { State::Mounted } else { State::Dead };
        found.push((path, mount, state));
    }
    found.sort_by(|(_, a, _), (_, b, _)| a.dir.cmp(&b.dir));
    Ok(found)
}

fn is_locked(path: &Path) -> bool {
    let file = OpenOptions::new().read(true).open(path);
    file.is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

/// The folder of the records: this user's runtime folder, which is emptied when the machine stops.
fn folder() -> Result<PathBuf, MountError> {
    let uid = geteuid();
    let top = match env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir).join(SUBTYPE),
        None if uid.is_root() => PathBuf::from("/run").join(SUBTYPE),
        None => env::temp_dir().join(format!("{SUBTYPE}-{}", uid.as_raw())),
    };
    let folder = top.join("mounts");
    let failed = |error| MountError::io(&folder, "make", error);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    // In a folder that everyone may write to, another user could have created it.
    if fs::metadata(&top).map_err(failed)?.uid() != uid.as_raw() {
        return Err(failed(io::Error::other("it belongs to another user")));
    }
    Ok(folder)
}

/// The absolute path, without access to the file system mounted there: a dead mount does not
/// answer.
pub(crate) fn absolute(dir: &Path) -> PathBuf {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    // `a/.` and `a/` are `a`.
    let whole: PathBuf = whole.components().collect();
    let parent = whole.parent().and_then(|parent| parent.canonicalize().ok());
    match (parent, whole.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => whole,
    }
}

/// Whether a FUSE file system is mounted there.
pub(crate) fn is_mounted(dir: &Path) -> bool {
    // Source: proc(5), /proc/pid/mountinfo.
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().any(|line| {
        let place = line.split(' ').nth(4).map(unescape);
        let kind = line.split(" - ").nth(1).and_then(|rest| rest.split(' ').next());
        // The subtype is set only if fusermount3 mounted it.
        let is_fuse = kind.is_some_and(|kind| kind == "fuse" || kind.starts_with("fuse."));
        is_fuse && place.as_deref() == Some(dir)
    })
}

/// Decodes escapes such as `\040`, a space.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staging_folder_that_others_may_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        assert!(check_own(folder.path()).is_ok());
        for mode in [0o720, 0o702, 0o777] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let error = check_own(folder.path()).unwrap_err().to_string();
            assert!(error.contains("other users may write to it"), "{error}");
        }
        if geteuid().is_root() {
            std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
            let error = check_own(folder.path()).unwrap_err().to_string();
            assert!(error.contains("it belongs to another user"), "{error}");
        }
    }

    #[test]
    fn places_are_unescaped() {
        assert_eq!(unescape(r"/mnt/a\040b\134c"), Path::new(r"/mnt/a b\c"));
        assert_eq!(unescape(r"/mnt/a\04"), Path::new(r"/mnt/a\04"));
    }
}
