//! Where the CHAP secret is in an image, and what becomes of it.

use winpe_wim::{Archive, Content, FileChange, ImageChanges, WimError};

use crate::path::ImagePath;
use crate::startup::{NO_SECRET, secret_file};

/// Whether an image holds a CHAP secret that was put in, as plain text.
///
/// # Errors
/// Those of reading the image.
pub fn holds_secret(archive: &Archive, image: u32) -> Result<bool, WimError> {
    let entry = archive.entry(image, secret_file().as_str())?;
    let Some(entry) = entry.filter(|entry| !entry.is_dir) else { return Ok(false) };
    if entry.size != NO_SECRET.len() as u64 {
        return Ok(true);
    }
    Ok(archive.read(image, secret_file().as_str())? != NO_SECRET)
}

/// Whether changes of an image take a CHAP secret out of it, or put another in its place. What was there is
/// then to be overwritten in the WIM: [`CommitOptions::erase`](winpe_wim::CommitOptions::erase).
///
/// # Errors
/// Those of reading the image.
pub fn replaces_secret(
    archive: &Archive,
    image: u32,
    changes: &[FileChange],
) -> Result<bool, WimError> {
    Ok(changes.iter().any(concerns) && holds_secret(archive, image)?)
}

pub(crate) fn replaces(archive: &Archive, changes: &ImageChanges) -> Result<bool, WimError> {
    replaces_secret(archive, changes.image, &changes.changes)
}

/// Whether the image holds a secret once the changes are done.
pub(crate) fn left(
    archive: &Archive,
    image: u32,
    changes: &[ImageChanges],
) -> Result<bool, WimError> {
    let own = changes.iter().filter(|changes| changes.image == image);
    let last = own.flat_map(|changes| &changes.changes).rfind(|change| concerns(change));
    match last {
        Some(FileChange::Delete { .. }) => Ok(false),
        Some(FileChange::Put { content: Content::Bytes(bytes), .. }) => Ok(bytes != NO_SECRET),
        Some(FileChange::Put { .. }) => Ok(true),
        _ => holds_secret(archive, image),
    }
}

/// Whether a change is of the file with the secret, or of a folder above it.
fn concerns(change: &FileChange) -> bool {
    let secret = secret_file();
    let is_above = |path: &str| {
        let mut names = secret.names();
        ImagePath::new(path).names().all(|name| names.next().is_some_and(|own| equal(own, name)))
    };
    match change {
        FileChange::Put { path, .. } => ImagePath::new(path) == secret,
        FileChange::Delete { path, .. } | FileChange::Rename { from: path, .. } => is_above(path),
        FileChange::AddFolder { .. } | FileChange::SetInfo { .. } => false,
    }
}

fn equal(one: &str, other: &str) -> bool {
    ImagePath::new(one) == ImagePath::new(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_file_or_of_what_it_is_in_concerns_the_secret() {
        let delete = |path: &str| FileChange::Delete { path: path.to_owned(), recursive: true };
        let put =
            |path: &str| FileChange::Put { path: path.to_owned(), content: Content::Bytes(vec![]) };
        let rename = |from: &str| FileChange::Rename { from: from.to_owned(), to: "a".to_owned() };
        for change in [
            put(r"Windows\System32\winpe-iscsi\chap.cmd"),
            put("/windows/SYSTEM32/winpe-iscsi/CHAP.CMD"),
            delete(r"\Windows\System32\winpe-iscsi"),
            delete("windows"),
            delete(r"Windows\System32\winpe-iscsi\chap.cmd"),
            rename(r"Windows\System32\winpe-iscsi"),
        ] {
            assert!(concerns(&change), "{change:?}");
        }
        for change in [
            put(r"Windows\System32\winpe-iscsi\connect.cmd"),
            put(r"Windows\System32"),
            delete(r"Windows\System32\winpe-iscsi\chap.cmd\x"),
            delete(r"Windows\System32\drivers"),
            FileChange::AddFolder { path: r"Windows\System32\winpe-iscsi".to_owned() },
        ] {
            assert!(!concerns(&change), "{change:?}");
        }
    }
}
