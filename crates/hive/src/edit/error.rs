//! `EditError` and `Refusal`: why an edit was refused.

use thiserror::Error;
use winpe_registry::{KeyPath, Precondition, Value};

use crate::format::CellOffset;
use crate::read::{OpenError, ReadError};

/// Why an edit was refused. The hive is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {reason}", if .key.is_root() { "the root key".to_owned() } else { .key.to_string() })]
pub struct EditError {
    /// The key of the edit.
    pub key: KeyPath,
    /// The reason.
    #[source]
    pub reason: Refusal,
}

/// The reason for which an edit was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A part of the hive that the edit needs cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The hive was opened despite damage; an edit could make the damage worse.
    #[error("a damaged hive cannot be edited: {0}")]
    Damaged(OpenError),
    /// The cells of a bin do not fill it exactly, so the free space is unknown.
    #[error(
        "the cells of the bin at {bin} are damaged: expected a cell at {at} that ends inside the bin, \
         found the size {size}"
    )]
    Cells {
        /// The bin.
        bin: CellOffset,
        /// The cell.
        at: CellOffset,
        /// Its size field; negative is allocated.
        size: i32,
    },
    /// A record names an offset that is not an allocated cell.
    #[error("expected an allocated cell at {at}, which a record names")]
    NotACell {
        /// The offset named.
        at: CellOffset,
    },
    /// The precondition of the edit does not hold.
    #[error("expected {}, found {}", expectation(.expected), finding(.found, *.is_key))]
    Precondition {
        /// What was expected.
        expected: Precondition,
        /// The value found; `None` if there is none, or for a key.
        found: Option<Value>,
        /// Whether a key was found, for an edit of a key.
        is_key: bool,
    },
    /// The root key cannot be deleted or renamed.
    #[error("the root key of a hive cannot be deleted or renamed")]
    Root,
    /// There is no such key.
    #[error("there is no such key")]
    NoKey,
    /// There is such a key already.
    #[error("there is such a key already")]
    Exists,
    /// The value count of a predefined handle is a handle, so it has no values.
    #[error("the key is a predefined handle and has no values of its own")]
    PredefinedHandle,
    /// The path is too deep for NT.
    #[error("expected at most {} levels, found {actual}", KeyPath::MAX_DEPTH)]
    TooDeep {
        /// Levels of the path.
        actual: usize,
    },
    /// The name or text is longer than the format allows.
    #[error("expected at most {limit} bytes of {what}, found {actual}")]
    TooLong {
        /// The field that is too long.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
        /// The length in bytes.
        actual: u64,
    },
    /// The hive cannot grow further.
    #[error("the hive is full: it cannot grow past {limit} bytes of bins")]
    Full {
        /// The limit in bytes.
        limit: u64,
    },
}

fn expectation(expected: &Precondition) -> String {
    match expected {
        Precondition::Present => "it to exist".to_owned(),
        Precondition::Absent => "it not to exist".to_owned(),
        Precondition::Equals(value) => format!("{value:?}"),
    }
}

fn finding(found: &Option<Value>, is_key: bool) -> String {
    match found {
        Some(value) => format!("{value:?}"),
        None if is_key => "a key".to_owned(),
        None => "nothing".to_owned(),
    }
}
