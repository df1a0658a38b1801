//! `hive import`: `.reg` files applied to a hive.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use winpe_hive::{Findings, Hive, Severity};
use winpe_inject::ControlSet;
use winpe_regfile::{DiffWriter, Document, ParseOptions};
use winpe_registry::{Change, Edit, KeyPath};

use super::diff::Stat;
use super::input::{Place, read};
use super::output::set_time;
use super::roots::{ControlSets, KeyArg, ReadingArgs, Roots};
use super::show::write_changes;
use crate::detail::DetailArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Change a hive as .reg files say
///
/// Examples:
///   winpe-iscsi hive import SYSTEM tweaks.reg --dry-run
///   winpe-iscsi hive import SOFTWARE policies.reg -o SOFTWARE.new \
///       --root 'HKEY_LOCAL_MACHINE\PE_Soft'
///   winpe-iscsi hive import SYSTEM services.reg --control-set all
///
/// The files name keys below a root that Windows gives the hive, as HKEY_CURRENT_USER for NTUSER.DAT; --root
/// says another one. In a SYSTEM hive CurrentControlSet is the set that Select\Current names, unless the
/// hive has a key of that name. A damaged hive is not edited.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The hive: a file, or WIM:HIVE
    hive: Place,
    /// The .reg files, in order
    #[arg(required = true)]
    reg: Vec<PathBuf>,
    /// The root key of the hive is called so in the .reg files [default: by the hive's name]
    #[arg(long, value_name = "KEY")]
    root: Option<KeyArg>,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    detail: DetailArgs,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Report<'a> {
    hive: String,
    changes: Vec<&'a Change>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    args.output.allows(&args.hive)?;
    let mut hive = args.hive.load()?.open(printer)?;
    let roots = Roots::of(&args.hive, &hive).renamed(args.root.as_ref());
    let documents = documents(&args.reg, args.reading.lenient)?;
    set_time(&mut hive)?;
    sound(&hive, &args.hive)?;

    let failed = |error: &dyn Display| Failure::new(format!("{}: {error}", args.hive));
    let sets =
        ControlSets::of(&roots, &hive, args.reading.control_set).map_err(|error| failed(&error))?;
    let mut changes = Vec::new();
    each_edit(&documents, &roots, |edit| {
        let keys = sets.resolve(edit.key.clone());
        if keys.is_empty() {
            return Err(no_control_set(args));
        }
        for key in keys {
            let edit = Edit { key, ..edit.clone() };
            changes.push(hive.apply(&edit).map_err(|error| failed(&error))?);
        }
        Ok(())
    })?;
    drop(documents);
    unharmed(&hive, &args.hive)?;
    args.output.admits(&args.hive, &hive)?;
    show_changes(&args.hive, &roots.shown, &changes, args.detail, printer)?;
    if hive.is_modified() || args.output.is_new_file() {
        args.output.write(&args.hive, &hive.into_file_bytes(), printer)?;
    } else {
        printer.file(args.hive.file(), false);
        printer.status("nothing to do");
    }
    Ok(Exit::Done)
}

/// All files, read.
pub(super) fn documents(reg: &[PathBuf], lenient: bool) -> Result<Vec<(&Path, Document)>, Failure> {
    let options = if lenient { ParseOptions::lenient() } else { ParseOptions::default() };
    let parse = |path: &PathBuf| {
        Document::parse(&read(path)?, &options).map_err(|error| Failure::new(error.in_file(path)))
    };
    reg.iter().map(|path| Ok((path.as_path(), parse(path)?))).collect()
}

/// Passes on the edits of all files, their keys counted from the hive's root. They are not all in memory: a value
/// of ten bytes of text takes a hundred there.
pub(super) fn each_edit(
    documents: &[(&Path, Document)],
    roots: &Roots,
    mut take: impl FnMut(Edit) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for (path, document) in documents {
        for (edit, span) in document.edits() {
            let Some(key) = roots.strip(&edit.key) else {
                let place = format!("{}:{}:{}", path.display(), span.line, span.column);
                let root = &roots.shown;
                let failure = Failure::new(format!("{place}: {} is not below {root}", edit.key));
                return Err(failure.hint("--root KEY says what the hive's root key is called"));
            };
            take(Edit { key, ..edit })?;
        }
    }
    Ok(())
}

fn no_control_set(args: &Args) -> Failure {
    let current = ControlSet::CURRENT;
    Failure::new(format!(
        "{}: Select\\Current does not name a control set, so {current} means none",
        args.hive
    ))
    .hint("--control-set 1 names the set, or name it in the .reg file, such as ControlSet001")
}

/// Edits keep what they do not concern, damage too, and Windows would then mend the edited hive in
/// its own way.
pub(super) fn sound(hive: &Hive, place: &Place) -> Result<(), Failure> {
    let findings = hive.check();
    if findings.is_sound() {
        return Ok(());
    }
    let failure = Failure::new(format!("{place} is damaged: {}", worst(&findings)));
    Err(failure.hint(format!("winpe-iscsi hive check {place} lists all that is wrong")).hint(
        format!("winpe-iscsi hive mend {place} -o OUT writes a sound hive of what can be read"),
    ))
}

/// Our own edits never harm a hive; if they did, nothing is written.
pub(super) fn unharmed(hive: &Hive, place: &Place) -> Result<(), Failure> {
    let findings = hive.check();
    if findings.is_sound() {
        return Ok(());
    }
    Err(Failure::new(format!("{place} would be damaged by this: {}", worst(&findings))))
}

fn worst(findings: &Findings) -> String {
    let errors = findings.iter().filter(|finding| finding.severity() == Severity::Error);
    errors.take(3).map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What was changed: for machines, or as a diff and in numbers.
pub(super) fn show_changes(
    place: &Place,
    root: &KeyPath,
    changes: &[Change],
    detail: DetailArgs,
    printer: &mut Printer,
) -> Result<(), Failure> {
    if printer.is_json() {
        let changes = changes.iter().filter(|change| !change.is_noop()).collect();
        return printer.json(&Report { hive: place.to_string(), changes });
    }
    let mut stat = Stat::default();
    changes.iter().filter(|change| !change.is_noop()).for_each(|change| stat.count_change(change));
    if detail.stat {
        printer.line(format_args!("total: {stat}"))?;
        return Ok(());
    }
    if printer.is_quiet() {
        return Ok(());
    }
    let mut diff = DiffWriter::new(Vec::new()).explained(detail.explain);
    let unsaid = write_changes(&mut diff, changes, root)?;
    let text = diff.finish().map_err(Failure::new)?;
    printer.diff(&String::from_utf8_lossy(&text))?;
    for line in unsaid {
        printer.diff(&format!(" ; {line}"))?;
    }
    printer.status(format_args!("total: {stat}"));
    Ok(())
}
