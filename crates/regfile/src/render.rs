//! The lines of a `.reg` file as regedit lays them out, in WTF-8.

use memchr::{memchr2, memchr2_iter};
use winpe_registry::{KeyName, KeyPath, NtString, ValueName, ValueType};

use crate::dialect::is_completed;
use crate::lexer::{EXACT, is_root, is_text};
use crate::{WriteError, wtf8};

/// What the target file can represent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) line_break: &'static [u8],
    /// Whether unpaired surrogates can be written.
    pub(crate) surrogates: bool,
    /// The code page of the bytes of text values, in `REGEDIT4`.
    pub(crate) codepage: Option<&'static encoding_rs::Encoding>,
    /// Whether bytes to which regedit would add a NUL get the comment that keeps it away.
    pub(crate) marks_exact: bool,
}

/// UTF-8 with LF.
pub(crate) const UTF8_LF: Layout =
    Layout { line_break: b"\n", surrogates: false, codepage: None, marks_exact: true };

/// Appends `[path]` or `[-path]`.
pub(crate) fn key_line(
    text: &mut Vec<u8>,
    path: &KeyPath,
    delete: bool,
    layout: Layout,
) -> Result<(), WriteError> {
    let has_root = path.names().first().is_some_and(|root| is_root(root.units()));
    if !has_root || (delete && path.depth() < 2) {
        return Err(WriteError::Root { key: path.clone() });
    }
    if path.depth() > KeyPath::MAX_DEPTH + 1 {
        return Err(WriteError::Key { key: path.clone() });
    }
    let start = text.len();
    text.extend_from_slice(if delete { b"[-" } else { b"[" });
    for (index, name) in path.names().iter().enumerate() {
        if index > 0 {
            text.push(b'\\');
        }
        if !push_key_name(text, name.units(), layout) {
            text.truncate(start);
            return Err(WriteError::Key { key: path.clone() });
        }
    }
    text.push(b']');
    text.extend_from_slice(layout.line_break);
    Ok(())
}

/// Appends the name of a key. Returns `false`, possibly after appending a part, if `.reg` text
/// cannot hold the name.
fn push_key_name(text: &mut Vec<u8>, units: &[u16], layout: Layout) -> bool {
    if units.is_empty() || units.len() > KeyName::MAX_LEN {
        return false;
    }
    let start = text.len();
    if !push_ascii(text, units, |unit| unit) {
        wtf8::push_units(text, units.iter().copied());
        if !has_one_line(units) || !layout.surrogates && !wtf8::is_utf8(&text[start..]) {
            return false;
        }
    }
    !text[start..].contains(&b'\\')
}

/// Appends units if all are ASCII without line breaks or NUL; otherwise appends nothing and returns
/// `false`.
fn push_ascii<T: Copy>(text: &mut Vec<u8>, units: &[T], unit: impl Fn(T) -> u16) -> bool {
    // No early exit, so that the compiler can vectorise the loop.
    let is_one_line = |unit| (unit != 0) & (unit != u16::from(b'\r')) & (unit != u16::from(b'\n'));
    let fits = |all: bool, &of: &T| all & (unit(of) < 0x80) & is_one_line(unit(of));
    if !units.iter().fold(true, fits) {
        return false;
    }
    text.extend(units.iter().map(|&of| unit(of) as u8));
    true
}

/// Puts a backslash before each quote and backslash from `start` on.
fn escape(text: &mut Vec<u8>, start: usize) {
    if memchr2(b'"', b'\\', &text[start..]).is_none() {
        return;
    }
    let plain = text.split_off(start);
    let mut from = 0;
    for at in memchr2_iter(b'"', b'\\', &plain) {
        text.extend_from_slice(&plain[from..at]);
        text.push(b'\\');
        from = at;
    }
    text.extend_from_slice(&plain[from..]);
}

/// Line breaks have no escape, so a name with one could be read as further lines.
fn has_one_line(units: &[u16]) -> bool {
    !units.iter().any(|&unit| unit == u16::from(b'\r') || unit == u16::from(b'\n'))
}

/// Appends `"name"=` or `@=`, and returns its length in code units.
fn value_name(text: &mut Vec<u8>, name: &ValueName, layout: Layout) -> Result<usize, WriteError> {
    if name.is_default() {
        text.extend_from_slice(b"@=");
        return Ok(2);
    }
    let start = text.len();
    let refuse = || WriteError::Value { name: name.clone() };
    let units = name.units();
    if units.len() > ValueName::MAX_LEN {
        return Err(refuse());
    }
    text.push(b'"');
    let ascii = push_ascii(text, units, |unit| unit);
    if !ascii {
        if !has_one_line(units) {
            text.truncate(start);
            return Err(refuse());
        }
        wtf8::push_units(text, units.iter().copied());
    }
    escape(text, start + 1);
    text.extend_from_slice(b"\"=");
    if !ascii && !layout.surrogates && !wtf8::is_utf8(&text[start..]) {
        text.truncate(start);
        return Err(refuse());
    }
    Ok(if ascii { text.len() - start } else { wtf8::units(&text[start..]).count() })
}

/// Appends `"name"=-`.
pub(crate) fn deletion_line(
    text: &mut Vec<u8>,
    name: &ValueName,
    layout: Layout,
) -> Result<(), WriteError> {
    value_name(text, name, layout)?;
    text.push(b'-');
    text.extend_from_slice(layout.line_break);
    Ok(())
}

/// Appends `"name"=data` in one line or more.
pub(crate) fn value_lines(
    text: &mut Vec<u8>,
    name: &ValueName,
    ty: ValueType,
    data: &[u8],
    layout: Layout,
) -> Result<(), WriteError> {
    let width = value_name(text, name, layout)?;
    self::data(text, width, ty, data, layout)?;
    text.extend_from_slice(layout.line_break);
    Ok(())
}

/// Appends the data after the `=`; `width` is the number of columns before it.
pub(crate) fn data(
    text: &mut Vec<u8>,
    width: usize,
    ty: ValueType,
    data: &[u8],
    layout: Layout,
) -> Result<(), WriteError> {
    match (ty, <[u8; 4]>::try_from(data)) {
        (ValueType::DWORD, Ok(number)) => {
            text.extend_from_slice(b"dword:");
            for byte in number.into_iter().rev() {
                text.extend(digits(byte));
            }
        }
        (ValueType::SZ, _) if push_string(text, data, layout) => {}
        _ => match layout.codepage {
            Some(codepage) if is_text(ty.0) => {
                let narrow = narrow(data, codepage)
                    .ok_or(WriteError::Codepage { codepage: codepage.name() })?;
                push_hex(text, width, ty, &narrow, layout);
            }
            _ => {
                push_hex(text, width, ty, data, layout);
                if layout.marks_exact && is_completed(ty, data) {
                    text.extend_from_slice(b" ;");
                    text.extend_from_slice(EXACT.as_bytes());
                }
            }
        },
    }
    Ok(())
}

/// The bytes in a code page from which regedit makes this text again, if there are any.
fn narrow(data: &[u8], codepage: &'static encoding_rs::Encoding) -> Option<Vec<u8>> {
    if data.is_empty() {
        return Some(vec![]);
    }
    let text = NtString::from_utf16le(data).to_utf8()?;
    let (bytes, _, unmappable) = codepage.encode(&text);
    (!unmappable && !is_completed(ValueType::SZ, data)).then(|| bytes.into_owned())
}

/// Appends `"text"` if that gives exactly these bytes.
fn push_string(text: &mut Vec<u8>, data: &[u8], layout: Layout) -> bool {
    let (pairs, odd) = data.as_chunks::<2>();
    let Some((&[0, 0], pairs)) = pairs.split_last() else { return false };
    if !odd.is_empty() {
        return false;
    }
    let start = text.len();
    text.push(b'"');
    let ascii = push_ascii(text, pairs, u16::from_le_bytes);
    if !ascii {
        let units = pairs.iter().map(|&pair| u16::from_le_bytes(pair));
        if !units.clone().all(is_plain) {
            text.truncate(start);
            return false;
        }
        wtf8::push_units(text, units);
    }
    escape(text, start + 1);
    text.push(b'"');
    if !ascii && !layout.surrogates && !wtf8::is_utf8(&text[start..]) {
        text.truncate(start);
        return false;
    }
    true
}

fn is_plain(unit: u16) -> bool {
    unit != 0 && unit != u16::from(b'\r') && unit != u16::from(b'\n')
}

/// The last column in which regedit starts a byte.
const LAST_COLUMN: usize = 76;

fn push_hex(text: &mut Vec<u8>, width: usize, ty: ValueType, data: &[u8], layout: Layout) {
    let start = text.len();
    if ty == ValueType::BINARY {
        text.extend_from_slice(b"hex:");
    } else {
        text.extend_from_slice(b"hex(");
        push_number(text, ty.0);
        text.extend_from_slice(b"):");
    }
    let mut column = width + text.len() - start;
    text.reserve(data.len() * 3 + data.len() / 20 * 4);
    let mut rest = data;
    while !rest.is_empty() {
        // Bytes start up to the last column, three columns apart.
        let fit = (LAST_COLUMN + 3).saturating_sub(column) / 3;
        let (line, further) = rest.split_at(fit.min(rest.len()));
        let mut triples = [[b','; 3]; (LAST_COLUMN + 3) / 3];
        for (triple, &byte) in triples.iter_mut().zip(line) {
            triple[..2].copy_from_slice(&digits(byte));
        }
        text.extend_from_slice(triples[..line.len()].as_flattened());
        rest = further;
        if !rest.is_empty() {
            text.push(b'\\');
            text.extend_from_slice(layout.line_break);
            text.extend_from_slice(b"  ");
            column = 2;
        }
    }
    if !data.is_empty() {
        // Removes the comma after the last byte.
        text.pop();
    }
}

/// Appends a number without leading zeros.
fn push_number(text: &mut Vec<u8>, number: u32) {
    let digits = number.to_be_bytes().map(digits);
    let digits = digits.as_flattened();
    let zeros = digits.iter().take(7).take_while(|&&digit| digit == b'0').count();
    text.extend_from_slice(&digits[zeros..]);
}

fn digits(byte: u8) -> [u8; 2] {
    DIGITS[usize::from(byte)]
}

static DIGITS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 0xf]];
        byte += 1;
    }
    pairs
};
