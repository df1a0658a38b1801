//! The base block: the header of a hive file.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The base block fills the first page of the file; bytes after its first 512 are never changed.
pub(crate) const BASE_BLOCK_LEN: usize = 4096;

/// The first 512 bytes of the file.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BaseBlock {
    /// `regf`.
    pub(crate) signature: [u8; 4],
    /// Incremented before a write begins.
    pub(crate) primary_sequence: U32,
    /// Set to the primary number when the write has ended; unequal numbers mark a dirty hive.
    pub(crate) secondary_sequence: U32,
    /// FILETIME of the last write; Windows 8.1 and later do not update it.
    pub(crate) timestamp: U64,
    pub(crate) major: U32,
    pub(crate) minor: U32,
    /// 0 for a primary file; 1, 2 and 6 for transaction logs.
    pub(crate) file_type: U32,
    /// 1: loaded directly.
    pub(crate) file_format: U32,
    pub(crate) root_cell: U32,
    /// Bytes of bins after the base block.
    pub(crate) bins_len: U32,
    /// Sector size divided by 512; 1 in practice.
    pub(crate) cluster: U32,
    /// UTF-16, zero padded; the end of the path that the hive was loaded from.
    pub(crate) file_name: [u8; 64],
    /// Resource manager ids, flags, reorganisation times. Kept unchanged.
    pub(crate) reserved: [u8; 396],
    /// XOR of the 127 words before it.
    pub(crate) checksum: U32,
}

const _: () = assert!(size_of::<BaseBlock>() == 512);

impl BaseBlock {
    pub(crate) const SIGNATURE: [u8; 4] = *b"regf";

    /// The correct value of [`BaseBlock::checksum`]. All ones and zero never occur: they are
    /// replaced by `0xffff_fffe` and 1.
    pub(crate) fn computed_checksum(&self) -> u32 {
        let words = self.as_bytes()[..508].chunks_exact(4);
        let xor = words
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .fold(0, |xor, word| xor ^ word);
        match xor {
            u32::MAX => u32::MAX - 1,
            0 => 1,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_reserved_checksums_are_replaced() {
        let mut block = BaseBlock::read_from_bytes(&[0; 512]).unwrap();
        assert_eq!(block.computed_checksum(), 1);
        block.cluster.set(u32::MAX);
        assert_eq!(block.computed_checksum(), 0xffff_fffe);
        block.minor.set(0x00ff_0000);
        assert_eq!(block.computed_checksum(), 0xff00_ffff);
    }
}
