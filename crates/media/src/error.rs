//! `MediaError`: why the boot files of an image could not be read.

use std::path::PathBuf;

use thiserror::Error;
use winpe_wim::WimError;

/// Why the boot files of an image could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaError {
    /// It is not a WIM or ISO image, is damaged, or lacks a necessary part.
    #[error(transparent)]
    Image(#[from] WimError),
    /// A file is larger than any boot file of Windows.
    #[error("{}: {name} has {size} bytes; expected at most {limit}", path.display())]
    TooLarge {
        /// The image.
        path: PathBuf,
        /// The file.
        name: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The maximum size in bytes.
        limit: u64,
    },
}
