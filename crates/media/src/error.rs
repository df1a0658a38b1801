use std::path::PathBuf;

use thiserror::Error;
use winpe_wim::WimError;

/// Why an image tells nothing about how it boots.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaError {
    /// It is no WIM or ISO image, is damaged, or lacks what it must have.
    #[error(transparent)]
    Image(#[from] WimError),
    /// A file is longer than any that boots Windows.
    #[error("{}: {name} has {size} bytes; expected at most {limit}", path.display())]
    TooLarge {
        /// The image.
        path: PathBuf,
        /// The file.
        name: &'static str,
        /// How long it is.
        size: u64,
        /// How long it may be.
        limit: u64,
    },
}
