//! Places in a document: line, column and byte range.

use crate::wtf8;

/// A place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The first byte, counted in the text as UTF-8 without byte order mark.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The line breaks in a text: LF, CR LF, or CR.
pub(crate) fn count_breaks(text: &[u8]) -> usize {
    memchr::memchr2_iter(b'\r', b'\n', text)
        .filter(|&at| text[at] == b'\r' || at == 0 || text[at - 1] != b'\r')
        .count()
}

/// The place of `at` within an item that starts at `start` in line `line`.
pub(crate) fn locate(text: &[u8], start: usize, line: usize, at: usize) -> Span {
    let before = &text[start..at];
    let line_start =
        memchr::memrchr2(b'\r', b'\n', before).map_or(start, |last_break| start + last_break + 1);
    Span {
        line: line + count_breaks(&text[start..line_start]),
        column: wtf8::count(&text[line_start..at]) + 1,
        start: at,
        end: at,
    }
}
