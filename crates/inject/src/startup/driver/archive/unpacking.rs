//! An archive while it is unpacked into a file without a name.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::PathBuf;

use winpe_wim::name_refusal;

use super::error::ArchiveError;
use crate::startup::driver::limits::{MAX_DEPTH, MAX_ENTRIES};

/// The longest path, in bytes; Windows has 260 characters.
pub(super) const MAX_PATH: usize = 512;

/// An archive while it is unpacked.
pub(super) struct Unpacking {
    pub(super) data: BufWriter<File>,
    pub(super) files: BTreeMap<PathBuf, Extent>,
    pub(super) folders: BTreeMap<PathBuf, BTreeSet<OsString>>,
    pub(super) limit: u64,
    pub(super) written: u64,
}

impl Unpacking {
    pub(super) fn new(limit: u64) -> Result<Self, ArchiveError> {
        let data = BufWriter::new(tempfile::tempfile()?);
        let folders = BTreeMap::from([(PathBuf::new(), BTreeSet::new())]);
        Ok(Self { data, files: BTreeMap::new(), folders, limit, written: 0 })
    }

    /// Adds a file, with all that its reader gives. Of two with the same name the first counts.
    pub(super) fn add(&mut self, name: &str, content: impl Read) -> Result<(), ArchiveError> {
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
}

pub(super) fn check_count(found: usize) -> Result<(), ArchiveError> {
    if found > MAX_ENTRIES {
        return Err(ArchiveError::TooMany { found, limit: MAX_ENTRIES });
    }
    Ok(())
}

pub(super) fn entry(name: &str, error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Entry { name: name.to_owned(), why: error.to_string() }
}

/// Where the content of a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) size: u64,
}
