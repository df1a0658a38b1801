//! Files named one by one.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use rustix::fs::{CWD, ResolveFlags};

use super::{File, FilePath, FileRequest, FileSource, OpenError, PathError};

/// Files named one by one, each made here or standing anywhere on a disk. Names are compared without
/// regard to ASCII case.
///
/// A path on a disk is the administrator's own, so that links are followed; the file is opened again each
/// time and may be replaced while it is served.
#[derive(Debug, Clone, Default)]
pub struct Catalog(BTreeMap<String, Named>);

/// A file and its name as it was spelt.
#[derive(Debug, Clone)]
struct Named {
    name: FilePath,
    entry: Entry,
}

#[derive(Debug, Clone)]
enum Entry {
    Made(File),
    Disk(PathBuf),
    PartOfDisk { path: PathBuf, start: u64, length: u64 },
}

impl Catalog {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more file; a name that is there already is replaced.
    ///
    /// # Errors
    /// Where the name is not allowed.
    pub fn with(self, name: &str, file: File) -> Result<Self, PathError> {
        self.insert(name, Entry::Made(file))
    }

    /// The same with one more file, of a disk.
    ///
    /// # Errors
    /// Where the name is not allowed.
    pub fn with_disk(self, name: &str, path: impl Into<PathBuf>) -> Result<Self, PathError> {
        self.insert(name, Entry::Disk(path.into()))
    }

    /// The same with one more file that is `length` bytes from `start` of one on a disk, as a file
    /// within an image is.
    ///
    /// # Errors
    /// Where the name is not allowed.
    pub fn with_part_of_disk(
        self,
        name: &str,
        path: impl Into<PathBuf>,
        start: u64,
        length: u64,
    ) -> Result<Self, PathError> {
        self.insert(name, Entry::PartOfDisk { path: path.into(), start, length })
    }

    fn insert(mut self, name: &str, entry: Entry) -> Result<Self, PathError> {
        let name: FilePath = name.parse()?;
        self.0.insert(name.as_str().to_ascii_lowercase(), Named { name, entry });
        Ok(self)
    }

    fn entry(&self, request: &FileRequest<'_>) -> Option<&Entry> {
        let named = self.0.get(&request.path.as_str().to_ascii_lowercase());
        named.map(|named| &named.entry)
    }

    /// The names, as they were spelt.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|named| named.name.as_str())
    }
}

impl FileSource for Catalog {
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
        match self.entry(request) {
            Some(Entry::Made(file)) => Ok(file.clone()),
            Some(Entry::Disk(path)) => open_disk(path),
            Some(Entry::PartOfDisk { path, start, length }) => {
                Ok(open_disk(path)?.part(*start, *length))
            }
            None => Err(OpenError::NotFound),
        }
    }

    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        match self.entry(request) {
            Some(Entry::Made(file)) => Some(Ok(file.clone())),
            Some(Entry::Disk(path)) => open_disk_now(path),
            Some(Entry::PartOfDisk { path, start, length }) => {
                Some(open_disk_now(path)?.map(|file| file.part(*start, *length)))
            }
            None => Some(Err(OpenError::NotFound)),
        }
    }
}

fn open_disk_now(path: &Path) -> Option<Result<File, OpenError>> {
    File::open_cached(CWD, path, ResolveFlags::empty())
}

fn open_disk(path: &Path) -> Result<File, OpenError> {
    // Opening a pipe would otherwise wait for its writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => OpenError::NotFound,
        _ => OpenError::Io(error),
    })?;
    File::regular(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_served_and_a_folder_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wim");
        let catalog = Catalog::new()
            .with_disk("boot.wim", &path)
            .and_then(|files| files.with_disk("folder", folder.path()))
            .and_then(|files| files.with_part_of_disk("tail", &path, 2, 9))
            .unwrap();
        let open = |name: &str| {
            let (client, local) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
            let path = name.parse().unwrap();
            catalog.open(&FileRequest { path: &path, query: None, client, local })
        };
        assert!(matches!(open("boot.wim"), Err(OpenError::NotFound)));
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(open("BOOT.WIM").unwrap().len(), 5);
        std::fs::write(&path, "123").unwrap();
        assert_eq!(open(r"\boot.wim").unwrap().len(), 3);
        assert_eq!(open("tail").unwrap().len(), 1, "no more than there is");
        assert!(matches!(open("folder"), Err(OpenError::NotRegular)));
    }
}
