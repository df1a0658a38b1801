//! `winpe-iscsi reg fmt`.

use std::io::Write;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::file::{Reading, is_stdin, replace, unfit};
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Lay files out as regedit does; comments, encoding and line breaks stay
///
/// Examples:
///   winpe-iscsi reg fmt tweaks.reg            # in place
///   winpe-iscsi reg fmt --check *.reg         # 1 if a file is not so
///   winpe-iscsi reg fmt --explain tweaks.reg  # with texts of bytes
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The files; - is the standard input, which goes to the standard output
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and exit with 1 if there are any
    #[arg(long)]
    check: bool,
    /// Change nothing; print the file with texts and numbers that stand as bytes below their bytes
    #[arg(long, conflicts_with = "check")]
    explain: bool,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Formatted {
    files: Vec<FormattedFile>,
}

#[derive(Serialize, JsonSchema)]
struct FormattedFile {
    file: String,
    changed: bool,
}

pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let mut files = vec![];
    for path in &args.files {
        let document = args.reading.document(path, printer)?;
        if args.explain {
            let explained = document.explained().map_err(unfit(path))?;
            printer.lines(explained.to_string().trim_end())?;
            continue;
        }
        let formatted = document.formatted().map_err(unfit(path))?.to_bytes();
        let changed = formatted != document.to_bytes();
        if is_stdin(path) && !args.check {
            printer.raw().write_all(&formatted)?;
            continue;
        }
        if changed && !args.check {
            replace(path, &formatted, printer)?;
        }
        files.push(FormattedFile { file: path.display().to_string(), changed });
    }
    let any_changed = files.iter().any(|file| file.changed);
    if printer.is_json() {
        printer.json(&Formatted { files })?;
    } else {
        for file in files.iter().filter(|file| file.changed) {
            if args.check {
                printer.line(&file.file)?;
            } else {
                printer.status(format_args!("{} is laid out", file.file));
            }
        }
    }
    Ok(if args.check && any_changed { Exit::Differs } else { Exit::Done })
}
