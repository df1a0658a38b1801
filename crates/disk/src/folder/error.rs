//! `FolderError`: why a file or folder could not be read or written.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why something in a folder cannot be read or written. Paths begin with the folder as the caller
/// named it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Not the name of one file or folder: it is empty, `.` or `..`, or contains `/` or NUL.
    #[error("{}: {name:?} is not the name of a file or folder", folder.display())]
    BadName {
        /// The folder in which it was looked up.
        folder: PathBuf,
        /// The name given.
        name: String,
    },
    /// A symbolic link was found instead of a folder, and is not followed.
    #[error("{} is a link: expected a folder", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A link in the folder leads out of it.
    #[error("{} leads out of {}", path.display(), folder.display())]
    Outside {
        /// The path that was to be read.
        path: PathBuf,
        /// The folder that it must stay in.
        folder: PathBuf,
    },
    /// The name is already used.
    #[error("{} exists already", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// A file was to be read, but this is not a regular file.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
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

    /// The kind of the system error, for callers that decide by it.
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
