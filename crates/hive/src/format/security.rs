//! The security descriptor record (`sk`).

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Record, Signed};

/// A security descriptor that keys share; the self-relative descriptor follows.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SecurityNode {
    /// `sk`.
    pub(crate) signature: [u8; 2],
    pub(crate) reserved: U16,
    /// The next security cell; all cells of a hive form one ring.
    pub(crate) next: U32,
    pub(crate) previous: U32,
    /// The number of key nodes that name this cell.
    pub(crate) references: U32,
    /// In bytes.
    pub(crate) descriptor_len: U32,
}

const _: () = assert!(size_of::<SecurityNode>() == 20);

impl Signed for SecurityNode {
    const RECORD: Record = Record::Security;
    const SIGNATURE: [u8; 2] = *b"sk";
}
