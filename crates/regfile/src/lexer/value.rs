//! Lexer for value lines: the name, then text, `dword:`, `hex(n):` or `-`.

use std::ops::Range;

use winpe_registry::{NameError, ValueName, ValueType};

use super::hex::{self, MAX_DIGITS, Sink};
use super::quoted::quoted;
use super::{Data, Fault, Hex, What, line_end, rest_of_line, skip_blanks};
use crate::{Dialect, Reason, Version};

/// The comment after the last byte of a value (or the part of the comment before a further `;`)
/// that keeps regedit's closing NUL away.
pub(crate) const EXACT: &str = "exact";

/// Reads a value line from its `@` or `"` on.
pub(super) fn lex(
    text: &[u8],
    at: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
    bytes: &mut impl Sink,
) -> (usize, Result<What, Fault>) {
    let (name, equals) = match name(text, at, dialect) {
        Ok(name) => name,
        Err(fault) => return (line_end(text, at), Err(fault)),
    };
    let start = skip_blanks(text, equals + 1);
    match data(text, start, dialect, strict, bytes) {
        Ok((data, end, line_end)) => (line_end, Ok(What::Value { name, data, extent: start..end })),
        Err((fault, line_end)) => (line_end, Err(fault)),
    }
}

/// The name without its quotes, and the position of the `=` after it.
fn name(text: &[u8], at: usize, dialect: Dialect) -> Result<(Range<usize>, usize), Fault> {
    let equals = |at: usize| Some(skip_blanks(text, at)).filter(|&at| text.get(at) == Some(&b'='));
    let (name, after) = if text[at] == b'@' {
        (at..at, at + 1)
    } else {
        let name = quoted(text, at, Reason::NameUnclosed, |_| false)?;
        let after = name.end + 1;
        (name, after)
    };
    let Some(equals) = equals(after) else {
        return Err(Fault::new(skip_blanks(text, after), Reason::NoEquals));
    };
    // A text has at least as many bytes as UTF-16 units.
    if name.len() > ValueName::MAX_LEN {
        let mut units = vec![];
        dialect.push_string(&text[name.clone()], &mut units);
        let actual = units.len();
        if actual > ValueName::MAX_LEN {
            return Err(Fault::new(at, NameError::ValueTooLong { actual }.into()));
        }
    }
    Ok((name, equals))
}

/// The data that starts at `at`, its end, and the end of its last line.
fn data(
    text: &[u8],
    at: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
    bytes: &mut impl Sink,
) -> Result<(Data, usize, usize), (Fault, usize)> {
    if text[at..].starts_with(b"hex") {
        return hex(text, at, dialect, strict, bytes);
    }
    let of_its_line = |fault| (fault, line_end(text, at));
    let (data, end) = one_piece(text, at).map_err(of_its_line)?;
    let line_end = rest_of_line(text, end, Reason::AfterData).map_err(of_its_line)?;
    Ok((data, end, line_end))
}

/// Data other than bytes, and its end.
fn one_piece(text: &[u8], at: usize) -> Result<(Data, usize), Fault> {
    let rest = &text[at..];
    if rest.starts_with(b"\"") {
        let follows = |at| rest_of_line(text, at, Reason::AfterData).is_ok();
        let string = quoted(text, at, Reason::StringUnclosed, follows)?;
        let end = string.end + 1;
        return Ok((Data::Text(string), end));
    }
    if rest.starts_with(b"dword:") {
        let digits = skip_blanks(text, at + 6);
        return match hex::number(text, digits) {
            (Some(number), end) if end - digits <= MAX_DIGITS => Ok((Data::Dword(number), end)),
            _ => Err(Fault::new(digits, Reason::Dword)),
        };
    }
    if rest.starts_with(b"-") {
        return Ok((Data::Delete, at + 1));
    }
    Err(Fault::new(at, Reason::NoData))
}

fn hex(
    text: &[u8],
    at: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
    bytes: &mut impl Sink,
) -> Result<(Data, usize, usize), (Fault, usize)> {
    let (ty, start) = text_type(text, at + 3).map_err(|fault| (fault, line_end(text, at)))?;
    let scanned = hex::scan(text, start, bytes);
    if let Some(fault) = scanned.fault {
        return Err((fault, scanned.line_end));
    }
    let mark = match dialect.version {
        Version::V5 => exact_mark(text, scanned.after, scanned.line_end),
        // In version 4 the bytes of text are in a code page, so they are not the stored data.
        Version::V4 => None,
    };
    let exact = mark.is_some();
    let half_units = dialect.version == Version::V5 && is_text(ty) && scanned.count % 2 == 1;
    if half_units && !exact {
        let bytes = scanned.count;
        strict.get_or_insert(Fault::new(start, Reason::OddText { ty, bytes }));
    }
    if let Some(fault) = scanned.strict {
        strict.get_or_insert(fault);
    }
    let data = Data::Hex(Hex { ty, exact });
    Ok((data, mark.unwrap_or(scanned.after), scanned.line_end))
}

/// The end of the mark [`EXACT`], if the comment after the bytes begins with it.
fn exact_mark(text: &[u8], after: usize, line_end: usize) -> Option<usize> {
    let comment = text[skip_blanks(text, after)..line_end].strip_prefix(b";")?;
    let mark = comment.split(|&byte| byte == b';').next()?;
    (mark.trim_ascii() == EXACT.as_bytes()).then_some(line_end - comment.len() + mark.len())
}

/// The type between `hex` and the bytes, and where the bytes start.
fn text_type(text: &[u8], at: usize) -> Result<(u32, usize), Fault> {
    match text.get(at) {
        Some(b':') => Ok((ValueType::BINARY.0, at + 1)),
        Some(b'(') => {
            let (number, after) = hex::number(text, at + 1);
            let number = number.ok_or(Fault::new(at + 1, Reason::TypeNumber))?;
            if !text[after..].starts_with(b"):") {
                return Err(Fault::new(after, Reason::TypeNumber));
            }
            Ok((number, after + 2))
        }
        _ => Err(Fault::new(at - 3, Reason::NoData)),
    }
}

/// Whether regedit ends a value of this type with a NUL.
pub(crate) fn is_text(ty: u32) -> bool {
    matches!(ValueType(ty), ValueType::SZ | ValueType::EXPAND_SZ | ValueType::MULTI_SZ)
}
