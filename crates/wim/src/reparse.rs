//! Symbolic links and junctions: the target of a reparse point.
//!
//! ```text
//! substitute name: offset, size │ print name: offset, size │ flags (links only) │ names, UTF-16LE
//! ```
//! Source: [MS-FSCC] 2.1.2.4 and 2.1.2.5, without the eight bytes of tag and length, which a WIM does
//! not store here.

use crate::archive::Archive;
use crate::entry::Entry;
use crate::error::WimError;
use crate::name::fold_name;

const JUNCTION: u32 = 0xa000_0003;
const SYMLINK: u32 = 0xa000_000c;
/// Windows limits the whole reparse buffer to this size.
const LONGEST: u64 = 16 * 1024;

/// Whether this reparse tag denotes a symbolic link or a junction.
pub(crate) fn is_link(tag: Option<u32>) -> bool {
    matches!(tag, Some(JUNCTION | SYMLINK))
}

impl Archive {
    /// The target of a symbolic link or junction, with `/` between names; `None` for anything else.
    ///
    /// An absolute path on a drive becomes relative to the link, since the image is that drive:
    /// `C:\Users` in `\Documents and Settings` becomes `Users`.
    ///
    /// # Errors
    /// [`ReadError::MissingData`](crate::ReadError::MissingData),
    /// [`FormatError::Corrupt`](crate::FormatError::Corrupt), [`WimError::Io`].
    pub fn link_target(&self, entry: &Entry) -> Result<Option<String>, WimError> {
        self.link_target_below(entry, &[])
    }

    /// The same for a copy of the folder `top`, given by its names: what the link leads to in that folder is
    /// reached without leaving the copy, which can have another name.
    pub(crate) fn link_target_below(
        &self,
        entry: &Entry,
        top: &[String],
    ) -> Result<Option<String>, WimError> {
        let (Some(tag), Some(sha1)) = (entry.reparse_tag, &entry.reparse_sha1) else {
            return Ok(None);
        };
        let head = match tag {
            JUNCTION => 8,
            SYMLINK => 12,
            _ => return Ok(None),
        };
        let mut reader = self.blob_reader(sha1)?;
        let mut buffer = vec![0; usize::try_from(reader.size().min(LONGEST)).expect("16 KiB")];
        reader.read_at(0, &mut buffer)?;
        let Some(target) = substitute_name(&buffer, head) else { return Ok(None) };
        let depth = entry.path.names().len();
        Ok(Some(from_link(&target, depth, top)))
    }
}

/// The name that Windows follows; `None` if the buffer is malformed.
fn substitute_name(buffer: &[u8], head: usize) -> Option<String> {
    let number = |at: usize| {
        let bytes = buffer.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_le_bytes(bytes)))
    };
    let (offset, size) = (number(0)?, number(2)?);
    let bytes = buffer.get(head + offset..head + offset + size)?;
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let name: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}

/// The target as a path from the folder of a link that is `depth` names below the root, of which the first are `top`.
fn from_link(target: &str, depth: usize, top: &[String]) -> String {
    let path = target.strip_prefix(r"\??\").unwrap_or(target);
    let mut characters = path.chars();
    let drive = (characters.next(), characters.next(), characters.next());
    let below_root = match drive {
        (Some('A'..='Z' | 'a'..='z'), Some(':'), Some('\\') | None) => path.get(3..).or(Some("")),
        // A path from the root of the link's drive; two backslashes begin the name of a server.
        (Some('\\'), Some(next), _) if next != '\\' => path.get(1..),
        _ => None,
    };
    let Some(below_root) = below_root else { return path.replace('\\', "/") };
    let names: Vec<&str> = below_root.split('\\').collect();
    let shared = top.iter().zip(&names).take_while(|(top, name)| fold_name(top) == fold_name(name));
    let is_inside = depth > top.len() && shared.count() == top.len();
    let shared = if is_inside { top.len() } else { 0 };
    let up = "../".repeat(depth.saturating_sub(1 + shared));
    let relative = up + &names[shared..].join("/");
    if relative.is_empty() { ".".to_owned() } else { relative }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(head: usize, name: &str) -> Vec<u8> {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let size = u16::try_from(name.len()).expect("short").to_le_bytes();
        let mut buffer = vec![0, 0, size[0], size[1]];
        buffer.resize(head, 0);
        buffer.extend(name);
        buffer
    }

    #[test]
    fn absolute_targets_become_relative() {
        for (target, depth, expected) in [
            (r"\??\C:\Users", 1, "Users"),
            (r"\??\C:\ProgramData\Desktop", 3, "../../ProgramData/Desktop"),
            (r"\??\C:\", 1, "."),
            (r"..\notepad.exe", 2, "../notepad.exe"),
            (r"\Windows\x", 2, "../Windows/x"),
            (r"\\server\share", 2, "//server/share"),
        ] {
            assert_eq!(from_link(target, depth, &[]), expected, "{target}");
        }
    }

    #[test]
    fn a_copied_folder_is_not_left() {
        let top = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        for (target, depth, copied, expected) in [
            (r"C:\Windows\x", 2, "Windows", "x"),
            (r"\??\C:\windows\x\y", 3, "Windows", "../x/y"),
            (r"C:\Windows", 2, "Windows", "."),
            (r"C:\Windows\a\b", 4, "Windows/a", "../b"),
            // Outside of the copy, and the link itself.
            (r"C:\Users\x", 2, "Windows", "../Users/x"),
            (r"C:\Windows2", 2, "Windows", "../Windows2"),
            (r"C:\Windows\x", 2, "Windows/link", "../Windows/x"),
            (r"..\x", 2, "Windows", "../x"),
        ] {
            assert_eq!(from_link(target, depth, &top(copied)), expected, "{target} in {copied}");
        }
    }

    #[test]
    fn malformed_buffers_have_no_target() {
        assert_eq!(substitute_name(&buffer(8, r"C:\a"), 8).as_deref(), Some(r"C:\a"));
        let whole = buffer(12, "target");
        for size in 0..whole.len() {
            assert_eq!(substitute_name(&whole[..size], 12), None, "{size} bytes");
        }
    }
}
