//! Takes from a source what an image lacks of a profile's parts.

use winpe_registry::{Edit, KeyPath, KeyTree, NtString, Value, ValueName, ValueType};

use super::presence::{expand, find, missing_texts};
use super::{Missing, PartError, inspect};
use crate::files::{MissingFiles, SuppliedFile, SuppliedFiles};
use crate::hives::{Hives, Origin, SourcedEdit};
use crate::image::{ImagePath, Tree, TreeError};
use crate::profile::{CopyKey, Part, Profile, ProfileFile};
use crate::report::{LeftOut, PartAction, PartReport, Warning};

/// What an image gets for the parts of a profile.
#[derive(Debug, Default)]
pub(crate) struct Supplied {
    pub(crate) reports: Vec<PartReport>,
    pub(crate) files: SuppliedFiles,
    pub(crate) edits: Vec<SourcedEdit>,
    pub(crate) warnings: Vec<Warning>,
}

/// Finds out what the image lacks of each part, and takes it from the source.
pub(crate) fn supply(
    profile: &Profile,
    image: Tree<'_>,
    languages: &[String],
    source: Option<Tree<'_>>,
) -> Result<Supplied, PartError> {
    let mut supplied = Supplied::default();
    let mut image = Hives::new(image, profile.roots());
    let mut source = source.map(|source| Hives::new(source, profile.roots()));
    let mut missing = Vec::new();
    for part in profile.parts() {
        let state = inspect(part, &mut image, languages)?;
        let mut report = PartReport {
            name: part.name.clone(),
            action: if state.found == 0 { PartAction::Add } else { PartAction::Complete },
            left_out: vec![],
            why: part.why.clone(),
        };
        if state.is_present {
            report.action = PartAction::Keep;
            let kept = state.files.into_iter().map(|file| (file, part.why.clone()));
            supplied.files.kept.extend(kept);
            supplied.reports.push(report);
            continue;
        }
        let mut copier = Copier::new(profile, part, languages, &mut image);
        copier.copy_part(source.as_mut())?;
        let Copier { files, edits, warnings, left_out, missing: lacks, .. } = copier;
        report.left_out = left_out;
        if lacks.is_empty() {
            supplied.files.new.extend(files.new);
            supplied.files.kept.extend(files.kept);
            supplied.edits.extend(edits);
            supplied.warnings.extend(warnings);
        } else if part.optional {
            report.action = PartAction::Omit;
        } else {
            missing.extend(lacks);
        }
        supplied.reports.push(report);
    }
    if missing.is_empty() {
        return Ok(supplied);
    }
    Err(missing_files(missing, source.map(|source| source.tree.name())).into())
}

fn missing_files(missing: Vec<Missing>, source_name: Option<String>) -> MissingFiles {
    let mut found = MissingFiles { files: vec![], keys: vec![], source_name };
    for missing in missing {
        match missing {
            Missing::File(path) => found.files.push(path),
            Missing::Key(key) | Missing::Value(key, _) | Missing::Text(key, ..) => {
                found.keys.push(key);
            }
        }
    }
    found
}

/// Copies one part from the source to the image.
struct Copier<'a, 'i> {
    profile: &'a Profile,
    part: &'a Part,
    languages: &'a [String],
    image: &'a mut Hives<'i>,
    files: SuppliedFiles,
    edits: Vec<SourcedEdit>,
    warnings: Vec<Warning>,
    /// Keys of the source that the profile excludes.
    left_out: Vec<LeftOut>,
    /// What neither the source nor the image has.
    missing: Vec<Missing>,
}

impl<'a, 'i> Copier<'a, 'i> {
    fn new(
        profile: &'a Profile,
        part: &'a Part,
        languages: &'a [String],
        image: &'a mut Hives<'i>,
    ) -> Self {
        Self {
            profile,
            part,
            languages,
            image,
            files: SuppliedFiles::default(),
            edits: vec![],
            warnings: vec![],
            left_out: vec![],
            missing: vec![],
        }
    }

    fn copy_part(&mut self, mut source: Option<&mut Hives<'_>>) -> Result<(), PartError> {
        let part = self.part;
        for file in &part.files {
            self.copy_files(file, source.as_deref().map(|source| source.tree))?;
        }
        for rule in &part.copies {
            let keys = match source.as_deref_mut() {
                Some(source) => source.trees(rule.key())?,
                None => vec![],
            };
            self.copy_keys(rule, keys)?;
        }
        for rule in &part.appends {
            let list = self.image.value(rule.key(), &rule.value)?;
            let texts = missing_texts(rule, list.as_ref())?;
            if !texts.is_empty() {
                let value = appended(list, &texts);
                let edit = Edit::set_value(rule.key().clone(), rule.value.clone(), value);
                self.edit(edit, &rule.origin);
            }
        }
        for rule in &part.creates {
            if self.image.keys(rule.key())?.is_empty() {
                self.edit(Edit::create_key(rule.key().clone()), &rule.origin);
            }
        }
        Ok(())
    }

    fn edit(&mut self, edit: Edit, origin: &Origin) {
        self.edits.push(SourcedEdit { edit, origin: origin.clone() });
    }

    fn copy_files(
        &mut self,
        file: &ProfileFile,
        source: Option<Tree<'_>>,
    ) -> Result<(), TreeError> {
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
            for path in in_source.into_iter().filter(|path| !in_image.contains(path)) {
                let data = source.map_or(Ok(None), |source| source.read(&path))?;
                let Some(data) = data else { continue };
                self.files.new.push(SuppliedFile { path, data, why: file.why.clone() });
            }
            self.files.kept.extend(in_image.into_iter().map(|path| (path, file.why.clone())));
        }
        if file.optional {
            return Ok(());
        }
        if found_any {
            let tree = source.map_or("the image".to_owned(), Tree::name);
            let warnings = without
                .into_iter()
                .map(|path| Warning::NoLanguageFile { tree: tree.clone(), path });
            self.warnings.extend(warnings);
        } else {
            let path = without.into_iter().next();
            self.missing.push(Missing::File(path.unwrap_or_else(|| ImagePath::new(&file.path))));
        }
        Ok(())
    }

    fn copy_keys(
        &mut self,
        rule: &CopyKey,
        keys: Vec<(KeyPath, KeyTree)>,
    ) -> Result<(), PartError> {
        if keys.is_empty() && !rule.optional && self.image.keys(rule.key())?.is_empty() {
            self.missing.push(Missing::Key(rule.key().clone()));
        }
        for (key, mut tree) in keys {
            if !rule.values.is_empty() {
                for name in &rule.values {
                    let is_wanted = |(have, _): &(ValueName, Value)| have == name;
                    if !tree.values.iter().any(is_wanted) && self.image.value(&key, name)?.is_none()
                    {
                        self.missing.push(Missing::Value(key.clone(), name.clone()));
                    }
                }
                tree.values.retain(|(name, _)| rule.values.contains(name));
            }
            if !rule.subkeys {
                tree.subkeys.clear();
            }
            let have = self.image.tree_at(&key)?;
            self.copy_tree(&key, &tree, have.as_ref(), &rule.origin);
        }
        Ok(())
    }

    /// Adds the edits that complete `have` to `tree`.
    fn copy_tree(
        &mut self,
        key: &KeyPath,
        tree: &KeyTree,
        have: Option<&KeyTree>,
        origin: &Origin,
    ) {
        if let Some(rule) = self.profile.left_out().iter().find(|rule| rule.covers(key)) {
            self.left_out.push(LeftOut { key: key.clone(), why: rule.why.clone() });
            return;
        }
        if have.is_none() {
            self.edit(Edit::create_key(key.clone()), origin);
        }
        for (name, value) in &tree.values {
            if !have.is_some_and(|have| have.values.iter().any(|(known, _)| known == name)) {
                self.edit(Edit::set_value(key.clone(), name.clone(), value.clone()), origin);
            }
        }
        for (name, subkey) in &tree.subkeys {
            let below = have.and_then(|have| {
                have.subkeys.iter().find(|(known, _)| known == name).map(|(_, tree)| tree)
            });
            self.copy_tree(&key.child(name.clone()), subkey, below, origin);
        }
    }
}

/// The list with more texts at its end. Bytes after the end of the list are kept.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_appended_and_nothing_of_the_list_is_lost() {
        let units = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for (before, after) in [
            (None, "new\0\0"),
            (Some(""), "new\0\0"),
            (Some("\0"), "new\0\0"),
            (Some("a\0b\0\0"), "a\0b\0new\0\0"),
            // Some programs forget the last NULs, and others leave text after the end.
            (Some("a\0b\0"), "a\0b\0new\0\0"),
            (Some("a\0b"), "a\0b\0new\0\0"),
            (Some("a\0\0tail"), "a\0new\0\0tail"),
        ] {
            let list = before.map(|text| Value::new(ValueType::MULTI_SZ, units(text)));
            assert_eq!(appended(list, &["new"]).data, units(after), "{before:?}");
        }
    }
}
