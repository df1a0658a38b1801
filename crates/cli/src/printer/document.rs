//! The JSON document of a run: its last fields say what was written, or why the run failed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use winpe_inject::Sha256;

use crate::failure::Failure;

/// A file or folder that a command made or changed, or left as it is because it is right already.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Written {
    /// Its path.
    path: String,
    /// Whether it was written. If not, it was already what it would be.
    written: bool,
    /// Of a file: its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Of a file: the SHA-256 of its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
}

/// Why a command failed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorReport {
    /// What happened.
    message: String,
    /// What may help.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    hints: Vec<String>,
}

/// The fields that end each document.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Ending {
    /// The files and folders that the command made; absent if it makes none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) outputs: Vec<Written>,
    /// Why the command failed; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorReport>,
}

impl Written {
    /// What there is now.
    pub(super) fn now(path: &Path, written: bool) -> Self {
        let file = fs::metadata(path).is_ok_and(|there| there.is_file());
        let digest = || Sha256::of_reader(File::open(path).ok()?).ok();
        Self {
            path: path.display().to_string(),
            written,
            bytes: fs::metadata(path).ok().filter(|_| file).map(|there| there.len()),
            sha256: file.then(digest).flatten(),
        }
    }
}

impl Ending {
    pub(super) fn of(files: &[(PathBuf, bool)], failure: Option<&Failure>) -> Self {
        let error = failure.map(|failure| ErrorReport {
            message: failure.message(),
            hints: failure.hints().to_vec(),
        });
        Self {
            outputs: files.iter().map(|(path, written)| Written::now(path, *written)).collect(),
            error,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.error.is_none()
    }
}

/// Passes bytes on, without the `\n}` that ends a document.
pub(super) struct Unended<W> {
    to: W,
    held: Vec<u8>,
}

/// The end of a document that has fields.
pub(super) const END: &[u8] = b"\n}";

impl<W: Write> Unended<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, held: Vec::new() }
    }
}

impl<W: Write> Write for Unended<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        let sure = self.held.len().saturating_sub(END.len());
        self.to.write_all(&self.held[..sure])?;
        self.held.drain(..sure);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_held_back() {
        for step in 1..9 {
            let mut out = Vec::new();
            let mut unended = Unended::new(&mut out);
            for part in b"{\n  \"a\": 1\n}".chunks(step) {
                unended.write_all(part).unwrap();
            }
            assert_eq!(unended.held, END);
            assert_eq!(out, b"{\n  \"a\": 1");
        }
    }
}
