//! What regedit would skip in a `.reg` file: `cargo run --example lint -- tweaks.reg`
//!
//! Ends with status 1 where there is something. Without a file it reads a short text that is part of this program.

use std::env;
use std::error::Error;
use std::fs;
use std::process::ExitCode;

use winpe_regfile::{Document, ParseError, ParseOptions};

/// Line 5 has a string without quotes.
const DEMO: &[u8] = b"Windows Registry Editor Version 5.00\n\
    \n\
    [HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]\n\
    \"SetupType\"=dword:2\n\
    \"CmdLine\"=winpeshl.exe\n";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let text = match env::args_os().nth(1) {
        Some(path) => fs::read(path)?,
        None => DEMO.to_vec(),
    };
    let skipped = lint(&text)?;
    for line in &skipped {
        println!("{line}");
    }
    Ok(if skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line for each thing that regedit would skip.
fn lint(text: &[u8]) -> Result<Vec<String>, ParseError> {
    let document = Document::parse(text, &ParseOptions::lenient())?;
    Ok(document.skipped().map(|finding| finding.to_string()).collect())
}

#[test]
fn a_string_without_quotes_is_named_with_its_line() {
    let skipped = lint(DEMO).unwrap();
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(skipped[0].contains('5'), "{skipped:?}");
}
