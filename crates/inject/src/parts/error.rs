//! Why a part of a profile cannot be looked at, or be taken from a source.

use thiserror::Error;
use winpe_registry::{KeyPath, ValueName, ValueType};

use crate::files::MissingFiles;
use crate::hives::{HiveError, Origin};
use crate::image::TreeError;

/// Why a part of a profile cannot be looked at, or be taken from a source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PartError {
    /// A hive of the image or source cannot be read.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// A value to which texts are to be added is not a list of texts.
    #[error("{origin}: {key}: value {value:?} is {ty}, expected REG_MULTI_SZ")]
    NotAList {
        /// The rule that needs it.
        origin: Origin,
        /// The key.
        key: KeyPath,
        /// The value.
        value: ValueName,
        /// Its type in the image.
        ty: ValueType,
    },
    /// Neither the image nor the source has what the part needs.
    #[error(transparent)]
    Missing(#[from] MissingFiles),
}

impl From<TreeError> for PartError {
    fn from(error: TreeError) -> Self {
        Self::Hive(error.into())
    }
}
