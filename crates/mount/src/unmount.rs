//! Ends a mount, and commits or discards its changes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount as unmount2};
use winpe_wim::{Archive, CommitError, CommitOptions, Committed, ImageChanges, Target, WimError};

use crate::error::MountError;
use crate::record::{Mount, State, find, is_mounted, wait};
use crate::staging::replay;

/// What to do with the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Write them to the WIM.
    Commit,
    /// Discard them.
    Discard,
    /// Fail if there are any.
    Unchanged,
}

/// The result of an unmount.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// The ended mount.
    pub mount: Mount,
    /// The result of the commit, if anything was changed.
    pub committed: Option<Committed>,
}

/// Unmounts the image on the folder `dir`, and commits or discards its changes. This also works if
/// the process of the mount is gone; after a restart of the machine, pass the staging folder as
/// `dir`.
///
/// If the commit fails, everything stays in the staging folder, and the call can be repeated.
///
/// # Errors
/// [`MountError::NotMounted`], [`MountError::InUse`], [`MountError::Undecided`],
/// [`MountError::ReadOnly`], and those of the commit, of which [`CommitError::Changed`] means that
/// another program wrote to the WIM since it was mounted.
pub fn unmount(
    dir: &Path,
    finish: Finish,
    options: CommitOptions<'_>,
) -> Result<Finished, MountError> {
    let (record, mount, state) = find(dir)?;
    if finish == Finish::Commit && mount.staging.is_none() {
        return Err(MountError::ReadOnly { dir: mount.dir });
    }
    check_decided(&mount, finish)?;
    if is_mounted(&mount.dir) {
        detach_when_free(&mount.dir, state)?;
    }
    if let Some(record) = &record
        && !wait(record, mount.pid)
    {
        return Err(MountError::InUse { dir: mount.dir });
    }
    // Check again: changes may have been written until the process ended.
    check_decided(&mount, finish)?;
    let committed = match (finish, &mount.staging) {
        (Finish::Commit, Some(staging)) if mount.changes() > 0 => {
            Some(commit(&mount, staging, options)?)
        }
        _ => None,
    };
    if let Some(staging) = &mount.staging {
        match fs::remove_dir_all(staging) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(MountError::io(staging, "remove", error));
            }
            _ => {}
        }
    }
    if let Some(record) = record {
        let _ = fs::remove_file(record);
    }
    Ok(Finished { mount, committed })
}

fn check_decided(mount: &Mount, finish: Finish) -> Result<(), MountError> {
    match mount.changes() {
        changes @ 1.. if finish == Finish::Unchanged => {
            Err(MountError::Undecided { dir: mount.dir.clone(), changes })
        }
        _ => Ok(()),
    }
}

fn commit(
    mount: &Mount,
    staging: &Path,
    options: CommitOptions<'_>,
) -> Result<Committed, MountError> {
    let archive = Archive::open(&mount.wim)?;
    let found: String = archive.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != mount.fingerprint {
        return Err(WimError::Commit(CommitError::Changed { path: mount.wim.clone() }).into());
    }
    let changes = replay(staging, &archive, mount.image, options.time)?;
    let changes = [ImageChanges { image: mount.image, changes }];
    let options = CommitOptions { erase: options.erase || is_private(&mount.wim)?, ..options };
    Ok(archive.commit(&changes, &Target::InPlace, options)?)
}

/// Whether only its owner may read the WIM, since it may hold a secret. Data that a commit replaces
/// in such a file are overwritten.
fn is_private(wim: &Path) -> Result<bool, MountError> {
    let file = fs::metadata(wim).map_err(|error| MountError::io(wim, "examine", error))?;
    Ok(file.permissions().mode() & 0o077 == 0)
}

/// How long to wait for a folder in use.
const PATIENCE: Duration = Duration::from_secs(1);

/// Detaches the mount. A process that ends, or that starts another process, may keep its files open
/// for a moment after it closed them.
fn detach_when_free(dir: &Path, state: State) -> Result<(), MountError> {
    let start = Instant::now();
    loop {
        match detach(dir, state) {
            Err(MountError::InUse { .. }) if start.elapsed() < PATIENCE => {
                thread::sleep(PATIENCE / 20);
            }
            done => return done,
        }
    }
}

/// With the system call as root, otherwise with fusermount3.
fn detach(dir: &Path, state: State) -> Result<(), MountError> {
    let dead = state == State::Dead;
    let flags = if dead { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match unmount2(dir, flags) {
        Ok(()) => return Ok(()),
        Err(Errno::BUSY) => return Err(MountError::InUse { dir: dir.to_path_buf() }),
        // EINVAL if it is already unmounted; EPERM if only fusermount3 may unmount it.
        Err(Errno::INVAL) if !is_mounted(dir) => return Ok(()),
        Err(Errno::PERM | Errno::INVAL) => {}
        Err(error) => return Err(MountError::io(dir, "unmount", error.into())),
    }
    let mut command = Command::new("fusermount3");
    command.arg("-u").args(dead.then_some("-z")).arg("--").arg(dir).stdin(Stdio::null());
    let failed = |error| MountError::io(dir, "run fusermount3 to unmount", error);
    let output = command.output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if text.contains("busy") {
        return Err(MountError::InUse { dir: dir.to_path_buf() });
    }
    Err(MountError::io(dir, "unmount", std::io::Error::other(text)))
}
