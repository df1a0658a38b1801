//! `NewFile`: a new WIM that appears under its name when it is complete.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use winpe_disk::newfile::{self, NewFile as Whole, Options};

use crate::error::{CommitError, WimError};

/// A file that appears under its name when it is complete, with errors that contain its path.
pub(crate) struct NewFile {
    path: PathBuf,
    whole: Whole,
}

impl NewFile {
    pub(crate) fn create(path: &Path, options: Options<'_>) -> Result<Self, WimError> {
        let whole = Whole::create(path, options).map_err(|error| not_created(path, error))?;
        Ok(Self { path: path.to_path_buf(), whole })
    }

    /// Whether the file could be made; writes nothing.
    pub(super) fn check(path: &Path, overwrite: bool) -> Result<(), WimError> {
        newfile::check(path, overwrite).map_err(|error| not_created(path, error))
    }

    pub(crate) fn file(&self) -> &File {
        self.whole.file()
    }

    /// Unfinished files of earlier runs next to it, which were removed.
    pub(crate) fn swept(&self) -> Vec<PathBuf> {
        self.whole.swept().to_vec()
    }

    /// Makes the file durable, and returns a path by which wimlib can open it.
    pub(crate) fn settle(&mut self) -> Result<PathBuf, WimError> {
        let settled = self.whole.settle();
        settled.map_err(|error| WimError::io(&self.path, "make durable", error))?;
        let name = self.whole.name();
        Ok(name.map_err(|error| WimError::io(&self.path, "name", error))?.to_path_buf())
    }

    /// Gives the file its final name, and returns its path without symbolic links.
    pub(crate) fn finish(self) -> Result<PathBuf, WimError> {
        let Self { path, whole } = self;
        whole.finish().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => WimError::Commit(CommitError::TargetExists { path }),
            _ => WimError::io(&path, "name the finished file", error),
        })
    }
}

fn not_created(path: &Path, error: io::Error) -> WimError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            WimError::Commit(CommitError::TargetExists { path: path.to_path_buf() })
        }
        _ => not_writable(path, "create", error),
    }
}

/// The error for a file that could not be opened or created for writing.
pub(super) fn not_writable(path: &Path, action: &'static str, source: io::Error) -> WimError {
    match source.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::ExecutableFileBusy => {
            WimError::Commit(CommitError::NotWritable { path: path.to_path_buf(), source })
        }
        _ => WimError::io(path, action, source),
    }
}
