//! What a file is, by its content: where one of another kind was expected, the error names it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::failure::Failure;

/// The kinds of files that people confuse with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Wim,
    Disc,
    Hive,
    OldHive,
    Reg,
    Cab,
    Zip,
}

impl Kind {
    /// The kind of a file; `None` if it is none of these, or cannot be read.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut start = Vec::new();
        file.by_ref().take(64).read_to_end(&mut start).ok()?;
        Self::of_start(&start).or_else(|| is_disc(&file).then_some(Self::Disc))
    }

    /// The kind by the first bytes, where these tell it.
    fn of_start(start: &[u8]) -> Option<Self> {
        const STARTS: [(&[u8], Kind); 7] = [
            (b"MSWIM\0\0\0", Kind::Wim),
            (b"WLPWM\0\0\0", Kind::Wim),
            (b"regf", Kind::Hive),
            // The registry of Windows 95, 98 and ME.
            (b"CREG", Kind::OldHive),
            (b"MSCF", Kind::Cab),
            (b"PK\x03\x04", Kind::Zip),
            (b"PK\x05\x06", Kind::Zip),
        ];
        let known = STARTS.iter().find(|(magic, _)| start.starts_with(magic));
        known.map(|(_, kind)| *kind).or_else(|| is_reg(start).then_some(Self::Reg))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Wim => "a WIM",
            Self::Disc => "the image of a disc (ISO)",
            Self::Hive => "a registry hive",
            Self::OldHive => "a registry of Windows 9x, whose format is another one",
            Self::Reg => "a .reg file",
            Self::Cab => "a cabinet",
            Self::Zip => "a zip archive",
        }
    }

    /// What can be done with such a file.
    fn help(self, path: &Path) -> Option<String> {
        let path = path.display();
        Some(match self {
            Self::Wim => {
                format!("name a file of an image in it, such as {path}:SYSTEM for its hive SYSTEM")
            }
            Self::Disc => format!(
                "its WinPE: winpe-iscsi inject --iso {path} -o winpe.wim; to boot it: winpe-iscsi serve --iso {path}; \
                 as the source of files: --source {path}"
            ),
            Self::Hive => {
                format!("winpe-iscsi hive info {path}; as text: winpe-iscsi hive export {path}")
            }
            Self::Reg => format!(
                "winpe-iscsi reg check {path}; into a hive: winpe-iscsi hive import HIVE {path}; into an image: \
                 winpe-iscsi inject WIM --reg {path}"
            ),
            Self::Cab | Self::Zip => {
                "unpack it first; driver packages are taken from it by --driver".to_owned()
            }
            Self::OldHive => return None,
        })
    }
}

/// Why a file is refused that is of another kind; `None` if its content does not tell one.
pub(crate) fn refused(path: &Path, expected: Kind) -> Option<Failure> {
    let kind = Kind::of(path).filter(|kind| *kind != expected)?;
    let words = match expected {
        Kind::Hive => "hive",
        Kind::Reg => ".reg file",
        _ => "WIM",
    };
    let failure = Failure::new(format!("{}: not a {words}, but {}", path.display(), kind.name()));
    Some(kind.help(path).into_iter().fold(failure, Failure::hint))
}

/// The first line, in any encoding that such files have.
fn is_reg(start: &[u8]) -> bool {
    let text: Vec<u8> =
        start.iter().copied().filter(|byte| !matches!(byte, 0 | 0xff | 0xfe)).collect();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    text.starts_with(b"Windows Registry Editor") || text.starts_with(b"REGEDIT")
}

/// A volume descriptor in the 17th sector of 2,048 bytes. Source: ECMA-119, section 8; ECMA-167, part 2.
fn is_disc(file: &File) -> bool {
    let mut id = [0; 5];
    file.read_exact_at(&mut id, 16 * 2048 + 1).is_ok() && matches!(&id, b"CD001" | b"BEA01")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_kind() {
        let utf16: Vec<u8> = "\u{feff}Windows Registry Editor Version 5.00"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for (start, kind) in [
            (&b"MSWIM\0\0\0\xd0"[..], Some(Kind::Wim)),
            (b"regf\x01", Some(Kind::Hive)),
            (b"CREG", Some(Kind::OldHive)),
            (b"REGEDIT4\r\n", Some(Kind::Reg)),
            (b"\xef\xbb\xbfWindows Registry Editor Version 5.00", Some(Kind::Reg)),
            (&utf16, Some(Kind::Reg)),
            (b"", None),
            (b"hello", None),
        ] {
            assert_eq!(Kind::of_start(start), kind, "{start:?}");
        }
    }
}
