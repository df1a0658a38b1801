//! `winpe-iscsi manual`: what packages install beside the program.

use std::io;
use std::path::PathBuf;

use clap_complete::Shell;
use winpe_disk::folder::Folder;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome, help};

/// Write manual pages, and completions for bash, zsh and fish
///
/// Examples:
///   winpe-iscsi manual target/manual
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Where to
    dir: PathBuf,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let failed = |error| Failure::new(format!("{}: {error}", args.dir.display()));
    // Made elsewhere first: what writes them follows links that others may have put into the folder.
    let made = tempfile::tempdir().map_err(failed)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut command = help::command();
        clap_complete::generate_to(shell, &mut command, "winpe-iscsi", made.path())
            .map_err(failed)?;
    }
    clap_mangen::generate_to(help::command(), made.path()).map_err(failed)?;
    let (made, folder) = (Folder::open(made.path())?, Folder::open_or_make(&args.dir)?);
    for name in made.names()? {
        let mut new = folder.replacement(&name)?;
        io::copy(&mut made.open_file(name.as_ref())?, new.file()).map_err(failed)?;
        new.finish()?;
    }
    printer.status(format_args!("manual pages and completions are in {}", args.dir.display()));
    Ok(Exit::Done)
}
