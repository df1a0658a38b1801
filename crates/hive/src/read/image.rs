//! `Image`: the bins of a hive, and checked access to cells and records.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::ReadError;
use crate::format::{BASE_BLOCK_LEN, BIN_HEADER_LEN, CellOffset, KeyNode, Named, Record, Signed};

/// The bins of a hive and checked access to them, on which all other readers rely: everything that
/// it returns is inside the bins.
#[derive(Clone, Copy)]
pub(crate) struct Image<'h> {
    /// All bins, the base block not included.
    bins: &'h [u8],
    minor: u32,
}

impl<'h> Image<'h> {
    /// `file` holds at least a base block; `bins_len` may exceed the bytes after it.
    pub(crate) fn new(file: &'h [u8], bins_len: u32, minor: u32) -> Self {
        let bins = file.get(BASE_BLOCK_LEN..).unwrap_or_default();
        Self { bins: &bins[..bins.len().min(bins_len as usize)], minor }
    }

    /// The minor version.
    pub(crate) fn minor(self) -> u32 {
        self.minor
    }

    /// The bytes of all bins.
    pub(crate) fn bins(self) -> &'h [u8] {
        self.bins
    }

    /// The maximum number of keys that fit in the bins.
    pub(crate) fn max_keys(self) -> u32 {
        (self.bins.len() / size_of::<KeyNode>()) as u32
    }

    /// The content of an allocated cell, without its size field.
    #[inline]
    pub(crate) fn cell(self, at: CellOffset, record: Record) -> Result<&'h [u8], ReadError> {
        let start = at.get() as usize;
        let Some(head) = self.bins.get(start..).and_then(<[u8]>::first_chunk::<4>) else {
            return Err(self.out_of_bounds(at, record));
        };
        let size = i32::from_le_bytes(*head);
        let len = size.unsigned_abs();
        if !start.is_multiple_of(8) || start < BIN_HEADER_LEN as usize || size >= 0 || len % 8 != 0
        {
            return Err(self.refusal(at, record, size));
        }
        match self.bins.get(start + 4..start + len as usize) {
            Some(payload) => Ok(payload),
            None => Err(ReadError::CellSize { record, at, size: len }),
        }
    }

    /// The first `len` bytes of a cell.
    #[inline]
    pub(crate) fn prefix(
        self,
        at: CellOffset,
        record: Record,
        len: u64,
    ) -> Result<&'h [u8], ReadError> {
        let cell = self.cell(at, record)?;
        let short = || ReadError::Short { record, at, expected: len, actual: cell.len() as u64 };
        usize::try_from(len).ok().and_then(|len| cell.get(..len)).ok_or_else(short)
    }

    /// A record without a signature, and the bytes after it.
    #[inline]
    pub(crate) fn record<T>(
        self,
        at: CellOffset,
        record: Record,
    ) -> Result<(&'h T, &'h [u8]), ReadError>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let cell = self.cell(at, record)?;
        T::ref_from_prefix(cell).map_err(|_| ReadError::Short {
            record,
            at,
            expected: size_of::<T>() as u64,
            actual: cell.len() as u64,
        })
    }

    /// A record with its signature checked, and the bytes after it.
    #[inline]
    pub(crate) fn signed<T>(self, at: CellOffset) -> Result<(&'h T, &'h [u8]), ReadError>
    where
        T: Signed + FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let cell = self.cell(at, T::RECORD)?;
        if let (Ok((record, rest)), Some(&signature)) =
            (T::ref_from_prefix(cell), cell.first_chunk::<2>())
            && signature == T::SIGNATURE
        {
            return Ok((record, rest));
        }
        Err(self.unfit::<T>(at, cell))
    }

    /// A record with its signature checked, and the bytes of its name.
    #[inline]
    pub(crate) fn named<T>(self, at: CellOffset) -> Result<(&'h T, &'h [u8]), ReadError>
    where
        T: Named + FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let (node, rest) = self.signed::<T>(at)?;
        let len = node.name_len();
        let name = rest.get(..len).ok_or_else(|| ReadError::Short {
            record: T::RECORD,
            at,
            expected: (size_of::<T>() + len) as u64,
            actual: (size_of::<T>() + rest.len()) as u64,
        })?;
        Ok((node, name))
    }

    #[cold]
    fn unfit<T: Signed>(self, at: CellOffset, cell: &[u8]) -> ReadError {
        match cell.first_chunk::<2>() {
            Some(&actual) if cell.len() >= size_of::<T>() => {
                ReadError::Signature { record: T::RECORD, at, expected: &T::SIGNATURE, actual }
            }
            _ => ReadError::Short {
                record: T::RECORD,
                at,
                expected: size_of::<T>() as u64,
                actual: cell.len() as u64,
            },
        }
    }

    #[cold]
    fn out_of_bounds(self, at: CellOffset, record: Record) -> ReadError {
        ReadError::OutOfBounds { record, at, end: CellOffset::new(self.bins.len() as u32) }
    }

    #[cold]
    fn refusal(self, at: CellOffset, record: Record, size: i32) -> ReadError {
        if !at.get().is_multiple_of(8) {
            ReadError::Misaligned { record, at }
        } else if at.get() < BIN_HEADER_LEN {
            self.out_of_bounds(at, record)
        } else if size > 0 {
            ReadError::Free { record, at, size: size.unsigned_abs() }
        } else {
            ReadError::CellSize { record, at, size: size.unsigned_abs() }
        }
    }
}
