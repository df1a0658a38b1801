//! The key node (`nk`) and its flags.

use std::fmt;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Named, Record, Signed};

/// A key; its name follows.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct KeyNode {
    /// `nk`.
    pub(crate) signature: [u8; 2],
    /// [`KeyFlags`].
    pub(crate) flags: U16,
    /// FILETIME.
    pub(crate) last_written: U64,
    /// Bits that record which accesses a reorganisation saw.
    pub(crate) access_bits: u8,
    /// Version 1.6: bits 0..2 are the role of the key in a layered hive (1 is a tombstone).
    pub(crate) layer: u8,
    pub(crate) spare: U16,
    /// Undefined in the root key.
    pub(crate) parent: U32,
    pub(crate) subkey_count: U32,
    /// Undefined on disk, as is the list that it counts.
    pub(crate) volatile_subkey_count: U32,
    pub(crate) subkey_list: U32,
    pub(crate) volatile_subkey_list: U32,
    /// A handle instead of a count if [`KeyFlags::PREDEFINED_HANDLE`] is set.
    pub(crate) value_count: U32,
    pub(crate) value_list: U32,
    pub(crate) security: U32,
    pub(crate) class: U32,
    /// Longest name among the subkeys, in bytes as UTF-16.
    pub(crate) max_subkey_name: U16,
    /// Virtualisation flags, user flags and debug bits that share the word with the maximum.
    pub(crate) user_flags: [u8; 2],
    /// Longest class name among the subkeys, in bytes.
    pub(crate) max_subkey_class: U32,
    /// Longest value name, in bytes as UTF-16.
    pub(crate) max_value_name: U32,
    /// Longest value data, in bytes.
    pub(crate) max_value_data: U32,
    /// Used in memory only.
    pub(crate) work_var: U32,
    /// In bytes.
    pub(crate) name_len: U16,
    /// In bytes.
    pub(crate) class_len: U16,
}

const _: () = assert!(size_of::<KeyNode>() == 76);

impl Signed for KeyNode {
    const RECORD: Record = Record::Key;
    const SIGNATURE: [u8; 2] = *b"nk";
}

impl Named for KeyNode {
    #[inline]
    fn name_len(&self) -> usize {
        self.name_len.get().into()
    }

    #[inline]
    fn has_latin1_name(&self) -> bool {
        self.flags().contains(KeyFlags::COMPRESSED_NAME)
    }
}

impl KeyNode {
    pub(crate) fn flags(&self) -> KeyFlags {
        KeyFlags(self.flags.get())
    }

    /// The number of values; 0 for a predefined handle.
    pub(crate) fn values(&self) -> u32 {
        if self.flags().contains(KeyFlags::PREDEFINED_HANDLE) { 0 } else { self.value_count.get() }
    }
}

/// The flags of a key node. Unknown bits are kept.
///
/// ```
/// use winpe_hive::KeyFlags;
/// let flags = KeyFlags(0x2c);
/// assert!(flags.contains(KeyFlags::ROOT) && !flags.contains(KeyFlags::SYM_LINK));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyFlags(pub u16);

impl KeyFlags {
    /// Windows does not store such keys on disk; never set in a stable key.
    pub const VOLATILE: Self = Self(0x01);
    /// A mount point of another hive.
    pub const HIVE_EXIT: Self = Self(0x02);
    /// The root key of the hive.
    pub const ROOT: Self = Self(0x04);
    /// Windows refuses to delete the key.
    pub const NO_DELETE: Self = Self(0x08);
    /// A symbolic link; the value `SymbolicLinkValue` holds its target.
    pub const SYM_LINK: Self = Self(0x10);
    /// The name is stored as Latin-1.
    pub const COMPRESSED_NAME: Self = Self(0x20);
    /// The value count is a handle; the key has no values.
    pub const PREDEFINED_HANDLE: Self = Self(0x40);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Debug for KeyFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFlags({:#06x})", self.0)
    }
}
