//! `winpe-iscsi unmount`.

use std::path::PathBuf;

use serde::Serialize;
use winpe_mount::{Finish, unmount};
use winpe_wim::CommitOptions;

use crate::inject::source_date_epoch;
use crate::printer::Printer;
use crate::secret;
use crate::{Exit, Outcome};

/// End a mount, and commit or discard what was changed
///
/// Examples:
///   winpe-iscsi unmount /mnt/pe
///   winpe-iscsi unmount /mnt/pe --commit
///   winpe-iscsi unmount .winpe.wim.mount-x3Fk9a --commit
///
/// Without either, an image that was changed stays mounted. The commit is as safe as that of inject;
/// where it fails, the changes stay in the staging folder, and it can be tried again. After a crash,
/// the mount is ended in the same way; after a restart of the machine, name the staging folder.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The folder that the image is shown in
    dir: PathBuf,
    /// Write the changes to the WIM
    #[arg(long, conflicts_with = "discard")]
    commit: bool,
    /// Throw the changes away
    #[arg(long)]
    discard: bool,
}

#[derive(Serialize)]
struct Shown {
    wim: String,
    image: u32,
    committed: bool,
    added: u64,
    replaced: u64,
    appended: u64,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let finish = match (args.commit, args.discard) {
        (true, _) => Finish::Commit,
        (_, true) => Finish::Discard,
        _ => Finish::Unchanged,
    };
    let bar = printer.progress("writing");
    let mut step = |progress| bar.step(progress);
    let options = CommitOptions {
        progress: Some(&mut step),
        time: source_date_epoch()?,
        ..CommitOptions::default()
    };
    let done = unmount(&args.dir, finish, options)?;
    drop(bar);
    if let Some(committed) = &done.committed {
        secret::warn_if_not_erased(&committed.path, &committed.erased, printer);
    }
    let wim = done.mount.wim.display().to_string();
    let committed = done.committed.as_ref();
    if printer.is_json() {
        printer.json(&Shown {
            wim,
            image: done.mount.image,
            committed: committed.is_some(),
            added: committed.map_or(0, |done| done.added),
            replaced: committed.map_or(0, |done| done.replaced),
            appended: committed.map_or(0, |done| done.appended),
        })?;
        return Ok(Exit::Done);
    }
    match committed {
        Some(done) => printer.status(format_args!(
            "{wim} is changed: {} files added, {} replaced; {} bytes were appended",
            done.added, done.replaced, done.appended
        )),
        None => printer.status(format_args!("{wim} is unmounted, and as it was")),
    }
    Ok(Exit::Done)
}
