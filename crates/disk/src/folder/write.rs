//! Writing in a folder: new files, replacements, symbolic links and hard links.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, linkat, openat, renameat,
    statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::error::FolderError;
use super::opened::{Folder, Identity};
use crate::unfinished::{self, Listed, Name};

/// Attempts to find a free temporary name.
const TRIES: usize = 100;

/// A file that is being written. Dropping it removes it, unless it was [finished](NewFile::finish).
#[derive(Debug)]
pub struct NewFile<'a> {
    folder: &'a Folder,
    file: File,
    name: OsString,
    /// Its temporary name until it is finished, if it has one.
    temporary: Option<OsString>,
    /// Until it is finished.
    listed: Option<Listed>,
}

impl Folder {
    /// A new file with that name, with the permissions that the umask allows.
    ///
    /// # Errors
    /// [`FolderError::Exists`], also if a link has that name; [`FolderError::BadName`],
    /// [`FolderError::Io`].
    pub fn create(&self, name: &OsStr) -> Result<NewFile<'_>, FolderError> {
        self.check(name)?;
        let (file, listed) = self.open_listed(name).map_err(|error| self.not_made(name, error))?;
        let (name, listed) = (name.to_owned(), Some(listed));
        Ok(NewFile { folder: self, file, name, temporary: None, listed })
    }

    /// A new file that, when it is finished, takes that name from an existing file or link. The
    /// target of a link stays unchanged.
    ///
    /// # Errors
    /// [`FolderError::BadName`], [`FolderError::Io`].
    pub fn replacement(&self, name: &OsStr) -> Result<NewFile<'_>, FolderError> {
        self.check(name)?;
        let (temporary, (file, listed)) =
            self.temporary(|temporary| self.open_listed(temporary))?;
        let (name, temporary, listed) = (name.to_owned(), Some(temporary), Some(listed));
        Ok(NewFile { folder: self, file, name, temporary, listed })
    }

    /// Creates a symbolic link. With `replace`, it replaces an existing file or link with that
    /// name.
    ///
    /// # Errors
    /// [`FolderError::Exists`], [`FolderError::BadName`], [`FolderError::Io`].
    pub fn symlink(&self, target: &OsStr, name: &OsStr, replace: bool) -> Result<(), FolderError> {
        self.link_with(name, replace, |name| symlinkat(target, self.file(), name))
    }

    /// Sets the times of a link itself, or of another file with that name; the target of a link
    /// keeps its times.
    ///
    /// # Errors
    /// [`FolderError::BadName`], [`FolderError::Io`].
    pub fn set_link_times(
        &self,
        name: &OsStr,
        accessed: Option<SystemTime>,
        modified: Option<SystemTime>,
    ) -> Result<(), FolderError> {
        self.check(name)?;
        let times =
            Timestamps { last_access: timespec(accessed), last_modification: timespec(modified) };
        utimensat(self.file(), name, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| FolderError::io(self.path().join(name), error))
    }

    /// Adds a hard link in this folder to the file `first` of the folder `at`, if that still is the
    /// file `identity`. Returns whether it is; if not, no link remains. With `replace`, an existing
    /// file or link with that name is replaced.
    ///
    /// # Errors
    /// [`FolderError::Exists`], [`FolderError::BadName`], [`FolderError::Io`], for example on a
    /// file system without hard links.
    pub fn hard_link(
        &self,
        (at, first, identity): (&Self, &OsStr, Identity),
        name: &OsStr,
        replace: bool,
    ) -> Result<bool, FolderError> {
        at.check(first)?;
        let mut is_same = true;
        // Without AT_SYMLINK_FOLLOW, a link that has taken the name is not followed.
        let made = self.link_with(name, replace, |new| {
            linkat(at.file(), first, self.file(), new, AtFlags::empty())?;
            let found = statat(self.file(), new, AtFlags::SYMLINK_NOFOLLOW)?;
            if Identity::new(found.st_dev, found.st_ino) == identity {
                return Ok(());
            }
            is_same = false;
            unlinkat(self.file(), new, AtFlags::empty())?;
            Err(Errno::STALE)
        });
        match made {
            Err(_) if !is_same => Ok(false),
            made => made.map(|()| true),
        }
    }

    /// Runs `make` with that name; if the name is taken and `replace` is set, runs it with a
    /// temporary name and renames that.
    fn link_with(
        &self,
        name: &OsStr,
        replace: bool,
        mut make: impl FnMut(&OsStr) -> Result<(), Errno>,
    ) -> Result<(), FolderError> {
        self.check(name)?;
        match make(name) {
            Err(Errno::EXIST) if replace => {}
            made => return made.map_err(|error| self.not_made(name, error)),
        }
        let (temporary, ()) = self.temporary(make)?;
        let renamed = self.rename(&temporary, name);
        // Needed after a success, too: rename(2) keeps both names if they are links to the same
        // file.
        let _ = unlinkat(self.file(), &temporary, AtFlags::empty());
        renamed
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), FolderError> {
        renameat(self.file(), from, self.file(), to)
            .map_err(|error| FolderError::io(self.path().join(to), error))
    }

    /// Runs `make` with an unused temporary name.
    fn temporary<T>(
        &self,
        mut make: impl FnMut(&OsStr) -> Result<T, Errno>,
    ) -> Result<(OsString, T), FolderError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut last = Errno::EXIST;
        for _ in 0..TRIES {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = OsString::from(format!(".winpe-iscsi-{}-{count}.tmp", process::id()));
            match make(&name) {
                Ok(made) => return Ok((name, made)),
                Err(Errno::EXIST) => {}
                Err(error) => {
                    last = error;
                    break;
                }
            }
        }
        Err(FolderError::io(self.path().to_path_buf(), last))
    }

    fn open_listed(&self, name: &OsStr) -> Result<(File, Listed), Errno> {
        let named = |file| (file, Name::Within(self.shared(), name.to_owned()));
        unfinished::listed(|| self.open_new(name).map(named))
    }

    fn open_new(&self, name: &OsStr) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(0o666);
        openat(self.file(), name, flags | OFlags::CLOEXEC, mode).map(File::from)
    }

    fn not_made(&self, name: &OsStr, error: Errno) -> FolderError {
        let path = self.path().join(name);
        match error {
            Errno::EXIST => FolderError::Exists { path },
            error => FolderError::io(path, error),
        }
    }

    pub(crate) fn is_link(&self, name: &OsStr) -> bool {
        let found = statat(self.file(), name, AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
    }
}

impl NewFile<'_> {
    /// The file, to be written.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// The final path of the file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    /// The identity of the file.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn identity(&self) -> Result<Identity, FolderError> {
        let failed = |source| FolderError::Io { path: self.path(), source };
        Identity::of(&self.file).map_err(failed)
    }

    /// Finishes the file: it keeps or takes its final name.
    ///
    /// # Errors
    /// [`FolderError::Io`], for example if a folder has that name.
    pub fn finish(mut self) -> Result<(), FolderError> {
        let Self { folder, temporary, name, .. } = &self;
        if let Some(temporary) = temporary {
            // If it fails, the file is still listed, and dropping it removes it.
            unfinished::finish(None, || folder.rename(temporary, name))?;
        }
        self.listed = None;
        Ok(())
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if self.listed.is_some() {
            let name = self.temporary.as_ref().unwrap_or(&self.name);
            let _ = unlinkat(self.folder.file(), name, AtFlags::empty());
        }
    }
}

/// The time for the kernel; `None` becomes `UTIME_OMIT`, which leaves a time unchanged.
fn timespec(time: Option<SystemTime>) -> Timespec {
    let Some(time) = time else { return Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT } };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Timespec {
            tv_sec: after.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: after.subsec_nanos().into(),
        },
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).map_or(i64::MIN, |seconds| -seconds);
            // The nanoseconds count forward from the previous second.
            match before.subsec_nanos() {
                0 => Timespec { tv_sec: seconds, tv_nsec: 0 },
                nanos => Timespec {
                    tv_sec: seconds.saturating_sub(1),
                    tv_nsec: (1_000_000_000 - nanos).into(),
                },
            }
        }
    }
}
