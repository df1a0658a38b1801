//! A folder that neither names nor links from untrusted sources can lead out of.
//!
//! Names come from images, profiles, driver packages and configurations of other people, and the
//! folder may hold links that others made. A [`Folder`] is an open descriptor. Everything in it is
//! reached from that descriptor and never by an absolute path, so links that appear later do not
//! matter.
//!
//! | To | Call | Links |
//! |---|---|---|
//! | write | [`Folder::make`], [`create`](Folder::create), [`replacement`](Folder::replacement), [`symlink`](Folder::symlink), [`hard_link`](Folder::hard_link) | one name at a time; a link at that name is never followed |
//! | read | [`Folder::open_file`], [`subfolder`](Folder::subfolder), [`kind`](Folder::kind) | followed within the folder (`openat2` with `RESOLVE_BENEATH`); one that leads out is an error |
//!
//! ```
//! # let outside = tempfile::tempdir()?;
//! use std::io::Write;
//! use winpe_disk::folder::{Folder, FolderError};
//!
//! let folder = Folder::open_or_make(&outside.path().join("out"))?;
//! let boot = folder.make("boot".as_ref())?;
//! let mut file = boot.create("BCD".as_ref())?;
//! file.file().write_all(b"regf")?;
//! file.finish()?;
//! assert!(matches!(folder.create("../BCD".as_ref()), Err(FolderError::BadName { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod opened;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use error::FolderError;
pub use opened::{Folder, Identity};
pub use read::Kind;
pub use write::NewFile;
