//! An archive of drivers, unpacked into a file without a name.

mod cab;
#[cfg(test)]
mod tests;
mod zip;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use winpe_disk::folder::Kind;
use winpe_wim::name_refusal;

use super::search::{MAX_DEPTH, MAX_ENTRIES};

/// Why an archive of drivers cannot be unpacked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The archive, or the file into which it is unpacked, cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The archive is damaged, encrypted, or compressed as archives of drivers are not.
    #[error("{name}: {why}")]
    Entry {
        /// The entry.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The archive as a whole is damaged, or is part of a set.
    #[error("{0}")]
    Bad(String),
    /// A name that Windows refuses, or that leads out of the archive.
    #[error("{name:?} is not the name of a file in an archive")]
    BadName {
        /// The name.
        name: String,
    },
    /// It has more entries than any pack of drivers.
    #[error("has {found} entries: expected at most {limit}")]
    TooMany {
        /// How many.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Unpacked, it is larger than an archive of drivers can be.
    #[error("its content is larger than {limit} bytes, which is expected at most for its size")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

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

#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    size: u64,
}

/// The most bytes of contents for an archive of a size. Drivers compress to a third or a tenth; what
/// compresses better is made to fill disks.
fn most_content(size: u64) -> u64 {
    (size.saturating_mul(16)).saturating_add(8 << 20).min(4 << 30)
}

/// The longest path, in bytes; Windows has 260 characters.
const MAX_PATH: usize = 512;

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
        unpacking.finish().map(Some)
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
}

/// An archive while it is unpacked.
struct Unpacking {
    data: BufWriter<File>,
    files: BTreeMap<PathBuf, Extent>,
    folders: BTreeMap<PathBuf, BTreeSet<OsString>>,
    limit: u64,
    written: u64,
}

impl Unpacking {
    fn new(limit: u64) -> Result<Self, ArchiveError> {
        let data = BufWriter::new(tempfile::tempfile()?);
        let folders = BTreeMap::from([(PathBuf::new(), BTreeSet::new())]);
        Ok(Self { data, files: BTreeMap::new(), folders, limit, written: 0 })
    }

    /// Adds a file, with all that its reader gives. Of two with the same name the first counts.
    fn add(&mut self, name: &str, content: impl Read) -> Result<(), ArchiveError> {
        let path = self.place(name)?;
        let start = self.written;
        let left = self.limit - start;
        let size = io::copy(&mut content.take(left + 1), &mut self.data)
            .map_err(|error| entry(name, error))?;
        if size > left {
            return Err(ArchiveError::TooLarge { limit: self.limit });
        }
        self.written += size;
        self.files.entry(path).or_insert(Extent { start, size });
        Ok(())
    }

    /// Adds the folders above a file. Returns the file's path.
    fn place(&mut self, name: &str) -> Result<PathBuf, ArchiveError> {
        let bad = || ArchiveError::BadName { name: name.to_owned() };
        let mut names: Vec<&str> = name.split(['/', '\\']).collect();
        // `./name`
        names.retain(|name| *name != ".");
        let refused = names.iter().any(|name| name_refusal(name).is_some());
        if refused || names.is_empty() || names.len() > MAX_DEPTH + 1 || name.len() > MAX_PATH {
            return Err(bad());
        }
        let mut path = PathBuf::new();
        for (index, name) in names.iter().enumerate() {
            let below = path.join(name);
            let is_last = index + 1 == names.len();
            // A file cannot be a folder too.
            if if is_last {
                self.folders.contains_key(&below)
            } else {
                self.files.contains_key(&below)
            } {
                return Err(bad());
            }
            self.folders.entry(path).or_default().insert(name.into());
            if !is_last {
                self.folders.entry(below.clone()).or_default();
            }
            path = below;
        }
        Ok(path)
    }

    fn finish(self) -> Result<Archive, ArchiveError> {
        let data = self.data.into_inner().map_err(io::IntoInnerError::into_error)?;
        let left = Cell::new(self.limit);
        let (files, folders, limit) = (self.files, self.folders, self.limit);
        Ok(Archive { data, files, folders, left, limit })
    }
}

fn check_count(found: usize) -> Result<(), ArchiveError> {
    if found > MAX_ENTRIES {
        return Err(ArchiveError::TooMany { found, limit: MAX_ENTRIES });
    }
    Ok(())
}

fn entry(name: &str, error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Entry { name: name.to_owned(), why: error.to_string() }
}
