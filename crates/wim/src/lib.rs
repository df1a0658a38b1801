//! WIM images: list them, read their files, and change them in place without loss.
//!
//! ```text
//!  path ── Archive::open ──► Archive ── commit(changes, target, options) ──► Committed
//!                               │
//!                 images, entry, read_dir, walk, read, extract, verify
//! ```
//!
//! | Module | Holds |
//! |---|---|
//! | `format` | the layout of the file |
//! | `chunks`, `blobs`, `metadata`, `xml` | reading, and the parts of a WIM as values that can be edited |
//! | `archive`, `part`, `reader` | an opened WIM, the files it is in, and the data of one file |
//! | `tree` | the entries of an image, found by their paths |
//! | `bounds` | memory limits by the size of the file |
//! | `reparse` | targets of links |
//! | `verify` | checks of a whole WIM |
//! | `extract` | extraction to a local folder, and never out of it |
//! | `iso` | a WIM inside installation media |
//! | `commit` | the only writer |
//! | `ffi` | wimlib: the codec, and the independent reader that confirms what was written |
//!
//! # What a commit keeps
//! A replaced file keeps its identity: its names, security descriptor, attributes, creation time,
//! alternate streams and hard links. Everything that a change does not concern keeps its bytes:
//! entries, data, other images, and the unchanged compressed chunks of a file or of an image's
//! metadata.
//!
//! # Known differences from wimlib
//! * Paths are always found in any case; if names differ only by case, an exact match is preferred.
//! * `wimlib_update_image` replaces a file by a new one; [`FileChange::Put`] changes the content of
//!   the existing one.
//! * An image with an entry named `..`, two entries with one name or entries below a link is not
//!   extracted; wimlib skips such entries and everything below any reparse point.
//! * A solid, split or pipable WIM can be read but not changed; [`Archive::export`] makes a copy
//!   that can be changed.
//! * A commit in place does not set the header's mark of a write in progress, since the header
//!   refers to a complete WIM at each moment.

mod archive;
mod blobs;
mod bootable;
mod bounds;
mod chunks;
mod coding;
mod commit;
mod content;
mod create;
mod entry;
mod error;
mod extract;
mod ffi;
mod format;
mod image;
mod iso;
mod metadata;
mod name;
mod part;
mod place;
mod progress;
mod reader;
mod reparse;
mod tree;
mod usage;
mod verify;
mod xml;

pub use archive::{Archive, Header, READ_LIMIT};
pub use bootable::BootObstacle;
pub use coding::Compression;
pub use commit::{
    CommitOptions, Committed, Erasure, ExportOptions, Exported, FileChange, FileInfo, ImageChanges,
    Leftover, OptimizeOptions, Optimized, Target,
};
pub use content::Content;
pub use create::{NewImage, create};
pub use entry::{Entry, EntryPath, Stream};
pub use error::{CommitError, FormatError, ReadError, WimError};
pub use extract::{EntryFault, ExtractOptions, Extracted, MOST_NAMED_STREAMS, Untimed};
pub use image::{Arch, Image, ImageSelector, Stats, Version};
pub use iso::find_in_iso;
pub use name::{fold_name, name_refusal};
pub use place::WimPlace;
pub use progress::{Cancel, Progress};
pub use reader::BlobReader;

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
