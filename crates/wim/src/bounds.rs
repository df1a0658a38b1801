//! Limits of the memory that a WIM may use. Its files are compressed, and the expanded size of a
//! few bytes has no natural limit.
//!
//! Metadata of real images is 3 to 6 times as large as its compressed form, since most entries hold
//! a SHA-1, which does not compress; registry hives are 4 to 12 times as large. Metadata and files
//! of an image are at most all of the WIM file, so these limits are far above what real tools
//! write.

/// Files up to this size may expand to [`FLOOR`].
const SMALL: u64 = 1 << 20;
const FLOOR: u64 = 8 << 20;
/// Factor for the part of a file beyond [`SMALL`].
const RATIO: u64 = 16;

/// Bytes that may be read into memory at a time from a WIM file of that size: the metadata of its
/// images together, or the data of one file of an image.
pub(crate) fn in_memory(file_size: u64) -> u64 {
    file_size.saturating_sub(SMALL).saturating_mul(RATIO).saturating_add(FLOOR)
}

/// Uncompressed size of the largest chunk of a WIM file of that size. A chunk is always
/// decompressed as a whole, even for a read of one byte.
pub(crate) fn chunk(file_size: u64) -> u64 {
    in_memory(file_size).saturating_mul(2)
}

/// Maximum total length, in UTF-16 units, of the paths of all entries of an image with metadata of
/// that size. Images of Windows need less than one unit for each byte of metadata; deep trees of
/// long names need more.
pub(crate) fn path_units(metadata_size: usize) -> u64 {
    const FLOOR: u64 = 16 << 20;
    const RATIO: u64 = 4;
    (metadata_size as u64).saturating_mul(RATIO).max(FLOOR)
}

/// Length of the longest path in UTF-16 units that Windows accepts.
pub(crate) const LONGEST_PATH: u32 = 32_767;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_size_of_the_file() {
        const MIB: u64 = 1 << 20;
        for (file, most) in [(0, 8), (1, 8), (2, 24), (101, 1608)] {
            assert_eq!(in_memory(file * MIB), most * MIB, "{file}");
            assert_eq!(chunk(file * MIB), 2 * most * MIB, "{file}");
        }
        assert_eq!(in_memory(u64::MAX), u64::MAX);
        assert_eq!(path_units(0), 16 * MIB);
        assert_eq!(path_units(8 << 20), 32 * MIB);
    }
}
