//! The state folder and the files in it, opened so that no other user can lead root elsewhere.
//!
//! The folder belongs to the user that the server becomes, and a folder above it may belong to another. So
//! each step of the way is opened by itself, without following links but those that only root can make; a
//! file is opened within the folder, never by its path; and what is checked and what is used are one
//! descriptor. A link, a second name of a file (a hard link), a FIFO or a device is an error.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, chownat, fchown, fstat, mkdirat, open, openat,
    readlinkat, renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};
use thiserror::Error;

/// Links on the way and folders that are made, at most.
const DETOURS: usize = 40;
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);

/// Why the state folder or a file in it is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Unexpected {
        /// The file or folder.
        path: PathBuf,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl StateError {
    /// Whether the disk takes no writes at present, which may pass: it is full, broken or read-only.
    #[must_use]
    pub fn is_disk(&self) -> bool {
        let Self::Io { source, .. } = self else { return false };
        let errno = source.raw_os_error().map(Errno::from_raw_os_error);
        let disk = [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::IO, Errno::FBIG];
        errno.is_some_and(|errno| disk.contains(&errno))
    }
}

/// The folder, open.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    folder: OwnedFd,
    owner: u32,
}

/// The user that the server becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipient {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl StateFolder {
    /// Opens the folder, and makes it where it is missing.
    ///
    /// # Errors
    /// Where that cannot be, or a link that others than root can change is on the way.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        let at = |errno: Errno| StateError::Io { path: path.to_owned(), source: errno.into() };
        let place = walk(path)?;
        // The folders above need no right to read; this descriptor is for making the folder durable.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(&place, ".", flags, Mode::empty()).map_err(at)?;
        let owner = fstat(&folder).map_err(at)?.st_uid;
        Ok(Self { path: path.to_owned(), folder, owner })
    }

    /// The same folder once more.
    pub(crate) fn again(&self) -> Result<Self, StateError> {
        let folder = self.folder.try_clone();
        let folder = folder.map_err(|source| StateError::Io { path: self.path.clone(), source })?;
        Ok(Self { path: self.path.clone(), folder, owner: self.owner })
    }

    /// Opens a file of the folder, which is made where `flags` say so.
    pub(crate) fn file(&self, name: &str, flags: OFlags) -> Result<File, StateError> {
        // A FIFO would wait for its other end.
        let safe = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(&self.folder, name, flags | safe, FILE_MODE).map_err(|errno| {
            // The error of `O_NOFOLLOW` for a link.
            if errno == Errno::LOOP {
                return self.unexpected(name, REGULAR, "a symbolic link");
            }
            self.io(name)(errno)
        })?;
        self.check(name, &fstat(&file).map_err(self.io(name))?, None)?;
        Ok(file.into())
    }

    /// A new file in place of whatever has the name. It belongs to the owner of the folder.
    pub(crate) fn fresh(&self, name: &str) -> Result<File, StateError> {
        self.remove(name)?;
        // O_EXCL follows no link either.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.folder, name, flags, FILE_MODE).map_err(self.io(name))?;
        if geteuid().is_root() && self.owner != 0 {
            let owner = Some(Uid::from_raw(self.owner));
            fchown(&file, owner, None).map_err(self.io(name))?;
        }
        Ok(file.into())
    }

    /// Removes a file, where it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StateError> {
        match unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.io(name)(errno)),
        }
    }

    /// Gives a file the name of another, whose place it takes.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), StateError> {
        renameat(&self.folder, from, &self.folder, to).map_err(self.io(to))
    }

    /// Waits until the names are on the disk.
    pub(crate) fn sync(&self) -> Result<(), StateError> {
        rustix::fs::fsync(&self.folder).map_err(self.io(""))
    }

    /// Gives the folder and these of its files to a user, where root or that user owns them.
    pub(crate) fn give(&mut self, to: Recipient, names: &[&str]) -> Result<(), StateError> {
        for name in names {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = match openat(&self.folder, *name, flags, Mode::empty()) {
                Err(Errno::NOENT) => continue,
                file => file.map_err(self.io(name))?,
            };
            let stat = fstat(&file).map_err(self.io(name))?;
            self.check(name, &stat, Some(to))?;
            self.give_one(name, file.as_fd(), &stat, to)?;
        }
        let stat = fstat(&self.folder).map_err(self.io(""))?;
        self.check_owner("", &stat, Some(to))?;
        self.give_one("", self.folder.as_fd(), &stat, to)?;
        self.owner = to.uid;
        Ok(())
    }

    fn give_one(
        &self,
        name: &str,
        file: BorrowedFd<'_>,
        stat: &Stat,
        to: Recipient,
    ) -> Result<(), StateError> {
        // A disk that is read-only stops nothing where there is nothing to change.
        if (stat.st_uid, stat.st_gid) == (to.uid, to.gid) {
            return Ok(());
        }
        let (uid, gid) = (Some(Uid::from_raw(to.uid)), Some(Gid::from_raw(to.gid)));
        chownat(file, "", uid, gid, AtFlags::EMPTY_PATH).map_err(self.io(name))
    }

    /// Whether this is a plain file with no other name, of root, this process, the folder's owner or
    /// the user that it is given to.
    fn check(&self, name: &str, stat: &Stat, to: Option<Recipient>) -> Result<(), StateError> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::RegularFile {
            return Err(self.unexpected(name, REGULAR, kind_name(kind)));
        }
        if stat.st_nlink != 1 {
            let found = format!("one of {} names of a file (hard links)", stat.st_nlink);
            return Err(self.unexpected(name, "a file with one name", found));
        }
        self.check_owner(name, stat, to)
    }

    fn check_owner(
        &self,
        name: &str,
        stat: &Stat,
        to: Option<Recipient>,
    ) -> Result<(), StateError> {
        let known = [Some(0), Some(geteuid().as_raw()), to.map(|to| to.uid)];
        // The owner of the folder may have put the file there; it is not given to another user.
        let folder = to.is_none() && stat.st_uid == self.owner;
        if folder || known.contains(&Some(stat.st_uid)) {
            return Ok(());
        }
        let expected = match to {
            Some(to) => format!("it to belong to root or to user {}", to.uid),
            None => "it to belong to root or to the owner of its folder".to_owned(),
        };
        Err(self.unexpected(name, expected, format!("user {}", stat.st_uid)))
    }

    fn io(&self, name: &str) -> impl Fn(Errno) -> StateError {
        let path = self.join(name);
        move |errno| StateError::Io { path: path.clone(), source: errno.into() }
    }

    fn unexpected(
        &self,
        name: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> StateError {
        let path = self.join(name);
        StateError::Unexpected { path, expected: expected.into(), found: found.into() }
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.clone() } else { self.path.join(name) }
    }
}

impl AsFd for StateFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

const REGULAR: &str = "a regular file";

fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => REGULAR,
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something else",
    }
}

/// Goes to a folder step by step and makes what is missing.
fn walk(path: &Path) -> Result<OwnedFd, StateError> {
    let at = |place: &Path| {
        let path = place.to_owned();
        move |errno: Errno| StateError::Io { path, source: errno.into() }
    };
    let absolute = std::path::absolute(path)
        .map_err(|source| StateError::Io { path: path.to_owned(), source })?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = || open("/", flags | OFlags::DIRECTORY, Mode::empty()).map_err(at(Path::new("/")));
    let (mut folder, mut place) = (root()?, PathBuf::from("/"));
    let mut left = steps(&absolute);
    let mut detours = 0;
    while let Some(step) = left.pop() {
        let here = place.join(&step);
        let next = match openat(&folder, step.as_os_str(), flags, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::NOENT) if detours < DETOURS => {
                detours += 1;
                match mkdirat(&folder, step.as_os_str(), FOLDER_MODE) {
                    Ok(()) | Err(Errno::EXIST) => left.push(step),
                    Err(errno) => return Err(at(&here)(errno)),
                }
                continue;
            }
            Err(errno) => return Err(at(&here)(errno)),
        };
        let stat = fstat(&next).map_err(at(&here))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => (folder, place) = (next, here),
            FileType::Symlink => {
                let parent = fstat(&folder).map_err(at(&place))?;
                if let Some(found) = distrust(&parent, &stat) {
                    let expected = "a folder".to_owned();
                    return Err(StateError::Unexpected { path: here, expected, found });
                }
                detours += 1;
                if detours > DETOURS {
                    return Err(at(&here)(Errno::LOOP));
                }
                let target = readlinkat(&next, "", Vec::new()).map_err(at(&here))?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if target.is_absolute() {
                    (folder, place) = (root()?, PathBuf::from("/"));
                }
                left.extend(steps(&target));
            }
            kind => {
                let (expected, found) = ("a folder".to_owned(), kind_name(kind).to_owned());
                return Err(StateError::Unexpected { path: here, expected, found });
            }
        }
    }
    Ok(folder)
}

/// The steps of a path, the last one first.
fn steps(path: &Path) -> Vec<OsString> {
    let steps = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    let mut steps: Vec<_> = steps.filter(|step| !step.as_bytes().is_empty()).collect();
    steps.reverse();
    steps
}

/// Why root does not follow a link; none where only root could have made it. Without the rights of root a
/// link leads nowhere that its maker could not reach.
fn distrust(folder: &Stat, link: &Stat) -> Option<String> {
    let mode = Mode::from_raw_mode(folder.st_mode);
    let shared = mode.intersects(Mode::WGRP | Mode::WOTH) && !mode.contains(Mode::SVTX);
    if !geteuid().is_root() || (folder.st_uid == 0 && link.st_uid == 0 && !shared) {
        return None;
    }
    Some("a symbolic link that others than root can change".to_owned())
}

#[cfg(test)]
mod tests;
