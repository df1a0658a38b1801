//! What an image lacks of a profile's parts, and what it gets for that from a source.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_hive::Key;
use winpe_registry::{Edit, KeyName, KeyPath, KeyTree, NtString, Value, ValueName, ValueType};

use crate::error::InjectError;
use crate::hives::HiveRoots;
use crate::path::ImagePath;
use crate::pattern;
use crate::profile::{Append, CopyKey, Part, Profile, ProfileFile};
use crate::reg::{Origin, SourcedEdit};
use crate::registry::{ControlSets, Opened, open_hive};
use crate::source::Source;
use crate::tree::Tree;

/// What is to be done for the parts of a profile.
#[derive(Debug, Default)]
pub(crate) struct Supplied {
    pub(crate) reports: Vec<PartReport>,
    pub(crate) files: SuppliedFiles,
    pub(crate) edits: Vec<SourcedEdit>,
    pub(crate) warnings: Vec<String>,
}

/// The files of the parts.
#[derive(Debug, Default)]
pub(crate) struct SuppliedFiles {
    /// Those of the source that the image lacks.
    pub(crate) new: Vec<SuppliedFile>,
    /// Those that the image has, and what each is for.
    pub(crate) kept: Vec<(ImagePath, String)>,
}

/// A file of the source.
#[derive(Debug)]
pub(crate) struct SuppliedFile {
    pub(crate) path: ImagePath,
    pub(crate) data: Vec<u8>,
    pub(crate) why: String,
}

/// What becomes of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PartReport {
    /// The part's name.
    pub name: String,
    /// What becomes of it.
    pub action: PartAction,
    /// Keys of the source that were met and not copied, with the profile's reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What it is for.
    pub why: String,
}

/// What becomes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartAction {
    /// The image has it, and it stays as it is.
    Keep,
    /// The image has some of it, and gets the rest.
    Complete,
    /// The image has none of it, and gets it.
    Add,
    /// The image goes without it: the source does not have it, and the feature does not need it.
    Omit,
}

/// A key that was met and not copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The key.
    pub key: KeyPath,
    /// The profile's reason.
    pub why: String,
}

/// Something of a part that an image does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    File(ImagePath),
    Key(KeyPath),
    Value(KeyPath, ValueName),
    Text(KeyPath, ValueName, String),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{path}"),
            Self::Key(key) => write!(f, "key {key}"),
            Self::Value(key, name) => write!(f, "key {key}: value {name:?}"),
            Self::Text(key, name, text) => write!(f, "key {key}: {text:?} in value {name:?}"),
        }
    }
}

/// How much of a part an image has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stock {
    /// Whether that is enough to leave the image as it is.
    pub(crate) is_there: bool,
    pub(crate) has: usize,
    pub(crate) files: Vec<ImagePath>,
    pub(crate) lacks: Vec<Lack>,
}

/// What an image has of a part.
pub(crate) fn take_stock(
    part: &Part,
    image: &mut Hives<'_>,
    languages: &[String],
) -> Result<Stock, InjectError> {
    let mut stock = Stock { is_there: false, has: 0, files: vec![], lacks: vec![] };
    for file in &part.files {
        let mut found = Vec::new();
        for pattern in expand(file, languages) {
            found.extend(find(image.tree, &pattern, file)?);
        }
        stock.has += usize::from(!found.is_empty() && !file.optional);
        if found.is_empty() && !file.optional {
            let place = expand(file, languages).into_iter().next();
            stock.lacks.push(Lack::File(place.unwrap_or_else(|| ImagePath::new(&file.path))));
        }
        stock.files.extend(found);
    }
    for rule in part.copies.iter().filter(|rule| !rule.optional) {
        let keys = image.keys(rule.key())?;
        if keys.is_empty() {
            stock.lacks.push(Lack::Key(rule.key().clone()));
        }
        for key in keys {
            let found = image.tree_at(&key)?.unwrap_or_default();
            for name in &rule.values {
                if found.values.iter().all(|(have, _)| have != name) {
                    stock.lacks.push(Lack::Value(key.clone(), name.clone()));
                }
            }
            stock.has += 1;
        }
    }
    for rule in &part.appends {
        let list = image.value(rule.key(), &rule.value)?;
        for text in missing_texts(rule, list.as_ref())? {
            stock.lacks.push(Lack::Text(rule.key().clone(), rule.value.clone(), text.to_owned()));
        }
    }
    for rule in &part.creates {
        if image.keys(rule.key())?.is_empty() {
            stock.lacks.push(Lack::Key(rule.key().clone()));
        }
    }
    stock.is_there = match &part.there_if {
        marks if marks.is_empty() => stock.lacks.is_empty(),
        marks => {
            let mut all = true;
            for file in &marks.files {
                all &= image.tree.has_file(&ImagePath::new(file))?;
            }
            for key in &marks.keys {
                all &= !image.keys(key)?.is_empty();
            }
            all
        }
    };
    Ok(stock)
}

/// Finds out what each part needs, and takes it from the source.
pub(crate) fn supply(
    profile: &Profile,
    image: Tree<'_>,
    languages: &[String],
    source: Option<&Source>,
) -> Result<Supplied, InjectError> {
    let mut supplied = Supplied::default();
    let mut image = Hives::new(image, profile.roots());
    let mut lacking = Vec::new();
    let mut source = source.map(|source| Hives::new(source.tree(), profile.roots()));
    for part in profile.parts() {
        let stock = take_stock(part, &mut image, languages)?;
        let mut report = PartReport {
            name: part.name.clone(),
            action: if stock.has == 0 { PartAction::Add } else { PartAction::Complete },
            left_out: vec![],
            why: part.why.clone(),
        };
        if stock.is_there {
            report.action = PartAction::Keep;
            let kept = stock.files.iter().map(|file| (file.clone(), part.why.clone()));
            supplied.files.kept.extend(kept);
            supplied.reports.push(report);
            continue;
        }
        let mut supply = Supply { profile, part, languages, image: &mut image, lacks: vec![] };
        let mut taken = Supplied::default();
        supply.take(source.as_mut(), &mut taken, &mut report)?;
        if supply.lacks.is_empty() {
            supplied.files.new.append(&mut taken.files.new);
            supplied.files.kept.append(&mut taken.files.kept);
            supplied.edits.append(&mut taken.edits);
            supplied.warnings.append(&mut taken.warnings);
        } else if part.optional {
            report.action = PartAction::Omit;
        } else {
            lacking.append(&mut supply.lacks);
        }
        supplied.reports.push(report);
    }
    if lacking.is_empty() {
        return Ok(supplied);
    }
    let source_name = source.map(|source| source.tree.name());
    let (mut files, mut keys) = (vec![], vec![]);
    for lack in lacking {
        match lack {
            Lack::File(path) => files.push(path),
            Lack::Key(key) | Lack::Value(key, _) | Lack::Text(key, ..) => keys.push(key),
        }
    }
    Err(InjectError::MissingFiles { files, keys, source_name })
}

/// One part on its way from the source to the image.
struct Supply<'a, 'i> {
    profile: &'a Profile,
    part: &'a Part,
    languages: &'a [String],
    image: &'a mut Hives<'i>,
    /// What neither of them has.
    lacks: Vec<Lack>,
}

impl Supply<'_, '_> {
    fn take(
        &mut self,
        mut source: Option<&mut Hives<'_>>,
        taken: &mut Supplied,
        report: &mut PartReport,
    ) -> Result<(), InjectError> {
        for file in &self.part.files {
            self.take_files(file, source.as_deref().map(|source| source.tree), taken)?;
        }
        for rule in &self.part.copies {
            let keys = match source.as_deref_mut() {
                Some(source) => source.trees(rule.key())?,
                None => vec![],
            };
            self.take_keys(rule, keys, taken, report)?;
        }
        for rule in &self.part.appends {
            let list = self.image.value(rule.key(), &rule.value)?;
            let texts = missing_texts(rule, list.as_ref())?;
            if !texts.is_empty() {
                let value = appended(list, &texts);
                let edit = Edit::set_value(rule.key().clone(), rule.value.clone(), value);
                taken.edits.push(SourcedEdit { edit, origin: rule.origin.clone() });
            }
        }
        for rule in &self.part.creates {
            if self.image.keys(rule.key())?.is_empty() {
                let edit = Edit::create_key(rule.key().clone());
                taken.edits.push(SourcedEdit { edit, origin: rule.origin.clone() });
            }
        }
        Ok(())
    }

    fn take_files(
        &mut self,
        file: &ProfileFile,
        source: Option<Tree<'_>>,
        taken: &mut Supplied,
    ) -> Result<(), InjectError> {
        let mut found_any = false;
        let mut without = Vec::new();
        for path in expand(file, self.languages) {
            let in_source = source.map_or(Ok(vec![]), |source| find(source, &path, file))?;
            let in_image = find(self.image.tree, &path, file)?;
            if in_source.is_empty() && in_image.is_empty() {
                without.push(path);
                continue;
            }
            found_any = true;
            let new = in_source.into_iter().filter(|path| !in_image.contains(path));
            for path in new.collect::<Vec<_>>() {
                let data = source.map_or(Ok(None), |source| source.read(&path))?;
                let Some(data) = data else { continue };
                taken.files.new.push(SuppliedFile { path, data, why: file.why.clone() });
            }
            taken.files.kept.extend(in_image.into_iter().map(|path| (path, file.why.clone())));
        }
        if file.optional {
            return Ok(());
        }
        if !found_any {
            let path = without.into_iter().next();
            self.lacks.push(Lack::File(path.unwrap_or_else(|| ImagePath::new(&file.path))));
        } else {
            taken.warnings.extend(without.into_iter().map(|path| {
                let source = source.map_or("the image".to_owned(), Tree::name);
                format!("{source} has no {path}; the image goes without it")
            }));
        }
        Ok(())
    }

    fn take_keys(
        &mut self,
        rule: &CopyKey,
        keys: Vec<(KeyPath, KeyTree)>,
        taken: &mut Supplied,
        report: &mut PartReport,
    ) -> Result<(), InjectError> {
        if keys.is_empty() && !rule.optional && self.image.keys(rule.key())?.is_empty() {
            self.lacks.push(Lack::Key(rule.key().clone()));
        }
        for (key, mut tree) in keys {
            if !rule.values.is_empty() {
                for name in &rule.values {
                    let is_wanted = |(have, _): &(ValueName, Value)| have == name;
                    if !tree.values.iter().any(is_wanted) && self.image.value(&key, name)?.is_none()
                    {
                        self.lacks.push(Lack::Value(key.clone(), name.clone()));
                    }
                }
                tree.values.retain(|(name, _)| rule.values.contains(name));
            }
            if !rule.subkeys {
                tree.subkeys.clear();
            }
            let have = self.image.tree_at(&key)?;
            self.copy(&key, &tree, have.as_ref(), &rule.origin, taken, report);
        }
        Ok(())
    }

    /// The edits that add what `have` lacks of `tree`.
    fn copy(
        &self,
        key: &KeyPath,
        tree: &KeyTree,
        have: Option<&KeyTree>,
        origin: &Origin,
        taken: &mut Supplied,
        report: &mut PartReport,
    ) {
        if let Some(rule) = self.profile.left_out().iter().find(|rule| rule.covers(key)) {
            report.left_out.push(LeftOut { key: key.clone(), why: rule.why.clone() });
            return;
        }
        let mut push = |edit| taken.edits.push(SourcedEdit { edit, origin: origin.clone() });
        if have.is_none() {
            push(Edit::create_key(key.clone()));
        }
        for (name, value) in &tree.values {
            if !have.is_some_and(|have| have.values.iter().any(|(known, _)| known == name)) {
                push(Edit::set_value(key.clone(), name.clone(), value.clone()));
            }
        }
        for (name, subkey) in &tree.subkeys {
            let below = have.and_then(|have| {
                have.subkeys.iter().find(|(known, _)| known == name).map(|(_, tree)| tree)
            });
            self.copy(&key.child(name.clone()), subkey, below, origin, taken, report);
        }
    }
}

/// The texts of the rule that the list does not have.
fn missing_texts<'a>(rule: &'a Append, list: Option<&Value>) -> Result<Vec<&'a str>, InjectError> {
    let have = match list {
        None => vec![],
        Some(list) => list.as_multi_sz().ok_or_else(|| InjectError::NotAList {
            origin: rule.origin.clone(),
            key: rule.key().clone(),
            value: rule.value.clone(),
            ty: list.ty,
        })?,
    };
    let lacks = |text: &&str| {
        let wanted = NtString::from(*text);
        !have.iter().any(|have| winpe_registry::eq_ignore_case(have.units(), wanted.units()))
    };
    Ok(rule.texts.iter().map(String::as_str).filter(lacks).collect())
}

/// The list with more texts behind those that it has. Whatever stands behind its end is kept there.
fn appended(list: Option<Value>, texts: &[&str]) -> Value {
    let Some(list) = list else { return Value::multi_sz(texts.iter().copied()) };
    let have = list.as_multi_sz().unwrap_or_default();
    let end: usize = have.iter().map(|text| (text.units().len() + 1) * 2).sum();
    let rest = list.data.get(end..).unwrap_or_default().to_vec();
    let have = have.iter().cloned().chain(texts.iter().map(|&text| NtString::from(text)));
    let Value { mut data, .. } = Value::multi_sz(have);
    if !rest.is_empty() {
        data.truncate(data.len() - 2);
        data.extend(rest);
    }
    Value::new(ValueType::MULTI_SZ, data)
}

/// The paths that a file of a part has, one for each language.
fn expand(file: &ProfileFile, languages: &[String]) -> Vec<ImagePath> {
    const LANGUAGE: &str = "{lang}";
    if !file.path.contains(LANGUAGE) {
        return vec![ImagePath::new(&file.path)];
    }
    languages.iter().map(|name| ImagePath::new(&file.path.replace(LANGUAGE, name))).collect()
}

fn find(
    tree: Tree<'_>,
    path: &ImagePath,
    file: &ProfileFile,
) -> Result<Vec<ImagePath>, InjectError> {
    let mut found = tree.find(path)?;
    found.retain(|path| {
        !file.without.iter().any(|pattern| pattern::text_fits(pattern, path.file_name()))
    });
    Ok(found)
}

/// The hives of a Windows, each opened once, asked by keys as a profile names them.
pub(crate) struct Hives<'a> {
    pub(crate) tree: Tree<'a>,
    roots: &'a HiveRoots,
    open: BTreeMap<String, Option<Opened>>,
}

impl<'a> Hives<'a> {
    pub(crate) fn new(tree: Tree<'a>, roots: &'a HiveRoots) -> Self {
        Self { tree, roots, open: BTreeMap::new() }
    }

    /// The keys that are meant by one whose names may hold `*`, spelled as given but for those.
    pub(crate) fn keys(&mut self, pattern: &KeyPath) -> Result<Vec<KeyPath>, InjectError> {
        let is_pattern = |name: &KeyName| pattern::is_pattern(&name.to_string());
        let Some(first) = pattern.names().iter().position(is_pattern) else {
            let found = self.with_key(pattern, |_| Ok(()))?;
            return Ok(found.map(|()| pattern.clone()).into_iter().collect());
        };
        let above = pattern.prefix(first);
        let wanted = &pattern.names()[first];
        let fitting = self.with_key(&above, |key| {
            let mut found = Vec::new();
            for subkey in key.subkeys() {
                let name = KeyName::from_stored(subkey?.name());
                if pattern::fits(wanted.units(), name.units()) {
                    found.push(name);
                }
            }
            Ok(found)
        })?;
        let mut keys = Vec::new();
        for name in fitting.unwrap_or_default() {
            let rest = pattern.names()[first + 1..].iter().cloned();
            let deeper = above.names().iter().cloned().chain([name]).chain(rest).collect();
            keys.extend(self.keys(&deeper)?);
        }
        Ok(keys)
    }

    /// As [`keys`](Self::keys), with all that is in each.
    fn trees(&mut self, pattern: &KeyPath) -> Result<Vec<(KeyPath, KeyTree)>, InjectError> {
        let mut trees = Vec::new();
        for key in self.keys(pattern)? {
            if let Some(tree) = self.tree_at(&key)? {
                trees.push((key, tree));
            }
        }
        Ok(trees)
    }

    /// A key with all that lies below it.
    pub(crate) fn tree_at(&mut self, key: &KeyPath) -> Result<Option<KeyTree>, InjectError> {
        self.with_key(key, |key| key.tree())
    }

    /// A value.
    pub(crate) fn value(
        &mut self,
        key: &KeyPath,
        name: &ValueName,
    ) -> Result<Option<Value>, InjectError> {
        Ok(self.with_key(key, |key| key.value(name))?.flatten())
    }

    fn with_key<T>(
        &mut self,
        key: &KeyPath,
        read: impl FnOnce(Key<'_>) -> Result<T, winpe_hive::ReadError>,
    ) -> Result<Option<T>, InjectError> {
        let Some(location) = self.roots.locate(key) else { return Ok(None) };
        let file = &location.file;
        let name = file.as_str().to_lowercase();
        if !self.open.contains_key(&name) {
            let opened = open_hive(self.tree, file)?;
            self.open.insert(name.clone(), opened);
        }
        let Some(opened) = self.open.get(&name).and_then(Option::as_ref) else { return Ok(None) };
        let failed = |source| InjectError::ReadHive { hive: file.clone(), source };
        let sets = ControlSets::of(&opened.hive, file)?;
        let origin = Origin { file: self.tree.name().into(), line: 0 };
        let within = sets.resolve(&location, &origin)?;
        let found = opened.hive.key(&within).map_err(failed)?;
        found.map(read).transpose().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_added_to_and_nothing_of_it_is_lost() {
        let units = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for (before, after) in [
            (None, "new\0\0"),
            (Some(""), "new\0\0"),
            (Some("\0"), "new\0\0"),
            (Some("a\0b\0\0"), "a\0b\0new\0\0"),
            // The last NULs are forgotten by some programs, and others leave text behind the end.
            (Some("a\0b\0"), "a\0b\0new\0\0"),
            (Some("a\0b"), "a\0b\0new\0\0"),
            (Some("a\0\0tail"), "a\0new\0\0tail"),
        ] {
            let list = before.map(|text| Value::new(ValueType::MULTI_SZ, units(text)));
            assert_eq!(appended(list, &["new"]).data, units(after), "{before:?}");
        }
    }
}
