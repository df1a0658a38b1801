//! `hive recover`: a dirty hive with its transaction logs replayed.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use winpe_hive::log::{LogFormat, Recovery};

use super::input::{Log, Place, read};
use crate::failure::Failure;
use crate::output::Output;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Bring a dirty hive to rest with its transaction logs, as Windows does when it loads it
///
/// Examples:
///   winpe-iscsi hive recover NTUSER.DAT
///   winpe-iscsi hive recover SYSTEM SYSTEM.LOG1 SYSTEM.LOG2 -o SYSTEM.recovered
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The hive: a file, or WIM:HIVE
    hive: Place,
    /// Its logs: .LOG, .LOG1 and .LOG2, as far as there are [default: those beside it]
    logs: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Report {
    hive: String,
    dirty: Option<String>,
    sequence_before: Option<u32>,
    sequence_after: u32,
    base_block_from: Option<String>,
    replayed: Vec<Replayed>,
    unused: Vec<Unused>,
    missing_writes: Option<(u32, u32)>,
}

#[derive(Serialize, JsonSchema)]
struct Replayed {
    log: String,
    format: &'static str,
    writes: usize,
    pages: usize,
    first_sequence: u32,
    last_sequence: u32,
    stopped: Option<String>,
    lost: bool,
}

#[derive(Serialize, JsonSchema)]
struct Unused {
    log: String,
    why: String,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    args.output.allows(&args.hive)?;
    let mut loaded = args.hive.load()?;
    if !args.logs.is_empty() {
        loaded.logs = args.logs.iter().map(|path| log(path)).collect::<Result<_, _>>()?;
    }
    let (hive, recovery, logs) = loaded.recover()?;
    let report = report(&args.hive, &recovery, &logs);
    if printer.is_json() {
        printer.json(&report)?;
    } else {
        show(&report, printer)?;
    }
    if recovery.dirt.is_some() || args.output.is_new_file() {
        args.output.write(&args.hive, &hive.into_file_bytes(), printer)?;
    }
    Ok(Exit::Done)
}

fn log(path: &Path) -> Result<Log, Failure> {
    Ok(Log { name: path.display().to_string(), bytes: read(path)? })
}

fn report(hive: &Place, recovery: &Recovery, logs: &[Log]) -> Report {
    let name = |log: usize| logs[log].name.clone();
    let replayed = recovery.replayed.iter().map(|log| Replayed {
        log: name(log.log),
        format: match log.format {
            LogFormat::Old => "old",
            LogFormat::New => "new",
        },
        writes: log.entries,
        pages: log.pages,
        first_sequence: log.first_sequence,
        last_sequence: log.last_sequence,
        stopped: log.stop.as_ref().map(ToString::to_string),
        lost: log.stop.as_ref().is_some_and(|stop| stop.is_loss()),
    });
    let unused = recovery.unfit.iter();
    Report {
        hive: hive.to_string(),
        dirty: recovery.dirt.as_ref().map(ToString::to_string),
        sequence_before: recovery.sequence_before,
        sequence_after: recovery.sequence_after,
        base_block_from: recovery.base_block_from.map(name),
        replayed: replayed.collect(),
        unused: unused.map(|(log, why)| Unused { log: name(*log), why: why.to_string() }).collect(),
        missing_writes: recovery.gap(),
    }
}

fn show(report: &Report, printer: &mut Printer) -> Result<(), Failure> {
    let Some(dirty) = &report.dirty else {
        printer.line(format_args!("{} is at rest: nothing to do", report.hive))?;
        return Ok(());
    };
    printer.heading(format_args!("{}: {dirty}", report.hive))?;
    if let Some(log) = &report.base_block_from {
        printer.line(format_args!("  base block from {log}"))?;
    }
    for log in &report.replayed {
        printer.line(format_args!(
            "  {}: {} writes, {} pages, sequence numbers {} to {}",
            log.log, log.writes, log.pages, log.first_sequence, log.last_sequence
        ))?;
        if let Some(stopped) = log.stopped.as_ref().filter(|_| log.lost) {
            printer.warning(format_args!("{}: {stopped}; what it says is lost", log.log));
        }
    }
    for log in &report.unused {
        printer.line(format_args!("  {} is not used: {}", log.log, log.why))?;
    }
    if let Some((first, last)) = report.missing_writes {
        printer.warning(format_args!("no log holds the writes {first} to {last}"));
    }
    Ok(())
}
