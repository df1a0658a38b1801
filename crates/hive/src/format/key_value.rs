//! The key value (`vk`), its flags, and the record of big data (`db`).

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Named, Record, Signed};

/// A value; its name follows.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct KeyValue {
    /// `vk`.
    pub(crate) signature: [u8; 2],
    /// In bytes.
    pub(crate) name_len: U16,
    /// In bytes; [`INLINE`] is set if the next field holds the data.
    pub(crate) data_len: U32,
    /// Up to four bytes of data, or the cell of the data.
    pub(crate) data: U32,
    pub(crate) ty: U32,
    /// [`ValueFlags`].
    pub(crate) flags: U16,
    pub(crate) spare: U16,
}

const _: () = assert!(size_of::<KeyValue>() == 20);

impl Signed for KeyValue {
    const RECORD: Record = Record::Value;
    const SIGNATURE: [u8; 2] = *b"vk";
}

impl Named for KeyValue {
    #[inline]
    fn name_len(&self) -> usize {
        self.name_len.get().into()
    }

    #[inline]
    fn has_latin1_name(&self) -> bool {
        self.flags.get() & ValueFlags::COMPRESSED_NAME != 0
    }
}

/// The bit of [`KeyValue::data_len`] that marks inline data.
pub(crate) const INLINE: u32 = 0x8000_0000;

pub(crate) struct ValueFlags;

impl ValueFlags {
    /// The name is stored as Latin-1. Clear if the name is empty.
    pub(crate) const COMPRESSED_NAME: u16 = 0x01;
    /// Version 1.6: the value hides the one of a lower layer and has no data.
    pub(crate) const TOMBSTONE: u16 = 0x02;
}

/// Data longer than one segment, from minor version [`BIG_DATA_FROM_MINOR`] on.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BigData {
    /// `db`.
    pub(crate) signature: [u8; 2],
    pub(crate) segment_count: U16,
    /// The cell of the segments' offsets.
    pub(crate) segment_list: U32,
}

const _: () = assert!(size_of::<BigData>() == 8);

impl Signed for BigData {
    const RECORD: Record = Record::BigData;
    const SIGNATURE: [u8; 2] = *b"db";
}

/// The data bytes in each segment but the last, which may hold fewer.
pub(crate) const SEGMENT_LEN: usize = 16_344;

/// Hives of older versions store data of any length in one cell.
pub(crate) const BIG_DATA_FROM_MINOR: u32 = 4;
