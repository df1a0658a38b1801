//! `winpe-iscsi verify`.

use std::path::PathBuf;

use winpe_inject::{Document, Profile, Verdict};

use crate::failure::Failure;
use crate::images::Images;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Check point by point that an image holds what a profile promises and what inject has put in, and
/// that the WIM is sound
///
/// Examples:
///   winpe-iscsi verify winpe.wim
///   winpe-iscsi verify boot.wim --image all
///   winpe-iscsi verify winpe.wim --json
///
/// Exits with 1 if anything is missing or different.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The WIM
    wim: PathBuf,
    /// Which image, by number or name, or `all` of them [default: the boot image]
    #[arg(long, value_name = "N|NAME|all")]
    image: Option<Images>,
    /// What should be in
    #[arg(long, value_name = "NAME|DIR", default_value = "iscsi")]
    profile: String,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let profile = Profile::find(&args.profile)?;
    let images = args.image.as_ref();
    let all = Images::are_all(images);
    let session = Images::open(images, &args.wim)?;
    let bar = printer.progress("verifying");
    session.archive().verify(Some(&mut |step| bar.step(step)))?;
    drop(bar);
    let verdicts = session.verify_all(&profile)?;
    if printer.is_json() {
        printer.json(&Document::of(&verdicts, all))?;
    } else {
        verdicts.iter().try_for_each(|verdict| show(verdict, all, printer))?;
    }
    let holds = verdicts.iter().all(|verdict| verdict.findings.is_empty());
    Ok(if holds { Exit::Done } else { Exit::Differs })
}

/// The findings, or that there are none; `all` says whether others are shown too.
fn show(verdict: &Verdict, all: bool, printer: &mut Printer) -> Result<(), Failure> {
    let Verdict { wim, image, image_name, profile, points, findings, .. } = verdict;
    let (count, failed) = (points.len(), findings.len());
    if findings.is_empty() {
        printer.line(format_args!(
            "{wim}, image {image}: sound, and everything of {profile} is in ({count} points)"
        ))?;
        return Ok(());
    }
    if all {
        printer.heading(format_args!("{wim}, image {image} ({image_name})"))?;
    }
    for finding in findings {
        printer.line(finding)?;
    }
    printer.status(format_args!("{failed} of {count} points of {profile} do not hold"));
    Ok(())
}
