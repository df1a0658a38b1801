//! Files of an image, written to a folder of this machine.

use std::ffi::OsStr;
use std::path::Path;

use nix::sys::stat::{Mode, umask};
use winpe_disk::folder::Folder;
use winpe_wim::{ExtractOptions, Untimed};

use super::place::Found;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::secret;

/// What was written, and what of it has no place in a file system of Linux, as warnings.
#[derive(Default)]
pub(super) struct Extracted {
    pub(super) files: u64,
    pub(super) lost: Vec<String>,
    /// Whether a file is left out.
    pub(super) incomplete: bool,
}

/// Writes the file or folder into the folder `to`, under its own name, or else as `to`.
pub(super) fn extract(
    found: &Found,
    (to, into): (&Path, bool),
    overwrite: bool,
    printer: &mut Printer,
) -> Result<Extracted, Failure> {
    let (folder, name) = if into {
        (to, OsStr::new(found.path.rsplit('/').next().unwrap_or_default()))
    } else {
        let name = to.file_name();
        let not_a_name = || Failure::new(format!("{} is not the name of a copy", to.display()));
        (to.parent().unwrap_or(Path::new("/")), name.ok_or_else(not_a_name)?)
    };
    if secret::is_private(found.archive.path()) {
        // What comes out of a file that only its owner may read is for its owner only.
        umask(Mode::S_IRWXG | Mode::S_IRWXO);
    }
    let folder = Folder::open(folder).map_err(winpe_wim::WimError::from)?;
    let bar = printer.progress("extracting");
    let mut step = |progress| bar.step(progress);
    let options = ExtractOptions { progress: Some(&mut step), overwrite };
    let done = found.archive.extract(found.image, &found.path, &folder, name, options)?;
    printer.file(&folder.path().join(name), true);
    let streams = done.streams.iter().map(|(path, stream)| {
        format!("{}: the alternate stream {stream:?} is left out", found.shown(path))
    });
    let untimed = done.untimed.map(|Untimed { count, first, error, .. }| {
        let what = if count == 1 { "file or folder" } else { "files and folders" };
        format!("the time of {count} {what} cannot be set, {}: {error}", first.display())
    });
    let foreign = done.foreign.iter().map(|(path, tag)| {
        format!(
            "{} is left out: its data are in a reparse point ({tag:#010x}) that only Windows reads",
            found.shown(path)
        )
    });
    let foreign: Vec<String> = foreign.collect();
    let more = (done.more_streams > 0)
        .then(|| format!("{} more alternate streams are left out", done.more_streams));
    let incomplete = !foreign.is_empty();
    let lost = foreign.into_iter().chain(streams).chain(more).chain(untimed).collect();
    Ok(Extracted { files: done.files, lost, incomplete })
}
