//! Values of a key, and their data: inline, in one cell, or in segments.

use std::borrow::Cow;
use std::fmt;
use std::iter::FusedIterator;

use winpe_registry::{NtString, ValueType};

use super::{Image, ReadError, StoredName};
use crate::format::{
    BIG_DATA_FROM_MINOR, BigData, CellOffset, INLINE, KeyNode, KeyValue, Named, Record,
    SEGMENT_LEN, Signed, ValueFlags,
};

/// The values of a key; see [`Key::values`](super::Key::values).
pub struct Values<'h> {
    image: Image<'h>,
    offsets: &'h [u8],
    error: Option<ReadError>,
}

impl<'h> Values<'h> {
    #[inline]
    pub(crate) fn new(image: Image<'h>, node: &KeyNode) -> Self {
        let count = node.values();
        if count == 0 {
            return Self { image, offsets: &[], error: None };
        }
        let at = CellOffset::new(node.value_list.get());
        match image.prefix(at, Record::ValueList, u64::from(count) * 4) {
            Ok(offsets) => Self { image, offsets, error: None },
            Err(error) => Self { image, offsets: &[], error: Some(error) },
        }
    }

    /// The values of a key whose list must not be read, because of `error`.
    pub(crate) fn refused(image: Image<'h>, error: ReadError) -> Self {
        Self { image, offsets: &[], error: Some(error) }
    }

    pub(crate) fn image(&self) -> Image<'h> {
        self.image
    }

    #[inline]
    pub(crate) fn next_cell(&mut self) -> Option<Result<CellOffset, ReadError>> {
        if let Some(error) = self.error.take() {
            return Some(Err(error));
        }
        let (first, rest) = self.offsets.split_first_chunk::<4>()?;
        self.offsets = rest;
        Some(Ok(CellOffset::new(u32::from_le_bytes(*first))))
    }
}

impl<'h> Iterator for Values<'h> {
    type Item = Result<ValueEntry<'h>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let image = self.image;
        Some(self.next_cell()?.and_then(|at| ValueEntry::new(image, at)))
    }
}

impl FusedIterator for Values<'_> {}

/// A value of an open hive. Nothing is copied until it is requested.
#[derive(Clone, Copy)]
pub struct ValueEntry<'h> {
    image: Image<'h>,
    at: CellOffset,
    node: &'h KeyValue,
    name: &'h [u8],
}

impl<'h> ValueEntry<'h> {
    #[inline]
    pub(crate) fn new(image: Image<'h>, at: CellOffset) -> Result<Self, ReadError> {
        let (node, name) = image.named::<KeyValue>(at)?;
        Ok(Self { image, at, node, name })
    }

    /// The name; empty for the default value.
    #[must_use]
    pub fn name(&self) -> NtString {
        self.stored_name().to_nt_string()
    }

    /// The name, without a copy.
    #[must_use]
    pub fn stored_name(&self) -> StoredName<'h> {
        StoredName::new(self.name, self.node.has_latin1_name())
    }

    /// The type.
    #[must_use]
    pub fn ty(&self) -> ValueType {
        ValueType(self.node.ty.get())
    }

    /// The offset of the value record.
    #[must_use]
    pub fn offset(&self) -> CellOffset {
        self.at
    }

    /// Whether the value, in a hive of version 1.6, only hides the value of a lower layer.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.image.minor() >= 6 && self.node.flags.get() & ValueFlags::TOMBSTONE != 0
    }

    /// The number of data bytes.
    #[must_use]
    pub fn data_len(&self) -> u32 {
        self.node.data_len.get() & !INLINE
    }

    /// The data. Borrowed from the hive unless they are stored in segments.
    ///
    /// # Errors
    /// A cell of the data cannot be read or is too small.
    #[expect(clippy::inline_always, reason = "the caller then need not read it back from memory")]
    #[inline(always)]
    pub fn data(&self) -> Result<Cow<'h, [u8]>, ReadError> {
        if self.may_be_segmented() { self.long_data() } else { self.piece().map(Cow::Borrowed) }
    }

    #[cold]
    fn long_data(&self) -> Result<Cow<'h, [u8]>, ReadError> {
        match self.placed()? {
            Placed::Borrowed(data) => Ok(Cow::Borrowed(data)),
            Placed::Segments(segments) => {
                let mut data = Vec::with_capacity(segments.len);
                for segment in segments {
                    data.extend_from_slice(segment?.1);
                }
                Ok(Cow::Owned(data))
            }
        }
    }

    /// Where the data are stored.
    pub(crate) fn placed(&self) -> Result<Placed<'h>, ReadError> {
        if self.may_be_segmented() {
            let at = CellOffset::new(self.node.data.get());
            let cell = self.image.cell(at, Record::BigData)?;
            // Some writers put long data into one cell whatever the version; Windows reads such
            // cells as segments, which `check` reports.
            if cell.starts_with(&BigData::SIGNATURE) {
                let len = self.data_len() as usize;
                return Segments::new(self.image, at, len).map(Placed::Segments);
            }
        }
        self.piece().map(Placed::Borrowed)
    }

    /// Data in one piece: inline in the record, or in a separate cell.
    #[inline]
    fn piece(&self) -> Result<&'h [u8], ReadError> {
        let len = self.data_len();
        if self.node.data_len.get() & INLINE != 0 {
            let inline = zerocopy::IntoBytes::as_bytes(&self.node.data);
            let data = inline.get(..len as usize);
            return data.ok_or(ReadError::InlineLength { at: self.at, actual: len });
        }
        if len == 0 {
            return Ok(&[]);
        }
        self.image.prefix(CellOffset::new(self.node.data.get()), Record::Data, len.into())
    }

    /// The cell in which the data start, unless they are inline in the record.
    #[inline]
    pub(crate) fn data_cell(&self) -> Option<CellOffset> {
        let stored = self.node.data_len.get();
        (stored != 0 && stored & INLINE == 0).then(|| CellOffset::new(self.node.data.get()))
    }

    #[inline]
    pub(crate) fn may_be_segmented(&self) -> bool {
        let stored = self.node.data_len.get();
        let is_long = stored & INLINE == 0 && stored as usize > SEGMENT_LEN;
        is_long && self.image.minor() >= BIG_DATA_FROM_MINOR
    }

    pub(crate) fn node(&self) -> &'h KeyValue {
        self.node
    }
}

impl fmt::Debug for ValueEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueEntry")
            .field("name", &self.stored_name())
            .field("ty", &self.ty())
            .field("data_len", &self.data_len())
            .field("at", &self.at.to_string())
            .finish()
    }
}

pub(crate) enum Placed<'h> {
    /// In one piece.
    Borrowed(&'h [u8]),
    /// In segments.
    Segments(Segments<'h>),
}

/// The segments of big data, each with its cell.
pub(crate) struct Segments<'h> {
    image: Image<'h>,
    pub(crate) list: CellOffset,
    offsets: &'h [u8],
    /// Bytes of data that the remaining segments hold.
    len: usize,
}

impl<'h> Segments<'h> {
    fn new(image: Image<'h>, at: CellOffset, len: usize) -> Result<Self, ReadError> {
        let (node, _) = image.signed::<BigData>(at)?;
        let expected = len.div_ceil(SEGMENT_LEN) as u32;
        let actual = u32::from(node.segment_count.get());
        if actual != expected {
            return Err(ReadError::SegmentCount { at, expected, actual });
        }
        // Segments in distinct cells cannot hold more than the bins do.
        let room = image.bins().len();
        if len > room {
            let (expected, actual) = (len as u64, room as u64);
            return Err(ReadError::Short { record: Record::BigData, at, expected, actual });
        }
        let list = CellOffset::new(node.segment_list.get());
        let offsets = image.prefix(list, Record::SegmentList, u64::from(expected) * 4)?;
        Ok(Self { image, list, offsets, len })
    }
}

impl<'h> Iterator for Segments<'h> {
    type Item = Result<(CellOffset, &'h [u8]), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.offsets.split_first_chunk::<4>()?;
        self.offsets = rest;
        let at = CellOffset::new(u32::from_le_bytes(*first));
        let len = self.len.min(SEGMENT_LEN);
        self.len -= len;
        Some(self.image.prefix(at, Record::Segment, len as u64).map(|data| (at, data)))
    }
}
