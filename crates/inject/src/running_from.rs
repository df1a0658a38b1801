//! Whether an image runs from the folder that it boots from, and how that is mended.

use winpe_registry::{Edit, KeyPath, Value, ValueName, upcase};
use winpe_wim::Archive;

use crate::hives::{HiveError, HiveRoots, Hives, Origin, SourcedEdit};
use crate::identify::other_kind;
use crate::image::{ImageView, MARKS, Tree};
use crate::report::Warning;

/// The hives whose texts are rewritten.
const ROOTS: [&str; 3] =
    [r"HKEY_LOCAL_MACHINE\SOFTWARE", r"HKEY_LOCAL_MACHINE\SYSTEM", r"HKEY_USERS\.DEFAULT"];
/// The drive of a booted WinPE.
const DRIVE: &str = r"X:\";

/// A value that states another folder than the one that WinPE boots from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtherFolder {
    pub(crate) key: KeyPath,
    pub(crate) value: ValueName,
    pub(crate) found: String,
    pub(crate) expected: &'static str,
}

/// Why an image does not start when it is booted by itself: no boot manager reads the WIM, or the registry states
/// another folder.
///
/// # Errors
/// [`HiveError`] if the registry cannot be read.
pub fn boot_warnings(archive: &Archive, image: u32) -> Result<Vec<Warning>, HiveError> {
    let view = ImageView { archive, image };
    let obstacles = archive.header().boot_obstacles().into_iter();
    let mut warnings: Vec<Warning> =
        obstacles.map(|why| Warning::NotBootable { wim: view.wim(), why }).collect();
    warnings.extend(other_folders(view.tree())?.into_iter().map(OtherFolder::warning));
    Ok(warnings)
}

/// The values of a WinPE that state another folder. Other Windows run from elsewhere.
pub(crate) fn other_folders(tree: Tree<'_>) -> Result<Vec<OtherFolder>, HiveError> {
    if other_kind(tree)?.is_some() {
        return Ok(vec![]);
    }
    let roots = HiveRoots::standard();
    let mut hives = Hives::new(tree, &roots);
    let mut others = Vec::new();
    for mark in &MARKS.running_from {
        let key: KeyPath = mark.key.parse().expect("a test parses it");
        let value = ValueName::new(mark.value.as_str()).expect("a test parses it");
        let found = hives.value(&key, &value)?.and_then(|value| value.as_text());
        let Some(found) = found.map(|text| text.to_string()) else { continue };
        let plain = |path: &str| path.trim_end_matches('\\').to_ascii_lowercase();
        if plain(&found) != plain(&mark.expected) {
            others.push(OtherFolder { key, value, found, expected: &mark.expected });
        }
    }
    Ok(others)
}

impl OtherFolder {
    pub(crate) fn warning(self) -> Warning {
        let Self { key, value, found, expected } = self;
        Warning::OtherFolder { key, value, found, expected }
    }

    /// The folder that the value states instead of the drive: `X:\$windows.~bt\` in `X:\$windows.~bt\Windows`. `None` if it is
    /// another drive, whose name may occur elsewhere with good reason.
    fn above(&self) -> Option<String> {
        let tail = self.expected.strip_prefix(DRIVE)?;
        let found = self.found.trim_end_matches('\\');
        let cut = found.len().checked_sub(tail.len())?;
        let (above, rest) = found.split_at_checked(cut)?;
        let above = format!(r"{}\", above.trim_end_matches('\\'));
        let is_on_drive = above.get(..DRIVE.len())?.eq_ignore_ascii_case(DRIVE);
        (is_on_drive && above.len() > DRIVE.len() && rest.eq_ignore_ascii_case(tail))
            .then_some(above)
    }
}

/// The edits by which an image runs from the folder that it boots from; none if it does.
pub(crate) fn mend(tree: Tree<'_>) -> Result<Vec<SourcedEdit>, HiveError> {
    let others = other_folders(tree)?;
    let origin = Origin::whole("--fix-systemroot");
    let mut edits = Vec::new();
    if let Some(above) = others.iter().find_map(OtherFolder::above) {
        let roots = HiveRoots::standard();
        let mut hives = Hives::new(tree, &roots);
        for root in ROOTS {
            let root: KeyPath = root.parse().expect("a plain path");
            hives.texts_below(&root, &mut |path, name, value| {
                if let Some(data) = replaced(&value.data, &above, DRIVE) {
                    let key: KeyPath = root.names().iter().chain(path).cloned().collect();
                    edits.push(Edit::set_value(key, name, Value::new(value.ty, data)));
                }
            })?;
        }
    }
    for other in others {
        edits.push(Edit::set_value(other.key, other.value, Value::sz(other.expected)));
    }
    let sourced = |edit| SourcedEdit { edit, origin: origin.clone() };
    Ok(edits.into_iter().map(sourced).collect())
}

/// UTF-16 text with each `from` replaced, in any case; `None` if there is none. A part of a longer name is none,
/// since `from` ends with a separator and begins with a drive.
fn replaced(data: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let units: Vec<u16> =
        data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let from: Vec<u16> = from.encode_utf16().map(upcase).collect();
    let is_here = |rest: &[u16]| {
        rest.len() >= from.len()
            && rest.iter().zip(&from).all(|(unit, wanted)| upcase(*unit) == *wanted)
    };
    let (mut result, mut at, mut found) = (Vec::with_capacity(data.len()), 0, false);
    while at < units.len() {
        if is_here(&units[at..]) {
            result.extend(to.encode_utf16().flat_map(u16::to_le_bytes));
            at += from.len();
            found = true;
        } else {
            result.extend(units[at].to_le_bytes());
            at += 1;
        }
    }
    result.extend(data.chunks_exact(2).remainder());
    found.then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_can_be_parsed() {
        for mark in &MARKS.running_from {
            let key: KeyPath = mark.key.parse().unwrap();
            assert!(HiveRoots::standard().locate(&key).is_some());
            assert!(
                ValueName::new(mark.value.as_str()).is_ok() && mark.expected.starts_with(DRIVE)
            );
        }
    }

    #[test]
    fn the_folder_above_is_what_setup_copies_into() {
        let above = |found: &str, expected| {
            let (key, value) = (r"A\B".parse().unwrap(), ValueName::new("v").unwrap());
            OtherFolder { key, value, found: found.to_owned(), expected }.above()
        };
        let bt = Some(r"X:\$windows.~bt\".to_owned());
        assert_eq!(above(r"X:\$windows.~bt\Windows", r"X:\Windows"), bt);
        assert_eq!(above(r"X:\$windows.~bt\WINDOWS\", r"X:\Windows"), bt);
        assert_eq!(above(r"X:\$windows.~bt\", r"X:\"), bt);
        for other in [r"C:\Windows", r"X:\Windows2", "", r"X:\", r"C:\$windows.~bt\Windows", "é"] {
            assert_eq!(above(other, r"X:\Windows"), None, "{other}");
        }
    }

    #[test]
    fn texts_are_rewritten_in_any_case_and_nothing_else_of_them() {
        let bytes =
            |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let from = r"X:\$windows.~bt\";
        for (old, new) in [
            (r"X:\$windows.~bt\Windows\a.dll", r"X:\Windows\a.dll"),
            ("x:\\$WINDOWS.~BT\\a\0é X:\\$windows.~bt\\b\0\0", "X:\\a\0é X:\\b\0\0"),
            (r"@X:\$windows.~bt\X:\$windows.~bt\", r"@X:\X:\"),
        ] {
            assert_eq!(replaced(&bytes(old), from, DRIVE), Some(bytes(new)), "{old}");
            let odd = [bytes(old), vec![7]].concat();
            assert_eq!(replaced(&odd, from, DRIVE), Some([bytes(new), vec![7]].concat()));
        }
        for other in [r"X:\$windows.~b\", r"X:\$windows.~bt", "", "X"] {
            assert_eq!(replaced(&bytes(other), from, DRIVE), None, "{other}");
        }
    }
}
