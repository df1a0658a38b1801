//! Lexer for key lines (`[key]`, `[-key]`), and the roots that a file can name.

use std::ops::Range;

use memchr::memrchr;
use winpe_registry::{KeyName, KeyPath, NameError, NtString};

use super::{Fault, What, line_end, skip_blanks};
use crate::{Dialect, Reason, wtf8};

/// Reads a key line from its `[` on. As in regedit, the name ends at the last `]` of the line.
pub(super) fn lex(
    text: &[u8],
    at: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
) -> (usize, Result<What, Fault>) {
    let end = line_end(text, at);
    (end, key(text, at, end, dialect, strict))
}

fn key(
    text: &[u8],
    at: usize,
    end: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
) -> Result<What, Fault> {
    let delete = text.get(at + 1) == Some(&b'-');
    let name = at + 1 + usize::from(delete);
    if matches!(text.get(name), Some(b' ' | b'\t')) {
        return Err(Fault::new(name, Reason::KeyBlank));
    }
    let Some(length) = memrchr(b']', &text[name..end]) else {
        return Err(Fault::new(end, Reason::KeyUnclosed));
    };
    let close = name + length;
    *strict = after(text, name, close, end);
    let (path, depth) = path(text, name, close, dialect, strict)?;
    if delete && depth < 2 {
        return Err(Fault::new(name, Reason::RootDeleted));
    }
    Ok(What::Key { path, delete })
}

/// Faults of lines that regedit accepts but that hardly mean what their author meant.
fn after(text: &[u8], name: usize, close: usize, end: usize) -> Option<Fault> {
    let after = skip_blanks(text, close + 1);
    if after < end && text[after] != b';' {
        return Some(Fault::new(after, Reason::AfterKey));
    }
    let mut from = name;
    while let Some(length) = memchr::memchr(b']', &text[from..close]) {
        from += length + 1;
        if text[skip_blanks(text, from)..close].first() == Some(&b';') {
            return Some(Fault::new(close, Reason::BracketInComment));
        }
    }
    None
}

/// The range of the path without trailing backslashes, and the number of its names.
fn path(
    text: &[u8],
    start: usize,
    close: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
) -> Result<(Range<usize>, usize), Fault> {
    let name = &text[start..close];
    let kept = name.iter().rposition(|&byte| byte != b'\\').map_or(0, |last| last + 1);
    let mut names = name[..kept].split(|&byte| byte == b'\\');
    let root = names.next().unwrap_or_default();
    if find_root(root).is_none() {
        return Err(Fault::new(start, unknown_root(root)));
    }
    let refuse = |at: usize| move |error: NameError| Fault::new(at, error.into());
    let mut depth = 1;
    let mut at = start + root.len() + 1;
    for name in names {
        if name.is_empty() {
            strict.get_or_insert(Fault::new(at, Reason::EmptyKeyName));
        } else {
            check_name(name, dialect).map_err(refuse(at))?;
            depth += 1;
            // The root is the parent of the tree whose depth NT limits.
            if depth > KeyPath::MAX_DEPTH + 1 {
                return Err(refuse(at)(NameError::TooDeep { actual: depth }));
            }
        }
        at += name.len() + 1;
    }
    Ok((start..start + kept, depth))
}

fn check_name(name: &[u8], dialect: Dialect) -> Result<(), NameError> {
    // A name has no backslash here, and at least as many bytes as UTF-16 units.
    if name.len() <= KeyName::MAX_LEN && name.is_ascii() {
        return Ok(());
    }
    let mut units = vec![];
    dialect.push_units(name, &mut units);
    KeyName::new(NtString::from_units(units)).map(|_| ())
}

/// The names of a path that was read from a key line; the first is the root's.
pub(crate) fn path_names(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    path.split(|&byte| byte == b'\\').filter(|name| !name.is_empty())
}

/// The roots that a `.reg` file can name, with their abbreviations, which regedit does not accept.
const ROOTS: [(&str, &str); 6] = [
    ("HKEY_LOCAL_MACHINE", "HKLM"),
    ("HKEY_USERS", "HKU"),
    ("HKEY_CLASSES_ROOT", "HKCR"),
    ("HKEY_CURRENT_USER", "HKCU"),
    ("HKEY_CURRENT_CONFIG", "HKCC"),
    ("HKEY_DYN_DATA", "HKDD"),
];

/// The root with this name, in its usual spelling.
pub(crate) fn find_root(name: &[u8]) -> Option<&'static str> {
    ROOTS.iter().map(|&(root, _)| root).find(|root| root.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether this is the name of a root.
pub(crate) fn is_root(name: &[u16]) -> bool {
    ROOTS.iter().any(|(root, _)| {
        let same = |(&unit, byte): (&u16, u8)| {
            u8::try_from(unit).is_ok_and(|unit| unit.eq_ignore_ascii_case(&byte))
        };
        root.len() == name.len() && name.iter().zip(root.bytes()).all(same)
    })
}

fn unknown_root(name: &[u8]) -> Reason {
    let meant = ROOTS.iter().find(|(_, short)| short.as_bytes().eq_ignore_ascii_case(name));
    Reason::UnknownRoot {
        found: wtf8::lossy(name).chars().take(40).collect(),
        meant: meant.map(|&(root, _)| root),
    }
}
