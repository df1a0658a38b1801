//! `wim verify`: reads everything in a WIM and checks it against its digests.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_wim::Archive;

use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Read all of a WIM and compare it with its checksums
///
/// Examples:
///   winpe-iscsi wim verify winpe.wim
///   winpe-iscsi wim verify install.swm --json
///
/// The metadata of each image, names and links by which an image would lead out of the folder it is copied
/// to, the data of every file, the references from one to the other, and the integrity table if there is
/// one. Of a split WIM, name the first part. Exits with 1 if anything is
/// wrong, and says all of it.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The WIM
    wim: PathBuf,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Verdict {
    wim: String,
    findings: Vec<String>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let archive = Archive::open(&args.wim)?;
    let bar = printer.progress("verifying");
    let findings = archive.findings(Some(&mut |step| bar.step(step)));
    drop(bar);
    let mut findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if let Some(left) = archive.leftover() {
        findings.push(format!(
            "{}: an interrupted write left {} bytes after the end{}; the next change removes them",
            args.wim.display(),
            left.tail,
            if left.marked { ", and its mark in the header" } else { "" },
        ));
    }
    let exit = if findings.is_empty() { Exit::Done } else { Exit::Differs };
    if printer.is_json() {
        let wim = args.wim.display().to_string();
        printer.json(&Verdict { wim, findings })?;
    } else if findings.is_empty() {
        printer.line(format_args!("{}: everything is whole", args.wim.display()))?;
    } else {
        for finding in &findings {
            printer.line(finding)?;
        }
    }
    Ok(exit)
}
