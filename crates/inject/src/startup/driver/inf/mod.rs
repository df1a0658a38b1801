//! Reads of an `.inf` file which files a driver package has.
//!
//! Source: Microsoft, "General Syntax Rules for INF Files", "INF Version Section", "INF
//! SourceDisksNames Section", "INF SourceDisksFiles Section", "INF CopyFiles Directive", "INF Strings
//! Section".

use std::collections::BTreeMap;
use std::ops::Range;

use winpe_wim::Arch;

mod files;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod line;
mod models;
mod sections;
#[cfg(test)]
mod tests;

use line::{Entry, decode, parts, unquote};

/// An INF. Its lines are split when they are read, since their parts take many times the memory of the
/// text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inf {
    /// The lines, without comments and joined where they continue.
    text: String,
    /// Where the lines of a section are in `text`, by the section's name in lower case. Sections of the
    /// same name are one.
    sections: BTreeMap<String, Vec<Range<u32>>>,
    /// The text that replaces `%name%`, by the name in lower case. The first definition counts.
    strings: BTreeMap<String, String>,
}

/// Why a text cannot be read as an INF.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadInf {
    /// It has no `[Version]` section with a signature.
    NotAnInf,
    /// It has this many lines.
    TooManyLines(usize),
}

/// The Windows for which a package is read; what is unknown is not compared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct System {
    /// The processor.
    pub(crate) arch: Option<Arch>,
    /// The build, for example 19041.
    pub(crate) build: Option<u32>,
}

/// A file that an INF names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its name in the package.
    pub(super) name: String,
    /// The folder within the package; empty for that of the INF.
    pub(super) folder: String,
    /// Whether the driver needs it.
    pub(super) needed: bool,
}

impl Inf {
    /// Reads a text.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BadInf> {
        let text = decode(bytes).ok_or(BadInf::NotAnInf)?;
        let lines = text.lines().count();
        if lines > MAX_LINES {
            return Err(BadInf::TooManyLines(lines));
        }
        let mut inf = Self::default();
        inf.read_lines(&text);
        let mut strings = BTreeMap::new();
        // Texts in a language, `[Strings.0409]`, are used where `[Strings]` has none of the name.
        let localized = inf.sections.keys().filter(|name| name.starts_with("strings."));
        let sections = ["strings"].into_iter().chain(localized.map(String::as_str));
        for entry in sections.flat_map(|section| inf.entries(section)) {
            let value = entry.value(0).unwrap_or_default();
            // A longer text cannot be the name of a file or section.
            if let Some(key) = entry.key.filter(|_| value.len() <= MAX_VALUE_LENGTH) {
                strings.entry(unquote(key).to_lowercase()).or_insert(value);
            }
        }
        inf.strings = strings;
        let signature = inf.value("version", "signature").unwrap_or_default().to_lowercase();
        let known = ["$windows nt$", "$chicago$", "$windows 95$"].contains(&signature.as_str());
        known.then_some(inf).ok_or(BadInf::NotAnInf)
    }

    /// Fills `text` and `sections`.
    fn read_lines(&mut self, text: &str) {
        let mut section: Option<String> = None;
        let mut start = 0;
        for line in text.lines().chain([""]) {
            let line = parts(line, ';').next().unwrap_or_default().trim_end();
            if let Some(joined) = line.strip_suffix('\\') {
                self.text.push_str(joined);
                continue;
            }
            self.text.push_str(line);
            let line = self.text[start..].trim();
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let name = name.trim().to_lowercase();
                // A section without lines hides one that is less specific.
                self.sections.entry(name.clone()).or_default();
                section = Some(name);
                self.text.truncate(start);
            } else if let (Some(section), false) = (&section, line.is_empty()) {
                let place = |at: usize| u32::try_from(at).expect("an INF has 4 MiB at most");
                let range = place(start)..place(self.text.len());
                self.sections.get_mut(section).expect("its header was read").push(range);
                start = self.text.len();
            } else {
                self.text.truncate(start);
            }
        }
    }

    /// The lines of a section.
    fn entries(&self, section: &str) -> impl Iterator<Item = Entry<'_>> {
        let ranges = self.sections.get(section).into_iter().flatten();
        ranges.map(|range| Entry::parse(&self.text[range.start as usize..range.end as usize]))
    }

    /// The class of the devices, for example `Net`.
    pub(crate) fn class(&self) -> Option<String> {
        self.value("version", "class")
    }

    /// Date and version of the driver, for example `03/04/2024,100.95.104.26200`.
    pub(crate) fn driver_version(&self) -> Option<String> {
        let values = self.values("version", "driverver")?;
        values.iter().any(|value| !value.is_empty()).then(|| values.join(","))
    }

    /// The catalogue that signs the package for a system.
    pub(super) fn catalog(&self, system: System) -> Option<String> {
        let decorated = suffix(system.arch).map(|arch| format!("catalogfile.nt{arch}"));
        let keys = decorated.iter().map(String::as_str).chain(["catalogfile.nt", "catalogfile"]);
        keys.filter_map(|key| self.value("version", key)).next()
    }

    fn values(&self, section: &str, key: &str) -> Option<Vec<String>> {
        let entry = self.entries(section).find(|entry| entry.key_is(key))?;
        Some(entry.values().take(MAX_VALUES).map(|value| self.expand(&value)).collect())
    }

    fn value(&self, section: &str, key: &str) -> Option<String> {
        self.values(section, key)?.into_iter().next().filter(|value| !value.is_empty())
    }

    /// Replaces `%name%` by its text in `[Strings]`, and `%%` by `%`. The replacement is not expanded
    /// again.
    fn expand(&self, text: &str) -> String {
        let mut parts = text.split('%');
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        // A longer text cannot be the name of a file or section.
        while expanded.len() < MAX_VALUE_LENGTH
            && let Some(name) = parts.next()
        {
            match (self.strings.get(&name.to_lowercase()), parts.next()) {
                (Some(value), Some(rest)) => expanded.extend([value, rest]),
                (None, Some(rest)) if name.is_empty() => expanded.extend(["%", rest]),
                (None, Some(rest)) => expanded.extend(["%", name, "%", rest]),
                (_, None) => expanded.extend(["%", name]),
            }
        }
        expanded
    }

    /// The value of an entry at this place, expanded.
    fn expanded(&self, entry: Entry<'_>, index: usize) -> String {
        entry.value(index).map(|value| self.expand(&value)).unwrap_or_default()
    }
}

/// The most files of a package. Graphics drivers, the largest, have some hundred.
pub(super) const MAX_FILES: usize = 4096;

/// The most lines of an INF. Graphics drivers, the largest, have some ten thousand.
pub(super) const MAX_LINES: usize = 100_000;

/// The most values of a line of `[Version]`; known ones have two.
const MAX_VALUES: usize = 16;

/// The longest value, in bytes; a path of Windows has 260 characters.
const MAX_VALUE_LENGTH: usize = 1024;

const ARCHS: [&str; 5] = ["x86", "amd64", "ia64", "arm", "arm64"];

/// An architecture as the names of sections have it.
fn suffix(arch: Option<Arch>) -> Option<&'static str> {
    Some(match arch? {
        Arch::X86 => "x86",
        Arch::Amd64 => "amd64",
        Arch::Ia64 => "ia64",
        Arch::Arm => "arm",
        Arch::Arm64 => "arm64",
        Arch::Other(_) => return None,
    })
}
