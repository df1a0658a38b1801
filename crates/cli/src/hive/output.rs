//! Where a changed hive goes.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use winpe_disk::newfile;
use winpe_hive::{FileTime, Hive};

use super::input::Place;
use crate::atomic_file;
use crate::failure::Failure;
use crate::inject::source_date_epoch;
use crate::output::Output;
use crate::printer::Printer;

impl Output {
    /// Refuses what cannot be written before any work is done, in a dry run too.
    pub(super) fn allows(&self, place: &Place) -> Result<(), Failure> {
        match (&self.output, place) {
            (Some(path), _) => match newfile::check(path, self.force) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let failure = Failure::new(format!("{} exists already", path.display()));
                    Err(failure.hint("--force overwrites it"))
                }
                Err(_) if is_device(path) => Ok(()),
                Err(error) => Err(Failure::new(format!("{}: {error}", path.display()))),
                Ok(()) => Ok(()),
            },
            (None, Place::Image { .. }) => {
                let failure = Failure::new("a hive inside an image is not changed here");
                Err(failure.hint(
                    "-o OUT writes the hive to a file; to change the image itself, use \
                    winpe-iscsi inject with --reg or --add",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Writes the hive where it belongs, whole or not at all.
    pub(super) fn write(
        &self,
        place: &Place,
        bytes: &[u8],
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        let path = match (&self.output, place) {
            (Some(path), _) | (None, Place::File(path)) => path,
            (None, Place::Image { .. }) => return self.allows(place),
        };
        // A result that cannot be written is an error before anything is changed.
        printer.finish()?;
        atomic_file::replace(path, Some(place.file()), bytes, printer)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        printer.status(format_args!("{} is written, {} bytes", path.display(), bytes.len()));
        Ok(())
    }
}

/// Whether a path is a pipe or a device, which is written to as it is.
fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Makes edits repeat byte for byte where `SOURCE_DATE_EPOCH` asks for it.
pub(super) fn set_time(hive: &mut Hive) -> Result<(), Failure> {
    if let Some(time) = source_date_epoch()? {
        let seconds = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        hive.set_time(FileTime::from_unix(seconds.cast_signed()));
    }
    Ok(())
}
