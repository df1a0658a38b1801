//! `hive check`: whether a hive is sound, and each place where it is not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_hive::{Finding, Severity};
use winpe_registry::KeyPath;

use super::input::Place;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Check whole hives: what Windows would refuse, heal by dropping it, or misread
///
/// Examples:
///   winpe-iscsi hive check SYSTEM SOFTWARE
///   winpe-iscsi hive check winpe.wim:SYSTEM --json
///
/// Damaged and dirty hives are checked as they lie on disk, without their logs. Exits with 1 if there
/// are errors or warnings.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The hives: files, or WIM:HIVE
    #[arg(required = true, value_name = "HIVE")]
    hives: Vec<Place>,
    /// Also list what is worth knowing and no fault
    #[arg(long)]
    info: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Report {
    hives: Vec<Checked>,
}

#[derive(Serialize, JsonSchema)]
struct Checked {
    hive: String,
    sound: bool,
    errors: usize,
    warnings: usize,
    counts: BTreeMap<&'static str, usize>,
    findings: Vec<ShownFinding>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ShownFinding {
    offset: u64,
    severity: String,
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyPath>,
    detail: String,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let mut report = Report { hives: vec![] };
    for place in &args.hives {
        // What was passed over in opening is among the findings.
        let hive = place.load()?.open_unseen()?;
        let findings = hive.check();
        let (errors, warnings) =
            (findings.count(Severity::Error), findings.count(Severity::Warning));
        let listed = |finding: &&Finding| args.info || finding.severity() != Severity::Info;
        if printer.is_json() {
            report.hives.push(Checked {
                hive: place.to_string(),
                sound: findings.is_sound(),
                errors,
                warnings,
                counts: findings.counts().iter().map(|(rule, n)| (rule.name(), *n)).collect(),
                findings: findings.iter().filter(listed).map(shown).collect(),
            });
        } else {
            printer.heading(format_args!("{place}: {}", verdict(errors, warnings)))?;
            for finding in findings.iter().filter(listed) {
                printer.line(format_args!("  {finding}"))?;
            }
            for (rule, &count) in findings.counts() {
                let unlisted = count.saturating_sub(winpe_hive::Findings::KEPT);
                if unlisted > 0 {
                    printer.line(format_args!("  {unlisted} more {}", rule.name()))?;
                }
            }
            report.hives.push(Checked {
                hive: place.to_string(),
                sound: findings.is_sound(),
                errors,
                warnings,
                counts: BTreeMap::new(),
                findings: vec![],
            });
        }
    }
    if printer.is_json() {
        printer.json(&report)?;
    }
    let clean = report.hives.iter().all(|hive| hive.errors + hive.warnings == 0);
    Ok(if clean { Exit::Done } else { Exit::Differs })
}

fn verdict(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (0, 0) => "sound".to_owned(),
        (0, warnings) => format!("sound, {warnings} warnings"),
        (errors, warnings) => format!("{errors} errors, {warnings} warnings"),
    }
}

pub(super) fn shown(finding: &Finding) -> ShownFinding {
    ShownFinding {
        offset: finding.offset,
        severity: finding.severity().to_string(),
        rule: finding.rule.name(),
        key: finding.key.clone(),
        detail: finding.detail.clone(),
    }
}
