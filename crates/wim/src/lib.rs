//! WIM images: list them, read a file, change them, in place and without losing anything.
//!
//! ```text
//!  path ── Archive::open ──► Archive ── commit(changes, target, options) ──► Committed
//!                               │
//!                 images, entry, read_dir, walk, read, extract, verify
//! ```
//!
//! | Module | Holds |
//! |---|---|
//! | `format` | what is where in the file |
//! | `chunks`, `blobs`, `metadata`, `xml` | reading, and the parts of a WIM as values that can be edited |
//! | `archive`, `part`, `reader` | an opened WIM, the files it is in, and the data of one file |
//! | `tree` | the entries of an image, found by their paths |
//! | `bounds` | how much memory a file of a size may take |
//! | `reparse` | where links lead |
//! | `verify` | whether all of it is whole |
//! | `extract` | files of an image to a folder of this machine, and never out of it |
//! | `iso` | finding a WIM within install media |
//! | `commit` | the only writer |
//! | `ffi` | wimlib: the codec, and the independent reader that confirms what was written |
//!
//! # What a commit keeps
//! A file that is replaced stays the same file: its names, security descriptor, attributes, creation
//! time, alternate streams and hard links. What a change does not concern keeps its bytes: entries,
//! data, other images, and the compressed chunks of a file, and of an image's metadata, of which only a
//! part changed.
//!
//! # Known differences from wimlib
//! * Paths are always looked up without regard to case; of names that differ only by case, an exact
//!   match is preferred.
//! * `wimlib_update_image` replaces a file by a new one; [`FileChange::Put`] gives it new content.
//! * An image with an entry named `..`, two entries of one name or entries below a link is not extracted;
//!   wimlib leaves such entries out, and with them what is below any reparse point.
//! * A WIM that is solid, split or pipable is read, and not changed; [`Archive::export`] makes one
//!   that can be.
//! * A commit in place does not set the header's mark of a write in progress, which it does not
//!   need: at each moment the header refers to a complete WIM.

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
pub use error::WimError;
pub use extract::{EntryFault, ExtractOptions, Extracted, MOST_NAMED_STREAMS, Untimed};
pub use image::{Arch, Image, ImageSelector, Stats, Version};
pub use iso::find_in_iso;
pub use name::{fold_name, name_refusal};
pub use place::WimPlace;
pub use progress::Progress;
pub use reader::BlobReader;
