//! `serve --export-files`: the files for another web server to hold.

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use winpe_disk::folder::Folder;
use winpe_netboot::config::Config;
use winpe_netboot::files::{Digest, File, FileRequest, FileSource};
use winpe_netboot::net::Interface;
use winpe_netboot::serve::Files;

use crate::failure::Failure;
use crate::printer::{Bar, Printer};
use crate::{Exit, Outcome};

/// Bytes copied at once.
const PIECE: u64 = 1 << 20;
/// What `sha256sum --check` reads.
const SUMS: &str = "SHA256SUMS";

/// Writes every file that clients load by HTTP below `folder`, each whole or not at all.
pub(super) fn export(
    config: &Config,
    interface: &Interface,
    folder: &Path,
    printer: &mut Printer,
) -> Outcome {
    let Some(base) = &config.serve.http_base else {
        let hint =
            "http-base = \"http://files.example.org/boot/\" in [serve] says where they will be";
        return Err(Failure::new("scripts and menus would name this machine").hint(hint));
    };
    let files = Files::prepare(config, interface.address).map_err(Failure::new)?;
    // What clients are to find there must be found here first.
    let mut all = config.clone();
    all.serve.http_base = None;
    let missing = Files::prepare(&all, interface.address).map_err(Failure::new)?.missing;
    let (client, local) = (interface.address.into(), interface.address.into());
    let mut open = Vec::new();
    for name in &files.by_http {
        let at = |why: String| Failure::new(format!("{name}: {why}"));
        let path = name.parse().map_err(|error| at(format!("{error}")))?;
        let request = FileRequest { path: &path, query: None, client, local };
        open.push((name, files.source.open(&request).map_err(|error| at(error.to_string()))?));
    }
    let total = open.iter().map(|(_, file)| file.len()).sum();
    let bar = printer.progress("writing");
    let (mut done, mut sums) = (0, String::new());
    let folder = Folder::open_or_make(folder)?;
    for (name, file) in &open {
        let to = folder.path().join(name);
        let failed = |error: io::Error| Failure::new(format!("{}: {error}", to.display()));
        let (above, name_there) = in_folder(&folder, name)?;
        let mut new = above.replacement(name_there.as_ref())?;
        write(file, new.file(), (&bar, &mut done, total)).map_err(failed)?;
        new.finish()?;
        let digest = Digest::of(file, |_| ControlFlow::Continue(())).map_err(failed)?;
        let digest = digest.expect("nothing breaks it off");
        sums.push_str(&format!("{digest}  {name}\n"));
    }
    drop(bar);
    let failed = |error: io::Error| Failure::new(format!("{SUMS}: {error}"));
    let mut new = folder.replacement(SUMS.as_ref())?;
    new.file().write_all(sums.as_bytes()).map_err(failed)?;
    new.file().set_permissions(readable()).map_err(failed)?;
    new.finish()?;
    let at = folder.path().display();
    printer.line(format_args!("{} files for {base} are in {at}", open.len()))?;
    for missing in &missing {
        printer.warning(missing);
    }
    Ok(if missing.is_empty() { Exit::Done } else { Exit::Differs })
}

/// The folder in which a file goes, made where it is missing, and the file's name there. Links that are in
/// the way are not followed: others may have put them there.
fn in_folder<'a>(top: &Folder, name: &'a str) -> Result<(Folder, &'a str), Failure> {
    let (folders, name) = name.rsplit_once('/').unwrap_or(("", name));
    let mut folder = top.descend("".as_ref())?;
    for name in folders.split('/').filter(|name| !name.is_empty()) {
        folder = folder.make(name.as_ref())?;
    }
    Ok((folder, name))
}

/// Writes a file that appears in its place when it is whole: a web server may have the folder.
fn write(
    file: &File,
    new: &mut fs::File,
    (bar, done, total): (&Bar, &mut u64, u64),
) -> io::Result<()> {
    new.set_permissions(readable())?;
    let mut offset = 0;
    let mut buffer = Vec::new();
    while offset < file.len() {
        let length = PIECE.min(file.len() - offset);
        buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
        file.read_exact_at(offset, &mut buffer)?;
        new.write_all(&buffer)?;
        offset += length;
        *done += length;
        bar.set(*done, total);
    }
    Ok(())
}

/// What everybody may read.
fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}
