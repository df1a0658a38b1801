//! `hive compact`: a copy of a hive without its free cells.

use schemars::JsonSchema;
use serde::Serialize;

use super::import::sound;
use super::input::Place;
use super::output::set_time;
use crate::failure::Failure;
use crate::output::Output;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Rewrite a hive without waste: the same keys, values and security, in less room
///
/// A damaged hive is refused: winpe-iscsi hive mend writes a sound one.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The hive: a file, or WIM:HIVE
    hive: Place,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Report {
    hive: String,
    bytes_before: usize,
    bytes_after: usize,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    args.output.allows(&args.hive)?;
    let loaded = args.hive.load()?;
    let bytes_before = loaded.bytes.len();
    let mut hive = loaded.open(printer)?;
    sound(&hive, &args.hive)?;
    set_time(&mut hive)?;
    let compacted =
        hive.compact().map_err(|error| Failure::new(format!("{}: {error}", args.hive)))?;
    let bytes = compacted.into_file_bytes();
    let report = Report { hive: args.hive.to_string(), bytes_before, bytes_after: bytes.len() };
    if printer.is_json() {
        printer.json(&report)?;
    } else {
        let (hive, after) = (&report.hive, report.bytes_after);
        printer.line(format_args!("{hive}: {bytes_before} bytes before, {after} after"))?;
    }
    args.output.write(&args.hive, &bytes, printer)?;
    Ok(Exit::Done)
}
