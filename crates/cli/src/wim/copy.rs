//! `winpe-iscsi wim cp`: between an image and the folders of this machine.

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_disk::folder::{Folder, Identity, Kind};
use winpe_wim::{Committed, Content, FileChange};

use super::commit;
use super::extract::{Extracted, extract};
use super::place::{Found, Place};
use crate::failure::Failure;
use crate::kind;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Copy files and folders into an image, or out of one
///
/// Examples:
///   winpe-iscsi wim cp startnet.cmd winpe.wim:Windows/System32
///   winpe-iscsi wim cp tools/ winpe.wim:Tools
///   winpe-iscsi wim cp overlay/. winpe.wim:
///   winpe-iscsi wim cp install.wim:1:Windows/System32/drivers/msiscsi.sys .
///   winpe-iscsi wim cp winpe.wim:Windows/System32 ./System32
///
/// Where the destination is a folder, or ends with /, copies go into it under their own names;
/// otherwise it is the name of the copy. Folders are copied with everything in them, and into a folder
/// of their name; of DIR/. the content is copied.
///
/// Into an image, everything is copied at once or nothing; a file that is there gets new content and
/// stays the same file otherwise. Links within a folder are followed, and none that leads out of it. Out of an image, links within Windows become symbolic links, times
/// are kept where they can be, and nothing is overwritten without --force. If a file is left out, since only
/// Windows finds its data, the command exits with 1. Nothing is written outside of
/// the destination: links in it are not followed, and an image whose entries would lead out of it is
/// refused before anything is written.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// What to copy, and where to: one side is in a WIM, WIM[:IMAGE]:PATH
    #[arg(value_names = ["SRC", "DEST"], num_args = 2.., required = true)]
    words: Vec<String>,
    /// Overwrite files of this machine
    #[arg(short, long)]
    force: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct CopiedIn {
    wim: String,
    image: u32,
    added: u64,
    replaced: u64,
    same: u64,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct CopiedOut {
    files: u64,
    warnings: Vec<String>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let (to, from) = args.words.split_last().ok_or_else(|| Failure::new("nothing to copy"))?;
    let sources_in_wim = from.iter().filter(|word| Place::is_in_wim(word)).count();
    match (sources_in_wim, Place::is_in_wim(to)) {
        (0, true) => copy_in(from, to, printer),
        (count, false) if count == from.len() => copy_out(from, to, args.force, printer),
        (_, true) => {
            let failure = Failure::new("copies go out of an image, or into one");
            Err(failure.hint("whole images: winpe-iscsi wim export"))
        }
        _ => {
            let failure = Failure::new("neither side is in a WIM");
            let wim =
                from.iter().find(|path| kind::Kind::of(Path::new(path)) == Some(kind::Kind::Wim));
            Err(failure.hint(match wim {
                Some(wim) => {
                    format!("{wim}:/ is all that is in its image, {wim}:Windows a folder of it")
                }
                None => "a place in a WIM is WIM[:IMAGE]:PATH, as winpe.wim:Windows".to_owned(),
            }))
        }
    }
}

fn copy_in(from: &[String], to: &str, printer: &mut Printer) -> Outcome {
    let place: Place = to.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
    let found = place.open()?;
    let Found { archive, image, path } = &found;
    let is_folder = archive.entry(*image, path)?.is_some_and(|entry| entry.is_dir);
    let into = is_folder || to.ends_with(['/', '\\']) || from.len() > 1;
    let mut changes = Vec::new();
    for source in from {
        let source = Path::new(source);
        let target = match is_content(source) {
            false if into => join(path, &name_of(source)?),
            _ => path.clone(),
        };
        gather(source, &target, &mut changes)?;
    }
    let Found { archive, image, .. } = found;
    let done = commit(archive, image, changes, printer)?;
    if printer.is_json() {
        let Committed { path, added, replaced, same, .. } = done;
        let wim = path.display().to_string();
        printer.json(&CopiedIn { wim, image, added, replaced, same })?;
        return Ok(Exit::Done);
    }
    printer.status(format_args!(
        "{}, image {image}: {} added, {} replaced, {} the same",
        done.path.display(),
        done.added,
        done.replaced,
        done.same
    ));
    Ok(Exit::Done)
}

/// The changes that copy a file, or a folder with everything in it, to `target`.
fn gather(source: &Path, target: &str, changes: &mut Vec<FileChange>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", source.display()));
    let metadata = fs::metadata(source).map_err(failed)?;
    if metadata.is_file() {
        let content = Content::File(source.to_path_buf());
        changes.push(FileChange::Put { path: target.to_owned(), content });
        return Ok(());
    }
    if !metadata.is_dir() {
        return Err(Failure::new(format!("{}: neither file nor folder", source.display())));
    }
    gather_folder(&Folder::open(source)?, Path::new(""), target, &mut Vec::new(), changes)
}

/// Those of the folder `below` of `top`. Links are followed, since an image has no use for one that leads
/// to another machine, but not out of `top`, which may come from others. `above` are the folders on the
/// way: a link back to one of them would go on for ever.
fn gather_folder(
    top: &Folder,
    below: &Path,
    target: &str,
    above: &mut Vec<Identity>,
    changes: &mut Vec<FileChange>,
) -> Result<(), Failure> {
    if !target.is_empty() {
        changes.push(FileChange::AddFolder { path: target.to_owned() });
    }
    let folder = top.subfolder(below)?;
    let identity = folder.identity()?;
    if above.contains(&identity) {
        return Err(Failure::new(format!(
            "{} leads back to a folder above it",
            folder.path().display()
        )));
    }
    above.push(identity);
    // They are sorted: the same input should give the same image.
    for name in folder.names()? {
        let (place, path) = (below.join(&name), folder.path().join(&name));
        let name = name.into_string().map_err(|_| not_a_name(&path))?;
        let target = join(target, &name);
        match top.kind(&place)? {
            Some(Kind::Folder) => gather_folder(top, &place, &target, above, changes)?,
            Some(Kind::File { .. }) => {
                let content = Content::File(path);
                changes.push(FileChange::Put { path: target, content });
            }
            Some(_) => {
                return Err(Failure::new(format!("{}: neither file nor folder", path.display())));
            }
            None => return Err(Failure::new(format!("{}: leads nowhere", path.display()))),
        }
    }
    above.pop();
    Ok(())
}

fn copy_out(from: &[String], to: &str, force: bool, printer: &mut Printer) -> Outcome {
    let into = Path::new(to).is_dir() || to.ends_with('/') || from.len() > 1;
    let mut copied = CopiedOut { files: 0, warnings: Vec::new() };
    let mut incomplete = false;
    for source in from {
        let place: Place =
            source.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        let found = place.open()?;
        let Extracted { files, lost, incomplete: left_out } =
            extract(&found, (Path::new(to), into), force, printer)?;
        copied.files += files;
        incomplete |= left_out;
        copied.warnings.extend(lost);
    }
    let exit = if incomplete { Exit::Differs } else { Exit::Done };
    for warning in &copied.warnings {
        printer.warning(warning);
    }
    if printer.is_json() {
        printer.json(&copied)?;
        return Ok(exit);
    }
    let files = copied.files;
    let s = if files == 1 { "" } else { "s" };
    printer.status(format_args!("{files} file{s} written"));
    Ok(exit)
}

/// Whether the content of a folder is meant, and not the folder: `overlay/.`, as for cp.
fn is_content(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes == b"." || bytes.ends_with(b"/.")
}

fn name_of(path: &Path) -> Result<String, Failure> {
    // `..` and `/` have no name of their own.
    let whole = fs::canonicalize(path);
    let whole = whole.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let name = path.file_name().or_else(|| whole.file_name());
    let name = name.and_then(|name| name.to_str()).map(str::to_owned);
    name.ok_or_else(|| not_a_name(path))
}

fn not_a_name(path: &Path) -> Failure {
    Failure::new(format!("{}: not a name for an image", path.display()))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
