//! `winpe-iscsi reg diff`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_regfile::Comparison;

use super::file::Reading;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Show what two files do differently, whatever their order, layout and encoding
///
/// Examples:
///   winpe-iscsi reg diff old.reg new.reg
///   winpe-iscsi reg diff old.reg new.reg --explain
///
/// Exits with 1 if they differ.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The one file; - is the standard input
    old: PathBuf,
    /// The other file
    new: PathBuf,
    /// Show texts and numbers that stand as bytes below their bytes
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Diff {
    equal: bool,
    diff: String,
}

pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let old = args.reading.document(&args.old, printer)?;
    let new = args.reading.document(&args.new, printer)?;
    let comparison = Comparison::new(&old, &new);
    let mut text = vec![];
    comparison.write(&mut text, args.explain)?;
    let diff = String::from_utf8_lossy(&text).into_owned();
    let equal = comparison.is_equal();
    if printer.is_json() {
        printer.json(&Diff { equal, diff })?;
    } else {
        printer.diff(&diff)?;
    }
    Ok(if equal { Exit::Done } else { Exit::Differs })
}
