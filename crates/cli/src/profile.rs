//! `winpe-iscsi profile`: what a profile puts in, and why.

use serde::Serialize;
use winpe_inject::{CatalogueRule, Choice, LeaveOut, Part, Profile, ProfileFile, Service};

use crate::printer::Printer;
use crate::{Exit, Outcome};

/// List the built-in profiles, or show one with the reason of each entry
///
/// Examples:
///   winpe-iscsi profile
///   winpe-iscsi profile iscsi-winpe4
///   winpe-iscsi profile ./my-profile
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A built-in profile, or a folder with a profile.toml
    #[arg(value_name = "NAME|DIR")]
    profile: Option<String>,
}

#[derive(Serialize)]
struct Listed<'a> {
    profiles: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    title: &'a str,
    why: &'a str,
    choices: &'a [Choice],
    services: &'a [Service],
    files: &'a [ProfileFile],
    reg: Vec<ShownReg<'a>>,
    parts: &'a [Part],
    catalogues: &'a [CatalogueRule],
    left_out: &'a [LeaveOut],
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
        printer.json(&Listed { profiles: shown })?;
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
        name: profile.name(),
        title: profile.title(),
        why: profile.why(),
        choices: profile.choices(),
        services: profile.services(),
        files: profile.files(),
        reg: reg
            .map(|part| ShownReg { file: &part.file, why: &part.why, edits: part.edits.len() })
            .collect(),
        parts: profile.parts(),
        catalogues: profile.catalogues(),
        left_out: profile.left_out(),
    }
}

fn show(profile: &Profile, printer: &mut Printer) -> std::io::Result<()> {
    printer.heading(format_args!("{}: {}", profile.name(), profile.title()))?;
    printer.line(profile.why())?;
    for choice in profile.choices() {
        printer.line(format_args!("  {:16} {}", choice.profile, choice.why))?;
    }
    if !profile.files().is_empty() {
        printer.line("")?;
        printer.heading("Files")?;
    }
    for file in profile.files() {
        printer.line(format_args!("  {:46} {}", file.path, file.why))?;
    }
    if !profile.reg().is_empty() {
        printer.line("")?;
        printer.heading("Registry")?;
    }
    for part in profile.reg() {
        let edits = format!("{} edits", part.edits.len());
        printer.line(format_args!("  {:16} {edits:10} {}", part.file, part.why))?;
    }
    for part in profile.parts() {
        show_part(part, printer)?;
    }
    if !profile.catalogues().is_empty() {
        printer.line("")?;
        printer.heading("Catalogues, those that cover an added file")?;
    }
    for rule in profile.catalogues() {
        printer.line(format_args!("  {}", rule.path))?;
        printer.line(format_args!("      {}", rule.why))?;
    }
    if !profile.left_out().is_empty() {
        printer.line("")?;
        printer.heading("Never copied")?;
    }
    for rule in profile.left_out() {
        printer.line(format_args!("  {}", rule.key()))?;
        printer.line(format_args!("      {}", rule.why))?;
    }
    Ok(())
}

fn show_part(part: &Part, printer: &mut Printer) -> std::io::Result<()> {
    let optional = if part.optional { " (where the source has it)" } else { "" };
    printer.line("")?;
    printer.heading(format_args!("Part {}{optional}", part.name))?;
    printer.line(&part.why)?;
    for file in &part.files {
        printer.line(format_args!("  file    {}", file.path))?;
        printer.line(format_args!("      {}", file.why))?;
    }
    for rule in &part.copies {
        printer.line(format_args!("  copy    {}", rule.key()))?;
        printer.line(format_args!("      {}", rule.why))?;
    }
    for rule in &part.appends {
        let (key, value) = (rule.key(), &rule.value);
        let texts = rule.texts.join(", ");
        printer.line(format_args!("  append  {texts} to {value} of {key}"))?;
        printer.line(format_args!("      {}", rule.why))?;
    }
    for rule in &part.creates {
        printer.line(format_args!("  create  {}", rule.key()))?;
        printer.line(format_args!("      {}", rule.why))?;
    }
    Ok(())
}
