//! Why an archive of drivers cannot be unpacked.

use std::io;

use thiserror::Error;

/// Why an archive of drivers cannot be unpacked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The archive, or the file into which it is unpacked, cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The archive is damaged, encrypted, or compressed as archives of drivers are not.
    #[error("{name}: {why}")]
    Entry {
        /// The entry.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The archive as a whole is damaged, or is part of a set.
    #[error("{0}")]
    Bad(String),
    /// A name that Windows refuses, or that leads out of the archive.
    #[error("{name:?} is not the name of a file in an archive")]
    BadName {
        /// The name.
        name: String,
    },
    /// It has more entries than any pack of drivers.
    #[error("has {found} entries: expected at most {limit}")]
    TooMany {
        /// How many.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Unpacked, it is larger than an archive of drivers can be.
    #[error("its content is larger than {limit} bytes, which is expected at most for its size")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}
