//! `hive export`: a hive, or a key of one, as a `.reg` file.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use winpe_hive::Key;
use winpe_regfile::{Format, WriteError, Writer};
use winpe_registry::{KeyPath, ValueName};

use super::input::{Input, find_key};
use super::roots::{KeyArg, Roots};
use crate::atomic_file;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Write a key with all that is below it as a .reg file
///
/// Examples:
///   winpe-iscsi hive export SYSTEM > system.reg
///   winpe-iscsi hive export winpe.wim:SYSTEM 'ControlSet001\Services' -o out.reg
///   winpe-iscsi hive export SYSTEM --plain | winpe-iscsi reg convert - \
///       --to regedit4 -o old.reg
///
/// To a terminal or a pipe goes UTF-8; to a file with -o, UTF-16 as regedit writes it. What cannot be read, or
/// has a name that a .reg file cannot hold, is left out with a warning; the command then exits with 1.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// The key [default: the whole hive]
    key: Option<KeyArg>,
    /// Write to a file
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Overwrite OUT
    #[arg(long, requires = "output")]
    force: bool,
    /// Write UTF-8 to the file too
    #[arg(long, requires = "output")]
    utf8: bool,
    /// Leave out the comments ;exact after texts without a closing NUL: hivexregedit takes them for data,
    /// and reged refuses them. Regedit adds the NUL
    #[arg(long)]
    plain: bool,
    /// Name the hive's root key so [default: by the hive's name]
    #[arg(long, value_name = "KEY")]
    root: Option<KeyArg>,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let place = args.input.place();
    let hive = args.input.open(printer)?;
    let roots = Roots::of(place, &hive).renamed(args.root.as_ref());
    let (path, key) = find_key(&hive, place, args.key.as_ref(), &roots)?;
    let at = roots.shown.join(&path);

    let skipped = match &args.output {
        None => write(&key, at, (printer.raw(), Format::Utf8Lf, args.plain))?,
        Some(out) => {
            let about = |error| Failure::new(format!("{}: {error}", out.display()));
            let new = atomic_file::begin(out, Some(place.file()), args.force, printer);
            let new = new
                .map_err(|error| atomic_file::not_created(out, &error, "--force overwrites it"))?;
            let format = if args.utf8 { Format::Utf8Lf } else { Format::Regedit };
            let skipped = write(&key, at, (BufWriter::new(new.file()), format, args.plain))?;
            new.finish().map_err(about)?;
            printer.file(out, true);
            skipped
        }
    };
    let lost = !skipped.is_empty();
    for what in skipped {
        printer.warning(format_args!("{place}: {what}"));
    }
    if lost {
        printer.warning("what the warnings name is not in the file");
    }
    Ok(if lost { Exit::Differs } else { Exit::Done })
}

/// Returns what could not be read, or cannot be said in such a file.
fn write(
    key: &Key<'_>,
    at: KeyPath,
    (out, format, is_plain): (impl Write, Format, bool),
) -> Result<Vec<String>, Failure> {
    let mut skipped = Vec::new();
    let mut writer = Writer::new(out, format);
    if is_plain {
        writer = writer.plain();
    }
    let mut export = key.export(at);
    while let Some(exported) = export.next() {
        let exported = match exported {
            Ok(exported) => exported,
            Err(error) => {
                skipped.push(error.to_string());
                continue;
            }
        };
        if !kept(writer.key(exported.path), &mut skipped)? {
            continue;
        }
        for entry in exported.values {
            let read = entry.and_then(|entry| Ok((entry.data()?, entry)));
            match read {
                Ok((data, entry)) => {
                    let name = ValueName::from_stored(entry.name());
                    kept(writer.value(&name, entry.ty(), &data), &mut skipped)?;
                }
                Err(error) => skipped.push(error.to_string()),
            }
        }
    }
    writer.finish().map_err(Failure::new)?.flush()?;
    Ok(skipped)
}

/// Whether it was written; that a name cannot be said is no reason to end.
fn kept(result: Result<(), WriteError>, skipped: &mut Vec<String>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(WriteError::Io(error)) => Err(error.into()),
        Err(error @ WriteError::Root { .. }) => {
            Err(Failure::new(error).hint("--root names the hive's root key"))
        }
        Err(error) => {
            skipped.push(error.to_string());
            Ok(false)
        }
    }
}
