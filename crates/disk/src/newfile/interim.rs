//! `Interim`: a path for a whole file from which another one is made.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempPath;

use super::temporary;
use crate::unfinished::{self, Listed, Name};

/// A free path in a folder, with the name of an unfinished file. What is created there is removed when this
/// is dropped, when a signal ends the process ([`unfinished::remove_all`]), or by a later run.
#[derive(Debug)]
pub struct Interim {
    path: TempPath,
    _listed: Listed,
}

impl Interim {
    /// Finds a free path.
    ///
    /// # Errors
    /// Errors of the system, for example if the folder cannot be written.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let (path, listed) = unfinished::listed(|| {
            let path = temporary().tempfile_in(folder)?.into_temp_path();
            // A file that is replaced keeps its mode, and this one has that of a temporary file.
            fs::remove_file(&path)?;
            let name = Name::Path(path.to_path_buf());
            Ok::<_, io::Error>((path, name))
        })?;
        Ok(Self { path, _listed: listed })
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
