use std::ops::Range;

use memchr::memchr2;

use super::{Fault, line_end};
use crate::{Reason, wtf8};

/// What stands between the quote at `open` and the one that closes it.
///
/// regedit writes a line break inside a string as it is, so a text may go on over lines: `follows`
/// says, of a closing quote on a later line, whether what stands behind it is in order. Where it is
/// not, or where there is no such quote, the quote was left open on its own line.
pub(super) fn quoted(
    text: &[u8],
    open: usize,
    unclosed: Reason,
    follows: impl Fn(usize) -> bool,
) -> Result<Range<usize>, Fault> {
    let line_end = line_end(text, open);
    let start = open + 1;
    let mut at = start;
    while let Some(length) = memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += length;
        if text[at] == b'"' {
            if at > line_end && !follows(at + 1) {
                break;
            }
            return Ok(start..at);
        }
        if !matches!(text.get(at + 1), Some(b'\\' | b'"')) {
            if at > line_end {
                break;
            }
            return Err(Fault::new(at, Reason::Escape { found: character(text, at + 1) }));
        }
        at += 2;
    }
    Err(Fault::new(line_end, unclosed))
}

/// The text without its escapes.
pub(crate) fn unescape(quoted: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some(length) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..length]);
        text.extend(rest.get(length + 1));
        rest = rest.get(length + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    text
}

fn character(text: &[u8], at: usize) -> String {
    let rest = text.get(at..).unwrap_or_default();
    match wtf8::code_point(rest) {
        Some((_, length)) if !rest.starts_with(b"\r") && !rest.starts_with(b"\n") => {
            wtf8::lossy(rest.get(..length).unwrap_or(rest))
        }
        _ => String::new(),
    }
}
