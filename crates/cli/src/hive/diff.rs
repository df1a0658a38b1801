//! `hive diff`: what differs between two hives, as a diff of `.reg` lines.

use std::fmt;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;
use winpe_hive::{Difference, Hive, diff};
use winpe_inject::ControlSet;
use winpe_regfile::DiffWriter;
use winpe_registry::{Before, Change, KeyName, KeyPath, Op};

use super::input::{Place, open};
use super::roots::{KeyArg, Roots};
use super::show::write_changes;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Show in which keys and values two hives differ, as .reg text with - and +
///
/// Examples:
///   winpe-iscsi hive diff SYSTEM.old SYSTEM
///   winpe-iscsi hive diff winpe.wim:1:SYSTEM winpe.wim:2:SYSTEM --stat
///
/// The lines with + are a .reg file that makes the new hive out of the old one. What such a file cannot say,
/// as security or a name with a line break, is listed after them. Exits with 1 if the hives differ.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The old hive: a file, or WIM:HIVE
    old: Place,
    /// The new hive
    new: Place,
    /// Count what differs
    #[arg(long)]
    stat: bool,
    /// Show texts and numbers that stand as bytes below their bytes
    #[arg(long)]
    explain: bool,
    /// Name the root key so [default: by the name of the new hive]
    #[arg(long, value_name = "KEY")]
    root: Option<KeyArg>,
    /// Read damaged hives as far as they go, and dirty ones without their logs
    #[arg(long)]
    lenient: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Report {
    old: String,
    new: String,
    #[serde(flatten)]
    stat: Stat,
    changes: Vec<Change>,
    other: Vec<String>,
}

#[derive(Default, Serialize, JsonSchema)]
pub(super) struct Stat {
    keys_added: usize,
    keys_removed: usize,
    values_added: usize,
    values_removed: usize,
    values_changed: usize,
    classes_changed: usize,
    security_changed: usize,
    flags_changed: usize,
    names_in_other_case: usize,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let (old, new) =
        (open(&args.old, args.lenient, printer)?, open(&args.new, args.lenient, printer)?);
    let roots = Roots::of(&args.new, &new).renamed(args.root.as_ref());
    warn_of_real_alias(&roots, [(&args.old, &old), (&args.new, &new)], printer);
    let root = roots.shown;
    let collect = printer.is_json();
    let mut report = Report {
        old: args.old.to_string(),
        new: args.new.to_string(),
        stat: Stat::default(),
        changes: vec![],
        other: vec![],
    };
    let mut unreadable = Vec::new();
    let mut differs = false;
    let lines = Lines { printer, pending: Vec::new() };
    let mut writer = DiffWriter::new(lines).explained(args.explain);
    // Changes of one key, which the writer puts under one heading.
    let mut block: Vec<Change> = Vec::new();
    for difference in diff(old.root(), new.root()) {
        let difference = match difference {
            Ok(difference) => difference,
            Err(error) => {
                unreadable.push(error.to_string());
                continue;
            }
        };
        differs = true;
        report.stat.count(&difference);
        match difference {
            Difference::Change(change) if collect => report.changes.push(change),
            Difference::Change(change) if !args.stat => {
                if block.last().is_some_and(|last| last.edit.key != change.edit.key) {
                    report.other.extend(write_changes(&mut writer, &block, &root)?);
                    block.clear();
                }
                block.push(change);
            }
            Difference::Change(_) => {}
            other => report.other.extend(words(&other, &root)),
        }
    }
    report.other.extend(write_changes(&mut writer, &block, &root)?);
    writer.finish().map_err(Failure::new)?.finish()?;

    for what in &unreadable {
        printer.warning(what);
    }
    if printer.is_json() {
        printer.json(&report)?;
    } else if args.stat {
        report.stat.show(printer)?;
    } else {
        // A .reg file cannot say these.
        for line in &report.other {
            printer.diff(&format!(" ; {line}"))?;
        }
    }
    Ok(if differs { Exit::Differs } else { Exit::Done })
}

/// Says how to import the lines where one of the hives has a key named as the alias is.
fn warn_of_real_alias(roots: &Roots, hives: [(&Place, &Hive); 2], printer: &mut Printer) {
    let alias = KeyPath::from_iter(KeyName::new(ControlSet::CURRENT));
    for (place, hive) in hives {
        if roots.has_control_sets && hive.key(&alias).is_ok_and(|key| key.is_some()) {
            printer.warning(format_args!(
                "{place} has a key named {alias}, which no Windows makes; import these lines with \
                 --control-set literal"
            ));
        }
    }
}

impl Stat {
    fn count(&mut self, difference: &Difference) {
        match difference {
            Difference::Change(change) => self.count_change(change),
            Difference::Class { .. } => self.classes_changed += 1,
            Difference::Security { .. } => self.security_changed += 1,
            Difference::Flags { .. } => self.flags_changed += 1,
            Difference::KeyCase { .. } | Difference::ValueCase { .. } => {
                self.names_in_other_case += 1;
            }
            _ => {}
        }
    }

    pub(super) fn count_change(&mut self, Change { edit, before }: &Change) {
        match (&edit.op, before) {
            (Op::CreateKey, _) => self.keys_added += 1,
            (Op::DeleteKey, Before::Tree(Some(tree))) => {
                let (keys, values) = tree.count();
                self.keys_removed += keys;
                self.values_removed += values;
            }
            (Op::DeleteKey, _) => self.keys_removed += 1,
            (Op::SetValue { .. }, Before::Value { value: Some(_), .. }) => {
                self.values_changed += 1;
            }
            (Op::SetValue { .. }, _) => self.values_added += 1,
            (Op::DeleteValue { .. }, _) => self.values_removed += 1,
        }
    }

    fn counts(&self) -> impl Iterator<Item = (usize, &'static str)> {
        [
            (self.keys_added, "keys added"),
            (self.keys_removed, "keys removed"),
            (self.values_added, "values added"),
            (self.values_removed, "values removed"),
            (self.values_changed, "values changed"),
            (self.classes_changed, "classes changed"),
            (self.security_changed, "security descriptors changed"),
            (self.flags_changed, "flags changed"),
            (self.names_in_other_case, "names in other case"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
    }

    fn show(&self, printer: &mut Printer) -> Result<(), Failure> {
        for (count, what) in self.counts() {
            printer.line(format_args!("{count:8} {what}"))?;
        }
        Ok(())
    }
}

/// One line.
impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts().map(|(count, what)| format!("{count} {what}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        f.write_str(if counts.is_empty() { "nothing changes" } else { &counts })
    }
}

fn words(difference: &Difference, root: &KeyPath) -> Option<String> {
    Some(match difference {
        Difference::Class { key, old, new } => {
            format!("class of {}: {:?} to {:?}", root.join(key), old.to_string(), new.to_string())
        }
        Difference::Security { key, old, new } => format!(
            "security of {}: {} to {} bytes, not the same",
            root.join(key),
            old.len(),
            new.len()
        ),
        Difference::KeyCase { key, old } => {
            format!("name of {}: was {:?}", root.join(key), old.to_string())
        }
        Difference::ValueCase { key, old, new } => {
            format!(
                "name of {:?} in {}: was {:?}",
                new.to_string(),
                root.join(key),
                old.to_string()
            )
        }
        Difference::Flags { key, old, new } => {
            format!("flags of {}: {old:?} to {new:?}", root.join(key))
        }
        _ => return None,
    })
}

/// Hands whole lines on, so that they can be coloured.
struct Lines<'p> {
    printer: &'p mut Printer,
    pending: Vec<u8>,
}

impl Lines<'_> {
    fn finish(mut self) -> io::Result<()> {
        self.pass(self.pending.len())
    }

    fn pass(&mut self, end: usize) -> io::Result<()> {
        let text: Vec<u8> = self.pending.drain(..end).collect();
        self.printer.diff(&String::from_utf8_lossy(&text))
    }
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if let Some(last) = self.pending.iter().rposition(|&byte| byte == b'\n') {
            self.pass(last + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
