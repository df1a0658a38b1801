//! `.reg` files as edits, each with the line that it comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use thiserror::Error;
use winpe_regfile::{Document, ParseError, ParseOptions, Span};
use winpe_registry::Edit;

/// An edit and the line that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcedEdit {
    /// The edit; its key begins with a root such as `HKEY_LOCAL_MACHINE`.
    pub edit: Edit,
    /// The line that it comes from.
    pub origin: Origin,
}

/// A line of a file. The lines of one file share its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: Arc<Path>,
    /// The line, counted from 1; 0 if it is the file as a whole.
    pub line: usize,
}

impl Origin {
    /// A file as a whole.
    pub(crate) fn whole(file: impl AsRef<Path>) -> Self {
        Self { file: file.as_ref().into(), line: 0 }
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::whole("")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}", self.file.display()),
        }
    }
}

/// Parses the text of a `.reg` file strictly: a line that regedit would skip is an error here, because a
/// skipped line would be a feature that silently does not work.
///
/// # Errors
/// [`ParseError`] with file, line, column and the line's text.
///
/// ```
/// use std::path::Path;
/// let text = b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\PE_Sys\\Setup]\n\"CmdLine\"=\"winpeshl.exe\"\n";
/// let edits = winpe_inject::parse_reg(Path::new("my.reg"), text)?;
/// assert_eq!(edits[1].origin.to_string(), "my.reg:4");
/// # Ok::<(), winpe_inject::ParseError>(())
/// ```
pub fn parse_reg(file: &Path, text: &[u8]) -> Result<Vec<SourcedEdit>, ParseError> {
    let document =
        Document::parse(text, &ParseOptions::default()).map_err(|error| error.in_file(file))?;
    let file: Arc<Path> = file.into();
    let sourced = |(edit, span): (Edit, Span)| {
        let origin = Origin { file: Arc::clone(&file), line: span.line };
        SourcedEdit { edit, origin }
    };
    Ok(document.edits().map(sourced).collect())
}

/// Reads a `.reg` file as [`parse_reg`] does.
///
/// # Errors
/// [`RegError`] names the file, and for a line that cannot be parsed its place and text.
pub fn read_reg(file: &Path) -> Result<Vec<SourcedEdit>, RegError> {
    let text = fs::read(file).map_err(|source| RegError::Read { path: file.into(), source })?;
    Ok(parse_reg(file, &text)?)
}

/// Why a `.reg` file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be parsed.
    #[error("{0}\n{snippet}", snippet = .0.snippet())]
    Parse(#[from] ParseError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_shows_its_line_if_it_has_one() {
        let origin = |line| Origin { line, ..Origin::whole("a.reg") }.to_string();
        assert_eq!([origin(7), origin(0)], ["a.reg:7", "a.reg"]);
    }
}
