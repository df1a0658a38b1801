//! `wim export`: images copied to a new WIM or added to one.

use std::path::PathBuf;

use winpe_inject::{Warning, boot_warnings, holds_secret};
use winpe_wim::{Archive, Compression, ExportOptions, Exported};

use super::place::Place;
use super::{Compress, mended};
use crate::atomic_file::tell_swept;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome, secret};

/// Copy images into a new WIM, or add them to one
///
/// Examples:
///   winpe-iscsi wim export install.esd:6 install.wim            # makes a WIM
///   winpe-iscsi wim export boot.wim:1 winpe.wim --for-boot      # boots by itself
///   winpe-iscsi wim export install.swm:all install.wim          # joins the parts
///   winpe-iscsi wim export winpe.wim boot.wim --name PE --boot  # one more image
///
/// What can be taken over as it is stored is; data that the target has already is not stored twice. A
/// WIM that exists is changed in place, and as safely as by inject. A new one gets the mode of the
/// source; one with a CHAP secret in it only its owner can read.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Which image, or `all` of them [default: the boot image, or the only one]
    #[arg(value_name = "WIM[:IMAGE]")]
    source: Place,
    /// The WIM to make, or to add to
    #[arg(value_name = "OUT")]
    target: PathBuf,
    /// How a new WIM is compressed [default: as the source; an ESD becomes LZX]
    #[arg(long, value_name = "HOW")]
    compress: Option<Compress>,
    /// Compress again what could be copied as it is stored
    #[arg(long)]
    recompress: bool,
    /// Make a WIM that boots by itself: LZX in chunks of 32 KiB, the (last) image as the one that boots, and
    /// SystemRoot as the X:\Windows that WinPE boots from
    #[arg(long, conflicts_with_all = ["compress", "boot"])]
    for_boot: bool,
    /// The name of the image in OUT
    #[arg(long)]
    name: Option<String>,
    /// Make it the image that boots
    #[arg(long)]
    boot: bool,
    /// Add an integrity table
    #[arg(long)]
    integrity: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let (source, images) = args.source.images()?;
    if args.name.is_some() && images.len() != 1 {
        return Err(Failure::new("--name is for a single image"));
    }
    let adds = args.target.exists() && !args.force;
    if adds && args.compress.is_some() {
        let path = args.target.display();
        let failure = Failure::new(format!("{path} exists and keeps its compression"));
        return Err(failure.hint("--force replaces it"));
    }
    if adds && args.for_boot {
        let path = args.target.display();
        let failure = Failure::new(format!("{path} exists, and --for-boot makes a new WIM"));
        return Err(failure.hint("--force replaces it"));
    }
    let holds = |image: &u32| holds_secret(&source, *image);
    let has_secret = images.iter().map(holds).collect::<Result<Vec<_>, _>>()?.contains(&true);
    let bar = printer.progress("exporting");
    let mut step = |progress| bar.step(progress);
    let options = ExportOptions {
        progress: Some(&mut step),
        compression: match args.for_boot {
            true => Some(Compression::Lzx),
            false => args.compress.map(Into::into),
        },
        recompress: args.recompress,
        name: args.name.clone(),
        boot: args.boot || args.for_boot,
        add_integrity: args.integrity,
        threads: None,
        private: has_secret,
    };
    let done = if adds {
        Archive::open(&args.target)?.import(&source, &images, options)?
    } else if args.for_boot && needs_mending(&source, &images)? {
        let done = mended::export(&source, &images, &args.target, args.force, options)?;
        printer.status("SystemRoot, and everything like it, is set to X:\\Windows");
        done
    } else {
        source.export(&images, &args.target, args.force, options)?
    };
    drop(bar);
    let Exported { path, images, swept, .. } = done;
    tell_swept(&swept, printer);
    printer.file(&args.target, true);
    if has_secret {
        secret::warn_if_readable(&args.target, printer);
    }
    for image in images {
        printer.status(format_args!("{}, image {image} is written", path.display()));
    }
    Ok(Exit::Done)
}

/// Whether an image states another folder than the one that it boots from.
fn needs_mending(source: &Archive, images: &[u32]) -> Result<bool, Failure> {
    for image in images {
        let warnings = boot_warnings(source, *image)?;
        if warnings.iter().any(|warning| matches!(warning, Warning::OtherFolder { .. })) {
            return Ok(true);
        }
    }
    Ok(false)
}
