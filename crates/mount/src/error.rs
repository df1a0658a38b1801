//! What can go wrong with a mount.

use std::io;
use std::path::{Path, PathBuf};

use winpe_wim::WimError;

/// Why an image could not be mounted, or a mount not be ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// The WIM.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// The folder to mount on is none.
    #[error("{}: not a folder", .dir.display())]
    NotAFolder {
        /// The path.
        dir: PathBuf,
    },
    /// Something is mounted there.
    #[error("{}: an image is mounted there already", .dir.display())]
    Busy {
        /// The folder.
        dir: PathBuf,
    },
    /// The kernel, or fusermount3, does not mount.
    #[error("{}: cannot mount: {source}", .dir.display())]
    Fuse {
        /// The folder.
        dir: PathBuf,
        /// Its reason.
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
    /// The image was changed, and it was not said what is to become of that.
    #[error("{}: {changes} changes are not committed", .dir.display())]
    Undecided {
        /// The folder.
        dir: PathBuf,
        /// How many.
        changes: usize,
    },
    /// There is nothing to commit to: the image was mounted for reading.
    #[error("{}: mounted for reading only", .dir.display())]
    ReadOnly {
        /// The folder.
        dir: PathBuf,
    },
    /// The staging folder does not hold what a mount leaves.
    #[error("{}: line {line} of the journal: {why}", .path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// Its reason.
        source: io::Error,
    },
}

impl MountError {
    /// `action` is an infinitive.
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), action, source }
    }
}
