//! Edits in place. Every edit is a transaction: it is applied completely, or the bytes stay
//! unchanged.
//!
//! ```text
//! Hive::apply ─► transaction ─► keys, values, security      what the records must say
//!                                  └─► lists, data          how they are laid out
//!                                         └─► Store         cells: allocate, free, resize, write
//!                                                └─► Space  where there is room
//! ```

mod apply;
mod compact;
mod copy;
mod create;
mod data;
mod error;
mod keys;
mod lists;
mod mend;
mod names;
mod rename;
mod security;
mod space;
mod store;
mod values;

pub use create::CreateError;
pub use error::{EditError, Refusal};
pub use mend::{Lost, LostPart, LostReason};
pub(crate) use store::Store;
