//! `Record`: the kinds of cell content, and traits of records with a signature or a name.

use std::fmt;

/// What a cell should hold according to the record that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Record {
    /// Key node, `nk`.
    Key,
    /// Key value, `vk`.
    Value,
    /// Security descriptor, `sk`.
    Security,
    /// Subkey list: `li`, `lf`, `lh`, or `ri` over several of them.
    SubkeyList,
    /// The offsets of a key's values.
    ValueList,
    /// The data of a value.
    Data,
    /// Data in segments, `db`.
    BigData,
    /// The offsets of the segments of big data.
    SegmentList,
    /// One segment of big data.
    Segment,
    /// A class name.
    Class,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Key => "key node",
            Self::Value => "value",
            Self::Security => "security descriptor",
            Self::SubkeyList => "subkey list",
            Self::ValueList => "value list",
            Self::Data => "value data",
            Self::BigData => "big data",
            Self::SegmentList => "segment list",
            Self::Segment => "data segment",
            Self::Class => "class name",
        })
    }
}

/// A record that is followed by its name.
pub(crate) trait Named: Signed {
    /// In bytes.
    fn name_len(&self) -> usize;
    /// Whether the name is stored as Latin-1, and not as UTF-16.
    fn has_latin1_name(&self) -> bool;
}

/// A record that starts with a signature of two letters.
pub(crate) trait Signed {
    const RECORD: Record;
    const SIGNATURE: [u8; 2];
}
