//! Reads of an `.inf` file which files a driver package has.
//!
//! Source: Microsoft, "General Syntax Rules for INF Files", "INF Version Section", "INF
//! SourceDisksFiles Section", "INF CopyFiles Directive".

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use winpe_wim::Arch;

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod line;

use line::{Entry, decode, parts, unquote};

/// An INF. Its lines are split when they are read, since their parts take many times the memory of the
/// text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inf {
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
pub(super) enum BadInf {
    /// It has no `[Version]` section with a signature.
    NotAnInf,
    /// It has this many lines.
    TooManyLines(usize),
}

/// A file that an INF names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Its name in the package.
    pub(super) name: String,
    /// The folder within the package; empty for that of the INF.
    pub(super) folder: String,
    /// Whether the driver needs it.
    pub(super) needed: bool,
}

impl Inf {
    /// Reads a text.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BadInf> {
        let text = decode(bytes).ok_or(BadInf::NotAnInf)?;
        let lines = text.lines().count();
        if lines > MAX_LINES {
            return Err(BadInf::TooManyLines(lines));
        }
        let mut inf = Self::default();
        inf.read_lines(&text);
        let mut strings = BTreeMap::new();
        for entry in inf.entries("strings") {
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
                section = Some(name.trim().to_lowercase());
                self.text.truncate(start);
            } else if let (Some(section), false) = (&section, line.is_empty()) {
                let place = |at: usize| u32::try_from(at).expect("an INF has 4 MiB at most");
                let range = place(start)..place(self.text.len());
                if let Some(ranges) = self.sections.get_mut(section) {
                    ranges.push(range);
                } else {
                    self.sections.insert(section.clone(), vec![range]);
                }
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
    pub(super) fn class(&self) -> Option<String> {
        self.value("version", "class")
    }

    /// Date and version of the driver, for example `03/04/2024,100.95.104.26200`.
    pub(super) fn driver_version(&self) -> Option<String> {
        let values = self.values("version", "driverver")?;
        values.iter().any(|value| !value.is_empty()).then(|| values.join(","))
    }

    /// The catalogue that signs the package for an architecture.
    pub(super) fn catalog(&self, arch: Option<Arch>) -> Option<String> {
        let decorated = suffix(arch).map(|arch| format!("catalogfile.nt{arch}"));
        let keys = decorated.iter().map(String::as_str).chain(["catalogfile.nt", "catalogfile"]);
        keys.filter_map(|key| self.value("version", key)).next()
    }

    /// The files of the package for an architecture, each once; at most one more than [`MAX_FILES`].
    pub(super) fn files(&self, arch: Option<Arch>) -> Vec<Named> {
        let decorated = |section: &str| {
            let suffix = suffix(arch).map(|arch| format!("{section}.{arch}"));
            suffix.into_iter().chain([section.to_owned()])
        };
        let entries = |section: &str| {
            decorated(section).flat_map(|name| self.entries(&name).collect::<Vec<_>>())
        };
        // `disk = description, tag file, unused, path`; a path that is too long for Windows is ignored.
        let disks: BTreeMap<_, _> = entries("sourcedisksnames")
            .filter_map(|disk| Some((unquote(disk.key?), disk.value(3))))
            .filter(|(_, path)| path.as_ref().is_none_or(|path| path.len() <= MAX_VALUE_LENGTH))
            .collect();
        let copied = self.copied(arch);
        let mut files: Vec<Named> = Vec::new();
        let mut known = BTreeSet::new();
        // `file = disk, folder, size`
        for entry in entries("sourcedisksfiles") {
            let Some(name) = entry.key.map(unquote) else { continue };
            let value = |index: usize| entry.value(index).unwrap_or_default();
            let disk = disks.get(&value(0)).cloned().flatten().unwrap_or_default();
            let folder = [disk, value(1)].join("\\");
            let needed = copied.is_empty() || copied.contains(&name.to_lowercase());
            if known.insert(name.to_lowercase()) {
                files.push(Named { name, folder, needed });
            }
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

    /// The names of all files that a section copies, in lower case, without those of other architectures;
    /// at most a few more than [`MAX_FILES`].
    fn copied(&self, arch: Option<Arch>) -> BTreeSet<String> {
        let own = suffix(arch);
        let foreign = |section: &str| {
            let parts = section.split('.').filter_map(|part| part.strip_prefix("nt"));
            let mut archs = parts.filter(|part| SUFFIXES.contains(part));
            own.is_some() && archs.any(|arch| Some(arch) != own)
        };
        let mut copied = BTreeSet::new();
        // Real drivers name a section many times, and a hostile INF may name a long one 100,000 times.
        let mut visited = BTreeSet::new();
        let own = self.sections.keys().filter(|section| !foreign(section));
        let lists = own.flat_map(|section| self.entries(section));
        let lists = lists.filter(|entry| entry.key_is("copyfiles"));
        for value in lists.flat_map(Entry::values) {
            if copied.len() > MAX_FILES {
                break;
            }
            if let Some(file) = value.strip_prefix('@') {
                copied.insert(self.expand(file).to_lowercase());
                continue;
            }
            let list = self.expand(&value).to_lowercase();
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

    fn values(&self, section: &str, key: &str) -> Option<Vec<String>> {
        let entry = self.entries(section).find(|entry| entry.key_is(key))?;
        Some(entry.values().take(MAX_VALUES).map(|value| self.expand(&value)).collect())
    }

    fn value(&self, section: &str, key: &str) -> Option<String> {
        self.values(section, key)?.into_iter().next().filter(|value| !value.is_empty())
    }

    /// Replaces `%name%` by its text in `[Strings]`. The replacement is not expanded again.
    fn expand(&self, text: &str) -> String {
        let mut parts = text.split('%');
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        // A longer text cannot be the name of a file or section.
        while expanded.len() < MAX_VALUE_LENGTH
            && let Some(name) = parts.next()
        {
            match (self.strings.get(&name.to_lowercase()), parts.next()) {
                (Some(value), Some(rest)) => expanded.extend([value, rest]),
                (None, Some(rest)) => expanded.extend(["%", name, "%", rest]),
                (_, None) => expanded.extend(["%", name]),
            }
        }
        expanded
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

const SUFFIXES: [&str; 5] = ["x86", "amd64", "ia64", "arm", "arm64"];

/// The suffix of sections for an architecture.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NET: &str = r#"; a comment with [brackets]
[Version]
Signature = "$WINDOWS NT$" ; "quoted; comment"
Class     = Net
CatalogFile = net.cat
CatalogFile.NTx86 = net32.cat
DriverVer = 03/04/2024, 1.2.3.4

[SourceDisksNames]
1 = %Disk%,,,"drv"
[SourceDisksFiles]
net.sys = 1
netco.dll = 1, sub
other.sys = 1
[SourceDisksFiles.x86]
net32.sys = 1

[Install.NTamd64]
CopyFiles = Net.Copy, @netco.dll
[Install.NTx86]
CopyFiles = @net32.sys

[net.copy]
%Name%.sys,net.sys,\
  ,2
[Strings]
Disk = "The disk; one"
Name = "renamed"
"#;

    #[test]
    fn the_files_of_an_architecture_are_found() {
        let inf = Inf::parse(NET.as_bytes()).unwrap();
        let files: Vec<_> = inf
            .files(Some(Arch::Amd64))
            .into_iter()
            .map(|file| (file.name, file.folder, file.needed))
            .collect();
        let file = |name: &str, folder: &str, needed| (name.to_owned(), folder.to_owned(), needed);
        assert_eq!(
            files,
            [
                file("net.sys", "drv\\", true),
                file("netco.dll", "drv\\sub", true),
                file("other.sys", "drv\\", false)
            ]
        );
        assert_eq!(inf.catalog(Some(Arch::Amd64)).as_deref(), Some("net.cat"));
        assert_eq!(inf.catalog(Some(Arch::X86)).as_deref(), Some("net32.cat"));
        assert_eq!(inf.class().as_deref(), Some("Net"));
        assert_eq!(inf.driver_version().as_deref(), Some("03/04/2024,1.2.3.4"));
        let x86 = inf.files(Some(Arch::X86));
        assert!(x86.iter().any(|file| file.name == "net32.sys" && file.needed));
        assert!(x86.iter().any(|file| file.name == "net.sys" && !file.needed));
    }

    #[test]
    fn encodings_are_recognised_by_their_marks() {
        let utf16: Vec<u8> =
            format!("\u{feff}{NET}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf8 = format!("\u{feff}{NET}").into_bytes();
        let ansi = [NET.as_bytes(), b"x = \"\xe9\"\r\n"].concat();
        for bytes in [utf16, utf8, ansi] {
            assert_eq!(Inf::parse(&bytes).unwrap().class().as_deref(), Some("Net"));
        }
        for bytes in [&b""[..], b"[Version]\nSignature = x\n", b"MZ\0\0", b"\xff\xfe\x00\xd8"] {
            assert_eq!(Inf::parse(bytes), Err(BadInf::NotAnInf));
        }
    }

    #[test]
    fn an_empty_value_is_none() {
        for value in ["", " ", "\"\"", ",", "%a%"] {
            let text = format!(
                "[Version]\nSignature=\"$Chicago$\"\nDriverVer={value}\nClass={value}\n\
                 CatalogFile={value}\n[Strings]\na=\"\"\n"
            );
            let inf = Inf::parse(text.as_bytes()).unwrap();
            assert_eq!([inf.driver_version(), inf.class(), inf.catalog(None)], [const { None }; 3]);
        }
    }

    #[test]
    fn strings_do_not_multiply() {
        let bomb = format!(
            "[Version]\nSignature=\"$Chicago$\"\n[i]\nCopyFiles=f\n[f]\n{}\n[Strings]\na=\"{}\"\n",
            "%a%".repeat(10_000),
            "x".repeat(10_000)
        );
        let files = Inf::parse(bomb.as_bytes()).unwrap().files(None);
        assert!(files.iter().all(|file| file.name.len() < 20_000), "{}", files.len());
        let many: String = (0..5000).map(|number| format!("{number}.sys\n")).collect();
        let many = format!("[Version]\nSignature=\"$Chicago$\"\n[i]\nCopyFiles=f\n[f]\n{many}");
        assert_eq!(Inf::parse(many.as_bytes()).unwrap().files(None).len(), MAX_FILES + 1);
    }

    #[test]
    fn a_section_is_visited_once() {
        let lines = "CopyFiles=l,l,%l%,L\n".repeat(24_000) + "[l]\n" + &"same.sys\n".repeat(48_000);
        let many = format!("[Version]\nSignature=\"$Chicago$\"\n[i]\n{lines}[Strings]\nl=l\n");
        let files = Inf::parse(many.as_bytes()).unwrap().files(None);
        assert_eq!(files.iter().map(|file| &*file.name).collect::<Vec<_>>(), ["same.sys"]);
    }

    #[test]
    fn lines_are_bounded() {
        let head = "[Version]\nSignature=\"$Chicago$\"\n";
        let lines = |count: usize| Inf::parse((head.to_owned() + &"\n".repeat(count)).as_bytes());
        assert!(lines(MAX_LINES - 2).is_ok());
        assert_eq!(lines(MAX_LINES - 1), Err(BadInf::TooManyLines(MAX_LINES + 1)));
    }

    #[test]
    fn neither_names_nor_folders_multiply() {
        let long = "x".repeat(MAX_VALUE_LENGTH);
        let head = "[Version]\nSignature=\"$Chicago$\"\n";
        let named = |value: &str| {
            let copies: String = (0..20_000).map(|number| format!("@%a%{number},")).collect();
            let text = format!("{head}[i]\nCopyFiles={copies}\n[Strings]\na={value}\n");
            Inf::parse(text.as_bytes()).unwrap().files(None)
        };
        let files = named(&long);
        assert_eq!((files.len(), files[0].name.len()), (MAX_FILES + 1, MAX_VALUE_LENGTH + 1));
        assert_eq!(named(&(long.clone() + "x"))[0].name, "%a%0", "too long to be put in");
        let placed = |path: &str| {
            let text = format!(
                "{head}[SourceDisksNames]\n1=,,,{path}\n[SourceDisksFiles]\n{}",
                (0..20_000).map(|number| format!("{number}=1\n")).collect::<String>()
            );
            Inf::parse(text.as_bytes()).unwrap().files(None)
        };
        let files = placed(&long);
        assert_eq!((files.len(), files[0].folder.len()), (MAX_FILES + 1, MAX_VALUE_LENGTH + 1));
        assert_eq!(placed(&(long.clone() + "x"))[0].folder, "\\");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\[(Version|SourceDisksFiles|Strings|a)\\]|[ -~é]{0,20}|CopyFiles=a|%a%=\"b|\\\\)?(\n[ -~]{0,20}){0,8}") {
            let whole = format!("[Version]\nSignature=\"$Chicago$\"\n{text}");
            let inf = Inf::parse(whole.as_bytes());
            prop_assume!(inf.is_ok());
            for arch in [None, Some(Arch::Amd64)] {
                let files = inf.iter().flat_map(|inf| inf.files(arch)).count();
                prop_assert!(files <= whole.len());
            }
        }
    }
}
