//! Confirms a written WIM with wimlib as an independent reader.

use std::path::Path;

use super::plan::{Plan, Promise};
use crate::error::{CommitError, WimError};
use crate::ffi::{Failure, Reader};

/// `WIMLIB_ERR_PATH_DOES_NOT_EXIST`.
const NO_SUCH_PATH: i32 = 49;

/// Opens the WIM at `readable` with wimlib and checks everything that the plan promised. Errors
/// name `path`.
pub(super) fn confirm(readable: &Path, path: &Path, plan: &Plan<'_>) -> Result<(), WimError> {
    let refused = |failure: Failure| WimError::wimlib(path, "wimlib refuses the result", &failure);
    let mut reader = Reader::open(readable, false, None).map_err(refused)?;
    for promise in plan.promises.iter().filter(|promise| promise.is_nameable()) {
        let found = match reader.entry(promise.image, &promise.path) {
            Ok(seen) => Some(seen),
            Err(failure) if failure.code == NO_SUCH_PATH => None,
            Err(failure) => return Err(refused(failure)),
        };
        let agrees = match (&promise.found, &found) {
            (Some(promised), Some(seen)) => {
                promised.sha1 == seen.sha1
                    && promised.size == seen.size
                    && promised.attributes == seen.attributes
                    && promised.security_size == seen.security_size
            }
            (None, None) => true,
            _ => false,
        };
        if !agrees {
            return Err(WimError::Commit(CommitError::Unconfirmed {
                path: path.to_path_buf(),
                what: "wimlib sees something else than was written",
                details: format!("image {}, {}: {found:?}", promise.image, promise.path),
            }));
        }
    }
    Ok(())
}

impl Promise {
    /// Whether the path can be passed to wimlib: names that are not valid UTF-16 cannot.
    fn is_nameable(&self) -> bool {
        !self.path.contains([char::REPLACEMENT_CHARACTER, '\0'])
    }
}
