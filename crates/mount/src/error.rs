//! `MountError`: why a mount or unmount failed.

use std::io;
use std::path::{Path, PathBuf};

use winpe_wim::WimError;

/// Why an image could not be mounted or unmounted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// An error of the WIM.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// The mount point is not a folder.
    #[error("{}: not a folder", .dir.display())]
    NotAFolder {
        /// The path.
        dir: PathBuf,
    },
    /// An image is already mounted there.
    #[error("{}: an image is mounted there already", .dir.display())]
    Busy {
        /// The folder.
        dir: PathBuf,
    },
    /// The kernel or fusermount3 refused to mount.
    #[error("{}: cannot mount: {source}", .dir.display())]
    Fuse {
        /// The folder.
        dir: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// No image is mounted there.
    #[error("{}: no image is mounted there", .dir.display())]
    NotMounted {
        /// The folder.
        dir: PathBuf,
    },
    /// A program uses the mounted image.
    #[error("{}: in use", .dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The image was changed, and the call did not say whether to commit or discard the changes.
    #[error("{}: {changes} changes are not committed", .dir.display())]
    Undecided {
        /// The folder.
        dir: PathBuf,
        /// The number of changes.
        changes: usize,
    },
    /// Nothing can be committed: the image was mounted read-only.
    #[error("{}: mounted for reading only", .dir.display())]
    ReadOnly {
        /// The folder.
        dir: PathBuf,
    },
    /// The staging folder does not hold the files of a mount.
    #[error("{}: line {line} of the journal: {why}", .path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The error in it.
        why: String,
    },
    /// An error of the operating system.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The failed action.
        action: &'static str,
        /// The reason.
        source: io::Error,
    },
}

impl MountError {
    /// `action` is an infinitive.
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), action, source }
    }
}
