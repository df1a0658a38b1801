use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;

use super::error::FolderError;

/// What a folder is opened with. `O_PATH` would not do: times are set through the descriptor.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Bytes of a path that are given to the kernel at once; it takes 4095 (`PATH_MAX`).
const LONGEST: usize = 4000;

/// An open folder. Moving or replacing what its path names later does not matter to it.
#[derive(Debug)]
pub struct Folder {
    file: File,
    /// As the caller named it, for messages only.
    path: PathBuf,
}

/// Which file it is, whatever its name: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Folder {
    /// Opens a folder that the caller named. Links on the way are followed: they are the caller's. The
    /// empty path is the current folder.
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
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// As [`Folder::open`]. A folder that is missing is made, with those above it.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn open_or_make(path: &Path) -> Result<Self, FolderError> {
        let failed = |source| FolderError::Io { path: path.to_path_buf(), source };
        fs::create_dir_all(path).map_err(failed)?;
        Self::open(path)
    }

    /// As the caller named it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a folder in this one.
    ///
    /// # Errors
    /// [`FolderError::Link`] where a link has that name, [`FolderError::BadName`], [`FolderError::Io`].
    pub fn enter(&self, name: &OsStr) -> Result<Self, FolderError> {
        self.check(name)?;
        let path = self.path.join(name);
        match openat(&self.file, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Self { file: fd.into(), path }),
            // With O_DIRECTORY the kernel says ENOTDIR of a link, too.
            Err(Errno::LOOP | Errno::NOTDIR) if self.is_link(name) => {
                Err(FolderError::Link { path })
            }
            Err(error) => Err(FolderError::io(path, error)),
        }
    }

    /// Makes a folder in this one, or opens the one that is there.
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

    /// Opens a folder at a relative path of which no name is a link; the empty path is this folder.
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
                // The kernel says that the name is too long.
                piece.extend(names.next());
            }
            folder = folder.jump(&piece)?;
        }
        folder.path = self.path.join(path);
        Ok(folder)
    }

    /// As [`Folder::descend`], for a path that the kernel takes at once.
    fn jump(&self, path: &Path) -> Result<Self, FolderError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        if let Ok(fd) = openat2(&self.file, path, FOLDER, Mode::empty(), resolve) {
            return Ok(Self { file: fd.into(), path: self.path.join(path) });
        }
        // The kernel or a sandbox has no openat2, or the error is to name the place.
        let failed = |source| FolderError::Io { path: self.path.clone(), source };
        let file = self.file.try_clone().map_err(failed)?;
        let mut folder = Self { file, path: self.path.clone() };
        for name in path.iter().filter(|name| *name != ".") {
            folder = folder.enter(name)?;
        }
        Ok(folder)
    }

    /// Sets the folder's own times.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn set_times(&self, times: FileTimes) -> Result<(), FolderError> {
        let failed = |source| FolderError::Io { path: self.path.clone(), source };
        self.file.set_times(times).map_err(failed)
    }

    /// Who owns the folder, and its permissions.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn metadata(&self) -> Result<fs::Metadata, FolderError> {
        let failed = |source| FolderError::Io { path: self.path.clone(), source };
        self.file.metadata().map_err(failed)
    }

    /// Which folder it is, whatever its name.
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
        Self { file, path }
    }

    /// Refuses what is not the name of one file or folder.
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
    /// Of an open file.
    ///
    /// # Errors
    /// Those of `fstat`.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    pub(crate) fn new(device: u64, inode: u64) -> Self {
        Self { device, inode }
    }
}
