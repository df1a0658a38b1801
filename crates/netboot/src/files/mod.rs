//! Where files come from: folders, the program itself, parts of other files, and layers of these.
//!
//! ```text
//!   name as the client spelt it ─► FilePath ─► FileSource::open ─► File ─► TFTP, HTTP
//!                                  (checked)   Folder, Catalog,
//!                                              Layers
//! ```
//!
//! No name leads out of the folders of a source, whatever its spelling; and the reason of a refusal that a
//! client gets never holds a path of the server's.

mod catalog;
mod digest;
mod file;
mod folder;
mod hashed;
mod layers;
mod opener;
mod path;
mod pool;
mod swap;

pub use crate::digest::Digest;
pub use catalog::Catalog;
pub(crate) use file::Changed;
pub use file::{File, ReadAt};
pub use folder::Folder;
pub use hashed::Hashed;
pub use layers::Layers;
pub(crate) use opener::Opener;
pub use path::{FilePath, PathError};
pub(crate) use pool::Pool;
pub use swap::Swap;

use std::io;
use std::net::IpAddr;

/// Something that has files.
pub trait FileSource: Send + Sync + 'static {
    /// Opens a file for reading. May block for as long as a disk does.
    ///
    /// # Errors
    /// Where there is no such file, or it may not be read.
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError>;

    /// The same where no disk has to be waited for; none where that is not sure.
    ///
    /// # Errors
    /// Where there is no such file, or it may not be read.
    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        let _ = request;
        None
    }
}

/// A request of a client. A source of fixed files uses the path alone; one that makes its files when they are
/// asked for may make another for each client.
#[derive(Debug, Clone, Copy)]
pub struct FileRequest<'a> {
    /// The file.
    pub path: &'a FilePath,
    /// What follows `?` in a URL, undecoded.
    pub query: Option<&'a str>,
    /// The client's address.
    pub client: IpAddr,
    /// The address of ours that the client asked, for files that hold URLs.
    pub local: IpAddr,
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file.
    #[error("not found")]
    NotFound,
    /// It is a folder, a device or a pipe.
    #[error("not a regular file")]
    NotRegular,
    /// A symbolic link leads out of the folder that is served.
    #[error("leads out of the folder that is served")]
    Outside,
    /// It is not for this client.
    #[error("{0}")]
    Refused(&'static str),
    /// The operating system refused or failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<T: FileSource + ?Sized> FileSource for std::sync::Arc<T> {
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
        (**self).open(request)
    }

    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        (**self).open_now(request)
    }
}
