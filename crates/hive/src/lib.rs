//! Offline registry hives (regf): read, edited in place, recovered, checked.
//!
//! ```text
//!  bytes ─► Hive::open ─────────► Key, ValueEntry   borrow from the bytes, checked at each step
//!           Hive::open_lenient        │
//!  + logs ► Hive::recover             │
//!           Hive::create              ▼
//!                            Hive::apply(&Edit) ─► Change    in place; whole or not at all
//!                                     │
//!                            Hive::into_bytes ─► bytes       sequence numbers and checksum
//! ```
//!
//! | Layer | what it contains |
//! |---|---|
//! | `format` | the layout of each record |
//! | `read` | how records refer to each other; never trusts an offset, a length or a count |
//! | `check` | what Windows would refuse, repair or misread |
//! | [`log`] | recovery of writes that a power cut interrupted |
//! | `edit` | how Windows keeps a hive: lists, security cells, big data, free space |
//! | `show` | two hives side by side, a search, a walk with paths |
//!
//! The layout is that of Maxim Suhanov's [specification](https://github.com/msuhanov/regf).
//!
//! - A hive in which no edit changes anything is written back byte for byte; other edits do not
//!   touch cells that they do not concern.
//! - Input is never trusted: every function returns, on damage with an error that names a place in
//!   the file.
//! - Memory use is the size of the file and a few bits for each cell.

mod bitmap;
mod check;
mod edit;
mod file_bytes;
mod format;
mod hive;
pub mod log;
mod read;
mod show;
#[cfg(test)]
mod tests;

pub use check::{Finding, Findings, Rule, Severity};
pub use edit::{CreateError, EditError, Lost, LostPart, LostReason, Refusal};
pub use file_bytes::FileBytes;
pub use format::{CellOffset, KeyFlags, Record};
pub use hive::{Hive, Mended};
pub use read::{
    Damage, FileTime, Header, Key, OpenError, ReadError, Security, StoredName, Subkeys, ValueEntry,
    Values, Visit, Walk, WalkValues,
};
pub use show::{Diff, DiffError, Difference, Export, Exported, Find, Found, FoundAt, Match, diff};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
