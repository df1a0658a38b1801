//! The lines of a `.reg` file as regedit lays them out, in WTF-8.

use winpe_registry::{KeyName, KeyPath, NtString, ValueName, ValueType};

use crate::dialect::is_completed;
use crate::lexer::{EXACT, find_root, is_text};
use crate::{WriteError, wtf8};

/// What the file to be written can hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) line_break: &'static [u8],
    /// Whether unpaired surrogates have a place.
    pub(crate) surrogates: bool,
    /// The code page that the bytes of text values are in: that of `REGEDIT4`.
    pub(crate) codepage: Option<&'static encoding_rs::Encoding>,
}

/// UTF-8 with LF.
pub(crate) const UTF8_LF: Layout = Layout { line_break: b"\n", surrogates: false, codepage: None };

/// Appends `[path]` or `[-path]`.
pub(crate) fn key_line(
    text: &mut Vec<u8>,
    path: &KeyPath,
    delete: bool,
    layout: Layout,
) -> Result<(), WriteError> {
    let root = path.names().first().and_then(|root| root.text().to_latin1());
    if root.and_then(|root| find_root(&root)).is_none() || (delete && path.depth() < 2) {
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
        if !is_writable(name) || push_name(text, name.units(), layout).is_none() {
            text.truncate(start);
            return Err(WriteError::Key { key: path.clone() });
        }
    }
    text.push(b']');
    text.extend_from_slice(layout.line_break);
    Ok(())
}

fn is_writable(name: &KeyName) -> bool {
    !name.units().is_empty()
        && name.units().len() <= KeyName::MAX_LEN
        && !name.units().contains(&u16::from(b'\\'))
        && has_one_line(name.units())
}

/// No escape stands for a line break, and a name with one could pass for lines of its own.
fn has_one_line(units: &[u16]) -> bool {
    !units.iter().any(|&unit| unit == u16::from(b'\r') || unit == u16::from(b'\n'))
}

fn push_name(text: &mut Vec<u8>, units: &[u16], layout: Layout) -> Option<()> {
    let start = text.len();
    push_units(text, units.iter().copied());
    (layout.surrogates || wtf8::is_utf8(&text[start..])).then_some(())
}

fn push_units(text: &mut Vec<u8>, units: impl Iterator<Item = u16> + Clone) {
    if units.clone().all(|unit| unit < 0x80) {
        text.extend(units.map(|unit| unit as u8));
    } else {
        wtf8::push_units(text, units);
    }
}

/// Appends `"name"=` or `@=`, and returns its length in code units.
fn value_name(text: &mut Vec<u8>, name: &ValueName, layout: Layout) -> Result<usize, WriteError> {
    if name.is_default() {
        text.extend_from_slice(b"@=");
        return Ok(2);
    }
    let start = text.len();
    let refuse = || WriteError::Value { name: name.clone() };
    if !has_one_line(name.units()) || name.units().len() > ValueName::MAX_LEN {
        return Err(refuse());
    }
    text.push(b'"');
    push_escaped(text, name.units().iter().copied());
    text.extend_from_slice(b"\"=");
    let ascii = text[start..].is_ascii();
    if !ascii && !layout.surrogates && !wtf8::is_utf8(&text[start..]) {
        text.truncate(start);
        return Err(refuse());
    }
    Ok(if ascii { text.len() - start } else { wtf8::units(&text[start..]).count() })
}

fn push_escaped(text: &mut Vec<u8>, units: impl Iterator<Item = u16> + Clone) {
    let is_escaped = |unit| unit == u16::from(b'"') || unit == u16::from(b'\\');
    if units.clone().any(is_escaped) {
        let escaped = units.flat_map(|unit| {
            let backslash = is_escaped(unit).then_some(u16::from(b'\\'));
            backslash.into_iter().chain([unit])
        });
        wtf8::push_units(text, escaped);
    } else {
        push_units(text, units);
    }
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

/// Appends what stands behind the `=`; `width` columns stand before it.
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
                if is_completed(ty, data) {
                    text.extend_from_slice(b" ;");
                    text.extend_from_slice(EXACT.as_bytes());
                }
            }
        },
    }
    Ok(())
}

/// The bytes in a code page from which regedit makes this text again.
fn narrow(data: &[u8], codepage: &'static encoding_rs::Encoding) -> Option<Vec<u8>> {
    if data.is_empty() {
        return Some(vec![]);
    }
    let text = NtString::from_utf16le(data).to_utf8()?;
    let (bytes, _, unmappable) = codepage.encode(&text);
    (!unmappable && !is_completed(ValueType::SZ, data)).then(|| bytes.into_owned())
}

/// Appends `"text"` if that says exactly these bytes.
fn push_string(text: &mut Vec<u8>, data: &[u8], layout: Layout) -> bool {
    let (pairs, odd) = data.as_chunks::<2>();
    let Some((&[0, 0], pairs)) = pairs.split_last() else { return false };
    if !odd.is_empty() {
        return false;
    }
    let start = text.len();
    text.reserve(pairs.len() + 2);
    text.push(b'"');
    for (index, &pair) in pairs.iter().enumerate() {
        match pair {
            [0 | b'\r' | b'\n', 0] => {
                text.truncate(start);
                return false;
            }
            [b'"' | b'\\', 0] => text.extend([b'\\', pair[0]]),
            [0..0x80, 0] => text.push(pair[0]),
            _ => {
                // The rest, as it is not ASCII, goes the long way.
                let rest = pairs[index..].iter().map(|&pair| u16::from_le_bytes(pair));
                if !rest.clone().all(is_plain) {
                    text.truncate(start);
                    return false;
                }
                push_escaped(text, rest);
                break;
            }
        }
    }
    text.push(b'"');
    if !layout.surrogates && !wtf8::is_utf8(&text[start..]) {
        text.truncate(start);
        return false;
    }
    true
}

fn is_plain(unit: u16) -> bool {
    unit != 0 && unit != u16::from(b'\r') && unit != u16::from(b'\n')
}

/// The column behind which regedit starts no further byte.
const LAST_COLUMN: usize = 76;

fn push_hex(text: &mut Vec<u8>, width: usize, ty: ValueType, data: &[u8], layout: Layout) {
    let start = text.len();
    if ty == ValueType::BINARY {
        text.extend_from_slice(b"hex:");
    } else {
        text.extend_from_slice(format!("hex({:x}):", ty.0).as_bytes());
    }
    let mut column = width + text.len() - start;
    text.reserve(data.len() * 3 + data.len() / 20 * 4);
    let mut rest = data;
    while !rest.is_empty() {
        // Bytes start up to the last column, three columns apart.
        let fit = (LAST_COLUMN + 3).saturating_sub(column) / 3;
        let (line, further) = rest.split_at(fit.min(rest.len()));
        text.extend(line.iter().flat_map(|&byte| {
            let [high, low] = digits(byte);
            [high, low, b',']
        }));
        rest = further;
        if !rest.is_empty() {
            text.push(b'\\');
            text.extend_from_slice(layout.line_break);
            text.extend_from_slice(b"  ");
            column = 2;
        }
    }
    if !data.is_empty() {
        // The comma behind the last byte.
        text.pop();
    }
}

fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]
}
