//! `wim optimize`: a WIM written again without unused space.

use std::path::PathBuf;

use winpe_wim::{Archive, OptimizeOptions};

use super::Compress;
use crate::atomic_file::tell_swept;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Write a WIM again, without the space that changes left unused
///
/// Examples:
///   winpe-iscsi wim optimize winpe.wim
///   winpe-iscsi wim optimize winpe.wim --compress lzx --integrity
///
/// The new file is written beside the WIM and takes its place when it is complete, so that at any
/// moment the file is the old one or the new one.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The WIM
    wim: PathBuf,
    /// Compress with this [default: what it is compressed with]
    #[arg(long, value_name = "HOW")]
    compress: Option<Compress>,
    /// Compress everything again, which takes long and may gain little
    #[arg(long)]
    recompress: bool,
    /// Add an integrity table
    #[arg(long)]
    integrity: bool,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let bar = printer.progress("writing");
    let mut step = |progress| bar.step(progress);
    let options = OptimizeOptions {
        progress: Some(&mut step),
        compression: args.compress.map(Into::into),
        recompress: args.recompress,
        add_integrity: args.integrity,
        threads: None,
    };
    let done = Archive::open(&args.wim)?.optimize(options)?;
    drop(bar);
    tell_swept(&done.swept, printer);
    printer.file(&args.wim, true);
    let (path, before, after) = (done.path.display(), done.before, done.after);
    printer.status(format_args!("{path}: {after} bytes, was {before}"));
    Ok(Exit::Done)
}
