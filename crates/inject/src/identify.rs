//! Finds out which Windows an image or a folder holds.

use std::collections::BTreeSet;

use winpe_registry::{KeyPath, Value, ValueName};
use winpe_wim::Arch;

use crate::hives::{HiveError, HiveRoots, open_hive};
use crate::image::{ImagePath, MARKS, Source, Tree, TreeError, Windows};
use crate::program::Program;

impl Source {
    /// Which Windows it is.
    ///
    /// # Errors
    /// [`HiveError`] if a file or hive that states it cannot be read.
    pub fn windows(&self) -> Result<Windows, HiveError> {
        identify(self.tree())
    }
}

/// Finds out which Windows a tree holds: from the WIM's XML, or else from the hives and files.
pub(crate) fn identify(tree: Tree<'_>) -> Result<Windows, HiveError> {
    let described = match tree {
        Tree::Image(view) => view.described(),
        Tree::Folder(_) => None,
    };
    let build = match described.and_then(|image| image.version) {
        Some(version) => Some(version.build),
        None => build_in_hive(tree)?,
    };
    let arch = match described.and_then(|image| image.arch) {
        Some(arch) => Some(arch),
        None => arch_of_kernel(tree)?,
    };
    // The XML comes first, for its spelling.
    let mut languages: Vec<String> =
        described.iter().flat_map(|image| image.languages.iter().cloned()).collect();
    languages.extend(languages_of_folders(tree)?);
    let mut unique: Vec<String> = Vec::new();
    for language in languages {
        if !unique.iter().any(|known| known.eq_ignore_ascii_case(&language)) {
            unique.push(language);
        }
    }
    Ok(Windows { build, arch, languages: unique })
}

/// What a Windows is for, if it is not WinPE: its edition, or the type of its installation. `None` for WinPE, and
/// if nothing states it.
pub(crate) fn other_kind(tree: Tree<'_>) -> Result<Option<String>, HiveError> {
    let described = match tree {
        Tree::Image(view) => view.described().and_then(|image| image.edition.clone()),
        Tree::Folder(_) => None,
    };
    let stated = stated_in_hive(tree, &MARKS.kind_values)?.into_iter().next().or(described);
    Ok(stated.filter(|kind| !kind.eq_ignore_ascii_case(&MARKS.kind_of_pe)))
}

fn build_in_hive(tree: Tree<'_>) -> Result<Option<u32>, HiveError> {
    let stated = stated_in_hive(tree, &MARKS.build_values)?;
    Ok(stated.iter().find_map(|text| text.parse().ok()))
}

/// The texts of these values of the key in which a Windows describes itself, as far as it has them.
fn stated_in_hive(tree: Tree<'_>, names: &[String]) -> Result<Vec<String>, HiveError> {
    let key: KeyPath = MARKS.build_key.parse().expect("a test parses it");
    let location = HiveRoots::standard().locate(&key).expect("a test parses it");
    let Some(opened) = open_hive(tree, &location.file)? else { return Ok(vec![]) };
    let failed = |source| HiveError::Read { hive: location.file.clone(), source };
    let Some(key) = opened.hive.key(&location.key).map_err(failed)? else { return Ok(vec![]) };
    let mut texts = Vec::new();
    for name in names {
        let name = ValueName::new(name.as_str()).expect("a test parses it");
        let text = key.value(&name).map_err(failed)?.as_ref().and_then(Value::as_text);
        texts.extend(text.map(|text| text.to_string()).filter(|text| !text.is_empty()));
    }
    Ok(texts)
}

fn arch_of_kernel(tree: Tree<'_>) -> Result<Option<Arch>, TreeError> {
    for kernel in &MARKS.kernels {
        if let Some(data) = tree.read(&ImagePath::new(kernel))? {
            return Ok(Program::parse(&data).ok().map(|program| program.arch));
        }
    }
    Ok(None)
}

fn languages_of_folders(tree: Tree<'_>) -> Result<Vec<String>, TreeError> {
    let pattern = ImagePath::new(&MARKS.languages).join("*").join(&MARKS.language_file);
    let found = tree.find(&pattern)?;
    let folders: BTreeSet<String> = found
        .iter()
        .filter_map(|file| file.names().rev().nth(1).map(str::to_owned))
        .filter(|name| is_language(name))
        .collect();
    Ok(folders.into_iter().collect())
}

/// Whether a folder has the name of a language: `en-US`, `zh-Hans-CN`.
fn is_language(name: &str) -> bool {
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default();
    matches!(first.len(), 2 | 3)
        && parts.clone().next().is_some()
        && name.split('-').all(|part| part.chars().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_of_windows_can_be_parsed() {
        let key: KeyPath = MARKS.build_key.parse().unwrap();
        assert!(HiveRoots::standard().locate(&key).is_some());
        let mut names = MARKS.build_values.iter().chain(&MARKS.kind_values);
        assert!(names.all(|name| ValueName::new(name.as_str()).is_ok()));
        assert!(Windows::library_folders().count() >= 2);
    }

    #[test]
    fn folders_of_languages_are_recognised() {
        for name in ["en-US", "de-de", "zh-Hans-CN", "qps-ploc"] {
            assert!(is_language(name), "{name}");
        }
        for name in ["drivers", "config", "wbem", "en", "x-y", "en-US old"] {
            assert!(!is_language(name), "{name}");
        }
    }
}
