//! Why a file of a Windows cannot be read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use winpe_disk::folder::FolderError;
use winpe_wim::WimError;

/// Why a file of an image or of a folder on this machine cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The WIM cannot be read.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// A folder, or an entry in it, cannot be opened; for example a link that leads out of the folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file on this machine cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
