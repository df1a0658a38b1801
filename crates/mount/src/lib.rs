//! Mounts images of WIMs as folders: a FUSE file system over [`winpe_wim`].
//!
//! ```text
//!  kernel ◄─ FUSE ─► kernel ─► ImageFs ──┬─► Tree: names, attributes; the image with the changes
//!                                        ├─► Archive: data of the image, decompressed as it is read
//!                                        └─► Staging: journal of changes, data that was written
//!
//!  unmount: Staging ─► replayed on a fresh Tree ─► changes ─► Archive::commit
//! ```
//!
//! The mounted process never writes to the WIM. Changes are written to a staging folder: data to
//! one file for each changed file, everything else to a journal. [`unmount`] replays the journal
//! and commits the result like any other change: all or nothing. A file that was written to keeps
//! its identity (hard links, streams, security). If the process is killed, nothing is lost: its
//! staging folder can be committed or discarded later.
//!
//! | Module | Holds |
//! |---|---|
//! | `tree` | names and attributes of an image, with changes applied |
//! | `staging` | the folder with uncommitted changes |
//! | `fs` | the file system, independent of the kernel |
//! | `kernel` | translates FUSE requests to calls of `fs` |
//! | `record` | the list of mounts |
//! | `mount`, `unmount` | start and end of a mount |
//!
//! # How an image appears
//! * Names are found in any case, and their case is preserved.
//! * Times, sizes and hard links are those of the image; `FILE_ATTRIBUTE_READONLY` removes write
//!   permission.
//! * Symbolic links and junctions are symbolic links; absolute ones lead within the mount.
//! * An alternate stream `S` is the extended attribute `user.S`. The security descriptor,
//!   attributes and short name are `system.ntfs_acl`, `system.ntfs_attrib` and
//!   `system.ntfs_dos_name`, as in NTFS-3G. They are read-only.
//!
//! # Known differences from `wimlib-imagex mountrw`
//! * If a file made in this mount is renamed over another, that file keeps its identity and gets
//!   the new content: that is how many editors save.
//! * New links, devices and alternate streams are refused.
//! * Data is decompressed on each read, and not compared with its SHA-1.

mod error;
mod fs;
mod kernel;
mod mount;
mod record;
mod staging;
mod tree;
mod unmount;

pub use error::MountError;
pub use mount::{Mounted, Request};
pub use record::{Mount, State, mounts};
pub use unmount::{Finish, Finished, unmount};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
