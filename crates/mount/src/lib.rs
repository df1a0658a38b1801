//! Images of WIMs as folders: a file system in user space over [`winpe_wim`].
//!
//! ```text
//!  kernel ◄─ FUSE ─► kernel ─► ImageFs ──┬─► Tree: names, attributes; the image with the changes
//!                                        ├─► Archive: data of the image, decompressed as it is read
//!                                        └─► Staging: journal of changes, data that was written
//!
//!  unmount: Staging ─► replayed on a fresh Tree ─► changes ─► Archive::commit
//! ```
//!
//! The mounted process never writes to the WIM. What is changed goes to a staging folder: data to a
//! file for each changed file, everything else to a journal. [`unmount`] replays that and commits it
//! like any other change: all or nothing, and a file that was written to stays the same file. So a
//! process that is killed costs nothing: its staging folder can be committed, or discarded, later.
//!
//! | Module | Holds |
//! |---|---|
//! | `tree` | names and attributes of an image, and what changes do to them |
//! | `staging` | the folder with what is not committed yet |
//! | `fs` | a file system without a kernel |
//! | `kernel` | FUSE requests to calls of `fs` |
//! | `record` | which mounts there are |
//! | `mount`, `unmount` | beginning and end |
//!
//! # What is shown how
//! * The case of letters does not count, and is preserved.
//! * Times, sizes and hard links as they are; `FILE_ATTRIBUTE_READONLY` as missing write permission.
//! * Symbolic links and junctions as symbolic links; absolute ones lead within the mount.
//! * An alternate stream `S` as the extended attribute `user.S`. The security descriptor, attributes
//!   and short name are `system.ntfs_acl`, `system.ntfs_attrib` and `system.ntfs_dos_name`, as NTFS-3G
//!   calls them. They can be read, not set.
//!
//! # Known differences from `wimlib-imagex mountrw`
//! * A file that another is renamed over stays the same file with new content, as long as the other
//!   was made in this mount: that is how many editors save.
//! * New links, devices and alternate streams are refused.
//! * Data is decompressed as it is read, and not compared with its SHA-1.

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
