//! ZIP files: stored and deflated entries.

use std::fs::File;
use std::io::BufReader;

use zip::ZipArchive;

use super::error::ArchiveError;
use super::unpacking::{Unpacking, check_count, entry};

/// Adds the files of a ZIP file.
pub(super) fn unpack(file: File, unpacking: &mut Unpacking) -> Result<(), ArchiveError> {
    let bad = |error: zip::result::ZipError| ArchiveError::Bad(error.to_string());
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(bad)?;
    check_count(zip.len())?;
    for index in 0..zip.len() {
        let name =
            zip.name_for_index(index).transpose().map_err(bad)?.unwrap_or_default().into_owned();
        let content = zip.by_index(index).map_err(|error| entry(&name, error))?;
        if content.is_symlink() {
            return Err(entry(&name, "it is a link, which archives of drivers do not have"));
        }
        if content.is_file() {
            unpacking.add(&name, content)?;
        }
    }
    Ok(())
}
