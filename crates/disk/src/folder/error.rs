use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why something in a folder cannot be read or written. Paths are as the caller named the folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Expected the name of one file or folder: not empty, not `.` or `..`, without `/` and NUL.
    #[error("{}: {name:?} is not the name of a file or folder", folder.display())]
    BadName {
        /// Where it was to be.
        folder: PathBuf,
        /// What was given.
        name: String,
    },
    /// A link is where a folder is expected, and is not followed.
    #[error("{} is a link: expected a folder", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A link in the folder leads out of it.
    #[error("{} leads out of {}", path.display(), folder.display())]
    Outside {
        /// What was to be read.
        path: PathBuf,
        /// The folder that it must stay in.
        folder: PathBuf,
    },
    /// Something has that name.
    #[error("{} exists already", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// Something other than a regular file is where a file is to be read.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What.
        path: PathBuf,
    },
    /// Another error of the operating system.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
}

impl FolderError {
    pub(crate) fn io(path: PathBuf, error: Errno) -> Self {
        Self::Io { path, source: error.into() }
    }

    /// What the operating system said, for a caller that decides by its kind.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::BadName { .. } => io::ErrorKind::InvalidInput,
            Self::Link { .. } | Self::Outside { .. } | Self::NotAFile { .. } => {
                io::ErrorKind::PermissionDenied
            }
            Self::Exists { .. } => io::ErrorKind::AlreadyExists,
            Self::Io { source, .. } => source.kind(),
        }
    }
}
