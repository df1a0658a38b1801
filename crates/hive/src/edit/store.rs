//! The bytes of a hive under edit. Only this module allocates, frees, resizes and writes cells, and
//! everything can be undone until the transaction ends.

use std::collections::BTreeMap;
use std::mem::offset_of;

use winpe_registry::KeyPath;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Refusal;
use super::names::ValueNames;
use super::space::{FreeRun, Space};
use crate::file_bytes::FileBytes;
use crate::format::{BASE_BLOCK_LEN, BIN_HEADER_LEN, BaseBlock, BinHeader, CellOffset, PAGE};
use crate::read::{FileTime, Image, MAX_BINS_LEN};

#[derive(Debug)]
pub(crate) struct Store {
    bytes: FileBytes,
    bins_len: u32,
    minor: u32,
    root: CellOffset,
    /// Scanned by the first edit.
    space: Option<Space>,
    /// The number of keys that use each security cell; counted when one first seems to lose its
    /// last user.
    pub(super) references: Option<BTreeMap<CellOffset, u32>>,
    pub(super) names: ValueNames,
    /// The path of the last edit as the hive spells it; consecutive edits of one key share it.
    pub(super) spelled: KeyPath,
    undo: Undo,
    modified: bool,
    /// The time of the running transaction.
    pub(super) now: FileTime,
}

/// The bytes that a transaction has overwritten.
#[derive(Debug, Default)]
struct Undo {
    /// Position and length of each write, in order.
    writes: Vec<(usize, usize)>,
    /// The bytes that were overwritten, concatenated.
    old: Vec<u8>,
    /// Length of the file and of the bins when the transaction began.
    file_len: usize,
    bins_len: u32,
}

impl Undo {
    /// Clears everything, and releases the memory of a large transaction.
    fn clear(&mut self) {
        self.writes.clear();
        self.old.clear();
        self.writes.shrink_to(1 << 10);
        self.old.shrink_to(1 << 16);
    }
}

impl Store {
    /// The caller has checked the base block, the headers of the bins, and that the bins cover
    /// `bins_len`.
    pub(crate) fn new(bytes: FileBytes, bins_len: u32, minor: u32, root: CellOffset) -> Self {
        Self {
            bytes,
            bins_len,
            minor,
            root,
            space: None,
            references: None,
            names: ValueNames::default(),
            spelled: KeyPath::root(),
            undo: Undo::default(),
            modified: false,
            now: FileTime::default(),
        }
    }

    /// A hive with the same base block and no bins, whose root key will be the first cell.
    pub(super) fn without_bins(&self) -> Self {
        let root = CellOffset::new(BIN_HEADER_LEN);
        let mut bytes = self.bytes[..BASE_BLOCK_LEN].to_vec();
        let (block, _) =
            BaseBlock::mut_from_prefix(&mut bytes).expect("a base block has this size");
        block.bins_len.set(0);
        block.root_cell.set(root.get());
        Self::new(bytes.into(), 0, self.minor, root)
    }

    /// Gives the fields of the base block that have one right value this value. An unknown version becomes 1.5.
    pub(super) fn correct_base_block(&mut self) {
        let (block, _) =
            BaseBlock::mut_from_prefix(&mut self.bytes).expect("an open hive has a base block");
        if block.major.get() != 1 || !(1..=6).contains(&block.minor.get()) {
            block.major.set(1);
            block.minor.set(5);
        }
        block.file_format.set(1);
        block.cluster.set(1);
        self.minor = block.minor.get();
    }

    /// Sets the time in the header of the first bin.
    pub(super) fn set_first_bin_time(&mut self, time: U64) {
        let at = BASE_BLOCK_LEN + offset_of!(BinHeader, timestamp);
        self.write_at(at, time.as_bytes());
    }

    pub(crate) fn image(&self) -> Image<'_> {
        Image::new(&self.bytes, self.bins_len, self.minor)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn root(&self) -> CellOffset {
        self.root
    }

    pub(crate) fn is_modified(&self) -> bool {
        self.modified
    }

    /// Runs `edit`; if it fails, all changes are undone.
    pub(crate) fn transaction<T>(
        &mut self,
        now: FileTime,
        edit: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.now = now;
        if self.space.is_none() {
            self.space = Some(Space::scan(self.image().bins())?);
        }
        self.undo.file_len = self.bytes.len();
        self.undo.bins_len = self.bins_len;
        let result = edit(self);
        match result {
            Ok(_) => self.modified |= self.has_written(),
            Err(_) => self.roll_back(),
        }
        self.undo.clear();
        result
    }

    fn has_written(&self) -> bool {
        !self.undo.writes.is_empty() || self.bins_len != self.undo.bins_len
    }

    fn roll_back(&mut self) {
        if !self.has_written() {
            return;
        }
        let mut end = self.undo.old.len();
        for &(at, len) in self.undo.writes.iter().rev() {
            self.bytes[at..at + len].copy_from_slice(&self.undo.old[end - len..end]);
            end -= len;
        }
        self.bytes.truncate(self.undo.file_len);
        self.bins_len = self.undo.bins_len;
        self.space = None;
        self.references = None;
        self.names.clear();
    }

    /// Allocates a cell with room for `len` bytes, all zero.
    pub(super) fn allocate(&mut self, len: usize) -> Result<CellOffset, Refusal> {
        let size = cell_size(len)?;
        let (at, rest) = match self.space_mut().take(size) {
            Some(taken) => taken,
            None => {
                self.grow(size)?;
                self.space_mut().take(size).ok_or(FULL)?
            }
        };
        self.mark_free(rest);
        self.write_i32(at, -(size as i32));
        self.zero(at + 4, size - 4);
        Ok(CellOffset::new(at))
    }

    /// Allocates a cell that holds these bytes.
    pub(super) fn allocate_with(&mut self, payload: &[u8]) -> Result<CellOffset, Refusal> {
        let at = self.allocate(payload.len())?;
        self.write(at, 0, payload);
        Ok(at)
    }

    /// Frees a cell and zeroes its bytes.
    pub(super) fn free(&mut self, at: CellOffset) -> Result<(), Refusal> {
        let size = self.allocated_size(at)?;
        self.names.forget(at);
        self.zero(at.get(), size);
        let room = self.space_mut().release(at.get(), size);
        self.mark_free(Some(room));
        Ok(())
    }

    /// Resizes a cell to `len` bytes, in place if possible. The old content is kept as far as it
    /// fits; the rest is zero.
    pub(super) fn resize(&mut self, at: CellOffset, len: usize) -> Result<CellOffset, Refusal> {
        let (old, new) = (self.allocated_size(at)?, cell_size(len)?);
        if new <= old {
            self.zero(at.get() + new, old - new);
            let room = self.space_mut().release_tail(at.get(), new, old - new);
            self.mark_free(room);
        } else if let Some(rest) = self.space_mut().extend_into_free(at.get(), old, new - old) {
            self.zero(at.get() + old, new - old);
            self.mark_free(rest);
        } else {
            let start = self.position(at.get() + 4);
            let held = self.bytes[start..start + old as usize - 4].to_vec();
            let moved = self.allocate(len)?;
            self.write(moved, 0, &held);
            self.free(at)?;
            return Ok(moved);
        }
        self.write_i32(at.get(), -(new as i32));
        Ok(at)
    }

    /// The number of bytes that fit in a cell.
    pub(super) fn capacity(&self, at: CellOffset) -> Result<usize, Refusal> {
        Ok(self.allocated_size(at)? as usize - 4)
    }

    /// Writes into a cell that was allocated here or read from the image, `offset` bytes after its
    /// size field.
    pub(super) fn write(&mut self, at: CellOffset, offset: usize, bytes: &[u8]) {
        let at = self.position(at.get() + 4) + offset;
        self.write_at(at, bytes);
    }

    /// Writes a record at the start of a cell.
    pub(super) fn put<T: IntoBytes + Immutable>(&mut self, at: CellOffset, record: &T) {
        self.write(at, 0, record.as_bytes());
    }

    /// The finished file.
    pub(crate) fn into_bytes(mut self, now: FileTime) -> FileBytes {
        if self.modified {
            let (block, _) =
                BaseBlock::mut_from_prefix(&mut self.bytes).expect("an open hive has a base block");
            let sequence = block.primary_sequence.get().wrapping_add(1);
            block.primary_sequence.set(sequence);
            block.secondary_sequence.set(sequence);
            // Newer versions of Windows leave zero there.
            if block.timestamp.get() != 0 {
                block.timestamp.set(now.0);
            }
            block.checksum.set(block.computed_checksum());
        }
        self.bytes
    }

    /// Checks that this offset is an allocated cell and not inside another, where writing a record
    /// would corrupt that other cell.
    pub(super) fn require_allocated(&self, at: CellOffset) -> Result<(), Refusal> {
        self.allocated_size(at).map(|_| ())
    }

    /// The size of an allocated cell that a record names.
    fn allocated_size(&self, at: CellOffset) -> Result<u32, Refusal> {
        let size = self.space.as_ref().and_then(|space| space.size(at.get()));
        let start = self.position(at.get());
        let head = self.bytes.get(start..).and_then(<[u8]>::first_chunk::<4>);
        match (size, head) {
            (Some(size), Some(head)) if i32::from_le_bytes(*head) == -(size as i32) => Ok(size),
            _ => Err(Refusal::NotACell { at }),
        }
    }

    /// Adds a bin at the end that is large enough for a cell of `size` bytes.
    fn grow(&mut self, size: u32) -> Result<(), Refusal> {
        let bin_size = (size + BIN_HEADER_LEN).next_multiple_of(PAGE);
        let bin = self.bins_len;
        let end = bin.checked_add(bin_size).filter(|&end| end <= MAX_BINS_LEN).ok_or(FULL)?;
        let file_end = BASE_BLOCK_LEN + end as usize;
        if file_end > self.bytes.len() {
            self.bytes.resize(file_end);
        }
        self.bins_len = end;
        self.write_at(offset_of!(BaseBlock, bins_len), &end.to_le_bytes());
        self.zero(bin, bin_size);
        let at = self.position(bin);
        self.write_at(at, BinHeader::new(bin, bin_size).as_bytes());
        self.space_mut().add_bin(bin_size);
        self.mark_free(Some(FreeRun { at: bin + BIN_HEADER_LEN, size: bin_size - BIN_HEADER_LEN }));
        Ok(())
    }

    fn mark_free(&mut self, room: Option<FreeRun>) {
        if let Some(FreeRun { at, size }) = room {
            self.write_i32(at, size as i32);
        }
    }

    fn write_i32(&mut self, at: u32, number: i32) {
        let at = self.position(at);
        self.write_at(at, &number.to_le_bytes());
    }

    fn zero(&mut self, at: u32, len: u32) {
        let at = self.position(at);
        let range = at..at + len as usize;
        self.remember(range.start, range.len());
        self.bytes[range].fill(0);
    }

    fn write_at(&mut self, at: usize, bytes: &[u8]) {
        if self.bytes[at..at + bytes.len()] != *bytes {
            self.remember(at, bytes.len());
            self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// Saves the bytes that are about to change. Bytes after the old end need no copy: undo
    /// truncates the file.
    fn remember(&mut self, at: usize, len: usize) {
        let len = len.min(self.undo.file_len.saturating_sub(at));
        if len > 0 {
            self.undo.old.extend_from_slice(&self.bytes[at..at + len]);
            self.undo.writes.push((at, len));
        }
    }

    fn position(&self, at: u32) -> usize {
        BASE_BLOCK_LEN + at as usize
    }

    fn space_mut(&mut self) -> &mut Space {
        self.space
            .as_mut()
            .expect("cells are changed in transactions only, which begin with a scan")
    }
}

const FULL: Refusal = Refusal::Full { limit: MAX_BINS_LEN as u64 };

/// The size of a cell with room for `len` bytes.
fn cell_size(len: usize) -> Result<u32, Refusal> {
    let size = len.checked_add(4).and_then(|len| len.checked_next_multiple_of(8)).ok_or(FULL)?;
    u32::try_from(size).ok().filter(|&size| size <= MAX_BINS_LEN - BIN_HEADER_LEN).ok_or(FULL)
}
