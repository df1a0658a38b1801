//! `winpe-iscsi verify`.

use winpe_inject::{Document, Profile, Verdict};

use crate::failure::Failure;
use crate::images::Which;
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
/// Exits with 1 if anything is missing or different. Programs that inject has put in and that nothing
/// vouches for, neither a catalogue nor a signature of their own, are noted, which is no finding.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// What should be in
    #[arg(long, value_name = "NAME|DIR", default_value = "iscsi")]
    profile: String,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let profile = Profile::find(&args.profile)?;
    let all = args.which.are_all();
    let session = args.which.open()?;
    let bar = printer.progress("verifying");
    session.archive().verify(Some(&mut |step| bar.step(step)))?;
    drop(bar);
    let verdicts = session.verify_all(&profile)?;
    if printer.is_json() {
        printer.document(&Document::of(&verdicts, all))?;
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
    for warning in &verdict.warnings {
        printer.warning(warning);
    }
    if findings.is_empty() {
        printer.line(format_args!(
            "{wim}, image {image}: sound, and everything of {profile} is in ({count} points)"
        ))?;
    } else if all {
        printer.heading(format_args!("{wim}, image {image} ({image_name})"))?;
    }
    for finding in findings {
        printer.line(finding)?;
    }
    for path in &verdict.unsigned {
        printer.line(format_args!(
            "note: {path} is in no catalogue of the image, and not signed itself"
        ))?;
    }
    if failed > 0 {
        printer.status(format_args!("{failed} of {count} points of {profile} do not hold"));
    }
    Ok(())
}
