//! Catalogues: signed lists of digests, by which Windows trusts files without an embedded signature. A
//! catalogue is PKCS #7 signed data over a list of trusted subjects.
//!
//! A catalogue covers a file if it holds the file's digest as an OCTET STRING. Whether the signer is trusted
//! is for Windows to decide.

use std::collections::{HashMap, HashSet};

use super::authenticode::{self, Digests};
use crate::files::{SuppliedFile, SuppliedFiles};
use crate::image::{ImagePath, Tree, TreeError, Windows};
use crate::profile::CatalogueRule;
use crate::report::{Catalogue, Signatures, Warning};

/// Adds the source's catalogues that cover files of the source. `None` if the profile has no rule for
/// catalogues, or nothing is added.
pub(crate) fn supply(
    rules: &[CatalogueRule],
    image: Tree<'_>,
    source: Option<Tree<'_>>,
    files: &mut SuppliedFiles,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Signatures>, TreeError> {
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

/// The programs that no catalogue of the tree covers and that have no embedded signature.
pub(crate) fn unsigned(
    rules: &[CatalogueRule],
    tree: Tree<'_>,
    programs: impl Iterator<Item = ImagePath>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<ImagePath>, TreeError> {
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

/// The largest catalogue that is read, in bytes: ten times the largest one of Windows.
const LIMIT: u64 = 32 << 20;

/// Reads a catalogue; `None` if the file is not one.
fn read(
    tree: Tree<'_>,
    path: &ImagePath,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Vec<u8>>, TreeError> {
    match tree.size(path)? {
        Some(size) if size > LIMIT => {
            warnings.push(Warning::LargeCatalogue { path: path.clone(), tree: tree.name(), size });
            Ok(None)
        }
        _ => Ok(tree.read(path)?.filter(|data| is_catalogue(data))),
    }
}

/// Whether the type of the signed content, near the start, is a certificate trust list:
/// 1.3.6.1.4.1.311.10.1.
fn is_catalogue(data: &[u8]) -> bool {
    const TRUST_LIST: [u8; 11] = [6, 9, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 1];
    let start = &data[..data.len().min(256)];
    start.windows(TRUST_LIST.len()).any(|bytes| bytes == TRUST_LIST)
}

/// Files by their digests in catalogues.
#[derive(Default)]
struct Subjects {
    /// Programs without an embedded signature.
    programs: Vec<ImagePath>,
    files: Vec<ImagePath>,
    /// Indexes into `files`.
    digests: HashMap<Vec<u8>, Vec<usize>>,
}

impl Subjects {
    fn add(&mut self, path: &ImagePath, data: &[u8]) {
        // A file named like a program that is not one is reported by the import check.
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

    /// The files that a catalogue covers, in the order in which they were added.
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

/// Every byte sequence that looks like an OCTET STRING of the length of a SHA-1 or SHA-256. A sequence that
/// only looks like one does not match the digest of a file.
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
            // A file that differs in one byte is not covered.
            let mut other = Subjects::default();
            let mut changed = sys.clone();
            *changed.last_mut().unwrap() ^= 1;
            other.add(&ImagePath::new(r"Windows\a.sys"), &changed);
            assert!(other.covered_by(&data).is_empty());
        }
        assert!(!is_catalogue(&sys) && !is_catalogue(b""));
    }

    #[test]
    fn a_catalogue_that_ends_within_a_digest_is_read_safely() {
        let whole = demo::Catalogue::new(true).file(b"a").build();
        for end in 0..whole.len() {
            assert!(octet_strings(&whole[..end]).all(|octets| matches!(octets.len(), 20 | 32)));
        }
    }
}
