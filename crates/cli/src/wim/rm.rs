//! `wim rm`: deletes files and folders of an image.

use std::path::PathBuf;

use winpe_wim::FileChange;

use super::commit;
use super::place::{Found, Place};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Remove files and folders from an image
///
/// Examples:
///   winpe-iscsi wim rm winpe.wim:Windows/System32/winpeshl.ini
///   winpe-iscsi wim rm -r boot.wim:2:sources/en-us
///
/// All of them must be in one image; none is removed if one cannot be. The space that they took is
/// given back by winpe-iscsi wim optimize; until then their data is in the file, except a CHAP secret
/// that inject has put in.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// What to remove
    #[arg(value_name = "WIM[:IMAGE]:PATH", required = true)]
    places: Vec<Place>,
    /// Remove folders with everything in them
    #[arg(short, long)]
    recursive: bool,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let mut target: Option<(PathBuf, u32)> = None;
    let mut changes = Vec::new();
    let mut opened = None;
    for place in &args.places {
        let Found { archive, image, path } = place.open()?;
        let this = (place.0.wim.clone(), image);
        if target.as_ref().is_some_and(|first| *first != this) {
            return Err(Failure::new("the places are in different images")
                .hint("each run changes one image"));
        }
        target = Some(this);
        changes.push(FileChange::Delete { path, recursive: args.recursive });
        opened = Some((archive, image));
    }
    let Some((archive, image)) = opened else { return Ok(Exit::Done) };
    let wim = archive.path().display().to_string();
    let count = changes.len();
    let hint = "-r removes a folder with everything in it";
    commit(archive, image, changes, printer).map_err(|failure| {
        let full = failure.message().contains("a folder with entries");
        if full { failure.hint(hint) } else { failure }
    })?;
    printer.status(format_args!("{wim}, image {image}: removed {count}"));
    Ok(Exit::Done)
}
