//! Packets that are sent with one call.

use crate::wire::tftp::{DATA_HEADER, data_header};

/// DATA packets of consecutive blocks. All have the same length, except that the last may be shorter.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    pub(super) first: u64,
    pub(super) blocks: usize,
    pub(super) block_size: u16,
    pub(super) payload: &'a [u8],
}

impl<'a> Run<'a> {
    /// How many packets there are; at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks
    }

    /// Always false.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks == 0
    }

    /// Bytes of each packet before the last.
    #[must_use]
    pub fn packet_size(&self) -> usize {
        DATA_HEADER + usize::from(self.block_size)
    }

    /// Each packet, as header and payload.
    pub fn packets(&self) -> impl Iterator<Item = ([u8; DATA_HEADER], &'a [u8])> + use<'a> {
        let (first, size, payload) = (self.first, usize::from(self.block_size), self.payload);
        (0..self.blocks).map(move |index| {
            let start = index * size;
            let end = payload.len().min(start + size);
            (data_header((first + index as u64) as u16), &payload[start..end])
        })
    }
}
