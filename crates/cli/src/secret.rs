//! What a person should know of the CHAP secret in a WIM.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use winpe_wim::Erasure;

use crate::printer::Printer;

/// A file that exists keeps its mode, since others may have to read it, as a web server.
pub(crate) fn warn_if_readable(wim: &Path, printer: &mut Printer) {
    let Ok(file) = fs::metadata(wim) else { return };
    let mode = file.permissions().mode() & 0o777;
    if mode & 0o004 != 0 {
        let wim = wim.display();
        printer.warning(format_args!(
            "{wim}: every user of this machine can read the CHAP secret in it (mode {mode:03o}); \
             close it: chmod 600 {wim}"
        ));
    }
}

/// Whether only its owner may read the file.
pub(crate) fn is_private(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 == 0)
}

/// A secret may have been among what was replaced.
pub(crate) fn warn_if_not_erased(wim: &Path, erased: &Erasure, printer: &mut Printer) {
    if matches!(erased, Erasure::Failed { .. }) {
        tell_erased(wim, erased, printer);
    }
}

/// Whether a secret that was taken out, or replaced, is gone from the file too.
pub(crate) fn tell_erased(wim: &Path, erased: &Erasure, printer: &mut Printer) {
    let wim = wim.display();
    match erased {
        Erasure::Done { .. } => printer.status(format_args!(
            "{wim}: what held the CHAP secret before is overwritten in the file"
        )),
        Erasure::Failed { why } => printer.warning(format_args!(
            "{wim}: the CHAP secret may still be in unused parts of the file ({why}); \
             winpe-iscsi wim optimize takes it out of the file"
        )),
        _ => {}
    }
}
