//! The places of this program's own files in an image.

use crate::image::ImagePath;

/// The folder of all our files.
const FOLDER_PATH: &str = r"Windows\System32\winpe-iscsi";
/// The same, below `Windows\System32`.
pub(crate) const FOLDER: &str = "winpe-iscsi";
/// The only file that holds the CHAP name and secret.
pub(crate) const CHAP: &str = "chap.cmd";

/// Whether a path is below our folder.
pub(super) fn contains(path: &ImagePath) -> bool {
    path.is_below(&ImagePath::new(FOLDER_PATH))
}

/// A file in our folder.
pub(crate) fn file(name: &str) -> ImagePath {
    ImagePath::new(FOLDER_PATH).join(name)
}

/// The file of an image that holds the CHAP secret.
pub(crate) fn secret_file() -> ImagePath {
    file(CHAP)
}
