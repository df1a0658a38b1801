use memchr::memrchr;
use winpe_registry::{KeyName, KeyPath, NameError, NtString};

use super::{Fault, What, line_end, skip_blanks};
use crate::{Dialect, Reason, wtf8};

/// Reads a key line from its `[` on. The name goes to the last `]` of the line, as regedit has it.
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
    let path = path(text, name, close, dialect, strict)?;
    if delete && path.depth() < 2 {
        return Err(Fault::new(name, Reason::RootDeleted));
    }
    Ok(What::Key { path, delete })
}

/// What regedit reads, but hardly as it was meant.
fn after(text: &[u8], name: usize, close: usize, end: usize) -> Option<Fault> {
    let behind = skip_blanks(text, close + 1);
    if behind < end && text[behind] != b';' {
        return Some(Fault::new(behind, Reason::AfterKey));
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

fn path(
    text: &[u8],
    start: usize,
    close: usize,
    dialect: Dialect,
    strict: &mut Option<Fault>,
) -> Result<KeyPath, Fault> {
    let name = &text[start..close];
    let kept = name.iter().rposition(|&byte| byte != b'\\').map_or(0, |last| last + 1);
    let mut names = name[..kept].split(|&byte| byte == b'\\');
    let root = names.next().unwrap_or_default();
    let Some(canonical) = find_root(root) else {
        return Err(Fault::new(start, unknown_root(root)));
    };
    let refuse = |at: usize| move |error: NameError| Fault::new(at, error.into());
    let mut path = KeyPath::from_iter([KeyName::new(canonical).map_err(refuse(start))?]);
    let mut at = start + root.len() + 1;
    for name in names {
        if name.is_empty() {
            strict.get_or_insert(Fault::new(at, Reason::EmptyKeyName));
        } else {
            let name_units = NtString::from_units(dialect.units(name));
            path.push(KeyName::new(name_units).map_err(refuse(at))?);
            // The root stands above the tree whose depth NT limits.
            if path.depth() > KeyPath::MAX_DEPTH + 1 {
                let actual = path.depth();
                return Err(refuse(at)(NameError::TooDeep { actual }));
            }
        }
        at += name.len() + 1;
    }
    Ok(path)
}

/// The roots that a `.reg` file can name, and the short names that regedit does not take in one.
const ROOTS: [(&str, &str); 6] = [
    ("HKEY_LOCAL_MACHINE", "HKLM"),
    ("HKEY_USERS", "HKU"),
    ("HKEY_CLASSES_ROOT", "HKCR"),
    ("HKEY_CURRENT_USER", "HKCU"),
    ("HKEY_CURRENT_CONFIG", "HKCC"),
    ("HKEY_DYN_DATA", "HKDD"),
];

/// The root of that name, in its usual spelling.
pub(crate) fn find_root(name: &[u8]) -> Option<&'static str> {
    ROOTS.iter().map(|&(root, _)| root).find(|root| root.as_bytes().eq_ignore_ascii_case(name))
}

fn unknown_root(name: &[u8]) -> Reason {
    let meant = ROOTS.iter().find(|(_, short)| short.as_bytes().eq_ignore_ascii_case(name));
    Reason::UnknownRoot {
        found: wtf8::lossy(name).chars().take(40).collect(),
        meant: meant.map(|&(root, _)| root),
    }
}
