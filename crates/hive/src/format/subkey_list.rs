//! The subkey lists (`li`, `lf`, `lh`, `ri`): layout of their entries, hashes and hints.

use winpe_registry::upcase;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header of every subkey list; its entries follow, each starting with an offset.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ListHeader {
    pub(crate) signature: [u8; 2],
    pub(crate) count: U16,
}

const _: () = assert!(size_of::<ListHeader>() == 4);

/// The four kinds of subkey list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// `li`: keys.
    Index,
    /// `lf`: keys, each with [`lf_hint`].
    Fast,
    /// `lh`: keys, each with [`lh_hash`].
    Hash,
    /// `ri`: lists of the other three kinds.
    Root,
}

impl ListKind {
    pub(crate) fn from_signature(signature: [u8; 2]) -> Option<Self> {
        Some(match &signature {
            b"li" => Self::Index,
            b"lf" => Self::Fast,
            b"lh" => Self::Hash,
            b"ri" => Self::Root,
            _ => return None,
        })
    }

    pub(crate) fn signature(self) -> [u8; 2] {
        *match self {
            Self::Index => b"li",
            Self::Fast => b"lf",
            Self::Hash => b"lh",
            Self::Root => b"ri",
        }
    }

    /// The bytes of one entry.
    pub(crate) fn entry_len(self) -> usize {
        match self {
            Self::Index | Self::Root => 4,
            Self::Fast | Self::Hash => 8,
        }
    }

    /// The kind of list that a hive of this minor version uses for a key's first subkey.
    pub(crate) fn for_minor(minor: u32) -> Self {
        match minor {
            0..=2 => Self::Index,
            3..=4 => Self::Fast,
            _ => Self::Hash,
        }
    }

    /// The number of entries at which a list counts as full: a fast list is then converted to an
    /// index list, the others are split.
    pub(crate) fn full_at(self) -> usize {
        match self {
            Self::Fast => 507,
            Self::Index | Self::Hash | Self::Root => 1013,
        }
    }
}

/// The hash of a name in an `lh` list.
pub(crate) fn lh_hash(name: impl Iterator<Item = u16>) -> u32 {
    name.fold(0, |hash: u32, unit| hash.wrapping_mul(37).wrapping_add(u32::from(upcase(unit))))
}

/// The hint of a name in an `lf` list: its first four units as bytes, zero padded. NT fills it from
/// the last of them to the first and stops at a unit above 255, so the bytes before that are zero.
pub(crate) fn lf_hint(name: impl Iterator<Item = u16>) -> [u8; 4] {
    let mut hint = [0; 4];
    for (place, unit) in name.take(4).enumerate() {
        match u8::try_from(unit) {
            Ok(byte) => hint[place] = byte,
            Err(_) => hint[..=place].fill(0),
        }
    }
    hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_unit_clears_the_hint_before_it() {
        let hint = |name: &str| lf_hint(name.encode_utf16());
        assert_eq!(hint("Services"), *b"Serv");
        assert_eq!(hint("ab"), *b"ab\0\0");
        assert_eq!(hint("a\u{416}cd"), *b"\0\0cd");
        assert_eq!(hint("abc\u{416}"), [0; 4]);
        assert_eq!(hint("\u{e4}b"), *b"\xe4b\0\0");
    }

    /// Value from the hash function in the specification, over "ab" = 0x41 * 37 + 0x42.
    #[test]
    fn the_hash_ignores_case() {
        assert_eq!(lh_hash("aB".encode_utf16()), 0x41 * 37 + 0x42);
    }
}
