//! Stores and frees the data of values: inline, in one cell, or in segments.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use super::{Refusal, Store};
use crate::format::{BIG_DATA_FROM_MINOR, BigData, CellOffset, INLINE, SEGMENT_LEN, Signed};
use crate::read::{Placed, ReadError, ValueEntry};

/// The two fields of a value that describe its data: length and cell (or inline bytes).
type Stored = (u32, [u8; 4]);

impl Store {
    /// Stores data in the form that the version of the hive prescribes.
    pub(super) fn store_data(&mut self, data: &[u8]) -> Result<Stored, Refusal> {
        self.check_len(data)?;
        let len = data.len() as u32;
        if data.len() <= 4 {
            let mut inline = [0; 4];
            inline[..data.len()].copy_from_slice(data);
            return Ok((len | INLINE, inline));
        }
        let at = if self.is_segmented(data.len()) {
            self.store_segments(data)?
        } else {
            self.allocate_with(data)?
        };
        Ok((len, at.get().to_le_bytes()))
    }

    /// Replaces the data of a value, in the same cell if the old and the new data each take one
    /// cell.
    pub(super) fn replace_data(
        &mut self,
        value: CellOffset,
        data: &[u8],
    ) -> Result<Stored, Refusal> {
        self.check_len(data)?;
        let one_cell = data.len() > 4 && !self.is_segmented(data.len());
        if let (true, Some(old)) = (one_cell, self.single_cell(value)?) {
            let at = self.resize(old, data.len())?;
            self.write(at, 0, data);
            let capacity = self.capacity(at)?;
            self.write(at, data.len(), &vec![0; capacity - data.len()]);
            return Ok((data.len() as u32, at.get().to_le_bytes()));
        }
        self.free_data(value)?;
        self.store_data(data)
    }

    /// Frees the cells of a value's data.
    pub(super) fn free_data(&mut self, value: CellOffset) -> Result<(), Refusal> {
        let entry = ValueEntry::new(self.image(), value)?;
        let Some(top) = entry.data_cell() else { return Ok(()) };
        let mut cells = vec![top];
        if let Placed::Segments(segments) = entry.placed()? {
            cells.push(segments.list);
            for segment in segments {
                cells.push(segment?.0);
            }
        }
        cells.into_iter().try_for_each(|cell| self.free(cell))
    }

    /// The cell of a value's data, if they are in a single cell.
    fn single_cell(&self, value: CellOffset) -> Result<Option<CellOffset>, ReadError> {
        let entry = ValueEntry::new(self.image(), value)?;
        Ok(match entry.placed()? {
            Placed::Borrowed(_) => entry.data_cell(),
            Placed::Segments(_) => None,
        })
    }

    /// Windows allocates a full-size cell for the last segment too.
    fn store_segments(&mut self, data: &[u8]) -> Result<CellOffset, Refusal> {
        let mut offsets = Vec::new();
        for segment in data.chunks(SEGMENT_LEN) {
            let at = self.allocate(SEGMENT_LEN)?;
            self.write(at, 0, segment);
            offsets.extend(at.get().to_le_bytes());
        }
        let list = self.allocate_with(&offsets)?;
        let top = BigData {
            signature: BigData::SIGNATURE,
            // The caller checked the length.
            segment_count: U16::new((offsets.len() / 4) as u16),
            segment_list: U32::new(list.get()),
        };
        self.allocate_with(top.as_bytes())
    }

    fn is_segmented(&self, len: usize) -> bool {
        self.image().minor() >= BIG_DATA_FROM_MINOR && len > SEGMENT_LEN
    }

    fn check_len(&self, data: &[u8]) -> Result<(), Refusal> {
        let limit = if self.image().minor() >= BIG_DATA_FROM_MINOR {
            SEGMENT_LEN * usize::from(u16::MAX)
        } else {
            INLINE as usize - 1
        };
        if data.len() > limit {
            let (limit, actual) = (limit as u64, data.len() as u64);
            return Err(Refusal::TooLong { what: "value data", limit, actual });
        }
        Ok(())
    }
}
