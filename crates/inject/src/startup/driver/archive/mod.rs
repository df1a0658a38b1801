//! An archive of drivers, unpacked into a file without a name.

mod cab;
mod error;
#[cfg(test)]
mod tests;
mod unpacking;
mod zip;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use winpe_disk::folder::Kind;

pub use error::ArchiveError;

use unpacking::{Extent, Unpacking};

/// An unpacked archive.
#[derive(Debug)]
pub(super) struct Archive {
    /// The contents, one after another.
    data: File,
    /// Where the content of each file is in `data`.
    files: BTreeMap<PathBuf, Extent>,
    /// The names in each folder; the empty path is the top.
    folders: BTreeMap<PathBuf, BTreeSet<OsString>>,
    /// How many bytes may still be taken as contents, which are held in memory.
    left: Cell<u64>,
    limit: u64,
}

/// The most bytes of contents for an archive of a size. Drivers compress to a third or a tenth; what
/// compresses better is made to fill disks.
fn most_content(size: u64) -> u64 {
    (size.saturating_mul(16)).saturating_add(8 << 20).min(4 << 30)
}

impl Archive {
    /// Unpacks a ZIP or cabinet file; `None` if the file begins like neither.
    pub(super) fn unpack(mut file: File) -> Result<Option<Self>, ArchiveError> {
        let mut magic = Vec::new();
        (&file).take(4).read_to_end(&mut magic)?;
        file.seek(SeekFrom::Start(0))?;
        let limit = most_content(file.metadata()?.len());
        let mut unpacking = Unpacking::new(limit)?;
        match magic.as_slice() {
            b"PK\x03\x04" | b"PK\x05\x06" => zip::unpack(file, &mut unpacking)?,
            b"MSCF" => cab::unpack(file, &mut unpacking)?,
            _ => return Ok(None),
        }
        Self::finished(unpacking).map(Some)
    }

    pub(super) fn kind(&self, path: &Path) -> Option<Kind> {
        if let Some(extent) = self.files.get(path) {
            return Some(Kind::File { size: extent.size });
        }
        self.folders.contains_key(path).then_some(Kind::Folder)
    }

    pub(super) fn names(&self, folder: &Path) -> Vec<OsString> {
        self.folders.get(folder).into_iter().flatten().cloned().collect()
    }

    /// Reads a file up to a limit.
    pub(super) fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let extent = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let size = usize::try_from(extent.size.min(limit)).map_err(io::Error::other)?;
        let mut data = vec![0; size];
        self.data.read_exact_at(&mut data, extent.start)?;
        Ok(data)
    }

    /// The content of a file for an image. All of these together may be as large as an archive's content.
    pub(super) fn content(&self, path: &Path) -> Result<Vec<u8>, ArchiveError> {
        let size = self.files.get(path).map_or(0, |extent| extent.size);
        let left = self.left.get().checked_sub(size);
        let left = left.ok_or(ArchiveError::TooLarge { limit: self.limit })?;
        self.left.set(left);
        Ok(self.read(path, u64::MAX)?)
    }

    fn finished(unpacking: Unpacking) -> Result<Self, ArchiveError> {
        let Unpacking { data, files, folders, limit, written: _ } = unpacking;
        let data = data.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self { data, files, folders, left: Cell::new(limit), limit })
    }
}
