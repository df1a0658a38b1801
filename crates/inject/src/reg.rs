//! `.reg` text with the place of each edit.

use std::fmt;
use std::path::{Path, PathBuf};

use winpe_regfile::{Document, ParseError, ParseOptions, Span};
use winpe_registry::Edit;

/// An edit and the line that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcedEdit {
    /// The edit; its key begins with a root such as `HKEY_LOCAL_MACHINE`.
    pub edit: Edit,
    /// Where it stands.
    pub origin: Origin,
}

/// A line of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Reads the text of a `.reg` file, strictly: whatever Windows would skip is an error here, since a
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
    let sourced = |(edit, span): (Edit, Span)| {
        let origin = Origin { file: file.into(), line: span.line };
        SourcedEdit { edit, origin }
    };
    Ok(document.edits().map(sourced).collect())
}
