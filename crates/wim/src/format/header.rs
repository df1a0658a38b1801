//! The header, at offset 0 (a pipable WIM has another at the end, and only that is complete).

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::resource::ResourceHeader;

/// The size of a header in bytes, in every known version.
pub(crate) const SIZE: u32 = 208;
pub(crate) const MAGIC: [u8; 8] = *b"MSWIM\0\0\0";
/// Magic of a pipable WIM, which only wimlib writes and reads.
pub(crate) const MAGIC_PIPABLE: [u8; 8] = *b"WLPWM\0\0\0";
pub(crate) const VERSION_DEFAULT: u32 = 0x0001_0d00;
/// Allows solid resources.
pub(crate) const VERSION_SOLID: u32 = 0x0000_0e00;

pub(crate) mod flags {
    pub(crate) const COMPRESSION: u32 = 0x0000_0002;
    pub(crate) const READONLY: u32 = 0x0000_0004;
    pub(crate) const SPANNED: u32 = 0x0000_0008;
    pub(crate) const WRITE_IN_PROGRESS: u32 = 0x0000_0040;
    pub(crate) const COMPRESS_XPRESS: u32 = 0x0002_0000;
    pub(crate) const COMPRESS_LZX: u32 = 0x0004_0000;
    pub(crate) const COMPRESS_LZMS: u32 = 0x0008_0000;
    /// Set instead by some versions of Windows for XPRESS.
    pub(crate) const COMPRESS_XPRESS_2: u32 = 0x0020_0000;
}

#[derive(Debug, Clone, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DiskHeader {
    pub(crate) magic: [u8; 8],
    pub(crate) size: U32,
    pub(crate) version: U32,
    pub(crate) flags: U32,
    /// Uncompressed size of a chunk in bytes; 0 without compression.
    pub(crate) chunk_size: U32,
    pub(crate) guid: [u8; 16],
    /// 1-based.
    pub(crate) part: U16,
    pub(crate) parts: U16,
    pub(crate) image_count: U32,
    pub(crate) blob_table: ResourceHeader,
    pub(crate) xml: ResourceHeader,
    /// The metadata resource of the image to boot; all zero without one.
    pub(crate) boot_metadata: ResourceHeader,
    /// 1-based; 0 without one.
    pub(crate) boot_index: U32,
    pub(crate) integrity: ResourceHeader,
    pub(crate) unused: [u8; 60],
}

const _: () = assert!(size_of::<DiskHeader>() == SIZE as usize);
