//! `winpe-iscsi wim`.

mod cat;
mod copy;
mod du;
mod export;
mod extract;
mod ls;
mod mended;
mod optimize;
mod place;
mod rm;
mod verify;

use clap::{Subcommand, ValueEnum};
use schemars::Schema;
use winpe_inject::replaces_secret;
use winpe_wim::{
    Archive, CommitOptions, Committed, Compression, Entry, FileChange, ImageChanges, Target,
};

use crate::Outcome;
use crate::failure::Failure;
use crate::inject::source_date_epoch;
use crate::printer::Printer;
use crate::schema::output;
use crate::secret;

/// List, read, change, convert and check WIMs, without mounting them
///
/// Examples:
///   winpe-iscsi wim ls winpe.wim:Windows/System32
///   winpe-iscsi wim cat winpe.wim:Windows/System32/startnet.cmd
///   winpe-iscsi wim cp tools/ winpe.wim:Tools
///   winpe-iscsi wim cp install.wim:1:Windows/Boot ./boot
///   winpe-iscsi wim rm -r winpe.wim:Tools
///   winpe-iscsi wim export install.esd:6 install.wim
///   winpe-iscsi wim du winpe.wim
///   winpe-iscsi wim optimize winpe.wim
///
/// A place is WIM[:IMAGE][:PATH]. IMAGE is a number or a name; without it the boot image is meant, or
/// the only one. A single word after the WIM is the image if it is a number or the name of one,
/// and otherwise the path; one that begins with / or \ always is the path. The case of letters does
/// not count in a path.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(ls::Args),
    Cat(cat::Args),
    #[command(alias = "copy")]
    Cp(copy::Args),
    Rm(rm::Args),
    Du(du::Args),
    Export(export::Args),
    Optimize(optimize::Args),
    Verify(verify::Args),
}

/// The schemas of what the commands print with `--json`.
pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("wim-ls", output::<ls::Listing<std::vec::IntoIter<Entry>>>()),
        ("wim-du", output::<du::Usage>()),
        ("wim-verify", output::<verify::Verdict>()),
        ("wim-cp-in", output::<copy::CopiedIn>()),
        ("wim-cp-out", output::<copy::CopiedOut>()),
    ]
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    match &args.command {
        Command::Ls(args) => ls::run(args, printer),
        Command::Cat(args) => cat::run(args, printer),
        Command::Cp(args) => copy::run(args, printer),
        Command::Rm(args) => rm::run(args, printer),
        Command::Du(args) => du::run(args, printer),
        Command::Export(args) => export::run(args, printer),
        Command::Optimize(args) => optimize::run(args, printer),
        Command::Verify(args) => verify::run(args, printer),
    }
}

/// How a WIM is to be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compress {
    /// Not at all
    None,
    /// Fast to make, larger
    Xpress,
    /// What boot images use
    Lzx,
}

impl From<Compress> for Compression {
    fn from(compress: Compress) -> Self {
        match compress {
            Compress::None => Self::None,
            Compress::Xpress => Self::Xpress,
            Compress::Lzx => Self::Lzx,
        }
    }
}

/// Commits changes of one image in place.
pub(crate) fn commit(
    archive: Archive,
    image: u32,
    changes: Vec<FileChange>,
    printer: &mut Printer,
) -> Result<Committed, Failure> {
    let bar = printer.progress("writing");
    let mut step = |progress| bar.step(progress);
    let options = CommitOptions {
        progress: Some(&mut step),
        time: source_date_epoch()?,
        erase: replaces_secret(&archive, image, &changes)?,
        ..CommitOptions::default()
    };
    let changes = [ImageChanges { image, changes }];
    let committed = archive.commit(&changes, &Target::InPlace, options)?;
    drop(bar);
    printer.file(&committed.path, true);
    secret::tell_erased(&committed.path, &committed.erased, printer);
    Ok(committed)
}
