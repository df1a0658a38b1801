//! The record of what was put into an image, kept in the image itself so that it can be removed and checked.
//!
//! The record is one file beside our scripts. The earlier content of each replaced file is kept beside it: a
//! WIM stores equal data once, so this only gives the data another name.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use winpe_registry::{Change, Edit};
use winpe_wim::Content;

use super::plan::ChangedFile;
use super::{FilePlan, RecordError, Started, own};
use crate::image::{ImagePath, ImageView, Sha256, Tree, TreeError};
use crate::report::HiveReport;

const RECORD: &str = "record.json";
const KEPT: &str = "replaced";
const SCHEMA: u32 = 1;
/// The largest record that is read or written, in bytes: some 200,000 values. That of a profile has 40 KiB.
const LIMIT: u64 = 64 << 20;

/// All that was ever put into an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    schema: u32,
    /// The profile that was used last.
    pub(crate) profile: String,
    pub(crate) hives: Vec<HiveRecord>,
    pub(crate) files: Vec<FileRecord>,
    /// Folders that were created, outermost first.
    pub(crate) folders: Vec<ImagePath>,
    /// What WinPE does at its start, if a run ever concerned that.
    #[serde(default)]
    pub(crate) startup: Option<Started>,
}

/// A record as it is written: what is known, and what is done now. Its edits are not collected.
#[derive(Serialize)]
struct Written<'a> {
    schema: u32,
    profile: &'a str,
    hives: Vec<WrittenHive<'a>>,
    files: &'a [FileRecord],
    folders: &'a [ImagePath],
    #[serde(skip_serializing_if = "Option::is_none")]
    startup: Option<&'a Started>,
}

/// A [`HiveRecord`] as it is written.
struct WrittenHive<'a> {
    file: &'a ImagePath,
    known: Option<&'a HiveRecord>,
    changes: &'a [Change],
}

impl<'a> WrittenHive<'a> {
    fn done(&self) -> impl Iterator<Item = &'a Edit> {
        let known = self.known.into_iter().flat_map(|known| &known.done);
        known.chain(self.changes.iter().map(|change| &change.edit))
    }

    fn undo(&self) -> impl Iterator<Item = Cow<'a, Edit>> {
        let known = self.known.into_iter().flat_map(|known| &known.undo);
        undo(self.changes).map(Cow::Owned).chain(known.map(Cow::Borrowed))
    }
}

impl Serialize for WrittenHive<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut hive = serializer.serialize_struct("HiveRecord", 3)?;
        hive.serialize_field("file", self.file)?;
        hive.serialize_field("done", &Listed(|| self.done()))?;
        hive.serialize_field("undo", &Listed(|| self.undo()))?;
        hive.end()
    }
}

/// The items of an iterator, as a list.
struct Listed<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Listed<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// What was done to a hive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HiveRecord {
    pub(crate) file: ImagePath,
    /// The edits that were applied, in order.
    pub(crate) done: Vec<Edit>,
    /// The edits that undo them, in order. A key is deleted only if it is empty by then.
    pub(crate) undo: Vec<Edit>,
}

/// A file that was put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileRecord {
    pub(crate) path: ImagePath,
    pub(crate) sha256: Sha256,
    /// Where the content before is kept; `None` for a new file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<ImagePath>,
}

/// The path of the record in an image.
fn place() -> ImagePath {
    own::file(RECORD)
}

impl Record {
    /// The path of the record in an image.
    pub(crate) fn place() -> ImagePath {
        place()
    }

    /// Reads the record of an image; `None` if there is none.
    pub(crate) fn read(image: ImageView<'_>) -> Result<Option<Self>, RecordError> {
        let file = place();
        let Some(entry) = image.file(&file)? else { return Ok(None) };
        check_size(entry.size, image)?;
        let record: Self = serde_json::from_slice(&image.read(&file)?)
            .map_err(|source| RecordError::Json { file: file.clone(), source })?;
        if record.schema != SCHEMA {
            return Err(RecordError::Schema { file, expected: SCHEMA, found: record.schema });
        }
        record.check()?;
        Ok(Some(record))
    }

    /// Refuses a record that this program cannot have written: each path is named once, and kept contents
    /// are in our folder, so that a removal deletes nothing else.
    fn check(&self) -> Result<(), RecordError> {
        let ours = own::file(KEPT);
        let refuse = |path: &ImagePath, found| {
            let (file, path) = (place(), path.clone());
            Err(RecordError::Content { file, path, found })
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
        match self.startup.as_ref().and_then(Started::foreign_driver) {
            Some(inf) => refuse(inf, "is not where drivers are put"),
            None => Ok(()),
        }
    }

    /// The file as it was put in; `None` if it was not put in.
    pub(crate) fn file(&self, path: &ImagePath) -> Option<&FileRecord> {
        self.files.iter().find(|file| file.path == *path)
    }

    /// Adds what is done now. Returns the plan of the files by which the image holds the record: the
    /// record itself, and the earlier content of replaced files.
    pub(crate) fn extended<'a>(
        mut self,
        image: ImageView<'a>,
        profile: &str,
        hives: &[HiveReport],
        files: &FilePlan<'_>,
        startup: Option<Started>,
    ) -> Result<FilePlan<'a>, RecordError> {
        self.schema = SCHEMA;
        self.profile = profile.to_owned();
        self.startup = startup.or(self.startup);
        let deleted: HashSet<_> = files.deleted().collect();
        self.files.retain(|file| !deleted.contains(&file.path));
        let emptied = files.emptied()?;
        self.folders.retain(|folder| !emptied.contains(folder));
        let mut plan = FilePlan::new(image);
        let known = self.files.iter().enumerate();
        let known: HashMap<_, _> = known.map(|(at, file)| (file.path.clone(), at)).collect();
        let known_folders = self.folders.iter().cloned().collect();
        let mut folders = Folders { tree: image.tree(), known: known_folders };
        for file in files.changed() {
            match known.get(file.path) {
                // The content before the first replacement is the image's own; it is kept already.
                Some(&at) => self.files[at].sha256 = file.sha256,
                None => self.add_file(image, &file, &mut folders, &mut plan)?,
            }
        }
        self.folders.extend(folders.missing(&place())?);
        let text = text(&self.with(hives), image)?;
        plan.put(place(), Content::Bytes(text), "what was put in, so that it can be taken out")?;
        Ok(plan)
    }

    /// This record and what is done to hives now. The hives that it knows come first.
    fn with<'a>(&'a self, hives: &'a [HiveReport]) -> Written<'a> {
        let changes_of = |file: &ImagePath| {
            let now = hives.iter().find(|hive| hive.file == *file);
            now.map_or(&[][..], |hive| &hive.changes)
        };
        let is_known = |file: &ImagePath| self.hives.iter().any(|known| known.file == *file);
        let known = self.hives.iter().map(|known| {
            let file = &known.file;
            WrittenHive { file, known: Some(known), changes: changes_of(file) }
        });
        let new = hives.iter().filter(|hive| !hive.is_unchanged() && !is_known(&hive.file));
        let new = new.map(|hive| {
            let HiveReport { file, changes, .. } = hive;
            WrittenHive { file, known: None, changes }
        });
        Written {
            schema: self.schema,
            profile: &self.profile,
            hives: known.chain(new).collect(),
            files: &self.files,
            folders: &self.folders,
            startup: self.startup.as_ref(),
        }
    }

    /// A place for the earlier content of a file of this name. Files may have left the record, so the
    /// number of its files alone could be taken.
    fn unused_kept(&self, name: &str) -> ImagePath {
        let is_taken =
            |path: &ImagePath| self.files.iter().any(|it| it.kept.as_ref() == Some(path));
        let mut places =
            (self.files.len()..).map(|at| own::file(KEPT).join(&format!("{at}-{name}")));
        places.find(|path| !is_taken(path)).expect("the record is finite")
    }

    fn add_file(
        &mut self,
        image: ImageView<'_>,
        file: &ChangedFile<'_>,
        folders: &mut Folders<'_>,
        plan: &mut FilePlan<'_>,
    ) -> Result<(), RecordError> {
        let mut kept = None;
        // An earlier secret is not kept: we wrote it, and it would stay in the image.
        if !file.is_new && *file.path != own::secret_file() {
            let path = self.unused_kept(file.path.file_name());
            self.folders.extend(folders.missing(&path)?);
            keep(plan, image, file.path, &path)?;
            kept = Some(path);
        }
        self.folders.extend(folders.missing(file.path)?);
        self.files.push(FileRecord { path: file.path.clone(), sha256: file.sha256, kept });
        Ok(())
    }
}

/// The folders that the image has or gets.
struct Folders<'a> {
    tree: Tree<'a>,
    /// Folders that were created before, or are created now.
    known: HashSet<ImagePath>,
}

impl Folders<'_> {
    /// The folders above a file that must be created, each once.
    fn missing(&mut self, file: &ImagePath) -> Result<Vec<ImagePath>, TreeError> {
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

/// Keeps the content of a file, of any size: the data stays where it is in the WIM, under one more name.
fn keep(
    plan: &mut FilePlan<'_>,
    image: ImageView<'_>,
    file: &ImagePath,
    to: &ImagePath,
) -> Result<(), RecordError> {
    let Some(entry) = image.entry(file)? else { return Ok(()) };
    let content = entry.sha1.map_or(Content::Bytes(vec![]), Content::Blob);
    Ok(plan.put(to.clone(), content, &format!("what {file} was before"))?)
}

/// A record in one line: with indents it would be three times as large, in the image and when it is read. Its
/// size is counted first, since a text that grows takes twice its size.
fn text(record: &Written<'_>, image: ImageView<'_>) -> Result<Vec<u8>, RecordError> {
    let failed = |source| RecordError::Json { file: place(), source };
    let mut size = Counter(0);
    serde_json::to_writer(&mut size, record).map_err(failed)?;
    check_size(size.0 as u64, image)?;
    let mut text = Vec::with_capacity(size.0);
    serde_json::to_writer(&mut text, record).map_err(failed)?;
    Ok(text)
}

/// Counts bytes.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A record takes up to 20 times its size in memory when an image is verified, so it may be a third of what any other
/// file of the WIM may be that is read whole. A larger one is not written either.
fn check_size(size: u64, image: ImageView<'_>) -> Result<(), RecordError> {
    let limit = LIMIT.min(image.archive.read_limit() / 3);
    if size <= limit { Ok(()) } else { Err(RecordError::Size { file: place(), size, limit }) }
}

/// The edits that undo changes of a hive, the last change first.
fn undo(changes: &[Change]) -> impl Iterator<Item = Edit> + '_ {
    changes.iter().rev().flat_map(Change::inverse_by_key)
}

#[cfg(test)]
mod tests {
    use winpe_hive::{FileTime, Hive};
    use winpe_registry::{KeyName, KeyPath, Op, Value, ValueName};
    use winpe_wim::Archive;

    use super::*;

    fn key(path: &str) -> KeyPath {
        path.parse().unwrap()
    }

    fn set(path: &str, name: &str, number: u32) -> Edit {
        Edit::set_value(key(path), ValueName::new(name).unwrap(), Value::dword(number))
    }

    #[test]
    fn all_edits_are_undone() {
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

    /// So its size does not matter, and its data is not written again.
    #[test]
    fn the_data_of_a_replaced_file_stays_where_it_is_in_the_wim() {
        let dir = tempfile::tempdir().unwrap();
        let wim = dir.path().join("a.wim");
        let mut image = winpe_wim::NewImage::new("PE");
        let path = ImagePath::new(r"Windows\a.txt");
        image.files.push((path.to_string(), b"before".to_vec()));
        winpe_wim::create(&wim, winpe_wim::Compression::Lzx, &[image]).unwrap();
        let archive = Archive::open(&wim).unwrap();
        let sha1 = archive.entry(1, path.as_str()).unwrap().unwrap().sha1.unwrap();

        let image = ImageView { archive: &archive, image: 1 };
        let mut files = FilePlan::new(image);
        files.put(path, Content::Bytes(b"after".to_vec()), "a test").unwrap();
        let plan =
            Record::default().extended(image, "p", &[], &files, None).unwrap().finish().unwrap();
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
