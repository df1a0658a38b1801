//! How much memory a WIM may take: its files are compressed, and what a few bytes expand to has no
//! natural limit.
//!
//! Metadata of real images is 3 to 6 times as large as what is stored of it, since most entries hold a
//! SHA-1, which does not compress; registry hives are 4 to 12 times as large. What belongs to an image
//! is at most as much of the file as all of it, so these limits are far from what tools write.

/// Files up to this size may expand to [`FLOOR`].
const SMALL: u64 = 1 << 20;
const FLOOR: u64 = 8 << 20;
/// Of what a file has beyond [`SMALL`].
const RATIO: u64 = 16;

/// Bytes that a WIM file of that size may have read into memory at once: the metadata of its images
/// together, or the data of one file of an image.
pub(crate) fn in_memory(file_size: u64) -> u64 {
    file_size.saturating_sub(SMALL).saturating_mul(RATIO).saturating_add(FLOOR)
}

/// Uncompressed bytes of the largest chunk of a WIM file of that size. A chunk is decompressed as a
/// whole, however little of it is asked for.
pub(crate) fn chunk(file_size: u64) -> u64 {
    in_memory(file_size).saturating_mul(2)
}

/// UTF-16 units of the paths of all entries of an image together, for metadata of that size. Windows has
/// below one for each byte of its metadata; deep trees of long names have more.
pub(crate) fn path_units(metadata_size: usize) -> u64 {
    const FLOOR: u64 = 16 << 20;
    const RATIO: u64 = 4;
    (metadata_size as u64).saturating_mul(RATIO).max(FLOOR)
}

/// UTF-16 units of a path, the longest that Windows takes.
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
