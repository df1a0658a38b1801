//! Whether another WIM is already what a commit would write.

use std::collections::BTreeMap;

use winpe_wim::{Archive, Content, Entry, FileChange, ImageChanges};

use crate::hives::have_same_content;
use crate::image::{ContentHash, ImagePath, ImageView, TreeError};
use crate::report::Report;

/// An entry of the image that would be written.
enum Expected<'c> {
    /// One that stays as it is.
    Kept(Box<Entry>),
    /// A folder that is added.
    Folder,
    /// A file with new content, and the SHA-1 of that; `None` for an empty one.
    File { content: &'c Content, sha1: Option<[u8; 20]> },
}

/// Whether `other` has the images, names and contents that the changes give `archive`. Hives are compared by
/// their keys and values, since their bytes hold the time of the run.
pub(crate) fn is_outcome(
    archive: &Archive,
    changes: &[ImageChanges],
    reports: &[Report],
    adds_integrity: bool,
    other: &Archive,
) -> Result<bool, TreeError> {
    let (old, new) = (archive.header(), other.header());
    let integrity = old.integrity || adds_integrity;
    if (old.boot_index, integrity, old.compression, old.chunk_size)
        != (new.boot_index, new.integrity, new.compression, new.chunk_size)
        || archive.images().len() != other.images().len()
    {
        return Ok(false);
    }
    for (described, theirs) in archive.images().iter().zip(other.images()) {
        let of_image = changes.iter().filter(|changes| changes.image == described.index);
        let expected = expected(archive, described.index, of_image.flat_map(|it| &it.changes))?;
        let reports = reports.iter().filter(|report| report.image == described.index);
        let hives: Vec<&ImagePath> =
            reports.flat_map(|report| &report.hives).map(|hive| &hive.file).collect();
        let view = ImageView { archive: other, image: described.index };
        if described.name != theirs.name || !has(view, expected, &hives)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The entries of an image after the changes.
fn expected<'c>(
    archive: &Archive,
    image: u32,
    changes: impl Iterator<Item = &'c FileChange>,
) -> Result<BTreeMap<ImagePath, Expected<'c>>, TreeError> {
    let mut expected = BTreeMap::new();
    for entry in archive.below(image, "")? {
        let path = ImagePath::new(&entry.path.to_string());
        expected.insert(path, Expected::Kept(Box::new(entry)));
    }
    for change in changes {
        match change {
            FileChange::Put { path, content } => {
                let hash = match content {
                    Content::Bytes(data) => ContentHash::of(data),
                    Content::File(from) => ContentHash::of_file(from)
                        .map_err(|source| TreeError::Read { path: from.clone(), source })?,
                    Content::Blob(sha1) => ContentHash::of_blob(archive.blob_reader(sha1)?)?,
                };
                let path = ImagePath::new(path);
                let mut folder = path.folder();
                while !expected.contains_key(&folder) {
                    expected.insert(folder.clone(), Expected::Folder);
                    folder = folder.folder();
                }
                let sha1 = (hash.size > 0).then_some(hash.sha1);
                expected.insert(path, Expected::File { content, sha1 });
            }
            FileChange::Delete { path, .. } => drop(expected.remove(&ImagePath::new(path))),
            // A job has none of these.
            FileChange::AddFolder { .. }
            | FileChange::SetInfo { .. }
            | FileChange::Rename { .. } => {}
        }
    }
    Ok(expected)
}

/// Whether an image has exactly these entries.
fn has(
    image: ImageView<'_>,
    mut expected: BTreeMap<ImagePath, Expected<'_>>,
    hives: &[&ImagePath],
) -> Result<bool, TreeError> {
    for entry in image.archive.below(image.image, "")? {
        let path = ImagePath::new(&entry.path.to_string());
        let is_it = match expected.remove(&path) {
            None => false,
            Some(Expected::Folder) => entry.is_dir,
            Some(Expected::Kept(kept)) => {
                let what = |it: &Entry| (it.is_dir, it.sha1, it.attributes, it.reparse_sha1);
                what(&kept) == what(&entry) && kept.security == entry.security
            }
            Some(Expected::File { sha1, .. }) if sha1 == entry.sha1 && !entry.is_dir => true,
            Some(Expected::File { content: Content::Bytes(bytes), .. })
                if !entry.is_dir && hives.contains(&&path) =>
            {
                have_same_content(bytes, image.read(&path)?)
            }
            Some(Expected::File { .. }) => false,
        };
        if !is_it {
            return Ok(false);
        }
    }
    Ok(expected.is_empty())
}
