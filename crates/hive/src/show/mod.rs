//! Views of hives for people and pipelines: what differs, what matches, everything.

mod diff;
mod export;
mod find;

pub use diff::{Diff, DiffError, Difference, diff};
pub use export::{Export, Exported};
pub use find::{Find, Found, FoundAt, Match};
