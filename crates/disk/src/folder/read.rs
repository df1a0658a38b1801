//! Reading below a folder, by untrusted paths.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use super::error::FolderError;
use super::opened::Folder;

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A regular file.
    File {
        /// Its size in bytes.
        size: u64,
    },
    /// A folder.
    Folder,
    /// A pipe, a socket or a device.
    Other,
}

/// Attempts to open a path when concurrent renames interrupt the lookup.
const TRIES: usize = 16;

impl Folder {
    /// Opens a regular file at a relative path.
    ///
    /// # Errors
    /// [`FolderError::Outside`] if a link leads out of the folder, [`FolderError::NotAFile`],
    /// [`FolderError::BadName`] for an absolute path or one with `..`, [`FolderError::Io`].
    pub fn open_file(&self, path: &Path) -> Result<File, FolderError> {
        // Without O_NONBLOCK, opening a pipe would wait for its writer.
        let fd = self.beneath(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        match kind_of(&fd) {
            Ok(Kind::File { .. }) => Ok(fd.into()),
            Ok(_) => Err(FolderError::NotAFile { path: self.path().join(path) }),
            Err(error) => Err(FolderError::io(self.path().join(path), error)),
        }
    }

    /// Opens a folder at a relative path; the empty path is this folder.
    ///
    /// # Errors
    /// As [`Folder::open_file`].
    pub fn subfolder(&self, path: &Path) -> Result<Self, FolderError> {
        let fd = self.beneath(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(Self::of_descriptor(fd.into(), self.path().join(path)))
    }

    /// The type of the file at a relative path; `None` if nothing exists there.
    ///
    /// # Errors
    /// [`FolderError::Outside`], [`FolderError::BadName`], [`FolderError::Io`].
    pub fn kind(&self, path: &Path) -> Result<Option<Kind>, FolderError> {
        let fd = match self.beneath(path, OFlags::PATH) {
            Ok(fd) => fd,
            Err(FolderError::Io { source, .. })
                if matches!(
                    source.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        kind_of(&fd).map(Some).map_err(|error| FolderError::io(self.path().join(path), error))
    }

    /// The names of all entries of the folder, sorted.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn names(&self) -> Result<Vec<OsString>, FolderError> {
        let failed = |error| FolderError::io(self.path().to_path_buf(), error);
        let mut names = Vec::new();
        for entry in Dir::read_from(self.file()).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn beneath(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, FolderError> {
        let relative = self.plain(path)?;
        let flags = flags | OFlags::CLOEXEC;
        let opened = match with_openat2(self.file(), &relative, flags) {
            // Kernels before 5.6 lack the call; some sandboxes forbid it.
            Err(Errno::NOSYS | Errno::PERM) => name_by_name(self.file(), &relative, flags),
            opened => opened,
        };
        opened.map_err(|error| {
            let path = self.path().join(path);
            match error {
                Errno::XDEV | Errno::LOOP => {
                    FolderError::Outside { path, folder: self.path().to_path_buf() }
                }
                error => FolderError::io(path, error),
            }
        })
    }

    /// The path without `.`, after checking each name; `.` for the folder itself.
    fn plain(&self, path: &Path) -> Result<PathBuf, FolderError> {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => plain.push(name),
                Component::CurDir => {}
                _ => {
                    let (folder, name) = (self.path().to_path_buf(), path.display().to_string());
                    return Err(FolderError::BadName { folder, name });
                }
            }
        }
        Ok(if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain })
    }
}

fn with_openat2(root: &File, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 1..TRIES {
        match openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
    openat2(root, path, flags, Mode::empty(), resolve)
}

/// Opens one name after another and follows no link, not even one that stays in the folder.
fn name_by_name(root: &File, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let through = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at: Option<OwnedFd> = None;
    let mut names = path.iter().peekable();
    while let Some(name) = names.next() {
        let folder =
            at.as_ref().map_or_else(|| rustix::fd::AsFd::as_fd(root), rustix::fd::AsFd::as_fd);
        // O_PATH opens a link itself; the check of its type then refuses it.
        let found = openat(folder, name, through, Mode::empty())?;
        if FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::Symlink {
            return Err(Errno::LOOP);
        }
        if names.peek().is_none() {
            return openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty());
        }
        at = Some(found);
    }
    Err(Errno::NOENT)
}

fn kind_of(fd: &OwnedFd) -> Result<Kind, Errno> {
    let found = fstat(fd)?;
    Ok(match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => {
            Kind::File { size: u64::try_from(found.st_size).unwrap_or_default() }
        }
        FileType::Directory => Kind::Folder,
        _ => Kind::Other,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// The fallback for kernels without `openat2`.
    #[test]
    fn name_by_name_follows_no_link_at_all() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("sub/file"), "x").unwrap();
        symlink("sub/file", root.join("within")).unwrap();
        symlink("sub", root.join("folder")).unwrap();
        symlink("..", root.join("parent")).unwrap();
        let root = File::open(root).unwrap();
        let open = |path: &str| name_by_name(&root, Path::new(path), OFlags::RDONLY);
        assert!(open("sub/file").is_ok() && open("sub").is_ok() && open(".").is_ok());
        for path in ["within", "folder/file", "parent/root"] {
            assert_eq!(open(path).unwrap_err(), Errno::LOOP, "{path}");
        }
        assert_eq!(open("none").unwrap_err(), Errno::NOENT);
    }
}
