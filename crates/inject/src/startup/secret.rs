//! The CHAP secret in an image: whether it is there, whether changes remove it, and what reports show.

use winpe_wim::{Archive, FileChange, ImageChanges, WimError};

use crate::files::own::secret_file;
use crate::image::{ImagePath, ImageView};
use crate::report::{FileReport, Report};

/// Whether an image holds a CHAP secret that inject put in, as plain text.
///
/// # Errors
/// Those of reading the image.
pub fn holds_secret(archive: &Archive, image: u32) -> Result<bool, WimError> {
    Ok(ImageView { archive, image }.file(&secret_file())?.is_some())
}

/// Whether changes of an image remove or replace a CHAP secret. The old data must then be overwritten in
/// the WIM: [`CommitOptions::erase`](winpe_wim::CommitOptions::erase).
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

/// Whether the image holds a secret after the changes.
pub(crate) fn left(
    archive: &Archive,
    image: u32,
    changes: &[ImageChanges],
) -> Result<bool, WimError> {
    let own = changes.iter().filter(|changes| changes.image == image);
    let last = own.flat_map(|changes| &changes.changes).rfind(|change| concerns(change));
    match last {
        Some(FileChange::Delete { .. }) => Ok(false),
        Some(FileChange::Put { .. }) => Ok(true),
        _ => holds_secret(archive, image),
    }
}

/// Whether a change concerns the file with the secret, or a folder above it.
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

/// A report without the digests by which a short secret could be found by trial.
pub(crate) fn without_digests(mut report: Report) -> Report {
    let mut found = false;
    for file in report.files.iter_mut().filter(|file| file.path == secret_file()) {
        file.hide_digests();
        found = true;
    }
    // The record holds the digests of all files.
    if found {
        report.record.iter_mut().for_each(FileReport::hide_digests);
    }
    report
}

#[cfg(test)]
mod tests {
    use winpe_wim::Content;

    use super::*;

    #[test]
    fn a_change_of_the_file_or_of_a_folder_above_it_concerns_the_secret() {
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
