//! The hives of the corpus, and their expected properties.

use std::fs;
use std::path::{Path, PathBuf};

use winpe_tests::corpus;

/// One file of the corpus.
pub(crate) struct Sample {
    /// Its name below `hives/`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Sample {
    pub(crate) fn read(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }
}

/// Every file below `hives/`, sorted by name; empty without a corpus.
pub(crate) fn samples() -> Vec<Sample> {
    let Some(root) = corpus("hives") else { return vec![] };
    let mut samples = vec![];
    collect(&root, "", &mut samples);
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    samples
}

fn collect(folder: &Path, prefix: &str, samples: &mut Vec<Sample>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), samples);
        } else {
            samples.push(Sample { name, path: entry.path() });
        }
    }
}

/// One file of the corpus, or `None` without a corpus.
pub(crate) fn sample(name: &str) -> Option<Vec<u8>> {
    let path = corpus(&format!("hives/{name}"))?;
    Some(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The rows of a table, without its header.
pub(crate) fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().skip(1).map(|line| line.split('\t').collect()).collect()
}
