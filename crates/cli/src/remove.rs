//! `winpe-iscsi remove`.

use std::path::PathBuf;

use winpe_inject::Session;

use crate::inject::{Images, commit, show_all, source_date_epoch};
use crate::printer::Printer;
use crate::saved::Saved;
use crate::{Exit, Outcome};

/// Take out of an image what inject has put in, and restore what it replaced
///
/// Examples:
///   winpe-iscsi remove winpe.wim --dry-run
///   winpe-iscsi remove winpe.wim
///   winpe-iscsi remove winpe.wim -o plain.wim
///
/// What inject did is recorded in the image. Keys and folders in which something else has been put
/// since stay, with a warning.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The WIM
    wim: PathBuf,
    /// Which image, by number or name, or `all` of them [default: the boot image]
    #[arg(long, value_name = "N|NAME|all")]
    image: Option<Images>,
    #[command(flatten)]
    saved: Saved,
    /// Write the result to another file, and leave the WIM as it is
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Overwrite OUT
    #[arg(long, requires = "output")]
    force: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let all = matches!(args.image, Some(Images::All));
    let session = match &args.image {
        Some(Images::All) => Session::open_all(&args.wim)?,
        Some(Images::One(image)) => Session::open(&args.wim, image)?,
        None => Session::open(&args.wim, &winpe_inject::ImageSelector::Boot)?,
    };
    let staged = session.stage_removal(source_date_epoch()?)?;
    show_all(staged.reports(), all, printer)?;
    args.saved.write(staged.reports(), all, printer)?;
    if args.dry_run {
        return Ok(Exit::Done);
    }
    commit(staged, args.output.as_deref(), args.force, printer)
}
