//! `hive mend`: a sound hive made of what can be read of a damaged one.

use std::path::PathBuf;

use serde::Serialize;
use winpe_hive::{Finding, Findings, Hive, Lost, Mended, Severity};
use winpe_registry::{KeyPath, NtString};

use super::check::{ShownFinding, shown};
use super::import::unharmed;
use super::input::Place;
use super::output::set_time;
use crate::failure::Failure;
use crate::output::Output;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Write a sound hive of what can be read of a damaged one
///
/// Examples:
///   winpe-iscsi hive mend SYSTEM --dry-run
///   winpe-iscsi hive mend SYSTEM -o SYSTEM.mended
///
/// Keys and values are written new, so the order of subkeys, hashes, counts, lengths, links and security
/// lists are right. What was wrong is listed, and what is lost: parts that cannot be read, and the second
/// of two keys or values of one name. Transaction logs beside the hive are used if they fit. Exits with 1
/// if something is lost.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The hive: a file, or WIM:HIVE
    hive: Place,
    /// Where to write the mended hive
    #[arg(short, long, value_name = "OUT", required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// Overwrite OUT
    #[arg(long, requires = "output")]
    force: bool,
    /// Show what is wrong and what would be lost, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Report {
    hive: String,
    output: Option<String>,
    errors: usize,
    warnings: usize,
    findings: Vec<ShownFinding>,
    keys: usize,
    values: usize,
    lost: Vec<ShownLoss>,
    lost_count: usize,
}

#[derive(Serialize)]
struct ShownLoss {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyPath>,
    part: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<NtString>,
    reason: String,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let output = Output { output: args.output.clone(), force: args.force, dry_run: args.dry_run };
    output.allows(&args.hive)?;
    let mut hive = open(&args.hive, printer)?;
    set_time(&mut hive)?;
    let findings = hive.check();
    let mended = hive.mend().map_err(|error| Failure::new(format!("{}: {error}", args.hive)))?;
    drop(hive);
    unharmed(&mended.hive, &args.hive)?;
    if printer.is_json() {
        printer.json(&report(args, &findings, &mended))?;
    } else {
        show(args, &findings, &mended, printer)?;
    }
    let lost = mended.lost_count > 0;
    if !args.dry_run {
        output.write(&args.hive, &mended.hive.into_file_bytes(), printer)?;
    }
    Ok(if lost { Exit::Differs } else { Exit::Done })
}

/// The hive as Windows would load it, with its logs; if that is not possible, as it is in the file.
fn open(place: &Place, printer: &mut Printer) -> Result<Hive, Failure> {
    let loaded = place.load()?;
    let has_logs = !loaded.logs.is_empty();
    match loaded.recover() {
        Ok((hive, recovery, _)) => {
            if recovery.dirt.is_some() {
                printer.status("read through its transaction logs");
            }
            Ok(hive)
        }
        Err(failure) => {
            let hive = place.load()?.open_unseen()?;
            if has_logs {
                printer.warning(format_args!("its logs are not used: {}", failure.message()));
            }
            Ok(hive)
        }
    }
}

fn is_wrong(finding: &&Finding) -> bool {
    finding.severity() != Severity::Info
}

fn report(args: &Args, findings: &Findings, mended: &Mended) -> Report {
    let loss = |lost: &Lost| ShownLoss {
        key: lost.key.clone(),
        part: lost.part.kind(),
        name: lost.part.name().cloned(),
        reason: lost.reason.to_string(),
    };
    Report {
        hive: args.hive.to_string(),
        output: args.output.as_ref().map(|path| path.display().to_string()),
        errors: findings.count(Severity::Error),
        warnings: findings.count(Severity::Warning),
        findings: findings.iter().filter(is_wrong).map(shown).collect(),
        keys: mended.keys,
        values: mended.values,
        lost: mended.lost.iter().map(loss).collect(),
        lost_count: mended.lost_count,
    }
}

fn show(
    args: &Args,
    findings: &Findings,
    mended: &Mended,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let (errors, warnings) = (findings.count(Severity::Error), findings.count(Severity::Warning));
    let hive = &args.hive;
    printer.heading(format_args!("{hive}: {errors} errors and {warnings} warnings"))?;
    for finding in findings.iter().filter(is_wrong) {
        printer.line(format_args!("  {finding}"))?;
    }
    for lost in &mended.lost {
        printer.line(format_args!("  lost: {lost}"))?;
    }
    let unlisted = mended.lost_count - mended.lost.len();
    if unlisted > 0 {
        printer.line(format_args!("  lost: {unlisted} more"))?;
    }
    let (keys, values, lost) = (mended.keys, mended.values, mended.lost_count);
    printer.line(format_args!("{keys} keys and {values} values are kept; parts lost: {lost}"))?;
    Ok(())
}
