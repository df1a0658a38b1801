//! What a mended hive lacks.

use std::fmt;

use thiserror::Error;
use winpe_registry::{KeyName, KeyPath, NtString, ValueName};

use super::super::Refusal;
use crate::format::CellOffset;
use crate::read::ReadError;

/// A part of a damaged hive that the mended one does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The key to which it belonged; for a key, the one above it. `None` if the memory for paths is used up.
    pub key: Option<KeyPath>,
    /// What it is.
    pub part: LostPart,
    /// Why it could not be read, or not be kept.
    pub reason: LostReason,
}

/// A part of a hive.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostPart {
    /// A key with everything below it, and its name if that can be read.
    Key(Option<NtString>),
    /// Subkeys: a list of them, or a part of one.
    Subkeys,
    /// A value, and its name if that can be read.
    Value(Option<ValueName>),
    /// Values: the list of them, or a part of it.
    Values,
    /// The class name of the key.
    Class,
    /// The security descriptor of the key, which has that of the key above it instead.
    Security,
}

/// Why a part is lost.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LostReason {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be stored.
    #[error(transparent)]
    Store(#[from] Refusal),
    /// A key without a name.
    #[error("key node at {at}: expected a name")]
    NoName {
        /// The key.
        at: CellOffset,
    },
    /// A key name that NT does not allow.
    #[error(
        "key node at {at}: expected a name of at most {} characters, found {actual}",
        KeyName::MAX_LEN
    )]
    LongName {
        /// The key.
        at: CellOffset,
        /// The length of the name in UTF-16 code units.
        actual: usize,
    },
    /// A UTF-16 name with half a unit.
    #[error("key node at {at}: expected a name of whole UTF-16 units, found {actual} bytes")]
    OddName {
        /// The key.
        at: CellOffset,
        /// The length of the name in bytes.
        actual: u16,
    },
    /// Two values of a key have one name. The first is found by it, this one is not.
    #[error("value at {at}: has the name of the value at {first}")]
    SameName {
        /// The value.
        at: CellOffset,
        /// The first of that name.
        first: CellOffset,
    },
    /// Cells overlap: together they would hold more than the hive.
    #[error("cell at {at}: overlaps other cells, which hold more than the hive together")]
    Overlap {
        /// The cell.
        at: CellOffset,
    },
    /// No security descriptor is named.
    #[error("key node at {at}: names no security descriptor")]
    NoSecurity {
        /// The key.
        at: CellOffset,
    },
}

/// As `value "Start" of Services\Tcpip: …`.
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.part)?;
        match &self.key {
            Some(key) if key.is_root() => write!(f, " of the root key")?,
            Some(key) => write!(f, " of {key}")?,
            None => {}
        }
        write!(f, ": {}", self.reason)
    }
}

impl fmt::Display for LostPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(Some(name)) => write!(f, "subkey {name:?}"),
            Self::Key(None) => f.write_str("a subkey"),
            Self::Subkeys => f.write_str("subkeys"),
            Self::Value(Some(name)) if name.is_default() => f.write_str("the default value"),
            Self::Value(Some(name)) => write!(f, "value {:?}", name.text()),
            Self::Value(None) => f.write_str("a value"),
            Self::Values => f.write_str("values"),
            Self::Class => f.write_str("the class name"),
            Self::Security => f.write_str("the security descriptor"),
        }
    }
}

impl LostPart {
    /// The kind of the part in reports.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Subkeys => "subkeys",
            Self::Value(_) => "value",
            Self::Values => "values",
            Self::Class => "class",
            Self::Security => "security",
        }
    }

    /// The name of the key or the value, if it can be read.
    #[must_use]
    pub fn name(&self) -> Option<&NtString> {
        match self {
            Self::Key(name) => name.as_ref(),
            Self::Value(name) => name.as_ref().map(ValueName::text),
            _ => None,
        }
    }
}

/// All that is lost. The first parts are listed and all are counted, so that a ruined hive does not fill the memory.
#[derive(Debug)]
pub(crate) struct Losses {
    pub(crate) list: Vec<Lost>,
    pub(crate) count: usize,
    /// Bytes that paths may still use.
    budget: usize,
}

impl Default for Losses {
    fn default() -> Self {
        Self { list: Vec::new(), count: 0, budget: 4 << 20 }
    }
}

impl Losses {
    /// How many are listed.
    pub(crate) const KEPT: usize = 1000;

    pub(super) fn add(
        &mut self,
        key: impl FnOnce() -> KeyPath,
        part: LostPart,
        reason: LostReason,
    ) {
        self.count += 1;
        if self.count > Self::KEPT {
            return;
        }
        let key = (self.budget > 0).then(key);
        let names = key.iter().flat_map(KeyPath::names);
        let len: usize = names.map(|name| 2 * name.units().len() + 24).sum();
        self.budget = self.budget.saturating_sub(len);
        self.list.push(Lost { key, part, reason });
    }
}
