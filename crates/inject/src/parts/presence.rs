//! What an image has of a part.

use std::fmt;

use winpe_registry::{KeyPath, NtString, Value, ValueName};

use super::PartError;
use crate::hives::Hives;
use crate::image::{ImagePath, Tree, TreeError, pattern};
use crate::profile::{Append, CopyKey, Marks, Part, ProfileFile};

/// How much of a part an image has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartState {
    /// Whether the image has enough of it to be left as it is.
    pub(crate) is_present: bool,
    /// How many of the required files and keys it has.
    pub(crate) found: usize,
    /// The files that it has.
    pub(crate) files: Vec<ImagePath>,
    pub(crate) missing: Vec<Missing>,
}

/// Something of a part that an image does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    File(ImagePath),
    Key(KeyPath),
    Value(KeyPath, ValueName),
    /// A text in a list.
    Text(KeyPath, ValueName, String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{path}"),
            Self::Key(key) => write!(f, "key {key}"),
            Self::Value(key, name) => write!(f, "key {key}: value {name:?}"),
            Self::Text(key, name, text) => write!(f, "key {key}: {text:?} in value {name:?}"),
        }
    }
}

/// Finds out what an image has of a part. Its languages select files whose path holds `{lang}`.
pub(crate) fn inspect(
    part: &Part,
    image: &mut Hives<'_>,
    languages: &[String],
) -> Result<PartState, PartError> {
    let mut state = PartState { is_present: false, found: 0, files: vec![], missing: vec![] };
    for file in &part.files {
        state.add_file(file, image.tree, languages)?;
    }
    for rule in part.copies.iter().filter(|rule| !rule.optional) {
        state.add_keys(rule, image)?;
    }
    for rule in &part.appends {
        let list = image.value(rule.key(), &rule.value)?;
        let texts = missing_texts(rule, list.as_ref())?.into_iter();
        let text = |text: &str| Missing::Text(rule.key().clone(), rule.value.clone(), text.into());
        state.missing.extend(texts.map(text));
    }
    for rule in &part.creates {
        if image.keys(rule.key())?.is_empty() {
            state.missing.push(Missing::Key(rule.key().clone()));
        }
    }
    state.is_present = match &part.there_if {
        marks if marks.is_empty() => state.missing.is_empty(),
        marks => has_marks(marks, image)?,
    };
    Ok(state)
}

impl PartState {
    fn add_file(
        &mut self,
        file: &ProfileFile,
        image: Tree<'_>,
        languages: &[String],
    ) -> Result<(), TreeError> {
        let paths = expand(file, languages);
        let mut found = Vec::new();
        for path in &paths {
            found.extend(find(image, path, file)?);
        }
        if !file.optional && found.is_empty() {
            let place = paths.into_iter().next().unwrap_or_else(|| ImagePath::new(&file.path));
            self.missing.push(Missing::File(place));
        } else if !file.optional {
            self.found += 1;
        }
        self.files.extend(found);
        Ok(())
    }

    fn add_keys(&mut self, rule: &CopyKey, image: &mut Hives<'_>) -> Result<(), PartError> {
        let keys = image.keys(rule.key())?;
        if keys.is_empty() {
            self.missing.push(Missing::Key(rule.key().clone()));
        }
        for key in keys {
            let found = image.tree_at(&key)?.unwrap_or_default();
            for name in &rule.values {
                if found.values.iter().all(|(have, _)| have != name) {
                    self.missing.push(Missing::Value(key.clone(), name.clone()));
                }
            }
            self.found += 1;
        }
        Ok(())
    }
}

/// Whether the image has all the files and keys.
fn has_marks(marks: &Marks, image: &mut Hives<'_>) -> Result<bool, PartError> {
    for file in &marks.files {
        if !image.tree.has_file(&ImagePath::new(file))? {
            return Ok(false);
        }
    }
    for key in &marks.keys {
        if image.keys(key)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The texts of the rule that are not in the list. Case is ignored.
pub(super) fn missing_texts<'a>(
    rule: &'a Append,
    list: Option<&Value>,
) -> Result<Vec<&'a str>, PartError> {
    let have = match list {
        None => vec![],
        Some(list) => list.as_multi_sz().ok_or_else(|| PartError::NotAList {
            origin: rule.origin.clone(),
            key: rule.key().clone(),
            value: rule.value.clone(),
            ty: list.ty,
        })?,
    };
    let is_missing = |text: &&str| {
        let wanted = NtString::from(*text);
        !have.iter().any(|have| winpe_registry::eq_ignore_case(have.units(), wanted.units()))
    };
    Ok(rule.texts.iter().map(String::as_str).filter(is_missing).collect())
}

/// The paths of a file, one for each language if it holds `{lang}`.
pub(super) fn expand(file: &ProfileFile, languages: &[String]) -> Vec<ImagePath> {
    const LANGUAGE: &str = "{lang}";
    if !file.path.contains(LANGUAGE) {
        return vec![ImagePath::new(&file.path)];
    }
    languages.iter().map(|name| ImagePath::new(&file.path.replace(LANGUAGE, name))).collect()
}

/// The files of a tree that match a path, without those that the profile excludes.
pub(super) fn find(
    tree: Tree<'_>,
    path: &ImagePath,
    file: &ProfileFile,
) -> Result<Vec<ImagePath>, TreeError> {
    let mut found = tree.find(path)?;
    let is_excluded = |path: &ImagePath| {
        file.without.iter().any(|pattern| pattern::text_fits(pattern, path.file_name()))
    };
    found.retain(|path| !is_excluded(path));
    Ok(found)
}
