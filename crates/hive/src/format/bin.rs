//! The header of a bin (`hbin`).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bins are whole pages.
pub(crate) const PAGE: u32 = 4096;

/// The bytes of a bin before its first cell.
pub(crate) const BIN_HEADER_LEN: u32 = 32;

/// The header of a bin. Cells fill the rest of the bin without a gap.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BinHeader {
    /// `hbin`.
    pub(crate) signature: [u8; 4],
    /// Offset of this bin from the first bin.
    pub(crate) offset: U32,
    /// Length of the bin, header included.
    pub(crate) size: U32,
    pub(crate) reserved: [u8; 8],
    /// FILETIME of the last write; in the first bin only.
    pub(crate) timestamp: U64,
    pub(crate) spare: U32,
}

const _: () = assert!(size_of::<BinHeader>() == BIN_HEADER_LEN as usize);

impl BinHeader {
    pub(crate) const SIGNATURE: [u8; 4] = *b"hbin";

    pub(crate) fn new(offset: u32, size: u32) -> Self {
        Self {
            signature: Self::SIGNATURE,
            offset: U32::new(offset),
            size: U32::new(size),
            reserved: [0; 8],
            timestamp: U64::new(0),
            spare: U32::new(0),
        }
    }
}
