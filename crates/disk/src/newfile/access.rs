//! Owner and mode of a new file.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use super::Options;

/// The permission bits of the owner, and of others.
const OWNER: u32 = 0o600;
const WRITE: u32 = 0o200;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;
/// The mode of an ordinary new file, before the umask.
const ALL: u32 = 0o666;

/// The owner and the mode that a file gets on completion.
#[derive(Debug)]
pub(super) struct Access {
    /// User and group, if they are copied from another file.
    owner: Option<(u32, u32)>,
    mode: u32,
    /// Whether the mode is that of the replaced file, so that the umask does not apply.
    kept: bool,
}

impl Access {
    pub(super) fn wanted(path: &Path, options: &Options<'_>) -> Self {
        let of = |old: &Metadata| Some((old.uid(), old.gid()));
        if let Ok(old) = fs::metadata(path) {
            return Self { owner: of(&old), mode: old.mode() & 0o7777, kept: true };
        }
        // The mode of a pipe or a device does not describe its content.
        let like = options.like.filter(|like| like.is_file());
        let mode = like.map_or(ALL, |like| like.mode() & ALL | WRITE);
        let mode = if options.private { mode & OWNER } else { mode };
        Self { owner: like.and_then(of), mode, kept: false }
    }

    #[cfg(test)]
    pub(super) fn of(owner: (u32, u32), mode: u32) -> Self {
        Self { owner: Some(owner), mode, kept: true }
    }

    /// The mode for creating the file.
    pub(super) fn mode(&self) -> u32 {
        if self.kept { OWNER } else { self.mode }
    }

    /// Takes the mode that the umask left to the new file, and restricts the file to its owner.
    pub(super) fn settled_for(mut self, new: &File) -> io::Result<Self> {
        if !self.kept {
            self.mode = new.metadata()?.mode() & 0o777;
        }
        new.set_permissions(Permissions::from_mode(OWNER))?;
        Ok(self)
    }

    pub(super) fn give(&self, new: &File) -> io::Result<()> {
        let mut mode = self.mode;
        if let Some((user, group)) = self.owner {
            // Only root may give a file to another user; that failure must not lose the content.
            if fchown(new, Some(user), Some(group)).is_err() {
                let _ = fchown(new, None, Some(group));
            }
            // Rights of one group must not pass to another.
            if new.metadata()?.gid() != group {
                mode = mode & !GROUP | (mode & OTHERS) << 3;
            }
        }
        new.set_permissions(Permissions::from_mode(mode))
    }
}
