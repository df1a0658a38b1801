//! Where an item of the text ends, what it says, and what is wrong with it.
//!
//! An item is one line, or several where hex bytes or a quoted text go on. Reading one never looks
//! back, so the same text always gives the same items.

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
    /// What it says.
    pub(crate) what: What,
    /// What strict mode refuses though regedit takes it.
    pub(crate) strict: Option<Fault>,
}

pub(crate) enum What {
    Blank,
    Comment,
    Header(Version),
    Key {
        /// The names, as [`path_names`] takes them apart.
        path: Range<usize>,
        delete: bool,
    },
    Value {
        /// What stands between the quotes; empty for `@`.
        name: Range<usize>,
        data: Data,
        /// All of the data, without a comment behind it.
        extent: Range<usize>,
    },
    /// Nothing that regedit would take.
    Fault(Fault),
}

pub(crate) enum Data {
    Delete,
    /// What stands between the quotes.
    Text(Range<usize>),
    Dword(u32),
    Hex(Hex),
}

/// Bytes, which went to a [`Sink`].
pub(crate) struct Hex {
    pub(crate) ty: u32,
    /// Whether the bytes are all that is meant, without a NUL to be added.
    pub(crate) exact: bool,
}

/// Something wrong, and where.
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
/// What stands there in hexadecimal goes to `bytes`.
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

/// Where the line break is that ends this line, or the end of the text.
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

/// The end of a line that may have a comment but nothing else from here on.
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
