//! The integrity table: a SHA-1 for each range of the file from the end of the header to the end of
//! the blob table.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Followed by `count` SHA-1 digests.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DiskIntegrity {
    /// Size of the table in bytes, including this header.
    pub(crate) size: U32,
    pub(crate) count: U32,
    /// Bytes of the file that a digest covers; the last may cover fewer.
    pub(crate) stretch: U32,
}

pub(crate) const SIZE: usize = 12;
const _: () = assert!(size_of::<DiskIntegrity>() == SIZE);

/// The value that imagex, DISM and wimlib use.
pub(crate) const STRETCH: u32 = 10 * 1024 * 1024;
