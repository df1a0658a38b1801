//! `CellOffset`: the offset of a cell, relative to the first bin.

use std::fmt;

use super::BASE_BLOCK_LEN;

/// The offset of a cell: bytes from the first bin, which follows the base block of 4096 bytes.
///
/// ```
/// use winpe_hive::CellOffset;
/// let root = CellOffset::new(0x20);
/// assert_eq!(root.file_offset(), 0x1020);
/// assert_eq!(root.to_string(), "0x1020");   // people look at files
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellOffset(u32);

impl CellOffset {
    /// The offset that names no cell.
    pub const NIL: Self = Self(u32::MAX);

    /// An offset as stored in a record.
    #[must_use]
    pub const fn new(stored: u32) -> Self {
        Self(stored)
    }

    /// The offset as stored in a record.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether this offset names no cell.
    #[must_use]
    pub const fn is_nil(self) -> bool {
        self.0 == u32::MAX
    }

    /// Bytes from the start of the file.
    #[must_use]
    pub const fn file_offset(self) -> u64 {
        self.0 as u64 + BASE_BLOCK_LEN as u64
    }
}

/// The offset in the file, in hex.
impl fmt::Display for CellOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.file_offset())
    }
}
