//! `ParseError`, `ReadError` and `Finding`: a place, the reason, and the line with a caret.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error;

use crate::lexer::line_end;
use crate::{Reason, Span, wtf8};

/// Why strict mode refuses a text: where, what was expected there, and the line.
///
/// ```
/// use winpe_regfile::{Document, ParseOptions};
/// let text = b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\PE_Sys]\n\"Start\"=dword:2x\n";
/// let error = Document::parse(text, &ParseOptions::default()).unwrap_err().in_file("a.reg");
/// assert_eq!(
///     error.to_string(),
///     "a.reg:4:16: expected the end of the line or a `;` comment after the data"
/// );
/// assert_eq!(error.snippet(), "\
/// 4 | \"Start\"=dword:2x
///   |                ^");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{}:{}: {reason}", FilePrefix(.file.as_deref()), span.line, span.column)]
pub struct ParseError {
    /// The file, if [`in_file`](Self::in_file) named it.
    pub file: Option<Box<Path>>,
    /// The place.
    pub span: Span,
    /// The line, or an excerpt around the place if the line is long.
    pub text: Box<str>,
    /// What was expected.
    pub reason: Reason,
    /// The number of characters of `text` before the place.
    before: usize,
}

impl ParseError {
    pub(crate) fn new(text: &[u8], span: Span, reason: Reason) -> Self {
        let (text, before) = excerpt(text, span);
        Self { file: None, span, text: text.into(), reason, before }
    }

    /// The same error with the name of the file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into().into_boxed_path());
        self
    }

    /// The line with its number, and below it a caret at the place.
    #[must_use]
    pub fn snippet(&self) -> String {
        snippet(self.span, &self.text, self.before)
    }
}

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Its bytes could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its text was refused.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// Something that strict mode refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The place.
    pub span: Span,
    /// The line, or an excerpt around the place if the line is long.
    pub text: Box<str>,
    /// What was expected.
    pub reason: Reason,
    /// Whether lenient mode (as regedit) skips it. Otherwise it is accepted, but hardly means what
    /// its author meant.
    pub is_skipped: bool,
    /// The number of characters of `text` before the place.
    before: usize,
}

impl Finding {
    pub(crate) fn new(text: &[u8], span: Span, reason: Reason, is_skipped: bool) -> Self {
        let (text, before) = excerpt(text, span);
        Self { span, text: text.into(), reason, is_skipped, before }
    }

    /// The line with its number, and below it a caret at the place.
    #[must_use]
    pub fn snippet(&self) -> String {
        snippet(self.span, &self.text, self.before)
    }
}

/// Line, column and reason.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.span.line, self.span.column, self.reason)
    }
}

fn snippet(span: Span, text: &str, before: usize) -> String {
    let number = span.line.to_string();
    let margin = number.len();
    format!("{number} | {text}\n{:margin$} | {:before$}^", "", "")
}

struct FilePrefix<'a>(Option<&'a Path>);

impl fmt::Display for FilePrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |file| write!(f, "{}:", file.display()))
    }
}

/// Characters of a long line shown on either side of the place.
const SHOWN: usize = 100;

/// A printable excerpt of the line around a place, and the number of its characters before the
/// place.
fn excerpt(text: &[u8], span: Span) -> (String, usize) {
    let line_start =
        memchr::memrchr2(b'\r', b'\n', &text[..span.start]).map_or(0, |last_break| last_break + 1);
    let printable = |text: &[u8]| -> Vec<char> {
        wtf8::lossy(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    // No character is longer than four bytes; half a character shows as a replacement character.
    let cut = span.start.saturating_sub(4 * SHOWN).max(line_start);
    let mut before = printable(&text[cut..span.start]);
    if before.len() > SHOWN {
        before.drain(..before.len() - SHOWN);
        before[0] = '…';
    }
    let line_end = line_end(text, span.start);
    let mut after = printable(&text[span.start..line_end.min(span.start + 4 * SHOWN)]);
    if after.len() > SHOWN {
        after.truncate(SHOWN);
        after.push('…');
    }
    let count = before.len();
    (before.into_iter().chain(after).collect(), count)
}
