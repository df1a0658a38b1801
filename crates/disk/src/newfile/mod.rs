//! `NewFile`: a file that appears under its name when it is complete.
//!
//! ```text
//!  create   without a name (O_TMPFILE), or as .winpe-wim-XXXXXX.tmp, locked     mode 0600
//!  settle   owner and mode, then fsync
//!  name     only now a temporary name, for readers that need one
//!  finish   rename, or link where no file may be replaced; fsync of the folder
//! ```
//! If the process is killed while the file has no name, nothing remains. If the file system does
//! not support such files, or the process dies between `name` and `finish`, a file with a temporary
//! name remains, unless the process calls [`remove_all`](crate::unfinished::remove_all) before it ends.
//! The next [`NewFile`] in that folder removes it: see [`NewFile::swept`].

mod access;
mod interim;
mod sweep;

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access as Rights, AtFlags, CWD, FlockOperation, Mode, OFlags, accessat, flock, linkat, openat,
};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use self::access::Access;
use crate::unfinished::{self, Listed, Name};

pub use interim::Interim;

/// Prefix and suffix of the names of unfinished files.
const PREFIX: &str = ".winpe-wim-";
const SUFFIX: &str = ".tmp";

/// How a file is made. `Options::default()` makes one that replaces nothing, with an ordinary mode.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Whether it may replace an existing file, whose owner and mode it then keeps.
    pub overwrite: bool,
    /// The file from which it is made: it gets that file's owner if possible, and its mode as far
    /// as the umask allows. The owner may always write to it.
    pub like: Option<&'a Metadata>,
    /// Whether only the owner may read the file, if it is new.
    pub private: bool,
}

/// A file that appears under its name when it is complete. If it is dropped earlier, it is removed.
///
/// ```
/// use std::io::Write;
/// use winpe_disk::newfile::{NewFile, Options};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("list.txt");
/// let new = NewFile::create(&path, Options::default())?;
/// new.file().write_all(b"one\n")?;
/// assert!(!path.exists());
/// new.finish()?;
/// assert_eq!(std::fs::read(&path)?, b"one\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    overwrite: bool,
    access: Access,
    state: State,
    swept: Vec<PathBuf>,
}

#[derive(Debug)]
enum State {
    Nameless(File),
    // Fields are dropped in order: the file is removed, then taken off the list.
    Named(NamedTempFile, Listed),
}

/// Whether [`NewFile::create`] would be refused, and why, without writing anything.
///
/// # Errors
/// As [`NewFile::create`], as far as they can be known: the disk may be full.
pub fn check(path: &Path, overwrite: bool) -> io::Result<()> {
    let path = checked(path, overwrite)?;
    let folder = folder(&path);
    if !std::fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(accessat(CWD, folder, Rights::WRITE_OK | Rights::EXEC_OK, AtFlags::EACCESS)?)
}

/// The path without symbolic links, if a file may be created there.
fn checked(path: &Path, overwrite: bool) -> io::Result<PathBuf> {
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(path.canonicalize().unwrap_or_else(|_| path.to_path_buf()))
}

impl NewFile {
    /// Creates an empty file for `path` that only its owner may read. If `path` is a symbolic link,
    /// its target is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if a file exists that may not be replaced,
    /// [`io::ErrorKind::InvalidInput`] if a folder, a pipe or a device exists, and errors of the
    /// system.
    pub fn create(path: &Path, options: Options<'_>) -> io::Result<Self> {
        let path = checked(path, options.overwrite)?;
        let folder = folder(&path);
        let access = Access::wanted(&path, &options);
        // The file gets the mode that the umask allows while it is empty and has no name.
        let state = match nameless(folder, access.mode()) {
            Some(file) => State::Nameless(file),
            None => named(folder, access.mode())?,
        };
        let access = access.settled_for(state.file())?;
        let swept = sweep::sweep(folder);
        Ok(Self { path, overwrite: options.overwrite, access, state, swept })
    }

    /// The file, for reading and writing.
    #[must_use]
    pub fn file(&self) -> &File {
        self.state.file()
    }

    /// Unfinished files of earlier runs of this user in this folder, which `create` removed.
    #[must_use]
    pub fn swept(&self) -> &[PathBuf] {
        &self.swept
    }

    /// Sets owner and mode of the file, and makes it durable.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn settle(&self) -> io::Result<()> {
        self.access.give(self.file())?;
        self.file().sync_all()
    }

    /// A path by which others can open the file before it is finished.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn name(&mut self) -> io::Result<&Path> {
        if let State::Nameless(file) = &self.state {
            let file = file.try_clone()?;
            let link = |path: &Path| link(&file, path);
            let (name, listed) = unfinished::listed(|| {
                let name = temporary().make_in(folder(&self.path), link)?.into_temp_path();
                let path = name.to_path_buf();
                Ok::<_, io::Error>((name, Name::Path(path)))
            })?;
            self.state = State::Named(NamedTempFile::from_parts(file, name), listed);
        }
        match &self.state {
            State::Named(named, _) => Ok(named.path()),
            State::Nameless(_) => unreachable!("it was given a name"),
        }
    }

    /// Settles the file and gives it its final name. Returns the path without symbolic links.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if a file has appeared that may not be replaced, and errors
    /// of the system.
    pub fn finish(mut self) -> io::Result<PathBuf> {
        self.settle()?;
        if self.overwrite {
            self.name()?;
        }
        let Self { path, overwrite, .. } = self;
        match self.state {
            State::Nameless(file) => unfinished::finish(None, || link(&file, &path))?,
            State::Named(named, listed) => {
                unfinished::finish(Some(listed), || match overwrite {
                    true => named.persist(&path).map(drop),
                    false => named.persist_noclobber(&path).map(drop),
                })?;
            }
        }
        // Some file systems cannot sync folders; the file itself is already durable.
        if let Ok(folder) = File::open(folder(&path)) {
            let _ = folder.sync_all();
        }
        Ok(path)
    }
}

impl State {
    fn file(&self) -> &File {
        match self {
            Self::Nameless(file) => file,
            Self::Named(named, _) => named.as_file(),
        }
    }
}

fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    builder
}

/// A file without a name, if the file system supports it and the file can be linked later.
fn nameless(folder: &Path, mode: u32) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, folder, flags, Mode::from_raw_mode(mode)).ok()?);
    // Without /proc only a privileged process could link it.
    let (seen, own) = (std::fs::metadata(by_descriptor(&file)).ok()?, file.metadata().ok()?);
    let same = (seen.dev(), seen.ino()) == (own.dev(), own.ino());
    (same && flock(&file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK))
        .then_some(file)
}

/// A file with a temporary name, locked if the file system supports it.
fn named(folder: &Path, mode: u32) -> io::Result<State> {
    let (named, listed) = unfinished::listed(|| {
        let named = temporary().make_in(folder, |path| {
            OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
        })?;
        let path = named.path().to_path_buf();
        Ok::<_, io::Error>((named, Name::Path(path)))
    })?;
    let _ = flock(named.as_file(), FlockOperation::NonBlockingLockExclusive);
    Ok(State::Named(named, listed))
}

/// Links a file without a name at this path, which must be free.
fn link(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(CWD, by_descriptor(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

fn by_descriptor(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
