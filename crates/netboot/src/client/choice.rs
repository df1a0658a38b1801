//! What a machine says that it boots: the scripts that the server makes have iPXE ask for a small file before
//! each entry, whose name says which entry it is.

use std::fmt;

/// The folder of these files.
const FOLDER: &str = "chosen";
/// Letters of a name that are read.
const MAX_NAME: usize = 32;

/// What was chosen in a menu, or was not, and what came of it.
///
/// ```
/// use winpe_netboot::client::{Choice, ChoiceKind};
/// let choice = Choice::new(ChoiceKind::San, "win7");
/// assert_eq!(choice.to_string(), "chosen/san/win7");
/// assert_eq!(Choice::read("/chosen/san/win7"), Some(choice));
/// assert_eq!(Choice::read("chosen/tape/win7"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What it boots.
    pub kind: ChoiceKind,
    /// The entry.
    pub name: String,
}

/// What an entry boots, as far as a machine reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceKind {
    /// The disk of the machine itself.
    Local,
    /// A disk over iSCSI.
    San,
    /// A Windows image.
    Wim,
    /// An ISO image.
    Iso,
    /// A network boot program, or an EFI program.
    Program,
    /// A Linux kernel.
    Linux,
    /// iPXE's shell.
    Shell,
    /// An entry was tried and did not boot.
    Failed,
}

const KINDS: &[(ChoiceKind, &str)] = &[
    (ChoiceKind::Local, "local"),
    (ChoiceKind::San, "san"),
    (ChoiceKind::Wim, "wim"),
    (ChoiceKind::Iso, "iso"),
    (ChoiceKind::Program, "program"),
    (ChoiceKind::Linux, "linux"),
    (ChoiceKind::Shell, "shell"),
    (ChoiceKind::Failed, "failed"),
];

impl Choice {
    /// A choice of an entry.
    #[must_use]
    pub fn new(kind: ChoiceKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The choice that a request for this file reports; none where it is another file.
    #[must_use]
    pub fn read(file: &str) -> Option<Self> {
        let rest = file.trim_start_matches('/').strip_prefix(FOLDER)?.strip_prefix('/')?;
        let (kind, name) = rest.split_once('/')?;
        let (kind, _) = KINDS.iter().find(|(_, word)| *word == kind)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let known = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(plain);
        known.then(|| Self::new(*kind, name))
    }
}

/// The name of the file that reports it.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |row| row.1);
        write!(f, "{FOLDER}/{word}/{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_as_it_was_written_and_no_other_file_is_one() {
        for (kind, _) in KINDS {
            let choice = Choice::new(*kind, "a-b_c1");
            assert_eq!(Choice::read(&choice.to_string()), Some(choice));
        }
        for other in [
            "chosen",
            "chosen/",
            "chosen/san",
            "chosen/san/",
            "chosen/san/a/b",
            "chosen/san/a b",
            "srv/chosen/san/a",
            "chosen/SAN/a",
            "chosen/san/ä",
            "boot.ipxe",
        ] {
            assert_eq!(Choice::read(other), None, "{other}");
        }
        assert_eq!(Choice::read(&format!("chosen/san/{}", "a".repeat(33))), None);
    }
}
