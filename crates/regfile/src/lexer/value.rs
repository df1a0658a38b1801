use std::ops::Range;

use winpe_registry::{NameError, ValueName, ValueType};

use super::hex::{self, MAX_DIGITS};
use super::quoted::quoted;
use super::{Data, Fault, Hex, What, line_end, rest_of_line, skip_blanks};
use crate::{Dialect, Reason, Version};

/// What stands behind the last byte of a value that is meant without the NUL that regedit adds.
pub(crate) const EXACT: &str = "exact";

/// Reads a value line from its `@` or `"` on.
pub(super) fn lex(
    text: &[u8],
    at: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
) -> (usize, Result<What, Fault>) {
    let (name, equals) = match name(text, at, dialect) {
        Ok(name) => name,
        Err(fault) => return (line_end(text, at), Err(fault)),
    };
    let (line_end, data) = data(text, skip_blanks(text, equals + 1), dialect, strict);
    (line_end, data.map(|data| What::Value { name, data }))
}

/// The name without its quotes, and where the `=` behind it is.
fn name(text: &[u8], at: usize, dialect: Dialect) -> Result<(Range<usize>, usize), Fault> {
    let equals = |at: usize| Some(skip_blanks(text, at)).filter(|&at| text.get(at) == Some(&b'='));
    let (name, behind) = if text[at] == b'@' {
        (at..at, at + 1)
    } else {
        let name = quoted(text, at, Reason::NameUnclosed, |_| false)?;
        let behind = name.end + 1;
        (name, behind)
    };
    let Some(equals) = equals(behind) else {
        return Err(Fault::new(skip_blanks(text, behind), Reason::NoEquals));
    };
    // A text has at least as many bytes as UTF-16 units.
    if name.len() > ValueName::MAX_LEN {
        let actual = dialect.string(&text[name.clone()]).len();
        if actual > ValueName::MAX_LEN {
            return Err(Fault::new(at, NameError::ValueTooLong { actual }.into()));
        }
    }
    Ok((name, equals))
}

/// The data that starts at `at`, and the end of its last line.
fn data(
    text: &[u8],
    at: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
) -> (usize, Result<Data, Fault>) {
    let rest = &text[at..];
    if rest.starts_with(b"hex") {
        return hex(text, at, dialect, strict);
    }
    let data = || {
        if rest.starts_with(b"\"") {
            let behind = |at| rest_of_line(text, at, Reason::AfterData);
            let string = quoted(text, at, Reason::StringUnclosed, |at| behind(at).is_ok())?;
            let (end, _) = behind(string.end + 1)?;
            Ok((end, Data::Text(string)))
        } else if rest.starts_with(b"dword:") {
            let digits = skip_blanks(text, at + 6);
            let (number, behind) = dword(text, digits)?;
            let (end, _) = rest_of_line(text, behind, Reason::AfterData)?;
            Ok((end, Data::Dword(number)))
        } else if rest.starts_with(b"-") {
            let (end, _) = rest_of_line(text, at + 1, Reason::AfterData)?;
            Ok((end, Data::Delete))
        } else {
            Err(Fault::new(at, Reason::NoData))
        }
    };
    match data() {
        Ok((end, data)) => (end, Ok(data)),
        Err(fault) => (line_end(text, at), Err(fault)),
    }
}

fn dword(text: &[u8], at: usize) -> Result<(u32, usize), Fault> {
    let (number, behind) = hex::number(text, at);
    match number {
        Some(number) if behind - at <= MAX_DIGITS => Ok((number, behind)),
        _ => Err(Fault::new(at, Reason::Dword)),
    }
}

fn hex(
    text: &[u8],
    at: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
) -> (usize, Result<Data, Fault>) {
    let (ty, start) = match text_type(text, at + 3) {
        Ok(found) => found,
        Err(fault) => return (line_end(text, at), Err(fault)),
    };
    let scanned = hex::scan(text, start, |_| ());
    if let Some(fault) = scanned.fault {
        return (scanned.line_end, Err(fault));
    }
    let exact = scanned.comment == EXACT.as_bytes();
    let units_missing = dialect.version == Version::V5 && is_text(ty) && scanned.count % 2 == 1;
    if units_missing && !exact {
        let bytes = scanned.count;
        strict.get_or_insert(Fault::new(start, Reason::OddText { ty, bytes }));
    }
    if let Some(fault) = scanned.strict {
        strict.get_or_insert(fault);
    }
    (scanned.line_end, Ok(Data::Hex(Hex { ty, start, count: scanned.count, exact })))
}

/// The type between `hex` and the bytes, and where the bytes start.
fn text_type(text: &[u8], at: usize) -> Result<(u32, usize), Fault> {
    match text.get(at) {
        Some(b':') => Ok((ValueType::BINARY.0, at + 1)),
        Some(b'(') => {
            let (number, behind) = hex::number(text, at + 1);
            let number = number.ok_or(Fault::new(at + 1, Reason::TypeNumber))?;
            if !text[behind..].starts_with(b"):") {
                return Err(Fault::new(behind, Reason::TypeNumber));
            }
            Ok((number, behind + 2))
        }
        _ => Err(Fault::new(at - 3, Reason::NoData)),
    }
}

/// Whether regedit ends a value of this type with a NUL.
pub(crate) fn is_text(ty: u32) -> bool {
    matches!(ValueType(ty), ValueType::SZ | ValueType::EXPAND_SZ | ValueType::MULTI_SZ)
}
