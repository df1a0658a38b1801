//! Lexer for quoted text: the closing quote, escapes, and strings that span lines.

use std::ops::Range;

use super::{Fault, line_end};
use crate::{Reason, wtf8};

/// The range of the text between the quote at `open` and its closing quote.
///
/// regedit writes a line break inside a string as it is, so a text may span lines. For a closing
/// quote on a later line, `follows` checks what comes after it. If that is not allowed there, or if
/// there is no such quote, the string was left open on its own line.
pub(super) fn quoted(
    text: &[u8],
    open: usize,
    unclosed: Reason,
    follows: impl Fn(usize) -> bool,
) -> Result<Range<usize>, Fault> {
    let start = open + 1;
    let mut at = start;
    let mut is_first_line = true;
    while let Some(length) = text.get(at..).and_then(plain_len) {
        at += length;
        match text[at] {
            b'"' if is_first_line || follows(at + 1) => return Ok(start..at),
            b'\\' if matches!(text.get(at + 1), Some(b'\\' | b'"')) => at += 2,
            b'\\' if is_first_line => {
                return Err(Fault::new(at, Reason::Escape { found: character(text, at + 1) }));
            }
            b'\r' | b'\n' => {
                is_first_line = false;
                at += 1;
            }
            _ => break,
        }
    }
    Err(Fault::new(line_end(text, open), unclosed))
}

/// The number of bytes before the next quote, backslash or line break.
fn plain_len(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = has(word, b'"') | has(word, b'\\') | has(word, b'\r') | has(word, b'\n');
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let rest = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'\r' | b'\n'))?;
    Some(words.len() * 8 + rest)
}

/// Sets the highest bit of each byte that equals `byte`, and possibly further bits above the first
/// such byte.
fn has(word: u64, byte: u8) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let zeros = word ^ (ONES * u64::from(byte));
    zeros.wrapping_sub(ONES) & !zeros & (ONES << 7)
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
