//! `winpe-iscsi profile`: what a profile puts in, and why.

use serde::Serialize;
use winpe_inject::{Profile, ProfileFile, Service};

use crate::printer::Printer;
use crate::{Exit, Outcome};

/// List the built-in profiles, or show one with the reason of each entry
///
/// Examples:
///   winpe-iscsi profile
///   winpe-iscsi profile iscsi-winpe3
///   winpe-iscsi profile ./my-profile
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A built-in profile, or a folder with a profile.toml
    #[arg(value_name = "NAME|DIR")]
    profile: Option<String>,
}

#[derive(Serialize)]
struct Shown<'a> {
    schema: u32,
    name: &'a str,
    title: &'a str,
    why: &'a str,
    services: &'a [Service],
    files: &'a [ProfileFile],
    reg: Vec<ShownReg<'a>>,
}

#[derive(Serialize)]
struct ShownReg<'a> {
    file: &'a str,
    why: &'a str,
    edits: usize,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let profiles = match &args.profile {
        Some(name) => vec![Profile::find(name)?],
        None => {
            let names = Profile::builtin_names().into_iter();
            names.map(Profile::builtin).collect::<Result<_, _>>()?
        }
    };
    if printer.is_json() {
        let shown: Vec<_> = profiles.iter().map(shown).collect();
        printer.json(&shown)?;
    } else if args.profile.is_none() {
        for profile in &profiles {
            printer.line(format_args!("{:16} {}", profile.name(), profile.title()))?;
        }
    } else {
        for profile in &profiles {
            show(profile, printer)?;
        }
    }
    Ok(Exit::Done)
}

fn shown(profile: &Profile) -> Shown<'_> {
    let reg = profile.reg().iter();
    Shown {
        schema: 1,
        name: profile.name(),
        title: profile.title(),
        why: profile.why(),
        services: profile.services(),
        files: profile.files(),
        reg: reg
            .map(|part| ShownReg { file: &part.file, why: &part.why, edits: part.edits.len() })
            .collect(),
    }
}

fn show(profile: &Profile, printer: &mut Printer) -> std::io::Result<()> {
    printer.heading(format_args!("{}: {}", profile.name(), profile.title()))?;
    printer.line(profile.why())?;
    printer.line("")?;
    printer.heading("Files")?;
    for file in profile.files() {
        printer.line(format_args!("  {:46} {}", file.path, file.why))?;
    }
    printer.line("")?;
    printer.heading("Registry")?;
    for part in profile.reg() {
        let edits = format!("{} edits", part.edits.len());
        printer.line(format_args!("  {:16} {edits:10} {}", part.file, part.why))?;
    }
    Ok(())
}
