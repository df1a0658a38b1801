//! `winpe-iscsi remove`.

use crate::images::Which;
use crate::inject::{commit, show_all, source_date_epoch, would_change};
use crate::output::Output;
use crate::printer::Printer;
use crate::saved::Saved;
use crate::{Exit, Outcome};

/// Take out of an image what inject has put in, and restore what it replaced
///
/// Examples:
///   winpe-iscsi remove winpe.wim --dry-run
///   winpe-iscsi remove winpe.wim
///   winpe-iscsi remove winpe.wim -o plain.wim
///   winpe-iscsi remove boot.wim --image all
///
/// What inject did is recorded in the image. Keys and folders in which something else has been put
/// since stay, with a warning. Of all images, those into which nothing was put stay as they are.
///
/// What the image no longer has stays in the file until winpe-iscsi wim optimize takes it out of the
/// file. Where a CHAP secret was in, it is overwritten at once.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    saved: Saved,
    #[command(flatten)]
    output: Output,
    /// As --dry-run, and exit with 1 if anything would change
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let all = args.which.are_all();
    let staged = args.which.open()?.stage_removal(source_date_epoch()?)?;
    show_all(staged.reports(), all, printer)?;
    args.saved.write(staged.reports(), all, printer)?;
    if args.check {
        return Ok(would_change(&staged));
    }
    if args.output.dry_run {
        return Ok(Exit::Done);
    }
    commit(staged, args.output.output.as_deref(), args.output.force, printer)
}
