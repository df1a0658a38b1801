//! Locations of resources, and the entries of the blob table.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub(crate) mod flags {
    pub(crate) const METADATA: u8 = 0x02;
    pub(crate) const COMPRESSED: u8 = 0x04;
    pub(crate) const SOLID: u8 = 0x10;
}

/// The `size` of an entry that describes a solid resource itself.
pub(crate) const SOLID_RESOURCE: u64 = 1 << 32;

/// 24 bytes, called `RESHDR_DISK_SHORT` by Microsoft.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(C)]
pub(crate) struct ResourceHeader {
    /// Bytes in the file: 56 bits, including the chunk table.
    stored: [u8; 7],
    pub(crate) flags: u8,
    pub(crate) offset: U64,
    /// Uncompressed size in bytes.
    pub(crate) size: U64,
}

const _: () = assert!(size_of::<ResourceHeader>() == 24);

impl ResourceHeader {
    /// `stored` must be below 2^56, which no file system reaches.
    pub(crate) fn new(offset: u64, stored: u64, size: u64, flags: u8) -> Self {
        let [a, b, c, d, e, f, g, high] = stored.to_le_bytes();
        assert!(high == 0, "no resource has 2^56 bytes");
        let stored = [a, b, c, d, e, f, g];
        Self { stored, flags, offset: U64::new(offset), size: U64::new(size) }
    }

    pub(crate) fn stored(&self) -> u64 {
        let [a, b, c, d, e, f, g] = self.stored;
        u64::from_le_bytes([a, b, c, d, e, f, g, 0])
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The offset after its last byte in the file.
    pub(crate) fn end(&self) -> u64 {
        self.offset.get().saturating_add(self.stored())
    }

    /// Whether an optional resource of the header is absent.
    pub(crate) fn is_absent(&self) -> bool {
        self.offset.get() == 0
    }
}

/// An entry of the blob table.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub(crate) struct DiskBlob {
    pub(crate) resource: ResourceHeader,
    pub(crate) part: U16,
    /// The number of directory entries of all images that refer to it.
    pub(crate) references: U32,
    pub(crate) sha1: [u8; 20],
}

const _: () = assert!(size_of::<DiskBlob>() == 50);

/// Precedes the chunk table of a solid resource.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DiskSolidHeader {
    pub(crate) size: U64,
    pub(crate) chunk_size: U32,
    /// 0 none, 1 XPRESS, 2 LZX, 3 LZMS.
    pub(crate) compression: U32,
}

const _: () = assert!(size_of::<DiskSolidHeader>() == 16);
