//! How far a long operation is.

/// What is being done, with `done` of `total` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The image is copied to its new place.
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
        /// Uncompressed bytes in all.
        total: u64,
    },
    /// Files are written to a folder of this machine.
    Extract {
        /// Bytes written.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The system is writing to the medium.
    Sync,
    /// Wimlib reads what was written.
    Confirm,
    /// Data is compared with its checksums.
    Verify {
        /// Bytes compared.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
}
