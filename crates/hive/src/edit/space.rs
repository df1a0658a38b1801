//! Free space in the bins.

use std::collections::BTreeSet;

use super::Refusal;
use crate::bitmap::Bitmap;
use crate::format::{BIN_HEADER_LEN, CellOffset, PAGE};

/// The free cells of a hive by size, and the boundaries of all cells.
///
/// Adjacent free cells in one bin are treated as one here, even if the file has them apart; the
/// file is updated when the space is used.
#[derive(Debug)]
pub(crate) struct Space {
    /// One bit for each 8 bytes: set where a cell starts.
    starts: Bitmap,
    /// One bit for each page: set where a bin starts.
    bins: Bitmap,
    /// (Size, offset), so that the first sufficient entry is the best fit.
    free: BTreeSet<(u32, u32)>,
    end: u32,
}

/// A run of free bytes inside one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FreeRun {
    pub(crate) at: u32,
    pub(crate) size: u32,
}

impl Space {
    /// Reads every cell of bins whose headers are sound.
    pub(crate) fn scan(bins: &[u8]) -> Result<Self, Refusal> {
        let end = bins.len() as u32;
        let mut space = Self {
            starts: Bitmap::new(bins.len() / 8),
            bins: Bitmap::new(bins.len() / PAGE as usize),
            free: BTreeSet::new(),
            end,
        };
        let mut free = Vec::new();
        let mut bin = 0;
        while bin < end {
            let bin_end = bin + read_u32(bins, bin + 8);
            space.bins.insert((bin / PAGE) as usize);
            let mut run: Option<FreeRun> = None;
            let mut at = bin + BIN_HEADER_LEN;
            while at < bin_end {
                let size = read_u32(bins, at) as i32;
                let len = size.unsigned_abs();
                if len < 8 || !len.is_multiple_of(8) || len > bin_end - at {
                    let (bin, at) = (CellOffset::new(bin), CellOffset::new(at));
                    return Err(Refusal::Cells { bin, at, size });
                }
                if size < 0 {
                    free.extend(run.take().map(|room| (room.size, room.at)));
                    space.starts.insert((at / 8) as usize);
                } else if let Some(room) = &mut run {
                    room.size += len;
                } else {
                    run = Some(FreeRun { at, size: len });
                    space.starts.insert((at / 8) as usize);
                }
                at += len;
            }
            free.extend(run.map(|room| (room.size, room.at)));
            bin = bin_end;
        }
        space.free = free.into_iter().collect();
        Ok(space)
    }

    /// Takes the smallest free run of at least `size` bytes, the first among equals. The remainder
    /// stays free and is returned.
    pub(crate) fn take(&mut self, size: u32) -> Option<(u32, Option<FreeRun>)> {
        let &(found, at) = self.free.range((size, 0)..).next()?;
        self.free.remove(&(found, at));
        Some((at, self.release_tail(at, size, found - size)))
    }

    /// Extends an allocated cell by `more` bytes into the free run directly after it, if that is
    /// large enough. The remainder stays free and is returned.
    pub(crate) fn extend_into_free(
        &mut self,
        at: u32,
        size: u32,
        more: u32,
    ) -> Option<Option<FreeRun>> {
        let next = at + size;
        if self.is_border(next) {
            return None;
        }
        let found = self.cell_end(next) - next;
        if found < more || !self.free.remove(&(found, next)) {
            return None;
        }
        self.starts.remove((next / 8) as usize);
        Some(self.release_tail(at, size + more, found - more))
    }

    /// Frees the bytes of an allocated cell after its first `keep`, merged with a free run after
    /// them.
    pub(crate) fn release_tail(&mut self, at: u32, keep: u32, tail: u32) -> Option<FreeRun> {
        if tail == 0 {
            return None;
        }
        self.starts.insert(((at + keep) / 8) as usize);
        let mut room = FreeRun { at: at + keep, size: tail };
        self.join_next(&mut room);
        self.free.insert((room.size, room.at));
        Some(room)
    }

    /// Frees a whole cell, merged with adjacent free runs.
    pub(crate) fn release(&mut self, at: u32, size: u32) -> FreeRun {
        let mut room = FreeRun { at, size };
        self.join_next(&mut room);
        if !self.is_border_before(at) {
            // The bin's first cell starts right after the header, so another cell precedes this
            // one.
            if let Some(previous) = self.starts.previous((at / 8) as usize) {
                let previous = previous as u32 * 8;
                if self.free.remove(&(at - previous, previous)) {
                    self.starts.remove((at / 8) as usize);
                    room = FreeRun { at: previous, size: room.size + (at - previous) };
                }
            }
        }
        self.free.insert((room.size, room.at));
        room
    }

    /// Adds a bin at the end, all of it free.
    pub(crate) fn add_bin(&mut self, size: u32) {
        let bin = self.end;
        self.end += size;
        self.starts.grow(self.end as usize / 8);
        self.bins.grow((self.end / PAGE) as usize);
        self.bins.insert((bin / PAGE) as usize);
        self.starts.insert(((bin + BIN_HEADER_LEN) / 8) as usize);
        self.free.insert((size - BIN_HEADER_LEN, bin + BIN_HEADER_LEN));
    }

    /// The size of the cell, allocated or free, that starts here; `None` if no cell starts here.
    pub(crate) fn size(&self, at: u32) -> Option<u32> {
        let is_start = at.is_multiple_of(8) && self.starts.contains((at / 8) as usize);
        is_start.then(|| self.cell_end(at) - at)
    }

    fn join_next(&mut self, room: &mut FreeRun) {
        let next = room.at + room.size;
        if self.is_border(next) {
            return;
        }
        let size = self.cell_end(next) - next;
        if self.free.remove(&(size, next)) {
            self.starts.remove((next / 8) as usize);
            room.size += size;
        }
    }

    /// The end of the cell that starts at `at`: the next cell, or the end of its bin.
    fn cell_end(&self, at: u32) -> u32 {
        let next_page = (at / PAGE + 1) as usize;
        let bin_end = self.bins.next(next_page).map_or(self.end, |page| page as u32 * PAGE);
        let next = self.starts.next((at / 8 + 1) as usize).map_or(self.end, |unit| unit as u32 * 8);
        next.min(bin_end)
    }

    /// Whether a bin ends here.
    fn is_border(&self, at: u32) -> bool {
        at == self.end || (at.is_multiple_of(PAGE) && self.bins.contains((at / PAGE) as usize))
    }

    /// Whether this is the first cell of a bin.
    fn is_border_before(&self, at: u32) -> bool {
        at % PAGE == BIN_HEADER_LEN && self.bins.contains((at / PAGE) as usize)
    }
}

/// `at` is inside the bins: headers of bins were checked on opening, cells end inside their bin.
fn read_u32(bins: &[u8], at: u32) -> u32 {
    let at = at as usize;
    u32::from_le_bytes([bins[at], bins[at + 1], bins[at + 2], bins[at + 3]])
}
