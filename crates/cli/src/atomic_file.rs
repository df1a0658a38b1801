//! Files that are written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use winpe_disk::newfile::{NewFile, Options};

use crate::failure::Failure;
use crate::printer::Printer;

/// Puts a file in its place: a crash leaves the old one or the new one. A file that was there keeps its
/// owner and mode; of a link, what it leads to is replaced. A file that is new gets those of `like`, less
/// what the umask takes away. A pipe or a device, such as `/dev/stdout`, is written to.
pub(crate) fn replace(
    path: &Path,
    like: Option<&Path>,
    bytes: &[u8],
    printer: &mut Printer,
) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        fs::OpenOptions::new().write(true).open(path)?.write_all(bytes)?;
        printer.file(path, true);
        return Ok(());
    }
    write(path, like, true, bytes, printer)
}

/// Writes a file that is not to exist yet.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`]: it does.
pub(crate) fn create(
    path: &Path,
    like: Option<&Path>,
    bytes: &[u8],
    printer: &mut Printer,
) -> io::Result<()> {
    write(path, like, false, bytes, printer)
}

fn write(
    path: &Path,
    like: Option<&Path>,
    overwrite: bool,
    bytes: &[u8],
    printer: &mut Printer,
) -> io::Result<()> {
    let new = begin(path, like, overwrite, printer)?;
    new.file().write_all(bytes)?;
    new.finish()?;
    printer.file(path, true);
    Ok(())
}

/// Why a file could not be created; `help` is for one that exists.
pub(crate) fn not_created(path: &Path, error: &io::Error, help: &str) -> Failure {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(format!("{} exists already", path.display())).hint(help)
        }
        _ => Failure::new(format!("{}: {error}", path.display())),
    }
}

/// Makes a file that appears when it is finished. One that replaces none gets owner and mode of `like`.
pub(crate) fn begin(
    path: &Path,
    like: Option<&Path>,
    overwrite: bool,
    printer: &mut Printer,
) -> io::Result<NewFile> {
    let like = like.and_then(|like| fs::metadata(like).ok());
    let new = NewFile::create(path, Options { overwrite, like: like.as_ref(), private: false })?;
    tell_swept(new.swept(), printer);
    Ok(new)
}

/// Names what interrupted runs had left.
pub(crate) fn tell_swept(swept: &[PathBuf], printer: &mut Printer) {
    for path in swept {
        let path = path.display();
        printer.status(format_args!("{path}, which an interrupted run had left, is removed"));
    }
}
