//! `Progress` of a long operation.

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
