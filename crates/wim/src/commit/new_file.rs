//! A file that appears under its name when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::WimError;

/// A file that appears under its name when it is complete.
pub(crate) struct NewFile {
    path: PathBuf,
    overwrite: bool,
    temporary: NamedTempFile,
}

impl NewFile {
    pub(crate) fn create(path: &Path, overwrite: bool) -> Result<Self, WimError> {
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(WimError::TargetExists { path: path.to_path_buf() });
        }
        // A link stays a link; the file that it names is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".winpe-wim-")
            .suffix(".tmp")
            // Opened here, so that an error does not name a file that nobody has heard of.
            .make_in(folder, |path| {
                OpenOptions::new().read(true).write(true).create_new(true).open(path)
            })
            .map_err(|error| not_writable(&path, "create", error))?;
        Ok(Self { path, overwrite, temporary })
    }

    pub(crate) fn file(&self) -> &File {
        self.temporary.as_file()
    }

    pub(crate) fn temporary_path(&self) -> &Path {
        self.temporary.path()
    }

    /// Makes the file durable and gives it its name, which is returned.
    pub(crate) fn finish(self) -> Result<PathBuf, WimError> {
        let Self { path, overwrite, temporary } = self;
        let file = temporary.as_file();
        if let Ok(replaced) = fs::metadata(&path) {
            // Only root may keep another's ownership; the content matters more.
            let _ = fchown(file, Some(replaced.uid()), Some(replaced.gid()));
            file.set_permissions(replaced.permissions())
                .map_err(|error| WimError::io(&path, "set the permissions", error))?;
        }
        file.sync_all().map_err(|error| WimError::io(&path, "make durable", error))?;
        let named =
            if overwrite { temporary.persist(&path) } else { temporary.persist_noclobber(&path) };
        if let Err(failed) = named {
            return Err(match failed.error.kind() {
                io::ErrorKind::AlreadyExists => WimError::TargetExists { path },
                _ => WimError::io(&path, "rename the finished file", failed.error),
            });
        }
        // Some file systems cannot sync folders; the file itself is safe.
        if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(path)
    }
}

/// The error of a file that could not be opened or made for writing.
pub(super) fn not_writable(path: &Path, action: &'static str, source: io::Error) -> WimError {
    match source.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::ExecutableFileBusy => {
            WimError::NotWritable { path: path.to_path_buf(), source }
        }
        _ => WimError::io(path, action, source),
    }
}
