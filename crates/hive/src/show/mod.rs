//! Views of hives for people and pipelines: diff, search, export.

mod diff;
mod export;
mod find;

pub use diff::{Diff, DiffError, Difference, diff};
pub use export::{Export, Exported};
pub use find::{Find, Found, FoundAt, Match};
