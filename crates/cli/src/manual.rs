//! `winpe-iscsi manual`: what packages install beside the program.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Cli, Exit, Outcome};

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
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut command = Cli::command();
        clap_complete::generate_to(shell, &mut command, "winpe-iscsi", &args.dir)
            .map_err(failed)?;
    }
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(failed)?;
    printer.status(format_args!("manual pages and completions are in {}", args.dir.display()));
    Ok(Exit::Done)
}
