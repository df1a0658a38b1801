//! A pack of drivers: a folder, or an unpacked archive, in which files are found by their Windows names.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use winpe_disk::folder::{Folder, Identity, Kind};
use winpe_wim::Content;

use super::archive::Archive;
use super::error::DriverError;
use crate::image::ImagePath;

/// A pack of drivers. Paths are relative to it.
#[derive(Debug)]
pub(super) struct Pack {
    place: Place,
    /// The names in each folder that was searched.
    known: RefCell<HashMap<PathBuf, Rc<Names>>>,
}

#[derive(Debug)]
enum Place {
    Folder(Folder),
    Archive { path: PathBuf, archive: Archive },
}

/// The names in a folder, by what they are to Windows.
type Names = BTreeMap<ImagePath, Vec<OsString>>;

impl Pack {
    pub(super) fn folder(folder: Folder) -> Self {
        Self { place: Place::Folder(folder), known: RefCell::default() }
    }

    pub(super) fn archive(path: &Path, archive: Archive) -> Self {
        let place = Place::Archive { path: path.into(), archive };
        Self { place, known: RefCell::default() }
    }

    /// The path of the folder or archive.
    pub(super) fn path(&self) -> &Path {
        match &self.place {
            Place::Folder(folder) => folder.path(),
            Place::Archive { path, .. } => path,
        }
    }

    /// The type of what is at a path.
    pub(super) fn kind(&self, path: &Path) -> Result<Option<Kind>, DriverError> {
        match &self.place {
            Place::Folder(folder) => Ok(folder.kind(path)?),
            Place::Archive { archive, .. } => Ok(archive.kind(path)),
        }
    }

    /// The names in a folder, sorted.
    pub(super) fn names(&self, path: &Path) -> Result<Vec<OsString>, DriverError> {
        match &self.place {
            Place::Folder(folder) => Ok(folder.subfolder(path)?.names()?),
            Place::Archive { archive, .. } => Ok(archive.names(path)),
        }
    }

    /// The identity of a folder, if links may lead to it.
    pub(super) fn identity(&self, path: &Path) -> Result<Option<Identity>, DriverError> {
        match &self.place {
            Place::Folder(folder) => Ok(Some(folder.subfolder(path)?.identity()?)),
            Place::Archive { .. } => Ok(None),
        }
    }

    /// Reads a file up to a limit, beyond which there may be more.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DriverError> {
        let failed = |source| DriverError::Read { path: self.path().join(path), source };
        let mut data = Vec::new();
        match &self.place {
            Place::Folder(folder) => {
                folder.open_file(path)?.take(limit).read_to_end(&mut data).map_err(failed)?;
            }
            Place::Archive { archive, .. } => data = archive.read(path, limit).map_err(failed)?,
        }
        Ok(data)
    }

    /// What a file becomes in an image.
    pub(super) fn content(&self, path: &Path) -> Result<Content, DriverError> {
        match &self.place {
            Place::Folder(folder) => Ok(Content::File(folder.path().join(path))),
            Place::Archive { path: name, archive } => archive
                .content(path)
                .map(Content::Bytes)
                .map_err(|source| DriverError::Archive { path: name.clone(), source }),
        }
    }

    /// Finds a file below a folder without regard to case. Returns its path, and its path below the folder
    /// as an image spells it.
    pub(super) fn find(
        &self,
        folder: &Path,
        place: &ImagePath,
    ) -> Result<Option<(PathBuf, ImagePath)>, DriverError> {
        let mut found = folder.to_path_buf();
        let mut real = ImagePath::new("");
        for part in place.names() {
            let Some(name) = self.one_name(&found, part)? else { return Ok(None) };
            real = real.join(&name.to_string_lossy());
            found.push(name);
        }
        let is_file = matches!(self.kind(&found)?, Some(Kind::File { .. }));
        Ok(is_file.then_some((found, real)))
    }

    /// The only name in a folder that is this one to Windows.
    pub(super) fn one_name(
        &self,
        folder: &Path,
        name: &str,
    ) -> Result<Option<OsString>, DriverError> {
        let alike = self.names_alike(folder)?;
        match alike.get(&ImagePath::new(name)).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([name]) => Ok(Some(name.clone())),
            Some([name, other, ..]) => {
                let at = |name: &OsStr| self.path().join(folder).join(name);
                Err(DriverError::SameName { path: at(name), other: at(other) })
            }
        }
    }

    fn names_alike(&self, folder: &Path) -> Result<Rc<Names>, DriverError> {
        if let Some(known) = self.known.borrow().get(folder) {
            return Ok(Rc::clone(known));
        }
        let mut names = Names::new();
        if self.kind(folder)? == Some(Kind::Folder) {
            for name in self.names(folder)? {
                let Some(text) = name.to_str() else { continue };
                names.entry(ImagePath::new(text)).or_default().push(name);
            }
        }
        let names = Rc::new(names);
        self.known.borrow_mut().insert(folder.into(), Rc::clone(&names));
        Ok(names)
    }
}
