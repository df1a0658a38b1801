//! `Progress` of a long operation, and the handle that ends one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The current phase, with `done` of `total` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The WIM is copied to its new place.
    Copy {
        /// Bytes copied.
        done: u64,
        /// Bytes to copy.
        total: u64,
    },
    /// New content is compressed and appended.
    Write {
        /// Uncompressed bytes done.
        done: u64,
        /// Total of uncompressed bytes.
        total: u64,
    },
    /// Files are written to a local folder.
    Extract {
        /// Bytes written.
        done: u64,
        /// Total bytes.
        total: u64,
    },
    /// The system is writing to the disk.
    Sync,
    /// wimlib reads the result.
    Confirm,
    /// Data is compared with its checksums.
    Verify {
        /// Bytes compared.
        done: u64,
        /// Total bytes.
        total: u64,
    },
}

/// Ends an operation from elsewhere: another thread, or the callback of its progress. Clones are one handle.
///
/// What an operation that was cancelled had written is taken back, as after any other error.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("winpe.wim");
/// use winpe_wim::{Archive, Cancel, CommitError, CommitOptions, Compression, NewImage, Target, WimError};
///
/// winpe_wim::create(&path, Compression::Lzx, &[NewImage::new("Windows PE")])?;
/// let cancel = Cancel::new();
/// cancel.cancel();
/// let options = CommitOptions { cancel, ..CommitOptions::default() };
/// let target = Target::File { path: folder.path().join("copy.wim"), overwrite: false };
/// let result = Archive::open(&path)?.commit(&[], &target, options);
/// assert!(matches!(result, Err(WimError::Commit(CommitError::Cancelled { .. }))));
/// assert!(!folder.path().join("copy.wim").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A handle that has cancelled nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has the operations with this handle end, and those that begin later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
