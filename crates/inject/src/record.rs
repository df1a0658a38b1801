//! What was done to an image, kept in the image itself so that it can be undone and checked.
//!
//! The record is one file beside our scripts. What a file of the image was before it was replaced is
//! kept there too; a WIM holds equal data once, so that costs nothing while the old data is in it anyway.

use serde::{Deserialize, Serialize};
use winpe_registry::{Before, Change, Edit, KeyPath, Op};
use winpe_wim::{Archive, Content, READ_LIMIT};

use crate::digest::Sha256;
use crate::error::InjectError;
use crate::files::{FileAction, FilePlan, compare, hash_bytes};
use crate::path::ImagePath;
use crate::report::{FileReport, HiveReport};
use crate::startup::OUR_FOLDER;
use crate::tree::Tree;

const RECORD: &str = "record.json";
const KEPT: &str = "replaced";
const SCHEMA: u32 = 1;

/// Everything that was ever put into an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    schema: u32,
    /// The profile that was used last.
    pub(crate) profile: String,
    pub(crate) hives: Vec<HiveRecord>,
    pub(crate) files: Vec<FileRecord>,
    /// Folders that were made, outermost first.
    pub(crate) folders: Vec<ImagePath>,
}

/// What was done to a hive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HiveRecord {
    pub(crate) file: ImagePath,
    /// In order.
    pub(crate) done: Vec<Edit>,
    /// In the order in which it is undone. A key is deleted only if nothing is in it then.
    pub(crate) undo: Vec<Edit>,
}

/// A file that was put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileRecord {
    pub(crate) path: ImagePath,
    pub(crate) sha256: Sha256,
    /// Where its content before is kept; a file without one is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<ImagePath>,
}

/// The place of the record in an image.
pub(crate) fn place() -> ImagePath {
    ImagePath::new(OUR_FOLDER).join(RECORD)
}

impl Record {
    /// The record of an image; `None` if nothing was ever put in.
    pub(crate) fn read(image: Tree<'_>) -> Result<Option<Self>, InjectError> {
        let file = place();
        let Some(data) = image.read(&file)? else { return Ok(None) };
        let record: Self = serde_json::from_slice(&data)
            .map_err(|source| InjectError::Record { file: file.clone(), source })?;
        if record.schema != SCHEMA {
            return Err(InjectError::RecordSchema { file, expected: SCHEMA, found: record.schema });
        }
        Ok(Some(record))
    }

    /// Takes down what is done now. Returns the files that make the image hold the record: itself, and
    /// what replaced files were before.
    pub(crate) fn extended(
        mut self,
        archive: &Archive,
        image: u32,
        profile: &str,
        hives: &[HiveReport],
        files: &[FileReport],
    ) -> Result<FilePlan, InjectError> {
        let tree = Tree::Image(archive, image);
        let mut plan = FilePlan::default();
        self.schema = SCHEMA;
        self.profile = profile.to_owned();
        for hive in hives.iter().filter(|hive| !hive.is_unchanged()) {
            let mut undo = undo(&hive.changes);
            let done = hive.changes.iter().map(|change| change.edit.clone());
            match self.hives.iter_mut().find(|known| known.file == hive.file) {
                Some(known) => {
                    known.done.extend(done);
                    undo.append(&mut known.undo);
                    known.undo = undo;
                }
                None => {
                    let (file, done) = (hive.file.clone(), done.collect());
                    self.hives.push(HiveRecord { file, done, undo });
                }
            }
        }
        for file in files.iter().filter(|file| file.action != FileAction::Keep) {
            let Some(sha256) = file.sha256 else { continue };
            // Of a file that is replaced twice, only what was there at first is of the image.
            if let Some(known) = self.files.iter_mut().find(|known| known.path == file.path) {
                known.sha256 = sha256;
                continue;
            }
            let mut kept = None;
            if file.action == FileAction::Replace
                && let Some(data) = tree.read(&file.path)?
            {
                let name = format!("{}-{}", self.files.len(), file.path.file_name());
                let path = ImagePath::new(OUR_FOLDER).join(KEPT).join(&name);
                self.make_folders(tree, &path)?;
                let why = format!("what {} was before", file.path);
                put(&mut plan, archive, image, &path, data, &why)?;
                kept = Some(path);
            }
            self.make_folders(tree, &file.path)?;
            self.files.push(FileRecord { path: file.path.clone(), sha256, kept });
        }
        self.make_folders(tree, &place())?;
        let text = serde_json::to_vec_pretty(&self)
            .map_err(|source| InjectError::Record { file: place(), source })?;
        put(
            &mut plan,
            archive,
            image,
            &place(),
            text,
            "what was put in, so that it can be taken out",
        )?;
        plan.digest(tree)?;
        Ok(plan)
    }

    /// Takes down the folders on the way to a file that the image does not have.
    fn make_folders(&mut self, image: Tree<'_>, file: &ImagePath) -> Result<(), InjectError> {
        let names: Vec<&str> = file.names().collect();
        let mut folder = ImagePath::new("");
        for name in &names[..names.len().saturating_sub(1)] {
            folder = folder.join(name);
            if !self.folders.contains(&folder) && !image.has_folder(&folder)? {
                self.folders.push(folder.clone());
            }
        }
        Ok(())
    }
}

fn put(
    plan: &mut FilePlan,
    archive: &Archive,
    image: u32,
    path: &ImagePath,
    data: Vec<u8>,
    why: &str,
) -> Result<(), InjectError> {
    let (size, hash) = hash_bytes(&data);
    let action = compare(archive, image, path, size, hash)?;
    plan.put(path.clone(), action, size, why, || Content::Bytes(data));
    Ok(())
}

/// The edits that undo changes of a hive, last first. Keys that were made are named one by one, innermost
/// first, since each is only deleted if nothing is in it.
fn undo(changes: &[Change]) -> Vec<Edit> {
    changes.iter().rev().filter(|change| !change.is_noop()).flat_map(undo_one).collect()
}

fn undo_one(change: &Change) -> Vec<Edit> {
    let key = &change.edit.key;
    let (mut edits, missing) = match (&change.before, &change.edit.op) {
        (
            Before::Value { missing, value: Some(value) },
            Op::SetValue { name, .. } | Op::DeleteValue { name },
        ) => (vec![Edit::set_value(key.clone(), name.clone(), value.clone())], *missing),
        (Before::Value { missing, value: None }, Op::SetValue { name, .. }) => {
            (vec![Edit::delete_value(key.clone(), name.clone())], *missing)
        }
        (Before::Key { missing }, _) => (vec![], *missing),
        (Before::Tree(Some(tree)), _) => (tree.edits(key), 0),
        _ => return vec![],
    };
    let above = key.depth() - missing;
    edits.extend((above + 1..=key.depth()).rev().map(|depth| Edit::delete_key(key.prefix(depth))));
    edits
}

/// What edits come to, key by key.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Keys in the order in which they are first named, and whether each is there in the end.
    pub(crate) keys: Vec<(KeyPath, bool)>,
    /// Values, and what each is in the end; `None` is not there.
    pub(crate) values: Vec<(KeyPath, winpe_registry::ValueName, Option<winpe_registry::Value>)>,
}

impl Outcome {
    pub(crate) fn of<'a>(edits: impl IntoIterator<Item = &'a Edit>) -> Self {
        let mut outcome = Self::default();
        for edit in edits {
            outcome.add(edit);
        }
        outcome
    }

    fn add(&mut self, edit: &Edit) {
        match &edit.op {
            Op::CreateKey => self.set_key(&edit.key, true),
            Op::DeleteKey => {
                self.keys.retain(|(key, _)| !key.starts_with(&edit.key));
                self.values.retain(|(key, ..)| !key.starts_with(&edit.key));
                self.set_key(&edit.key, false);
            }
            Op::SetValue { name, value } => {
                self.set_key(&edit.key, true);
                self.set_value(&edit.key, name, Some(value.clone()));
            }
            Op::DeleteValue { name } => self.set_value(&edit.key, name, None),
        }
    }

    fn set_key(&mut self, key: &KeyPath, is_there: bool) {
        if is_there {
            // What makes a key makes those above it.
            for (known, there) in &mut self.keys {
                *there |= key.starts_with(known);
            }
        }
        match self.keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, there)) => *there = is_there,
            None => self.keys.push((key.clone(), is_there)),
        }
    }

    fn set_value(
        &mut self,
        key: &KeyPath,
        name: &winpe_registry::ValueName,
        value: Option<winpe_registry::Value>,
    ) {
        match self.values.iter_mut().find(|(at, known, _)| at == key && known == name) {
            Some((_, _, known)) => *known = value,
            None => self.values.push((key.clone(), name.clone(), value)),
        }
    }
}

/// Whether a file of that size can be kept and digested.
pub(crate) fn is_readable(size: u64) -> bool {
    size <= READ_LIMIT
}

#[cfg(test)]
mod tests {
    use winpe_hive::{FileTime, Hive};
    use winpe_registry::{KeyName, Value, ValueName};

    use super::*;

    fn key(path: &str) -> KeyPath {
        path.parse().unwrap()
    }

    fn set(path: &str, name: &str, number: u32) -> Edit {
        Edit::set_value(key(path), ValueName::new(name).unwrap(), Value::dword(number))
    }

    #[test]
    fn whatever_was_done_is_undone() {
        let name = KeyName::new("ROOT").unwrap();
        let before = [set(r"a\b", "one", 1), set(r"a\b", "two", 2), set(r"c\d\e", "deep", 3)];
        let deleted = Edit::delete_value(key(r"a\b"), ValueName::new("two").unwrap());
        for edits in [
            vec![set(r"a\b", "one", 7), set(r"a\b", "three", 3), deleted.clone()],
            vec![set(r"n\e\w", "x", 1), Edit::create_key(key(r"n\e\w\e\r")), set(r"n\e", "y", 2)],
            vec![Edit::delete_key(key("c")), set(r"c\new", "x", 1), Edit::delete_key(key("c"))],
            vec![set(r"q\r", "x", 1), set(r"q\r", "x", 2), Edit::delete_key(key("q"))],
        ] {
            let mut hive = Hive::create(5, &name, FileTime::from_unix(0)).unwrap();
            before.iter().for_each(|edit| drop(hive.apply(edit).unwrap()));
            let old = hive.root().tree().unwrap();
            let changes: Vec<_> = edits.iter().map(|edit| hive.apply(edit).unwrap()).collect();
            for edit in undo(&changes) {
                if edit.op == Op::DeleteKey {
                    let key = hive.key(&edit.key).unwrap().unwrap();
                    assert_eq!(key.tree().unwrap().count(), (1, 0), "{edit:?} of {edits:?}");
                }
                hive.apply(&edit).unwrap();
            }
            let sorted = |mut tree: winpe_registry::KeyTree| {
                fn sort(tree: &mut winpe_registry::KeyTree) {
                    tree.values.sort_by(|(a, _), (b, _)| a.cmp(b));
                    tree.subkeys.iter_mut().for_each(|(_, tree)| sort(tree));
                }
                sort(&mut tree);
                tree
            };
            assert_eq!(sorted(hive.root().tree().unwrap()), sorted(old), "{edits:?}");
        }
    }

    #[test]
    fn the_outcome_of_edits_is_their_last_word() {
        let edits = [
            set(r"a\b", "x", 1),
            set(r"a\b", "x", 2),
            Edit::delete_key(key(r"a\b")),
            set(r"a\b\c", "y", 3),
        ];
        let outcome = Outcome::of(&edits);
        assert_eq!(outcome.keys, [(key(r"a\b"), true), (key(r"a\b\c"), true)]);
        let y = ValueName::new("y").unwrap();
        assert_eq!(outcome.values, [(key(r"a\b\c"), y, Some(Value::dword(3)))]);
    }
}
