//! `winpe-iscsi reg convert`.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use winpe_regfile::{Encoding, LineBreak, Version};

use super::file::{Reading, create, is_stdin, replace, unfit};
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Change the encoding, the line breaks and the version; layout and comments stay
///
/// Examples:
///   winpe-iscsi reg convert tweaks.reg --to utf8 -o readable.reg
///   winpe-iscsi reg convert old.reg --codepage 1251 --to regedit --in-place
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The files; - is the standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Into what
    #[arg(long, value_name = "FORM")]
    to: Form,
    /// Where to write it [default: the standard output]
    #[arg(short, long, value_name = "OUT", conflicts_with = "in_place")]
    output: Option<PathBuf>,
    /// Overwrite OUT
    #[arg(long, requires = "output")]
    force: bool,
    /// Change the files themselves
    #[arg(long)]
    in_place: bool,
    #[command(flatten)]
    reading: Reading,
}

/// What a file can be.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// As regedit writes it: UTF-16LE with byte order mark, CR LF
    Regedit,
    /// UTF-8, LF: for version control and for people
    Utf8,
    /// The header REGEDIT4, in the code page, CR LF: for old programs
    Regedit4,
}

pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    if args.files.len() > 1 && !args.in_place {
        return Err(crate::Failure::new("several files at once are converted --in-place only"));
    }
    let (version, encoding, line_break) = match args.to {
        Form::Regedit => (Version::V5, Encoding::Utf16Le, LineBreak::CrLf),
        Form::Utf8 => (Version::V5, Encoding::Utf8, LineBreak::Lf),
        Form::Regedit4 => (Version::V4, Encoding::Ansi(args.reading.codepage), LineBreak::CrLf),
    };
    for path in &args.files {
        let document = args.reading.document(path, printer)?;
        let converted = document.converted(version, encoding, line_break).map_err(unfit(path))?;
        let bytes = converted.to_bytes();
        match &args.output {
            Some(output) => create(output, path, &bytes, args.force, printer)?,
            None if args.in_place && !is_stdin(path) => {
                if bytes != document.to_bytes() {
                    replace(path, &bytes, printer)?;
                }
            }
            None => printer.raw().write_all(&bytes)?,
        }
    }
    Ok(Exit::Done)
}
