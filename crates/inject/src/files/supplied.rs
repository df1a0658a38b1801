//! Files that a profile's parts take from the source.

use crate::image::ImagePath;

/// The files of the parts.
#[derive(Debug, Default)]
pub(crate) struct SuppliedFiles {
    /// Files of the source that the image lacks.
    pub(crate) new: Vec<SuppliedFile>,
    /// Files that the image has, and what each is for.
    pub(crate) kept: Vec<(ImagePath, String)>,
}

/// A file of the source.
#[derive(Debug)]
pub(crate) struct SuppliedFile {
    pub(crate) path: ImagePath,
    pub(crate) data: Vec<u8>,
    /// What the file is for.
    pub(crate) why: String,
}
