//! The source: the Windows from which the files of a profile are taken.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use winpe_disk::folder::Folder;
use winpe_wim::{Archive, FormatError, ImageSelector, ReadError, WimError, WimPlace};

use super::{ImagePath, ImageView, Tree, TreeError};

/// A Windows, in an image or a folder, from which files and keys are taken.
#[derive(Debug)]
pub struct Source {
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Wim { archive: Box<Archive>, image: u32 },
    Folder(Folder),
}

impl Source {
    /// Opens `PATH[:IMAGE]`: a folder that holds `Windows`, a WIM with the image's number or name, or
    /// the ISO image of an installation disc, in which `sources\install.wim` or `install.esd` is used.
    ///
    /// The default image is the WIM's boot image, or the first if it has none: the editions in an
    /// `install.wim` share these files.
    ///
    /// # Errors
    /// [`SourceError`]: no such file, no such image (the error lists the images), or no `Windows` folder.
    pub fn open(spec: &str) -> Result<Self, SourceError> {
        let place = WimPlace::find(spec);
        let (image, path) = (place.image(), place.wim);
        if path.is_dir() {
            return Self::folder(&path);
        }
        Self::of(open_wim(&path)?, image.as_ref())
    }

    /// An image of a WIM that is open; without one, the boot image or the first.
    ///
    /// # Errors
    /// [`SourceError::Wim`]: it has no such image.
    pub fn of(archive: Archive, image: Option<&ImageSelector>) -> Result<Self, SourceError> {
        let image = match image {
            Some(image) => archive.select(image)?,
            None => archive.header().boot_index.unwrap_or(1),
        };
        // Fails where image 1 does not exist.
        let image = archive.select(&ImageSelector::Index(image))?;
        let name = format!("{}, image {image}", archive.path().display());
        Ok(Self { name, kind: Kind::Wim { archive: Box::new(archive), image } })
    }

    /// A folder that holds `Windows`, whatever is in its name.
    ///
    /// # Errors
    /// [`SourceError`]: it cannot be read, or has no `Windows` folder.
    pub fn folder(path: &Path) -> Result<Self, SourceError> {
        let folder = Folder::open(path).map_err(TreeError::from)?;
        if !Tree::Folder(&folder).has_folder(&ImagePath::new("Windows"))? {
            return Err(SourceError::WithoutWindows { path: path.into() });
        }
        Ok(Self { name: path.display().to_string(), kind: Kind::Folder(folder) })
    }

    /// Its name in a report.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The content of a file, or `None` if the source does not have it. Case is ignored.
    ///
    /// # Errors
    /// [`TreeError`] if the file exists and cannot be read.
    pub fn read(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, TreeError> {
        self.tree().read(path)
    }

    pub(crate) fn tree(&self) -> Tree<'_> {
        match &self.kind {
            Kind::Wim { archive, image } => ImageView { archive, image: *image }.tree(),
            Kind::Folder(folder) => Tree::Folder(folder),
        }
    }
}

/// Why a source cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The WIM or disc cannot be opened, or has no such image.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// The folder cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The folder holds no Windows.
    #[error("{} holds no Windows folder", path.display())]
    WithoutWindows {
        /// The folder.
        path: PathBuf,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A WIM, or the installation image of a disc.
fn open_wim(path: &Path) -> Result<Archive, WimError> {
    let not_a_wim = match Archive::open(path) {
        Err(error @ WimError::Format(FormatError::NotAWim { .. })) => error,
        opened => return opened,
    };
    match Archive::open_in_iso(path, "sources/install.wim") {
        Err(not_found @ WimError::Read(ReadError::NotInIso { .. })) => {
            match Archive::open_in_iso(path, "sources/install.esd") {
                // Most discs have the first.
                Err(WimError::Read(ReadError::NotInIso { .. })) => Err(not_found),
                opened => opened,
            }
        }
        Err(WimError::Format(FormatError::NotAnIso { .. })) => Err(not_a_wim),
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn folders_are_searched_without_case() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("WINDOWS/system32/Drivers")).unwrap();
        fs::write(dir.path().join("WINDOWS/system32/Drivers/MSISCSI.SYS"), b"driver").unwrap();
        let source = Source::open(dir.path().to_str().unwrap()).unwrap();
        let read = |path| source.read(&ImagePath::new(path)).unwrap();
        assert_eq!(read(r"Windows\System32\drivers\msiscsi.sys").as_deref(), Some(&b"driver"[..]));
        assert_eq!(read(r"Windows\System32\drivers\other.sys"), None);
        assert_eq!(read(r"Windows\System32\drivers"), None, "a folder is no file");
        assert_eq!(read(r"Windows\System32\drivers\msiscsi.sys\deeper"), None);
    }

    #[test]
    fn a_folder_without_windows_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Source::open(dir.path().to_str().unwrap()).unwrap_err();
        assert!(matches!(error, SourceError::WithoutWindows { .. }), "{error}");
    }
}
