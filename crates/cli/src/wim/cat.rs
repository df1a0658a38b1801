//! `wim cat`: a file of an image to standard output.

use super::place::{Found, Place};
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Write files of an image to standard output
///
/// Examples:
///   winpe-iscsi wim cat winpe.wim:Windows/System32/startnet.cmd
///   winpe-iscsi wim cat boot.wim:2:setup.exe > setup.exe
///
/// To a terminal they go as text, without what would steer it.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The files, one after the other
    #[arg(value_name = "WIM[:IMAGE]:PATH", required = true)]
    places: Vec<Place>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    for place in &args.places {
        let Found { archive, image, path } = place.open()?;
        archive.reader(image, &path)?.copy_to(&mut printer.raw())??;
    }
    Ok(Exit::Done)
}
