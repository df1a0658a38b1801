//! Malformed entries that Windows never writes, and by which an image could make an extraction
//! leave its folder.

use std::collections::{HashMap, HashSet};
use std::fmt;

use winpe_registry::upcase;

use crate::archive::Archive;
use crate::error::{FormatError, WimError};
use crate::metadata::{Dentry, Id, Metadata};
use crate::reparse::is_link;

/// The fault of an entry. Archives with such entries are not extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryFault {
    /// It has no name.
    Unnamed,
    /// It is named `.` or `..`.
    Dots,
    /// Its name contains a NUL, a `/` or a `\`.
    Separator,
    /// An earlier entry in the same folder has exactly the same name.
    Doubled,
    /// It is a symbolic link or junction, and has entries below it.
    LinkWithEntries,
    /// An earlier entry in the same folder has a name that differs only in case. It can be extracted, but Windows
    /// and programs that look for one of them can find the other.
    OtherCase,
}

impl fmt::Display for EntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unnamed => "an entry without a name",
            Self::Dots => "`.` and `..` cannot be the name of an entry",
            Self::Separator => r"a name cannot hold a NUL, `/` or `\`",
            Self::Doubled => "a second entry of this name in one folder",
            Self::OtherCase => "a second entry whose name differs only in case in one folder",
            Self::LinkWithEntries => "a symbolic link or junction that has entries below it",
        })
    }
}

/// The faults of `top` and everything below it, parents first.
pub(crate) fn faults(metadata: &Metadata, top: Id) -> impl Iterator<Item = (Id, EntryFault)> + '_ {
    let mut left = vec![top];
    std::iter::from_fn(move || {
        let folder = left.pop()?;
        left.extend(metadata.entries(folder).iter().rev());
        Some(in_folder(metadata, folder))
    })
    .flatten()
}

/// Entries whose names differ from earlier ones in their folder only in case.
pub(crate) fn other_cases(metadata: &Metadata) -> impl Iterator<Item = (Id, EntryFault)> + '_ {
    let folders = metadata.all().filter(|id| metadata.entries(*id).len() > 1);
    folders.flat_map(|folder| {
        let mut names: HashMap<Vec<u16>, &[u8]> = HashMap::new();
        let mut found = Vec::new();
        for id in metadata.entries(folder) {
            let dentry = metadata.dentry(*id);
            let folded = dentry.name().map(upcase).collect();
            let first = *names.entry(folded).or_insert(dentry.name_bytes());
            // One of exactly the same name is another fault.
            if first != dentry.name_bytes() {
                found.push((*id, EntryFault::OtherCase));
            }
        }
        found
    })
}

/// The faults of an entry as a folder, and of the names in it.
fn in_folder(metadata: &Metadata, folder: Id) -> Vec<(Id, EntryFault)> {
    let entries = metadata.entries(folder);
    let mut found = Vec::new();
    if !entries.is_empty() && is_link(metadata.dentry(folder).reparse_tag()) {
        found.push((folder, EntryFault::LinkWithEntries));
    }
    let mut names = HashSet::with_capacity(entries.len());
    for id in entries {
        let dentry = metadata.dentry(*id);
        let fault = of_name(dentry)
            .or_else(|| (!names.insert(dentry.name_bytes())).then_some(EntryFault::Doubled));
        found.extend(fault.map(|fault| (*id, fault)));
    }
    found
}

fn of_name(dentry: Dentry<'_>) -> Option<EntryFault> {
    let is = |unit: u16, character: char| u32::from(unit) == u32::from(character);
    let mut name = dentry.name();
    match name.clone().count() {
        0 => return Some(EntryFault::Unnamed),
        1 | 2 if name.clone().all(|unit| is(unit, '.')) => return Some(EntryFault::Dots),
        _ => {}
    }
    let is_separator = |unit| ['\0', '/', '\\'].iter().any(|separator| is(unit, *separator));
    name.any(is_separator).then_some(EntryFault::Separator)
}

impl Archive {
    pub(crate) fn bad_entry(
        &self,
        image: u32,
        metadata: &Metadata,
        (id, fault): (Id, EntryFault),
    ) -> WimError {
        WimError::Format(FormatError::BadEntry {
            path: self.path().to_path_buf(),
            image,
            at: metadata.path(id),
            fault,
        })
    }
}
