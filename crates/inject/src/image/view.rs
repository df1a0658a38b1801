//! One image of a WIM.

use winpe_wim::{Archive, Entry, Image, WimError};

use super::ImagePath;

/// An image of a WIM, by its number. The image exists: whoever makes a view has selected it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageView<'a> {
    pub(crate) archive: &'a Archive,
    /// Counted from 1.
    pub(crate) image: u32,
}

impl<'a> ImageView<'a> {
    /// What the WIM's XML says of the image.
    pub(crate) fn described(self) -> Option<&'a Image> {
        self.archive.images().iter().find(|described| described.index == self.image)
    }

    /// The image's name; empty if it has none.
    pub(crate) fn name(self) -> String {
        self.described().map(|described| described.name.clone()).unwrap_or_default()
    }

    /// The path of the WIM, for reports.
    pub(crate) fn wim(self) -> String {
        self.archive.path().display().to_string()
    }

    /// A file or folder of the image.
    pub(crate) fn entry(self, path: &ImagePath) -> Result<Option<Entry>, WimError> {
        self.archive.entry(self.image, path.as_str())
    }

    /// A file of the image; `None` if there is no such file, or a folder instead.
    pub(crate) fn file(self, path: &ImagePath) -> Result<Option<Entry>, WimError> {
        Ok(self.entry(path)?.filter(|entry| !entry.is_dir))
    }

    /// The content of a file that exists.
    pub(crate) fn read(self, path: &ImagePath) -> Result<Vec<u8>, WimError> {
        self.archive.read(self.image, path.as_str())
    }
}
