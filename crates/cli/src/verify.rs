//! `winpe-iscsi verify`.

use std::path::PathBuf;

use serde::Serialize;
use winpe_inject::{ImageSelector, Profile, Session, Verdict};

use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Check point by point that an image holds what a profile promises and what inject has put in, and
/// that the WIM is sound
///
/// Examples:
///   winpe-iscsi verify winpe.wim
///   winpe-iscsi verify winpe.wim --json
///
/// Exits with 1 if anything is missing or different.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The WIM
    wim: PathBuf,
    /// Which image, by number or name [default: the boot image]
    #[arg(long, value_name = "N|NAME")]
    image: Option<ImageSelector>,
    /// What should be in
    #[arg(long, value_name = "NAME|DIR", default_value = "iscsi")]
    profile: String,
}

#[derive(Serialize)]
struct Verified<'a> {
    schema: u32,
    wim: String,
    image: u32,
    #[serde(flatten)]
    verdict: &'a Verdict,
    findings: Vec<String>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let profile = Profile::find(&args.profile)?;
    let session = Session::open(&args.wim, args.image.as_ref().unwrap_or(&ImageSelector::Boot))?;
    let image = session.image();
    let bar = printer.progress("verifying");
    session.archive().verify(Some(&mut |step| bar.step(step)))?;
    drop(bar);
    let verdict = session.verify(&profile)?;
    let findings: Vec<String> = verdict.findings().map(ToString::to_string).collect();
    let exit = if findings.is_empty() { Exit::Done } else { Exit::Differs };
    let wim = args.wim.display().to_string();
    if printer.is_json() {
        let verdict = &verdict;
        printer.json(&Verified { schema: 1, wim, image, verdict, findings })?;
        return Ok(exit);
    }
    for finding in &findings {
        printer.line(finding)?;
    }
    let (count, profile) = (verdict.points.len(), &verdict.profile);
    if findings.is_empty() {
        printer.line(format_args!(
            "{wim}, image {image}: sound, and everything of {profile} is in ({count} points)"
        ))?;
    } else {
        let failed = findings.len();
        printer.status(format_args!("{failed} of {count} points of {profile} do not hold"));
    }
    Ok(exit)
}
