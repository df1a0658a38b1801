//! `Storage`: the operations of a commit on the file that it writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::{CommitError, WimError};
use crate::progress::Cancel;

/// A file being written. Tests replace it with one that fails, or that logs what is durable when.
pub(crate) trait Storage {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    fn set_len(&self, size: u64) -> io::Result<()>;
    /// When it returns, all earlier writes are durable.
    fn sync(&self) -> io::Result<()>;
    /// The file, for reading back.
    fn file(&self) -> &File;
}

impl Storage for File {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, at)
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        Self::set_len(self, size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn file(&self) -> &File {
        self
    }
}

/// The storage with its path, for errors.
#[derive(Clone, Copy)]
pub(crate) struct Output<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) path: &'a Path,
    /// What makes the next write fail; `None` for what must be completed.
    pub(crate) cancel: Option<&'a Cancel>,
}

impl Output<'_> {
    /// The same for what must be completed.
    pub(crate) fn uncancelled(self) -> Self {
        Self { cancel: None, ..self }
    }

    /// Fails if the operation was cancelled.
    pub(crate) fn go_on(&self) -> Result<(), WimError> {
        match self.cancel.is_some_and(Cancel::is_cancelled) {
            true => Err(WimError::Commit(CommitError::Cancelled { path: self.path.to_path_buf() })),
            false => Ok(()),
        }
    }

    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), WimError> {
        self.go_on()?;
        self.storage
            .write_all_at(bytes, at)
            .map_err(|error| WimError::io(self.path, "write", error))
    }

    pub(crate) fn set_len(&self, size: u64) -> Result<(), WimError> {
        self.storage.set_len(size).map_err(|error| WimError::io(self.path, "set the size", error))
    }

    pub(crate) fn sync(&self) -> Result<(), WimError> {
        self.storage.sync().map_err(|error| WimError::io(self.path, "make durable", error))
    }
}
