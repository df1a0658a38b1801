//! Logs in the old format (before Windows 8.1): a bitmap of dirty 512-byte pages, then the pages.

use super::error::Unfit;
use super::header::{BASE_BLOCK, BINS_SIZE, Header, SECTOR, u32_at};

/// Offset of the dirty vector: after the copy of the base block.
const VECTOR: usize = SECTOR;

/// The bitmap, after the vector's signature.
const BITMAP: usize = VECTOR + 4;

/// A log that holds all its pages, each with a place in the hive.
pub(super) struct DirtLog<'a> {
    bitmap: &'a [u8],
    pages: &'a [u8],
    bins_size: u32,
}

impl<'a> DirtLog<'a> {
    /// `limit` is the largest size of bins that the log may state.
    pub(super) fn parse(log: &'a [u8], header: Header<'_>, limit: usize) -> Result<Self, Unfit> {
        let bins_size = header.bins_size();
        let bins = bins_size as usize;
        if bins == 0 || !bins.is_multiple_of(super::header::BIN) || bins > limit {
            return Err(Unfit::BinsSize { offset: BINS_SIZE, actual: bins_size, limit });
        }
        let truncated = |expected| Unfit::Truncated { expected, actual: log.len() };
        let bitmap_end = BITMAP + bins / SECTOR / 8;
        let bitmap = log.get(BITMAP..bitmap_end).ok_or(truncated(bitmap_end))?;
        let signature = u32_at(log, VECTOR).to_le_bytes();
        if signature != *b"DIRT" {
            return Err(Unfit::Signature { offset: VECTOR, expected: "DIRT", actual: signature });
        }
        let dirty: usize = bitmap.iter().map(|byte| byte.count_ones() as usize).sum();
        let start = bitmap_end.next_multiple_of(SECTOR);
        let end = start + dirty * SECTOR;
        let pages = log.get(start..end).ok_or(truncated(end))?;
        Ok(Self { bitmap, pages, bins_size })
    }

    pub(super) fn bins_size(&self) -> u32 {
        self.bins_size
    }

    /// The number of dirty pages.
    pub(super) fn pages(&self) -> usize {
        self.pages.len() / SECTOR
    }

    /// Writes the pages into a hive that is at least as long as the log states.
    pub(super) fn apply(&self, hive: &mut [u8]) {
        let dirty = self.bitmap.iter().enumerate().flat_map(|(index, &byte)| {
            (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| index * 8 + bit)
        });
        for (page, content) in dirty.zip(self.pages.chunks_exact(SECTOR)) {
            hive[BASE_BLOCK + page * SECTOR..][..SECTOR].copy_from_slice(content);
        }
    }
}
