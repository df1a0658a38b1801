//! Registry hives: which hive holds a key, and how hives are opened, read, edited and confirmed.

mod control_set;
mod edit;
mod error;
mod expected;
mod open;
mod reader;
mod reg;
mod roots;
mod second_reader;

pub use control_set::ControlSet;
pub use error::HiveError;
pub use reg::{Origin, RegError, SourcedEdit, parse_reg, read_reg};
pub use roots::{HiveRoot, HiveRoots, Location};
pub use second_reader::Disagreement;

pub(crate) use edit::{HiveEditor, HivePlan, have_same_content, plan};
pub(crate) use expected::ExpectedState;
pub(crate) use open::{Opened, file_time, open_hive};
pub(crate) use reader::Hives;
