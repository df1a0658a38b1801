//! Finds the INFs that a `--driver` means.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use winpe_disk::folder::{Folder, Identity, Kind};

use super::archive::Archive;
use super::error::DriverError;
use super::limits::{MAX_DEPTH, MAX_ENTRIES, MAX_INFS};
use super::pack::Pack;

/// The INFs that a user means.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) pack: Pack,
    /// Whether the user named the folder of the INFs, or the INF, and not a tree.
    pub(super) is_named: bool,
    /// The folders with INFs within the pack, and the names of the INFs, sorted.
    pub(super) folders: Vec<(PathBuf, Vec<OsString>)>,
}

impl Search {
    /// The INF itself, those of the folder, or if it has none, those below; those of an archive.
    pub(super) fn of(path: &Path) -> Result<Self, DriverError> {
        let unreadable = |source| DriverError::Read { path: path.into(), source };
        if !fs::metadata(path).map_err(unreadable)?.is_dir() {
            return Self::of_file(path);
        }
        let pack = Pack::folder(Folder::open(path)?);
        let infs = infs(&pack, Path::new(""))?;
        if !infs.is_empty() {
            return Ok(Self { pack, is_named: true, folders: vec![(PathBuf::new(), infs)] });
        }
        Self::of_tree(pack)
    }

    fn of_file(path: &Path) -> Result<Self, DriverError> {
        if let (true, Some(name)) = (is_inf(path), path.file_name()) {
            let folder = path.parent().unwrap_or(Path::new(""));
            let pack = Pack::folder(Folder::open(folder)?);
            let folders = vec![(PathBuf::new(), vec![name.to_owned()])];
            return Ok(Self { pack, is_named: true, folders });
        }
        let unreadable = |source: io::Error| DriverError::Read { path: path.into(), source };
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(DriverError::NotAPack(path.into()));
        }
        let file = File::open(path).map_err(unreadable)?;
        let failed = |source| DriverError::Archive { path: path.into(), source };
        match Archive::unpack(file).map_err(failed)? {
            Some(archive) => Self::of_tree(Pack::archive(path, archive)),
            None => Err(DriverError::NotAPack(path.into())),
        }
    }

    fn of_tree(pack: Pack) -> Result<Self, DriverError> {
        let mut walk =
            Walk { pack: &pack, known: HashSet::new(), entries: 0, infs: 0, folders: vec![] };
        walk.folder(Path::new(""), 0)?;
        let folders = walk.folders;
        if folders.is_empty() {
            return Err(DriverError::NoInf(pack.path().into()));
        }
        Ok(Self { pack, is_named: false, folders })
    }
}

/// A walk through a tree. Each folder is visited once, so that links within the tree make no loops.
struct Walk<'p> {
    pack: &'p Pack,
    known: HashSet<Identity>,
    entries: usize,
    infs: usize,
    folders: Vec<(PathBuf, Vec<OsString>)>,
}

impl Walk<'_> {
    fn folder(&mut self, below: &Path, depth: usize) -> Result<(), DriverError> {
        if let Some(identity) = self.pack.identity(below)?
            && !self.known.insert(identity)
        {
            return Ok(());
        }
        let too_large = |what, limit| {
            let path = self.pack.path().into();
            Err(DriverError::TooLarge { path, what, limit })
        };
        if depth > MAX_DEPTH {
            return too_large("levels of folders", MAX_DEPTH);
        }
        let names = self.pack.names(below)?;
        self.entries += names.len();
        if self.entries > MAX_ENTRIES {
            return too_large("files and folders", MAX_ENTRIES);
        }
        let mut infs = Vec::new();
        let mut folders = Vec::new();
        for name in names {
            let path = below.join(&name);
            match self.pack.kind(&path)? {
                Some(Kind::Folder) => folders.push(path),
                Some(Kind::File { .. }) if is_inf(&path) => infs.push(name),
                _ => {}
            }
        }
        self.infs += infs.len();
        if self.infs > MAX_INFS {
            return too_large(".inf files", MAX_INFS);
        }
        if !infs.is_empty() {
            self.folders.push((below.into(), infs));
        }
        folders.iter().try_for_each(|path| self.folder(path, depth + 1))
    }
}

/// The names of the INFs in a folder of a pack, sorted.
fn infs(pack: &Pack, folder: &Path) -> Result<Vec<OsString>, DriverError> {
    let mut infs = Vec::new();
    for name in pack.names(folder)? {
        let path = folder.join(&name);
        if is_inf(&path) && matches!(pack.kind(&path)?, Some(Kind::File { .. })) {
            infs.push(name);
        }
    }
    Ok(infs)
}

fn is_inf(path: &Path) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case("inf"))
}
