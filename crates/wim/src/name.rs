//! Names and paths in an image.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use winpe_registry::upcase;

/// A path in an image, split into UTF-16 names. The root has none.
///
/// Both `\` and `/` separate names; leading, trailing and repeated separators are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImagePath {
    names: Vec<Vec<u16>>,
}

impl ImagePath {
    pub(crate) fn parse(path: &str) -> Self {
        let names = path
            .split(['\\', '/'])
            .filter(|name| !name.is_empty())
            .map(|name| name.encode_utf16().collect())
            .collect();
        Self { names }
    }

    pub(crate) fn names(&self) -> &[Vec<u16>] {
        &self.names
    }

    /// The folder's path and the last name; `None` for the root.
    pub(crate) fn split_last(&self) -> Option<(Self, &[u16])> {
        let (last, folder) = self.names.split_last()?;
        Some((Self { names: folder.to_vec() }, last))
    }
}

/// Why Windows refuses a file with this name, or `None` if it accepts it.
pub(crate) fn invalid(name: &[u16]) -> Option<&'static str> {
    const FORBIDDEN: &[u8] = b"<>:\"/\\|?*";
    /// The limit of NTFS.
    const LONGEST: usize = 255;
    let is_forbidden =
        |unit: u16| unit < 0x20 || u8::try_from(unit).is_ok_and(|byte| FORBIDDEN.contains(&byte));
    let dot = u16::from(b'.');
    match name {
        [] => Some("a name is empty"),
        [a] if *a == dot => Some("`.` is no name"),
        [a, b] if *a == dot && *b == dot => Some("`..` is no name"),
        _ if name.len() > LONGEST => Some("a name has more than 255 characters"),
        _ if name.iter().copied().any(is_forbidden) => {
            Some("a name holds a control character or one of <>:\"|?*")
        }
        _ => None,
    }
}

/// The upper-case form of a name: equal for all names that Windows file systems treat as the same.
///
/// ```
/// assert_eq!(winpe_wim::fold_name("Größe.txt"), winpe_wim::fold_name("GRÖßE.TXT"));
/// ```
#[must_use]
pub fn fold_name(name: &str) -> String {
    let units: Vec<u16> = name.encode_utf16().map(upcase).collect();
    String::from_utf16_lossy(&units)
}

/// Why Windows refuses a file with that name, or `None` if it accepts it.
///
/// ```
/// assert!(winpe_wim::name_refusal("a:b").is_some());
/// assert!(winpe_wim::name_refusal("desktop.ini").is_none());
/// ```
#[must_use]
pub fn name_refusal(name: &str) -> Option<&'static str> {
    invalid(&name.encode_utf16().collect::<Vec<_>>())
}

/// Whether Windows treats two names as the same.
pub(crate) fn same(a: impl Iterator<Item = u16>, b: &[u16]) -> bool {
    a.map(upcase).eq(b.iter().map(|unit| upcase(*unit)))
}

/// A name in the form by which its folder is sorted.
pub(crate) fn folded(name: impl Iterator<Item = u16>) -> impl Iterator<Item = u16> {
    name.map(upcase)
}

/// How `a` and `b` compare without regard to case.
pub(crate) fn order(a: impl Iterator<Item = u16>, b: &[u16]) -> Ordering {
    folded(a).cmp(folded(b.iter().copied()))
}

/// Whether `a` precedes `b` in a folder.
pub(crate) fn before(a: &[u16], b: &[u16]) -> bool {
    a.iter().map(|unit| upcase(*unit)).lt(b.iter().map(|unit| upcase(*unit)))
}

/// The name in the form of a Linux file system: UTF-8. An unpaired surrogate is encoded as if it
/// were a character, as in wimlib, so that different names stay different.
pub(crate) fn on_disk(name: impl Iterator<Item = u16>) -> OsString {
    let mut bytes = Vec::new();
    for unit in char::decode_utf16(name) {
        match unit {
            Ok(character) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Err(lone) => {
                let [high, low] = lone.unpaired_surrogate().to_be_bytes();
                bytes.push(0xe0 | high >> 4);
                bytes.push(0x80 | (high & 0xf) << 2 | low >> 6);
                bytes.push(0x80 | low & 0x3f);
            }
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn both_separators_are_equivalent() {
        let path = ImagePath::parse("\\Windows/System32\\\\config/");
        assert_eq!(path, ImagePath::parse("Windows\\System32\\config"));
        assert_eq!(path.names().len(), 3);
        assert!(ImagePath::parse("\\").split_last().is_none());
    }

    #[test]
    fn case_does_not_count_beyond_ascii_either() {
        assert!(same("STRASSE Ä".encode_utf16(), &utf16("strasse ä")));
        assert!(!same("straße".encode_utf16(), &utf16("strasse")));
        assert!(before(&utf16("abc"), &utf16("B")));
        assert!(!before(&utf16("b"), &utf16("B")));
    }

    /// `ı` has an upper case in Unicode, and µ another one, but not in NT's table, so NTFS keeps
    /// them apart.
    #[test]
    fn names_that_nt_distinguishes_are_different() {
        for (a, b) in [("ı", "I"), ("µ", "μ"), ("ſ", "S"), ("ß", "ẞ"), ("\u{212a}", "k")] {
            assert!(!same(a.encode_utf16(), &utf16(b)), "{a} {b}");
            assert_ne!(fold_name(a), fold_name(b));
        }
        for (a, b) in [("ä", "Ä"), ("μ", "Μ"), ("ÿ", "Ÿ"), ("ǆ", "Ǆ")] {
            assert!(same(a.encode_utf16(), &utf16(b)), "{a} {b}");
        }
    }

    #[test]
    fn names_that_windows_refuses_are_refused() {
        for name in ["", ".", "..", "a:b", "a*", "tab\t", &"x".repeat(256)] {
            assert!(invalid(&utf16(name)).is_some(), "{name:?}");
        }
        for name in ["...", "a b", "ntuser.dat{1}", &"x".repeat(255)] {
            assert!(invalid(&utf16(name)).is_none(), "{name:?}");
        }
    }
}
