//! Names and paths within an image.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use winpe_registry::upcase;

/// A path within an image, split into names as UTF-16. The root has none.
///
/// Both `\` and `/` separate names; leading, trailing and doubled separators say nothing.
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

/// Why Windows would not take a file of this name, or `None` where it does.
pub(crate) fn invalid(name: &[u16]) -> Option<&'static str> {
    const FORBIDDEN: &[u8] = b"<>:\"/\\|?*";
    /// What NTFS stores.
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

/// What all names share that are one to the file systems of Windows: the name in capital letters.
///
/// ```
/// assert_eq!(winpe_wim::fold_name("Größe.txt"), winpe_wim::fold_name("GRÖßE.TXT"));
/// ```
#[must_use]
pub fn fold_name(name: &str) -> String {
    let units: Vec<u16> = name.encode_utf16().map(upcase).collect();
    String::from_utf16_lossy(&units)
}

/// Why Windows would not take a file of that name, or `None` where it does.
///
/// ```
/// assert!(winpe_wim::name_refusal("a:b").is_some());
/// assert!(winpe_wim::name_refusal("desktop.ini").is_none());
/// ```
#[must_use]
pub fn name_refusal(name: &str) -> Option<&'static str> {
    invalid(&name.encode_utf16().collect::<Vec<_>>())
}

/// Whether two names are the same to Windows.
pub(crate) fn same(a: impl Iterator<Item = u16>, b: &[u16]) -> bool {
    a.map(upcase).eq(b.iter().map(|unit| upcase(*unit)))
}

/// A name as its folder is sorted by.
pub(crate) fn folded(name: impl Iterator<Item = u16>) -> impl Iterator<Item = u16> {
    name.map(upcase)
}

/// How `a` and `b` compare without regard to case.
pub(crate) fn order(a: impl Iterator<Item = u16>, b: &[u16]) -> Ordering {
    folded(a).cmp(folded(b.iter().copied()))
}

/// Whether `a` stands before `b` in a folder.
pub(crate) fn before(a: &[u16], b: &[u16]) -> bool {
    a.iter().map(|unit| upcase(*unit)).lt(b.iter().map(|unit| upcase(*unit)))
}

/// The name as a file system of Linux has it: UTF-8. A surrogate without its pair is encoded as if it
/// were a character, as wimlib does, so that two names stay two.
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
    fn separators_are_one() {
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

    /// `ı` has a capital letter in Unicode, and µ another one, but not in NT's table: NTFS keeps them apart.
    #[test]
    fn names_that_nt_keeps_apart_are_two() {
        for (a, b) in [("ı", "I"), ("µ", "μ"), ("ſ", "S"), ("ß", "ẞ"), ("\u{212a}", "k")] {
            assert!(!same(a.encode_utf16(), &utf16(b)), "{a} {b}");
            assert_ne!(fold_name(a), fold_name(b));
        }
        for (a, b) in [("ä", "Ä"), ("μ", "Μ"), ("ÿ", "Ÿ"), ("ǆ", "Ǆ")] {
            assert!(same(a.encode_utf16(), &utf16(b)), "{a} {b}");
        }
    }

    #[test]
    fn what_windows_refuses_is_refused() {
        for name in ["", ".", "..", "a:b", "a*", "tab\t", &"x".repeat(256)] {
            assert!(invalid(&utf16(name)).is_some(), "{name:?}");
        }
        for name in ["...", "a b", "ntuser.dat{1}", &"x".repeat(255)] {
            assert!(invalid(&utf16(name)).is_none(), "{name:?}");
        }
    }
}
