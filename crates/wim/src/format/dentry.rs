//! A directory entry ("dentry") of a metadata resource.
//!
//! ```text
//! fixed part │ name, NUL │ short name, NUL │ padding to 8, tagged items │ stream entries …
//! └──────────────────────── `length`, rounded up to 8 ────────────────┘
//! ```
//! An empty name has no NUL either. A list of siblings ends with a `length` of 0.

use zerocopy::little_endian::{I32, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub(crate) mod attributes {
    pub(crate) const DIRECTORY: u32 = 0x10;
    pub(crate) const ARCHIVE: u32 = 0x20;
    pub(crate) const REPARSE_POINT: u32 = 0x400;
    pub(crate) const ENCRYPTED: u32 = 0x4000;
    /// Attributes that determine how an entry is stored, with sparse (0x200) and compressed
    /// (0x800).
    pub(crate) const FIXED: u32 = DIRECTORY | REPARSE_POINT | ENCRYPTED | 0x200 | 0x800;
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DiskDentry {
    /// Size without the stream entries.
    pub(crate) length: U64,
    pub(crate) attributes: U32,
    /// Index into the security descriptors of the image; -1 without one.
    pub(crate) security_id: I32,
    /// Offset of the list of children from the start of the metadata resource; 0 without one.
    pub(crate) children: U64,
    pub(crate) unused: [U64; 2],
    pub(crate) created: U64,
    pub(crate) accessed: U64,
    pub(crate) written: U64,
    /// SHA-1 of the only unnamed stream; zero if it is empty or if stream entries follow.
    pub(crate) sha1: [u8; 20],
    pub(crate) unknown: U32,
    /// For a reparse point: tag (32 bits), reserved (16), flags (16). Otherwise: the number that
    /// all names of one file share.
    pub(crate) link_group: U64,
    pub(crate) stream_count: U16,
    pub(crate) short_name_size: U16,
    pub(crate) name_size: U16,
}

/// The size of the fixed part in bytes.
pub(crate) const SIZE: usize = 102;
const _: () = assert!(size_of::<DiskDentry>() == SIZE);

/// A further stream of a file. Its name, if any, and a NUL follow; `length` is rounded up to 8.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DiskStream {
    pub(crate) length: U64,
    pub(crate) unused: U64,
    pub(crate) sha1: [u8; 20],
    pub(crate) name_size: U16,
}

pub(crate) const STREAM_SIZE: usize = 38;
const _: () = assert!(size_of::<DiskStream>() == STREAM_SIZE);
