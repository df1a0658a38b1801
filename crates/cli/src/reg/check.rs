//! `winpe-iscsi reg check`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use winpe_regfile::encoding_rs::Encoding;
use winpe_regfile::{Document, ParseError, ParseOptions, Version};

use super::file::{codepage, read, refused};
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// List everything that regedit would skip or misread
///
/// Examples:
///   winpe-iscsi reg check tweaks.reg
///   winpe-iscsi reg check *.reg --json
///
/// Exits with 1 if there is anything.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The files; - is the standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The code page of REGEDIT4 files
    #[arg(
        long,
        value_name = "NAME|NUMBER",
        default_value = "windows-1252",
        value_parser = codepage
    )]
    codepage: &'static Encoding,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Checked {
    files: Vec<CheckedFile>,
}

#[derive(Serialize, JsonSchema)]
struct CheckedFile {
    file: String,
    encoding: &'static str,
    version: u8,
    edits: usize,
    #[schemars(with = "Vec<Finding>")]
    findings: Findings,
}

/// What is wrong with a file. Each line can be, so findings are made when they are shown.
struct Findings {
    /// Of the whole text: bytes that are no text are no line's fault.
    first: Option<Finding>,
    document: Document,
}

#[derive(Clone, Serialize, JsonSchema)]
struct Finding {
    line: usize,
    column: usize,
    reason: String,
    text: String,
    skipped: bool,
    #[serde(skip)]
    snippet: String,
}

pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let mut files = vec![];
    for path in &args.files {
        let bytes = read(path)?;
        let strict = ParseOptions { codepage: args.codepage, ..ParseOptions::default() };
        let lenient = ParseOptions { codepage: args.codepage, ..ParseOptions::lenient() };
        let document = Document::parse(&bytes, &lenient).map_err(|error| refused(error, path))?;
        let first = Document::parse(&bytes, &strict).err().filter(|error| {
            !document.findings().any(|finding| finding.span.line == error.span.line)
        });
        let first = first.map(Finding::from);
        let first = first.or_else(|| document.regedit_finding().map(Finding::from));
        files.push(CheckedFile {
            file: path.display().to_string(),
            encoding: document.encoding().name(),
            version: match document.version() {
                Version::V4 => 4,
                Version::V5 => 5,
            },
            edits: document.edits().count(),
            findings: Findings { first, document },
        });
    }
    let is_clean = files.iter().all(|file| file.findings.iter().next().is_none());
    if printer.is_json() {
        printer.json(&Checked { files })?;
    } else {
        for file in files {
            let CheckedFile { file, encoding, edits, findings, .. } = file;
            let mut count = 0;
            for Finding { line, column, reason, snippet, skipped, .. } in findings.iter() {
                count += 1;
                let so = if skipped { "skipped by regedit" } else { "doubtful" };
                printer.line(format_args!("{file}:{line}:{column}: {so}: {reason}"))?;
                printer.lines(&snippet)?;
            }
            printer.status(format_args!("{file}: {encoding}, edits: {edits}, findings: {count}"));
        }
    }
    Ok(if is_clean { Exit::Done } else { Exit::Differs })
}

impl Findings {
    fn iter(&self) -> impl Iterator<Item = Finding> {
        self.first.iter().cloned().chain(self.document.findings().map(Finding::from))
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl From<ParseError> for Finding {
    fn from(error: ParseError) -> Self {
        Self {
            line: error.span.line,
            column: error.span.column,
            reason: error.reason.to_string(),
            snippet: error.snippet(),
            text: error.text.into(),
            skipped: false,
        }
    }
}

impl From<winpe_regfile::Finding> for Finding {
    fn from(finding: winpe_regfile::Finding) -> Self {
        Self {
            line: finding.span.line,
            column: finding.span.column,
            reason: finding.reason.to_string(),
            snippet: finding.snippet(),
            text: finding.text.into(),
            skipped: finding.is_skipped,
        }
    }
}
