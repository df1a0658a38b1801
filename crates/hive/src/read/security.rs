//! `Security`: a security descriptor cell.

use super::{Image, ReadError};
use crate::format::{CellOffset, Record, SecurityNode};

/// A security descriptor that one or more keys use.
#[derive(Clone, Copy)]
pub struct Security<'h> {
    at: CellOffset,
    node: &'h SecurityNode,
    descriptor: &'h [u8],
}

impl<'h> Security<'h> {
    pub(crate) fn new(image: Image<'h>, at: CellOffset) -> Result<Self, ReadError> {
        let (node, rest) = image.signed::<SecurityNode>(at)?;
        let len = node.descriptor_len.get() as usize;
        let descriptor = rest.get(..len).ok_or(ReadError::Short {
            record: Record::Security,
            at,
            expected: (size_of::<SecurityNode>() + len) as u64,
            actual: (size_of::<SecurityNode>() + rest.len()) as u64,
        })?;
        Ok(Self { at, node, descriptor })
    }

    /// The self-relative security descriptor.
    #[must_use]
    pub fn descriptor(&self) -> &'h [u8] {
        self.descriptor
    }

    /// The number of keys that use it, as stated in the cell.
    #[must_use]
    pub fn references(&self) -> u32 {
        self.node.references.get()
    }

    /// The offset of the cell.
    #[must_use]
    pub fn offset(&self) -> CellOffset {
        self.at
    }

    pub(crate) fn node(&self) -> &'h SecurityNode {
        self.node
    }
}
