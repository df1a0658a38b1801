//! Published files: each is read, or refused for a reason that `corpus.tsv` states.

use std::fs;
use std::path::{Path, PathBuf};

use winpe_regfile::{Document, Format, ItemKind, ParseOptions, write_edits};
use winpe_tests::{corpus, workspace};

/// File, edits, skipped places, whether the writer lays it out the same, and the result of strict
/// mode.
const GOLDEN: &str = "tests/regfile/corpus.tsv";

/// The corpus, in the order of its paths.
pub(crate) fn files() -> Option<Vec<(String, PathBuf)>> {
    let folder = corpus("reg")?;
    let mut files = vec![];
    let mut folders = vec![folder.clone()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "reg") {
                let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                files.push((name, path));
            }
        }
    }
    files.sort();
    Some(files)
}

#[test]
fn every_file_is_read_or_refused_for_a_stated_reason() {
    let Some(files) = files() else { return };
    let found: String = files.iter().map(|(name, path)| verdict(name, path)).collect();
    let golden = fs::read_to_string(workspace().join(GOLDEN)).unwrap();
    if found != golden {
        let copy = workspace().join("target/corpus.tsv");
        fs::write(&copy, &found).unwrap();
        let differs = found.lines().zip(golden.lines()).find(|(found, golden)| found != golden);
        panic!("not as {GOLDEN} says, from {differs:?} on; see {}", copy.display());
    }
}

fn verdict(name: &str, path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let document = Document::parse(&bytes, &ParseOptions::lenient()).unwrap();
    assert_eq!(document.to_bytes(), bytes, "{name}");
    let edits: Vec<_> = document.edits().map(|(edit, _)| edit).collect();
    let skipped = document.skipped().count();
    let strict = match Document::parse(&bytes, &ParseOptions::default()) {
        Ok(document) => {
            assert!(document.edits().map(|(edit, _)| edit).eq(edits.iter().cloned()), "{name}");
            "ok".to_owned()
        }
        Err(error) => error.to_string(),
    };
    // The edits of a file can be written, and are then read the same.
    let mut as_it_stands = "-";
    for format in [Format::Regedit, Format::Utf8Lf] {
        let written = write_edits(vec![], format, edits.iter().cloned()).unwrap();
        let again = Document::parse(&written, &ParseOptions::default()).unwrap();
        assert!(again.edits().map(|(edit, _)| edit).eq(edits.iter().cloned()), "{name}");
        if format == Format::Regedit {
            as_it_stands = layout(&bytes, &written);
        }
    }
    format!("{name}\t{}\t{skipped}\t{as_it_stands}\t{strict}\n", edits.len())
}

/// Whether the writer lays out the file as it is: `bytes` if all of it is the same, `lines` if only
/// blank lines differ. This identifies exports by regedit itself.
fn layout(bytes: &[u8], written: &[u8]) -> &'static str {
    let lines = |bytes| {
        let document = Document::parse(bytes, &ParseOptions::lenient()).unwrap();
        let lines: Vec<_> = document
            .items()
            .filter(|item| item.kind != ItemKind::Blank)
            .map(|item| document.text(item.span).trim_end_matches(['\r', '\n']).to_owned())
            .collect();
        lines
    };
    match bytes == written {
        true => "bytes",
        false if lines(bytes) == lines(written) => "lines",
        false => "-",
    }
}
