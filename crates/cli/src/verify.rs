//! `winpe-iscsi verify`.

use std::path::PathBuf;

use serde::Serialize;
use winpe_inject::{ImageSelector, InjectError, Job, Profile, Session};
use winpe_registry::{Change, Op};

use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Check that an image holds everything a profile promises, and that the WIM is sound
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
struct Verdict {
    schema: u32,
    wim: String,
    image: u32,
    profile: String,
    findings: Vec<String>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let profile = Profile::find(&args.profile)?;
    let session = Session::open(&args.wim, args.image.as_ref().unwrap_or(&ImageSelector::Boot))?;
    let image = session.image();
    let bar = printer.progress("verifying");
    session.archive().verify(Some(&mut |step| bar.step(step)))?;
    drop(bar);

    // What inject would still do is what is not as the profile says.
    let mut findings = Vec::new();
    match session.stage(&Job::new(&profile)) {
        Ok(staged) => {
            for hive in &staged.report().hives {
                let changes = hive.changes.iter();
                findings.extend(changes.map(|change| format!("{}: {}", hive.file, point(change))));
            }
        }
        Err(InjectError::MissingFiles { files, keys, .. }) => {
            findings.extend(files.iter().map(|file| format!("{file} is missing")));
            findings.extend(keys.iter().map(|key| format!("key {key} is missing")));
        }
        Err(error) => return Err(error.into()),
    }
    let verdict = Verdict {
        schema: 1,
        wim: args.wim.display().to_string(),
        image,
        profile: profile.name().to_owned(),
        findings,
    };
    if printer.is_json() {
        printer.json(&verdict)?;
    } else if verdict.findings.is_empty() {
        printer.line(format_args!(
            "{}, image {image}: sound, and everything of {} is in",
            verdict.wim, verdict.profile
        ))?;
    } else {
        for finding in &verdict.findings {
            printer.line(finding)?;
        }
    }
    Ok(if verdict.findings.is_empty() { Exit::Done } else { Exit::Differs })
}

/// One promise of the profile that the image does not keep.
fn point(change: &Change) -> String {
    let key = &change.edit.key;
    match &change.edit.op {
        Op::CreateKey => format!("key {key} is missing"),
        Op::DeleteKey => format!("key {key} should not be there"),
        Op::SetValue { name, value } => format!("key {key}: value {name:?} is not {value:?}"),
        Op::DeleteValue { name } => format!("key {key}: value {name:?} should not be there"),
    }
}
