//! What is at the place of a planned file.

use std::collections::BTreeSet;

use super::{AdditionError, FilesError};
use crate::image::{ImagePath, ImageView};

/// A file of the image as the WIM describes it.
pub(super) struct Present {
    pub(super) size: u64,
    /// `None` for an empty file.
    pub(super) sha1: Option<[u8; 20]>,
}

/// The file at a path. A folder there is an error, and so is a file in the place of a folder above it.
pub(super) fn present(
    image: ImageView<'_>,
    path: &ImagePath,
) -> Result<Option<Present>, FilesError> {
    let bad = |why| Err(AdditionError::BadDestination { path: path.to_string(), why }.into());
    match image.entry(path)? {
        Some(entry) if entry.is_dir => return bad("the image has a folder there"),
        Some(entry) => return Ok(Some(Present { size: entry.size, sha1: entry.sha1 })),
        None => {}
    }
    let mut folder = path.folder();
    while !folder.as_str().is_empty() {
        match image.entry(&folder)? {
            Some(entry) if entry.is_dir => break,
            Some(_) => return bad("the image has a file in the place of a folder above it"),
            None => folder = folder.folder(),
        }
    }
    Ok(None)
}

/// Refuses a planned file that is in the place of a folder above another one.
pub(super) fn refuse_nested<'p>(
    planned: impl Iterator<Item = &'p ImagePath>,
) -> Result<(), AdditionError> {
    let planned: BTreeSet<&ImagePath> = planned.collect();
    for path in &planned {
        let mut folder = path.folder();
        while !folder.as_str().is_empty() {
            if planned.contains(&folder) {
                let why = "another file is put in the place of a folder above it";
                return Err(AdditionError::BadDestination { path: path.to_string(), why });
            }
            folder = folder.folder();
        }
    }
    Ok(())
}
