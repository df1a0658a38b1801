//! `Folder`: an open directory descriptor, and `Identity`: device and inode of a file.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;

use super::error::FolderError;

/// Flags for opening a folder. `O_PATH` is not enough: times are set through the descriptor.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Maximum length of a path in one system call; the kernel accepts 4095 bytes (`PATH_MAX`).
const LONGEST: usize = 4000;

/// An open folder. It stays the same folder when its path is moved or replaced.
#[derive(Debug)]
pub struct Folder {
    file: Arc<File>,
    /// The path given by the caller, for messages only.
    path: PathBuf,
}

/// The identity of a file, whatever its name: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Folder {
    /// Opens a folder that the caller named. Links in the path are followed, since the caller gave
    /// it. The empty path is the current folder.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |source| FolderError::Io { path: path.to_path_buf(), source };
        let here = path.as_os_str().is_empty();
        let file = File::open(if here { Path::new(".") } else { path }).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self { file: Arc::new(file), path: path.to_path_buf() })
    }

    /// As [`Folder::open`], but creates a missing folder with its parents.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn open_or_make(path: &Path) -> Result<Self, FolderError> {
        let failed = |source| FolderError::Io { path: path.to_path_buf(), source };
        fs::create_dir_all(path).map_err(failed)?;
        Self::open(path)
    }

    /// The path given by the caller.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a folder in this one.
    ///
    /// # Errors
    /// [`FolderError::Link`] if the name is a link, [`FolderError::BadName`], [`FolderError::Io`].
    pub fn enter(&self, name: &OsStr) -> Result<Self, FolderError> {
        self.check(name)?;
        let path = self.path.join(name);
        match openat(&self.file, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Self::of_descriptor(fd.into(), path)),
            // With O_DIRECTORY the kernel reports a link as ENOTDIR, too.
            Err(Errno::LOOP | Errno::NOTDIR) if self.is_link(name) => {
                Err(FolderError::Link { path })
            }
            Err(error) => Err(FolderError::io(path, error)),
        }
    }

    /// Creates a folder in this one, or opens the existing one.
    ///
    /// # Errors
    /// As [`Folder::enter`].
    pub fn make(&self, name: &OsStr) -> Result<Self, FolderError> {
        self.check(name)?;
        match mkdirat(&self.file, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => self.enter(name),
            Err(error) => Err(FolderError::io(self.path.join(name), error)),
        }
    }

    /// Opens a folder at a relative path without links; the empty path is this folder.
    ///
    /// # Errors
    /// As [`Folder::enter`].
    pub fn descend(&self, path: &Path) -> Result<Self, FolderError> {
        let mut names = path.iter().peekable();
        let mut folder = self.jump(Path::new("."))?;
        while names.peek().is_some() {
            let mut piece = PathBuf::new();
            let fits = |piece: &Path, name: &OsStr| piece.as_os_str().len() + name.len() < LONGEST;
            while let Some(name) = names.next_if(|name| fits(&piece, name)) {
                piece.push(name);
            }
            if piece.as_os_str().is_empty() {
                // The kernel then reports that the name is too long.
                piece.extend(names.next());
            }
            folder = folder.jump(&piece)?;
        }
        folder.path = self.path.join(path);
        Ok(folder)
    }

    /// As [`Folder::descend`], for a path that fits in one system call.
    fn jump(&self, path: &Path) -> Result<Self, FolderError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        if let Ok(fd) = openat2(&self.file, path, FOLDER, Mode::empty(), resolve) {
            return Ok(Self::of_descriptor(fd.into(), self.path.join(path)));
        }
        // openat2 is missing or forbidden, or it failed: opening name by name finds the failing
        // name.
        let mut folder = Self { file: Arc::clone(&self.file), path: self.path.clone() };
        for name in path.iter().filter(|name| *name != ".") {
            folder = folder.enter(name)?;
        }
        Ok(folder)
    }

    /// Sets the times of the folder itself.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn set_times(&self, times: FileTimes) -> Result<(), FolderError> {
        let failed = |source| FolderError::Io { path: self.path.clone(), source };
        self.file.set_times(times).map_err(failed)
    }

    /// The owner and the permissions of the folder.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn metadata(&self) -> Result<fs::Metadata, FolderError> {
        let failed = |source| FolderError::Io { path: self.path.clone(), source };
        self.file.metadata().map_err(failed)
    }

    /// The identity of the folder, whatever its name.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn identity(&self) -> Result<Identity, FolderError> {
        let failed = |source| FolderError::Io { path: self.path.clone(), source };
        Identity::of(&self.file).map_err(failed)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn of_descriptor(file: File, path: PathBuf) -> Self {
        Self { file: Arc::new(file), path }
    }

    /// The descriptor, for a file that outlives a borrow of the folder.
    pub(super) fn shared(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Refuses a text that is not the name of one file or folder.
    pub(crate) fn check(&self, name: &OsStr) -> Result<(), FolderError> {
        let bytes = name.as_bytes();
        let dots = matches!(bytes, b"" | b"." | b"..");
        if dots || bytes.contains(&b'/') || bytes.contains(&0) {
            let (folder, name) = (self.path.clone(), name.to_string_lossy().into_owned());
            return Err(FolderError::BadName { folder, name });
        }
        Ok(())
    }
}

impl Identity {
    /// The identity of an open file.
    ///
    /// # Errors
    /// Errors of `fstat`.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    pub(crate) fn new(device: u64, inode: u64) -> Self {
        Self { device, inode }
    }
}
