//! What was done to an image, kept in the image itself so that it can be undone and checked.
//!
//! The record is one file beside our scripts. What a file of the image was before it was replaced is
//! kept there too: a WIM holds equal data once, so that it is only given another name.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use winpe_registry::{Before, Change, Edit, Op};
use winpe_wim::{Archive, Content};

use crate::digest::Sha256;
use crate::error::InjectError;
use crate::files::{FileAction, FilePlan, compare, hash_bytes};
use crate::path::ImagePath;
use crate::report::{FileReport, HiveReport};
use crate::startup::{OUR_FOLDER, secret_file};
use crate::tree::Tree;

const RECORD: &str = "record.json";
const KEPT: &str = "replaced";
const SCHEMA: u32 = 1;
/// The largest record that is written or read: some 200,000 values. A profile's has 40 KiB.
const LIMIT: u64 = 64 << 20;

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
    pub(crate) fn read(archive: &Archive, image: u32) -> Result<Option<Self>, InjectError> {
        let file = place();
        let entry = match archive.entry(image, file.as_str())? {
            Some(entry) if !entry.is_dir => entry,
            _ => return Ok(None),
        };
        check_size(entry.size)?;
        let data = archive.read(image, file.as_str())?;
        let record: Self = serde_json::from_slice(&data)
            .map_err(|source| InjectError::Record { file: file.clone(), source })?;
        if record.schema != SCHEMA {
            return Err(InjectError::RecordSchema { file, expected: SCHEMA, found: record.schema });
        }
        record.check()?;
        Ok(Some(record))
    }

    /// That it is one that could have been written here: each thing is named once, and what was kept is
    /// where such things are kept, so that taking it out deletes nothing else.
    fn check(&self) -> Result<(), InjectError> {
        let ours = ImagePath::new(OUR_FOLDER).join(KEPT);
        let refuse = |path: &ImagePath, found| {
            let (file, path) = (place(), path.clone());
            Err(InjectError::RecordContent { file, path, found })
        };
        let kept = self.files.iter().filter_map(|file| file.kept.as_ref());
        let mut known = HashSet::new();
        let hives = self.hives.iter().map(|hive| &hive.file);
        let files = self.files.iter().map(|file| &file.path);
        for path in hives.chain(files).chain(kept.clone()).chain(&self.folders) {
            if path.names().any(|name| matches!(name, "." | "..")) {
                return refuse(path, "is no path in an image");
            }
            if !known.insert(path) {
                return refuse(path, "is named twice");
            }
        }
        for path in kept {
            if path.folder() != ours {
                return refuse(path, "is not where replaced files are kept");
            }
        }
        Ok(())
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
        let known = self.files.iter().enumerate();
        let known: HashMap<_, _> = known.map(|(at, file)| (file.path.clone(), at)).collect();
        let mut folders = Folders { tree, known: self.folders.iter().cloned().collect() };
        for file in files.iter().filter(|file| file.action != FileAction::Keep) {
            let Some(sha256) = file.sha256 else { continue };
            // Of a file that is replaced twice, only what was there at first is of the image.
            if let Some(&at) = known.get(&file.path) {
                self.files[at].sha256 = sha256;
                continue;
            }
            let mut kept = None;
            // A secret that is replaced is not kept: it is ours, and would stay in the image.
            if file.action == FileAction::Replace && file.path != secret_file() {
                let name = format!("{}-{}", self.files.len(), file.path.file_name());
                let path = ImagePath::new(OUR_FOLDER).join(KEPT).join(&name);
                self.folders.extend(folders.missing(&path)?);
                keep(&mut plan, archive, image, &file.path, &path)?;
                kept = Some(path);
            }
            self.folders.extend(folders.missing(&file.path)?);
            self.files.push(FileRecord { path: file.path.clone(), sha256, kept });
        }
        self.folders.extend(folders.missing(&place())?);
        let text = serde_json::to_vec_pretty(&self)
            .map_err(|source| InjectError::Record { file: place(), source })?;
        check_size(text.len() as u64)?;
        let (size, hash) = hash_bytes(&text);
        let action = compare(archive, image, &place(), size, hash)?;
        let why = "what was put in, so that it can be taken out";
        plan.put(place(), action, size, why, || Content::Bytes(text));
        plan.digest(archive, image)?;
        Ok(plan)
    }
}

/// Which folders are made.
struct Folders<'a> {
    tree: Tree<'a>,
    known: HashSet<ImagePath>,
}

impl Folders<'_> {
    /// Those on the way to a file that the image does not have, each once.
    fn missing(&mut self, file: &ImagePath) -> Result<Vec<ImagePath>, InjectError> {
        let mut missing = Vec::new();
        let mut folder = ImagePath::new("");
        for name in file.folder().names() {
            folder = folder.join(name);
            if !self.known.contains(&folder) && !self.tree.has_folder(&folder)? {
                self.known.insert(folder.clone());
                missing.push(folder.clone());
            }
        }
        Ok(missing)
    }
}

/// Keeps what a file is, of whatever size: its data stays where it is in the WIM, under one more name.
fn keep(
    plan: &mut FilePlan,
    archive: &Archive,
    image: u32,
    file: &ImagePath,
    to: &ImagePath,
) -> Result<(), InjectError> {
    let Some(entry) = archive.entry(image, file.as_str())? else { return Ok(()) };
    let why = format!("what {file} was before");
    let (hash, content) = match entry.sha1 {
        Some(sha1) => (sha1, Content::Blob(sha1)),
        None => (hash_bytes(&[]).1, Content::Bytes(vec![])),
    };
    let action = compare(archive, image, to, entry.size, hash)?;
    plan.put(to.clone(), action, entry.size, &why, || content);
    Ok(())
}

fn check_size(size: u64) -> Result<(), InjectError> {
    match size {
        0..=LIMIT => Ok(()),
        size => Err(InjectError::RecordSize { file: place(), size, limit: LIMIT }),
    }
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

#[cfg(test)]
mod tests {
    use winpe_hive::{FileTime, Hive};
    use winpe_registry::{KeyName, KeyPath, Value, ValueName};

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

    /// So its size does not count, and nothing of it is written again.
    #[test]
    fn what_is_replaced_is_kept_where_it_is_in_the_wim() {
        let dir = tempfile::tempdir().unwrap();
        let wim = dir.path().join("a.wim");
        let mut image = winpe_wim::NewImage::new("PE");
        let path = ImagePath::new(r"Windows\a.txt");
        image.files.push((path.to_string(), b"before".to_vec()));
        winpe_wim::create(&wim, winpe_wim::Compression::Lzx, &[image]).unwrap();
        let archive = Archive::open(&wim).unwrap();
        let sha1 = archive.entry(1, path.as_str()).unwrap().unwrap().sha1.unwrap();

        let action = FileAction::Replace;
        let mut report = FileReport::new(path.clone(), action, 5, Some(6), "a test");
        report.sha256 = Some(Sha256::of(b"after"));
        let plan = Record::default().extended(&archive, 1, "p", &[], &[report]).unwrap();
        let kept = plan.changes.iter().find_map(|change| match change {
            winpe_wim::FileChange::Put { path, content } if path.ends_with("0-a.txt") => {
                Some(content)
            }
            _ => None,
        });
        assert_eq!(kept, Some(&Content::Blob(sha1)));
        assert_eq!(plan.reports[0].sha256, Some(Sha256::of(b"before")));
    }
}
