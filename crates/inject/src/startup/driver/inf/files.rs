//! Which files of a package an INF names.

use std::collections::{BTreeMap, BTreeSet};

use super::line::Entry;
use super::{Inf, MAX_FILES, MAX_VALUE_LENGTH, Named, System, suffix, unquote};

/// The longest number of a disk. Real ones have a digit or two.
const MAX_DISK: usize = 64;

impl Inf {
    /// The files of the package for a system, each once; at most one more than [`MAX_FILES`]. Files that
    /// only installations on other systems copy are left out.
    pub(crate) fn files(&self, system: System) -> Vec<Named> {
        let disks = self.disks(system);
        let copied = self.copied(&self.used_sections(system));
        let all_copied = self.copied(&self.sections.keys().map(String::as_str).collect());
        let mut files: Vec<Named> = Vec::new();
        let mut known = BTreeSet::new();
        // `file = disk, folder, size`
        for entry in self.by_processor("sourcedisksfiles", system) {
            let Some(name) = entry.key.map(|key| self.expand(&unquote(key))) else { continue };
            let folded = name.to_lowercase();
            let is_copied = copied.contains(&folded);
            if known.contains(&folded) || !is_copied && all_copied.contains(&folded) {
                continue;
            }
            let disk = disks.get(&self.expanded(entry, 0)).cloned().flatten().unwrap_or_default();
            let folder = [self.expand(&disk), self.expanded(entry, 1)].join("\\");
            files.push(Named { name, folder, needed: is_copied || all_copied.is_empty() });
            known.insert(folded);
            if files.len() > MAX_FILES {
                return files;
            }
        }
        // A file without a folder is beside the INF, or is a file of Windows.
        for name in copied {
            if !known.contains(&name) {
                files.push(Named { name, folder: String::new(), needed: false });
            }
        }
        files.truncate(MAX_FILES + 1);
        files
    }

    /// The paths of the disks, by their numbers: `disk = description, tag file, unused, path`. A path is
    /// not expanded yet, and one that is too long for Windows is ignored.
    fn disks(&self, system: System) -> BTreeMap<String, Option<String>> {
        let mut disks = BTreeMap::new();
        for disk in self.by_processor("sourcedisksnames", system) {
            let Some(number) = disk.key.map(|key| self.expand(&unquote(key))) else { continue };
            let path = disk.value(3);
            let is_short = path.as_ref().is_none_or(|path| path.len() <= MAX_VALUE_LENGTH);
            if number.len() <= MAX_DISK && is_short {
                disks.entry(number).or_insert(path);
            }
        }
        disks
    }

    /// The lines of a section, those for the processor first: Windows asks the plain section only for what
    /// that for the processor does not have.
    fn by_processor(&self, section: &str, system: System) -> impl Iterator<Item = Entry<'_>> {
        let decorated = suffix(system.arch).map(|arch| format!("{section}.{arch}"));
        let sections = decorated.into_iter().chain([section.to_owned()]);
        sections.flat_map(|name| self.entries(&name).collect::<Vec<_>>())
    }

    /// The names of all files that sections copy, in lower case; at most a few more than [`MAX_FILES`].
    fn copied(&self, sections: &BTreeSet<&str>) -> BTreeSet<String> {
        let mut copied = BTreeSet::new();
        // Real drivers name a section many times, and a hostile INF may name a long one 100,000 times.
        let mut visited = BTreeSet::new();
        let lists = sections.iter().flat_map(|section| self.entries(section));
        let lists = lists.filter(|entry| entry.key_is("copyfiles"));
        for value in lists.flat_map(Entry::values) {
            if copied.len() > MAX_FILES {
                break;
            }
            let value = self.expand(&value);
            if let Some(file) = value.strip_prefix('@') {
                copied.insert(file.to_lowercase());
                continue;
            }
            let list = value.to_lowercase();
            if !self.sections.contains_key(&list) || visited.contains(&list) {
                continue;
            }
            // `destination, source, …`, where the source has the same name unless given.
            for entry in self.entries(&list) {
                let source = entry.value(1).filter(|source| !source.is_empty());
                let source = source.or(entry.value(0));
                copied.extend(source.map(|source| self.expand(&source).to_lowercase()));
                if copied.len() > MAX_FILES {
                    break;
                }
            }
            visited.insert(list);
        }
        copied.remove("");
        copied
    }
}
