//! The files that an image gets: those of the source, added ones, our own, and the record of them all.

mod addition;
mod error;
pub(crate) mod own;
mod place;
mod plan;
mod record;
mod started;
mod supplied;

pub use addition::Addition;
pub use error::{AdditionError, FilesError, MissingFiles, RecordError};

pub(crate) use plan::{FilePlan, PlannedFiles, plan};
pub(crate) use record::{FileRecord, HiveRecord, Record};
pub(crate) use started::{DRIVERS, Started};
pub(crate) use supplied::{SuppliedFile, SuppliedFiles};
