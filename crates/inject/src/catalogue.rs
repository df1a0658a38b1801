//! Catalogues: signed lists of digests, by which Windows trusts files that carry no signature of their
//! own. A catalogue is PKCS #7 signed data over a list of trusted subjects.
//!
//! That one covers a file is told by the file's digest, an OCTET STRING in it. Who signed it, and whether
//! that is trusted, is for Windows to judge.

use std::collections::{HashMap, HashSet};
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::authenticode::{self, Digests};
use crate::error::InjectError;
use crate::one_line::OneLine;
use crate::parts::{SuppliedFile, SuppliedFiles};
use crate::path::ImagePath;
use crate::profile::CatalogueRule;
use crate::tree::Tree;
use crate::windows::Windows;

/// What vouches for the added files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Signatures {
    /// The catalogues that cover some of them, which go along.
    pub catalogues: Vec<Catalogue>,
    /// The programs that no catalogue covers and that carry no signature of their own.
    pub unsigned: Vec<ImagePath>,
}

/// A catalogue and the files whose digests are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Catalogue {
    /// Its path in the image.
    pub path: ImagePath,
    /// The files.
    pub covers: Vec<ImagePath>,
}

impl fmt::Display for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nsignatures:")?;
        for Catalogue { path, covers } in &self.catalogues {
            let files = if covers.len() == 1 { "file" } else { "files" };
            let path = OneLine(path);
            writeln!(f, "  {path} covers {} {files}", covers.len())?;
        }
        for path in &self.unsigned {
            let path = OneLine(path);
            writeln!(f, "  {path} is in no catalogue, and not signed itself")?;
        }
        Ok(())
    }
}

/// Adds the source's catalogues that cover files which come from it. `None` where the profile has no
/// rule for that, or nothing is added.
pub(crate) fn supply(
    rules: &[CatalogueRule],
    image: Tree<'_>,
    source: Option<Tree<'_>>,
    files: &mut SuppliedFiles,
    warnings: &mut Vec<String>,
) -> Result<Option<Signatures>, InjectError> {
    let (Some(source), false, false) = (source, rules.is_empty(), files.new.is_empty()) else {
        return Ok(None);
    };
    let mut subjects = Subjects::default();
    for file in &files.new {
        subjects.add(&file.path, &file.data);
    }
    let taken: HashSet<ImagePath> = files.new.iter().map(|file| file.path.clone()).collect();
    let mut catalogues = Vec::new();
    for rule in rules {
        for path in source.find(&ImagePath::new(&rule.path))? {
            let is_there = image.has_file(&path)?;
            let Some(data) = read(if is_there { image } else { source }, &path, warnings)? else {
                continue;
            };
            let covers = subjects.covered_by(&data);
            if covers.is_empty() {
                continue;
            }
            catalogues.push(Catalogue { path: path.clone(), covers });
            if is_there {
                files.kept.push((path, rule.why.clone()));
            } else if !taken.contains(&path) {
                files.new.push(SuppliedFile { path, data, why: rule.why.clone() });
            }
        }
    }
    Ok(Some(Signatures { unsigned: subjects.unsigned(&catalogues), catalogues }))
}

/// Those of the programs that no catalogue of the tree covers and that carry no signature of their own.
pub(crate) fn unsigned(
    rules: &[CatalogueRule],
    tree: Tree<'_>,
    programs: impl Iterator<Item = ImagePath>,
    warnings: &mut Vec<String>,
) -> Result<Vec<ImagePath>, InjectError> {
    let mut subjects = Subjects::default();
    for path in programs {
        if let Some(data) = tree.read(&path)? {
            subjects.add(&path, &data);
        }
    }
    let mut catalogues = Vec::new();
    for rule in rules.iter().filter(|_| !subjects.digests.is_empty()) {
        for path in tree.find(&ImagePath::new(&rule.path))? {
            if let Some(data) = read(tree, &path, warnings)? {
                catalogues.push(Catalogue { path, covers: subjects.covered_by(&data) });
            }
        }
    }
    Ok(subjects.unsigned(&catalogues))
}

/// Ten times what the largest of Windows have.
const LIMIT: u64 = 32 << 20;

/// A file as far as it is a catalogue.
fn read(
    tree: Tree<'_>,
    path: &ImagePath,
    warnings: &mut Vec<String>,
) -> Result<Option<Vec<u8>>, InjectError> {
    match tree.size(path)? {
        Some(size) if size > LIMIT => {
            let name = tree.name();
            warnings.push(format!("{path} of {name} is too large for a catalogue: {size} bytes"));
            Ok(None)
        }
        _ => Ok(tree.read(path)?.filter(|data| is_catalogue(data))),
    }
}

/// The type of what is signed, a certificate trust list, stands near the start: 1.3.6.1.4.1.311.10.1.
fn is_catalogue(data: &[u8]) -> bool {
    const TRUST_LIST: [u8; 11] = [6, 9, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 1];
    let start = &data[..data.len().min(256)];
    start.windows(TRUST_LIST.len()).any(|bytes| bytes == TRUST_LIST)
}

/// Files, by the digests that a catalogue would name them by.
#[derive(Default)]
struct Subjects {
    /// Programs that carry no signature.
    programs: Vec<ImagePath>,
    /// Each file, in order.
    files: Vec<ImagePath>,
    digests: HashMap<Vec<u8>, Vec<usize>>,
}

impl Subjects {
    fn add(&mut self, path: &ImagePath, data: &[u8]) {
        // What is no program though its name says so is told where programs are checked.
        let digests = match Windows::is_program(path) {
            true => Digests::of_program(data).unwrap_or_else(|_| Digests::flat(data)),
            false => Digests::flat(data),
        };
        if Windows::is_program(path) && !authenticode::is_signed(data).unwrap_or_default() {
            self.programs.push(path.clone());
        }
        let index = self.files.len();
        self.files.push(path.clone());
        for digest in [digests.sha1.to_vec(), digests.sha256.to_vec()] {
            self.digests.entry(digest).or_default().push(index);
        }
    }

    /// In the order in which they were added.
    fn covered_by(&self, catalogue: &[u8]) -> Vec<ImagePath> {
        let mut found = HashSet::new();
        for octets in octet_strings(catalogue) {
            found.extend(self.digests.get(octets).into_iter().flatten().copied());
        }
        let files = self.files.iter().enumerate().filter(|(index, _)| found.contains(index));
        files.map(|(_, path)| path.clone()).collect()
    }

    fn unsigned(&self, catalogues: &[Catalogue]) -> Vec<ImagePath> {
        let covered: HashSet<_> = catalogues.iter().flat_map(|one| &one.covers).collect();
        self.programs.iter().filter(|path| !covered.contains(path)).cloned().collect()
    }
}

/// Whatever looks like an OCTET STRING of the length of a SHA-1 or SHA-256. What only looks so is no
/// digest of a file that anybody has.
fn octet_strings(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    const OCTET_STRING: u8 = 4;
    memchr::memchr_iter(OCTET_STRING, data).filter_map(|at| match *data.get(at + 1)? {
        length @ (20 | 32) => data.get(at + 2..at + 2 + usize::from(length)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo;

    #[test]
    fn a_catalogue_covers_what_it_was_made_for_and_nothing_else() {
        let program = |path: &str| demo::Program::new(path).build();
        let (sys, dll) = (program(r"Windows\a.sys"), program(r"Windows\b.dll"));
        let mut subjects = Subjects::default();
        subjects.add(&ImagePath::new(r"Windows\a.sys"), &sys);
        subjects.add(&ImagePath::new(r"Windows\b.dll"), &dll);
        subjects.add(&ImagePath::new(r"Windows\a.inf"), b"[Version]\r\n");
        for sha256 in [false, true] {
            let catalogue = demo::Catalogue::new(sha256).program(&sys).file(b"[Version]\r\n");
            let data = catalogue.build();
            assert!(is_catalogue(&data));
            let path = ImagePath::new("a.cat");
            let covers = subjects.covered_by(&data);
            assert_eq!(covers, [r"Windows\a.sys", r"Windows\a.inf"].map(ImagePath::new));
            let unsigned = subjects.unsigned(&[Catalogue { path, covers }]);
            assert_eq!(unsigned, [ImagePath::new(r"Windows\b.dll")]);
            // One byte of what is covered, or of the digest, and it is covered no more.
            let mut other = Subjects::default();
            let mut changed = sys.clone();
            *changed.last_mut().unwrap() ^= 1;
            other.add(&ImagePath::new(r"Windows\a.sys"), &changed);
            assert!(other.covered_by(&data).is_empty());
        }
        assert!(!is_catalogue(&sys) && !is_catalogue(b""));
    }

    #[test]
    fn what_ends_within_a_digest_is_none() {
        let whole = demo::Catalogue::new(true).file(b"a").build();
        for end in 0..whole.len() {
            assert!(octet_strings(&whole[..end]).all(|octets| matches!(octets.len(), 20 | 32)));
        }
    }
}
