//! Where a changed hive goes.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use winpe_disk::newfile;
use winpe_hive::{FileTime, Hive};
use winpe_inject::{ImagePath, ImageSelector};
use winpe_wim::{Archive, Content, FileChange, Target};

use super::input::Place;
use crate::atomic_file;
use crate::failure::Failure;
use crate::inject::source_date_epoch;
use crate::output::Output;
use crate::printer::Printer;
use crate::wim;

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
            (None, Place::Image { wim, .. }) => {
                Archive::open(wim)?.check_target(&Target::InPlace, false)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Refuses a changed hive that cannot be written in place, before a line of the change is shown.
    pub(super) fn admits(&self, place: &Place, hive: &Hive) -> Result<(), Failure> {
        if self.output.is_some() || !hive.is_modified() {
            return Ok(());
        }
        place.check_writable()
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
            (None, Place::Image { wim, image, path }) => {
                return write_to_image(wim, image, path, bytes, printer);
            }
        };
        // A result that cannot be written is an error before anything is changed.
        printer.finish()?;
        atomic_file::replace(path, Some(place.file()), bytes, printer)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        printer.status(format_args!("{} is written, {} bytes", path.display(), bytes.len()));
        Ok(())
    }
}

impl Place {
    /// Refuses what cannot be written in place. Unlike [`Output::allows`] it is for a result that differs: a
    /// read-only image is an error only if it would be written to.
    pub(super) fn check_writable(&self) -> Result<(), Failure> {
        match self {
            Self::File(path) if is_device(path) => Ok(()),
            Self::File(path) => newfile::check(path, true)
                .map_err(|error| Failure::new(format!("{}: {error}", path.display()))),
            Self::Image { wim, .. } => {
                Archive::open(wim)?.check_target(&Target::InPlace, true)?;
                Ok(())
            }
        }
    }
}

/// Whether a path is a pipe or a device, which is written to as it is.
fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Puts a hive back into its image.
fn write_to_image(
    file: &Path,
    image: &ImageSelector,
    path: &ImagePath,
    bytes: &[u8],
    printer: &mut Printer,
) -> Result<(), Failure> {
    // A result that cannot be written is an error before anything is changed.
    printer.finish()?;
    let archive = Archive::open(file)?;
    let image = archive.select(image)?;
    let content = Content::Bytes(bytes.to_vec());
    let changes = vec![FileChange::Put { path: path.to_string(), content }];
    let committed = wim::commit(archive, image, changes, printer)?;
    let appended = committed.appended;
    printer.status(format_args!("{} is changed; {appended} bytes were appended", file.display()));
    Ok(())
}

/// Makes edits repeat byte for byte where `SOURCE_DATE_EPOCH` asks for it.
pub(super) fn set_time(hive: &mut Hive) -> Result<(), Failure> {
    if let Some(time) = fixed_time()? {
        hive.set_time(time);
    }
    Ok(())
}

/// The time of `SOURCE_DATE_EPOCH`.
pub(super) fn fixed_time() -> Result<Option<FileTime>, Failure> {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = source_date_epoch()?.map(seconds);
    Ok(time.map(|seconds| FileTime::from_unix(seconds.cast_signed())))
}
