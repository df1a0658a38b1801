//! `StoredName`: a name in the hive's bytes, and its comparison.

use std::cmp::Ordering;
use std::fmt;

use winpe_registry::{NtString, upcase};

/// A name as stored in the hive, Latin-1 or UTF-16, borrowed.
#[derive(Clone, Copy)]
pub struct StoredName<'h> {
    bytes: &'h [u8],
    latin1: bool,
}

impl<'h> StoredName<'h> {
    pub(crate) fn new(bytes: &'h [u8], latin1: bool) -> Self {
        Self { bytes, latin1 }
    }

    /// The number of UTF-16 code units.
    #[must_use]
    pub fn len(self) -> usize {
        if self.latin1 { self.bytes.len() } else { self.bytes.len() / 2 }
    }

    /// Whether the name is empty, like that of a key's default value.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether the name is stored as Latin-1, one byte a unit.
    #[must_use]
    pub fn is_latin1(self) -> bool {
        self.latin1
    }

    /// The UTF-16 code units.
    pub fn units(self) -> impl Iterator<Item = u16> + 'h {
        let step = if self.latin1 { 1 } else { 2 };
        self.bytes.chunks_exact(step).map(move |unit| match unit {
            [low, high] => u16::from_le_bytes([*low, *high]),
            low => u16::from(low[0]),
        })
    }

    /// A copy of the text.
    #[must_use]
    pub fn to_nt_string(self) -> NtString {
        if self.latin1 {
            NtString::from_latin1(self.bytes)
        } else {
            NtString::from_utf16le(self.bytes)
        }
    }

    /// Compares as NT orders subkeys.
    #[must_use]
    pub fn cmp_ignore_case(self, other: impl IntoIterator<Item = u16>) -> Ordering {
        if self.latin1 {
            let units = self.bytes.iter().map(|&byte| upcase(u16::from(byte)));
            units.cmp(other.into_iter().map(upcase))
        } else {
            self.units().map(upcase).cmp(other.into_iter().map(upcase))
        }
    }

    /// Whether NT treats the two as the same name.
    #[must_use]
    pub fn eq_ignore_case(self, units: &[u16]) -> bool {
        self.len() == units.len() && self.cmp_ignore_case(units.iter().copied()).is_eq()
    }
}

impl fmt::Display for StoredName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_nt_string().fmt(f)
    }
}

impl fmt::Debug for StoredName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_nt_string(), f)
    }
}
