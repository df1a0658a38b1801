//! Lexer: where an item of the text ends, its meaning, and its faults.
//!
//! An item is one line, or several for hex bytes and quoted texts with line breaks. The lexer never
//! looks back, so the same text always gives the same items.

mod hex;
mod key;
mod quoted;
mod value;

use std::ops::Range;

use memchr::memchr2;

use crate::{Dialect, Reason, Version};

pub(crate) use hex::{NoBytes, Sink};
pub(crate) use key::{find_root, is_root, path_names};
pub(crate) use quoted::unescape;
pub(crate) use value::{EXACT, is_text};

/// One item of the text.
pub(crate) struct Lexed {
    /// Where the next item starts.
    pub(crate) end: usize,
    /// Its meaning.
    pub(crate) what: What,
    /// Fault for strict mode only: regedit accepts the item.
    pub(crate) strict: Option<Fault>,
}

pub(crate) enum What {
    Blank,
    Comment,
    Header(Version),
    Key {
        /// The names; [`path_names`] splits them.
        path: Range<usize>,
        delete: bool,
    },
    Value {
        /// The text between the quotes; empty for `@`.
        name: Range<usize>,
        data: Data,
        /// All of the data, without a comment after it.
        extent: Range<usize>,
    },
    /// Regedit does not accept the item.
    Fault(Fault),
}

pub(crate) enum Data {
    Delete,
    /// The text between the quotes.
    Text(Range<usize>),
    Dword(u32),
    Hex(Hex),
}

/// Bytes, which were passed to a [`Sink`].
pub(crate) struct Hex {
    pub(crate) ty: u32,
    /// Whether the bytes are the whole value, so that no NUL is added.
    pub(crate) exact: bool,
}

/// A fault and its place.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) reason: Reason,
}

impl Fault {
    fn new(at: usize, reason: Reason) -> Self {
        Self { at, reason }
    }
}

/// Reads the item that starts at `start`, which is the start of a line and not the end of the text.
/// Its hexadecimal bytes are passed to `bytes`.
pub(crate) fn lex(text: &[u8], start: usize, dialect: Dialect, bytes: &mut impl Sink) -> Lexed {
    let at = skip_blanks(text, start);
    let mut strict = None;
    let (line_end, what) = match text.get(at) {
        None | Some(b'\r' | b'\n') => (at, Ok(What::Blank)),
        Some(b';' | b'#') => (line_end(text, at), Ok(What::Comment)),
        Some(b'[') => key::lex(text, at, dialect, &mut strict),
        Some(b'@' | b'"') => value::lex(text, at, dialect, &mut strict, bytes),
        Some(_) => {
            let line_end = line_end(text, at);
            let what = match Version::of_header(&text[at..line_end]) {
                Some(version) => Ok(What::Header(version)),
                None => Err(Fault::new(at, Reason::UnknownLine)),
            };
            (line_end, what)
        }
    };
    Lexed { end: next_line(text, line_end), what: what.unwrap_or_else(What::Fault), strict }
}

pub(crate) fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// The position of the line break that ends this line, or the end of the text.
pub(crate) fn line_end(text: &[u8], at: usize) -> usize {
    text.get(at..)
        .and_then(|rest| memchr2(b'\r', b'\n', rest))
        .map_or(text.len(), |length| at + length)
}

/// Where the line after the line break at `at` starts.
pub(crate) fn next_line(text: &[u8], at: usize) -> usize {
    match (text.get(at), text.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => at + 2,
        (Some(_), _) => at + 1,
        (None, _) => at,
    }
}

fn at_line_end(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), None | Some(b'\r' | b'\n'))
}

/// The end of the line; a fault if anything but a comment follows `at`.
fn rest_of_line(text: &[u8], at: usize, otherwise: Reason) -> Result<usize, Fault> {
    let at = skip_blanks(text, at);
    if at_line_end(text, at) {
        return Ok(at);
    }
    if text[at] == b';' {
        return Ok(line_end(text, at));
    }
    Err(Fault::new(at, otherwise))
}
