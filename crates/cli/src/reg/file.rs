//! Files that come in, and files that go out.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use winpe_regfile::encoding_rs::Encoding;
use winpe_regfile::{Document, EditError, Mode, ParseError, ParseOptions};

use crate::atomic_file;
use crate::failure::Failure;
use crate::kind::{self, Kind};
use crate::printer::Printer;

/// How `.reg` files are read.
#[derive(clap::Args)]
pub(super) struct Reading {
    /// The code page of REGEDIT4 files
    #[arg(
        long,
        value_name = "NAME|NUMBER",
        default_value = "windows-1252",
        value_parser = codepage
    )]
    pub(super) codepage: &'static Encoding,
    /// Skip what regedit skips, with a warning, instead of refusing it
    #[arg(long)]
    lenient: bool,
}

impl Reading {
    /// Reads and parses a file; `-` is the standard input.
    pub(super) fn document(&self, path: &Path, printer: &mut Printer) -> Result<Document, Failure> {
        if let Some(failure) = kind::refused(path, Kind::Reg) {
            return Err(failure);
        }
        let mode = if self.lenient { Mode::Lenient } else { Mode::Strict };
        let options = ParseOptions { mode, codepage: self.codepage };
        let document =
            Document::parse(&read(path)?, &options).map_err(|error| refused(error, path))?;
        for skipped in document.skipped() {
            let name = path.display();
            printer.warning(format_args!("{name}:{skipped}, skipped\n{}", skipped.snippet()));
        }
        Ok(document)
    }
}

/// A code page by the name of the web, or by its number on Windows.
pub(super) fn codepage(name: &str) -> Result<&'static Encoding, String> {
    let label = match name {
        "932" => "shift_jis",
        "936" => "gbk",
        "949" => "euc-kr",
        "950" => "big5",
        "54936" => "gb18030",
        "65001" => "utf-8",
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => &format!("windows-{number}"),
        name => name,
    };
    Encoding::for_label(label.as_bytes())
        .filter(|encoding| encoding.is_ascii_compatible())
        .ok_or_else(|| {
            format!(
                "no code page {name}; known are numbers such as 1252 or 936, and names such as gbk"
            )
        })
}

pub(super) fn refused(error: ParseError, path: &Path) -> Failure {
    let snippet = error.snippet();
    Failure::new(format!("{}\n{snippet}", error.in_file(path)))
        .hint("--lenient skips what regedit skips; winpe-iscsi reg check lists all of it")
}

/// The bytes of a file; `-` is the standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if !is_stdin(path) {
        return fs::read(path).map_err(about(path));
    }
    let mut bytes = vec![];
    io::stdin().lock().read_to_end(&mut bytes).map_err(about(path))?;
    Ok(bytes)
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Puts other bytes in a file's place.
pub(super) fn replace(path: &Path, bytes: &[u8], printer: &mut Printer) -> Result<(), Failure> {
    atomic_file::replace(path, None, bytes, printer).map_err(about(path))
}

/// Writes a file, made from `from`, that is not to exist yet, unless by `force`.
pub(super) fn create(
    path: &Path,
    from: &Path,
    bytes: &[u8],
    force: bool,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let from = Some(from).filter(|from| !is_stdin(from));
    if force {
        return atomic_file::replace(path, from, bytes, printer).map_err(about(path));
    }
    atomic_file::create(path, from, bytes, printer)
        .map_err(|error| atomic_file::not_created(path, &error, "--force overwrites it"))
}

fn about(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}

/// Why a document cannot take a form.
pub(super) fn unfit(path: &Path) -> impl Fn(EditError) -> Failure {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}
