//! An export whose images boot by themselves.

use std::path::Path;

use winpe_disk::newfile::Interim;
use winpe_inject::{Session, Target};
use winpe_wim::{Archive, ExportOptions, Exported};

use crate::failure::Failure;
use crate::inject::source_date_epoch;

/// Copies images into a new file, with the folder that WinPE boots from in their registries.
///
/// The copy is made under a temporary name, and the file appears when it is complete. The name is that of
/// unfinished files, so that a later run removes what a killed one leaves; the lock keeps it from this one.
pub(super) fn export(
    source: &Archive,
    images: &[u32],
    target: &Path,
    overwrite: bool,
    options: ExportOptions<'_>,
) -> Result<Exported, Failure> {
    let wanted = Target::File { path: target.to_path_buf(), overwrite };
    source.check_new_file(target, overwrite)?;
    let failed = |error| Failure::new(format!("{}: {error}", target.display()));
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let copy = Interim::new(folder).map_err(failed)?;
    let copy = copy.path();
    let mut exported = source.export(images, copy, false, options)?;
    let session = Session::open_all(copy)?;
    session.archive().lock()?;
    let committed = session.stage_boot(source_date_epoch()?)?.commit(&wanted)?;
    exported.path = committed.path;
    exported.swept.extend(committed.swept);
    Ok(exported)
}
