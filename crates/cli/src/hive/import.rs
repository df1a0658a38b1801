use std::path::PathBuf;

use serde::Serialize;
use winpe_hive::Hive;
use winpe_regfile::{DiffWriter, Document, ParseOptions};
use winpe_registry::{Change, Edit, KeyPath};

use super::input::{Place, read};
use super::output::{Output, set_time};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Change a hive as .reg files say
///
/// Examples:
///   winpe-iscsi hive import SYSTEM tweaks.reg --dry-run
///   winpe-iscsi hive import SOFTWARE policies.reg --root 'HKEY_LOCAL_MACHINE\PE_Soft' -o SOFTWARE.new
///
/// The files name keys below the root that Windows gives the hive; --root says another one.
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
    root: Option<KeyPath>,
    /// Skip lines that regedit would skip, instead of refusing the file
    #[arg(long)]
    lenient: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    hive: String,
    changes: Vec<&'a Change>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    args.output.allows(&args.hive)?;
    let root = args.root.clone().unwrap_or_else(|| args.hive.root());
    let edits = edits(args, &root)?;
    let mut hive = args.hive.load()?.open(printer)?;
    set_time(&mut hive)?;
    let errors = hive.check().count(winpe_hive::Severity::Error);

    let mut changes = Vec::new();
    for edit in &edits {
        let failed = |error| Failure::new(format!("{}: {error}", args.hive));
        changes.push(hive.apply(edit).map_err(failed)?);
    }
    unharmed(&hive, errors, &args.hive)?;
    show(args, &root, &changes, printer)?;
    if hive.is_modified() {
        args.output.write(&args.hive, &hive.into_bytes(), printer)?;
    } else {
        printer.status("nothing to do");
    }
    Ok(Exit::Done)
}

/// The edits of all files, their keys counted from the hive's root.
fn edits(args: &Args, root: &KeyPath) -> Result<Vec<Edit>, Failure> {
    let options = if args.lenient { ParseOptions::lenient() } else { ParseOptions::default() };
    let mut edits = Vec::new();
    for path in &args.reg {
        let document = Document::parse(&read(path)?, &options)
            .map_err(|error| Failure::new(error.in_file(path)))?;
        for (edit, span) in document.edits() {
            let Some(key) = edit.key.strip_prefix(root) else {
                let place = format!("{}:{}:{}", path.display(), span.line, span.column);
                let failure = Failure::new(format!("{place}: {} is not below {root}", edit.key));
                return Err(failure.hint("--root KEY says what the hive's root key is called"));
            };
            edits.push(Edit { key, ..edit });
        }
    }
    Ok(edits)
}

/// Our own edits never make a hive worse; if they did, nothing is written.
fn unharmed(hive: &Hive, errors: usize, place: &Place) -> Result<(), Failure> {
    let findings = hive.check();
    if findings.count(winpe_hive::Severity::Error) <= errors {
        return Ok(());
    }
    let found: Vec<_> = findings.iter().take(3).map(ToString::to_string).collect();
    Err(Failure::new(format!("{place} would be damaged by this: {}", found.join("; "))))
}

fn show(
    args: &Args,
    root: &KeyPath,
    changes: &[Change],
    printer: &mut Printer,
) -> Result<(), Failure> {
    if printer.is_json() {
        let changes = changes.iter().filter(|change| !change.is_noop()).collect();
        return printer.json(&Report { schema: 1, hive: args.hive.to_string(), changes });
    }
    let mut diff = DiffWriter::new(Vec::new());
    diff.changes(changes, root).map_err(Failure::new)?;
    let text = diff.finish().map_err(Failure::new)?;
    Ok(printer.diff(&String::from_utf8_lossy(&text))?)
}
