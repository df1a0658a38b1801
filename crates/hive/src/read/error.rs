//! `ReadError` and `OpenError`: which cell or field is damaged, with the expected and the found
//! value.

use thiserror::Error;

use crate::format::{CellOffset, Record};
use crate::log::RecoverError;

/// Why a part of a hive cannot be read. Offsets are printed as offsets in the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The offset is outside the bins.
    #[error("{record} at {at}: outside the bins, which end at {:#x}", .end.file_offset())]
    OutOfBounds {
        /// The record expected there.
        record: Record,
        /// The offset.
        at: CellOffset,
        /// The end of the bins.
        end: CellOffset,
    },
    /// Cells start at multiples of 8.
    #[error("{record} at {at}: not at a multiple of 8")]
    Misaligned {
        /// The record expected there.
        record: Record,
        /// The offset.
        at: CellOffset,
    },
    /// The cell is free.
    #[error("{record} at {at}: expected an allocated cell, found a free one of {size} bytes")]
    Free {
        /// The record expected there.
        record: Record,
        /// The cell.
        at: CellOffset,
        /// Its size in bytes.
        size: u32,
    },
    /// The size of the cell is impossible.
    #[error(
        "{record} at {at}: expected a cell size that is a multiple of 8 and ends inside the bins, \
         found {size}"
    )]
    CellSize {
        /// The record expected there.
        record: Record,
        /// The cell.
        at: CellOffset,
        /// The size found.
        size: u32,
    },
    /// The cell holds something else.
    #[error(
        "{record} at {at}: expected the signature {:?}, found {:?}",
        .expected.escape_ascii().to_string(), .actual.escape_ascii().to_string()
    )]
    Signature {
        /// The record expected there.
        record: Record,
        /// The cell.
        at: CellOffset,
        /// The signature of the record; of subkey lists, one of four.
        expected: &'static [u8],
        /// The signature found.
        actual: [u8; 2],
    },
    /// The cell is smaller than its record.
    #[error("{record} at {at}: expected {expected} bytes, its cell holds {actual}")]
    Short {
        /// The record expected there.
        record: Record,
        /// The cell.
        at: CellOffset,
        /// Bytes that the record needs.
        expected: u64,
        /// Bytes of the cell.
        actual: u64,
    },
    /// Two subkeys of a key have one name. The first is found by it, this one is not.
    #[error("key node at {at}: has the name of the subkey at {first}")]
    SameName {
        /// The subkey.
        at: CellOffset,
        /// The first of that name.
        first: CellOffset,
    },
    /// The lists of a key do not hold the number of subkeys stated in the key.
    #[error("key node at {at}: expected {expected} subkeys, its lists hold {actual}")]
    SubkeyCount {
        /// The key.
        at: CellOffset,
        /// The number stated in the key.
        expected: u32,
        /// The number in the lists; if that is larger than stated, the stated number plus one.
        actual: u32,
    },
    /// Inline data are at most four bytes long.
    #[error("value at {at}: expected at most 4 bytes of inline data, found {actual}")]
    InlineLength {
        /// The value.
        at: CellOffset,
        /// The length found.
        actual: u32,
    },
    /// The number of segments does not match the length of the data.
    #[error("big data at {at}: expected {expected} segments, found {actual}")]
    SegmentCount {
        /// The record.
        at: CellOffset,
        /// The number that the data's length needs.
        expected: u32,
        /// The number stated in the record.
        actual: u32,
    },
    /// A cell that may have only one owner was reached a second time, so the hive has a loop or
    /// shares cells.
    #[error("{record} at {at}: reached a second time")]
    Twice {
        /// The record that the cell should hold.
        record: Record,
        /// The cell.
        at: CellOffset,
    },
    /// A key is deeper than NT allows.
    #[error("key node at {at}: more than {limit} levels deep")]
    TooDeep {
        /// The key.
        at: CellOffset,
        /// The limit, [`KeyPath::MAX_DEPTH`](winpe_registry::KeyPath::MAX_DEPTH).
        limit: usize,
    },
}

impl ReadError {
    /// The cell that could not be read.
    #[must_use]
    pub fn at(&self) -> CellOffset {
        match self {
            Self::OutOfBounds { at, .. }
            | Self::Misaligned { at, .. }
            | Self::Free { at, .. }
            | Self::CellSize { at, .. }
            | Self::Signature { at, .. }
            | Self::Short { at, .. }
            | Self::SubkeyCount { at, .. }
            | Self::InlineLength { at, .. }
            | Self::SegmentCount { at, .. }
            | Self::Twice { at, .. }
            | Self::SameName { at, .. }
            | Self::TooDeep { at, .. } => *at,
        }
    }
}

/// Why a file is refused as a hive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not a registry hive at all.
    #[error("offset 0: expected the signature \"regf\", found {:?}", .actual.escape_ascii().to_string())]
    NotAHive {
        /// The first four bytes, or all of them.
        actual: Vec<u8>,
    },
    /// Shorter than a base block and a bin.
    #[error("expected at least {expected} bytes, found {actual}")]
    TooShort {
        /// The minimum length.
        expected: u64,
        /// The length of the file.
        actual: u64,
    },
    /// The last write was interrupted: the transaction logs hold the rest.
    #[error(
        "the hive is dirty: the primary sequence number (offset 0x4) is {primary}, the secondary \
         (offset 0x8) is {secondary}; its transaction logs must be applied first"
    )]
    Dirty {
        /// Primary sequence number.
        primary: u32,
        /// Secondary sequence number.
        secondary: u32,
    },
    /// The base block was damaged or half written: the transaction logs may hold an intact one.
    #[error(
        "the base block is damaged or half written: expected the checksum {computed:#010x} (offset \
         0x1fc), found {stored:#010x}"
    )]
    Checksum {
        /// The checksum in the file.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// An unknown version.
    #[error("version {major}.{minor} (offset 0x14): expected 1.1 to 1.6")]
    Version {
        /// Major version.
        major: u32,
        /// Minor version.
        minor: u32,
    },
    /// A transaction log, or a file of an unknown kind.
    #[error("offset {offset:#x}: expected {expected} for {field}, found {actual}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Its offset in the file.
        offset: u64,
        /// The value in a primary file.
        expected: u32,
        /// What was found.
        actual: u32,
    },
    /// The bins are not whole pages, or exceed the file.
    #[error(
        "offset 0x28: expected a length of the bins that is a multiple of 4096 from 4096 to {limit}, \
         found {actual}"
    )]
    BinsLength {
        /// The length stated in the base block.
        actual: u32,
        /// Bytes of the file after the base block.
        limit: u64,
    },
    /// The header of a bin is damaged.
    #[error(
        "offset {:#x}: expected the head of a bin, which says its own offset and a size that is a \
         multiple of 4096", .at.file_offset()
    )]
    Bin {
        /// The bin.
        at: CellOffset,
    },
    /// The hive is dirty, and its transaction logs cannot be replayed.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The root key cannot be read.
    #[error("the root key: {0}")]
    Root(#[from] ReadError),
}
