//! The plan for the files of an image: add, replace or keep each.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use winpe_wim::{Content, FileChange};

use super::place::{Present, present, refuse_nested};
use super::{Addition, AdditionError, FilesError, MissingFiles, SuppliedFiles, own};
use crate::image::{ContentHash, ImagePath, ImageView, Sha256, Tree, TreeError};
use crate::profile::Profile;
use crate::report::{FileAction, FileReport};

/// The files that a job concerns, each once.
#[derive(Debug)]
pub(crate) struct FilePlan<'a> {
    image: ImageView<'a>,
    files: BTreeMap<ImagePath, PlannedFile>,
    /// The number of files that were ever planned.
    planned: usize,
}

/// What happens to one file.
#[derive(Debug)]
struct PlannedFile {
    /// Its place in the report and in the changes.
    position: usize,
    /// What the file is for, or what gives it.
    why: String,
    /// Its size before, in bytes, if the image has it.
    old_size: Option<u64>,
    /// Its size afterwards, in bytes.
    size: u64,
    /// The digest of its content afterwards; `None` if it was not read yet.
    sha256: Option<Sha256>,
    /// Its new content; `None` if the image has the same, or the file is deleted.
    content: Option<Content>,
    /// Whether it is deleted.
    deleted: bool,
}

/// The finished plan: what is reported and what is written.
#[derive(Debug, Default)]
pub(crate) struct PlannedFiles {
    pub(crate) reports: Vec<FileReport>,
    pub(crate) changes: Vec<FileChange>,
}

/// Plans the files of the profile and those that are added. Files that neither the image nor the source
/// has are an error that names them all.
pub(crate) fn plan<'a>(
    image: ImageView<'a>,
    source: Option<Tree<'_>>,
    profile: &Profile,
    supplied: SuppliedFiles,
    additions: &[Addition],
) -> Result<FilePlan<'a>, FilesError> {
    let mut plan = FilePlan::new(image);
    for (path, why) in supplied.kept {
        plan.keep(path, &why)?;
    }
    for file in supplied.new {
        plan.put(file.path, Content::Bytes(file.data), &file.why)?;
    }
    let mut missing = Vec::new();
    for file in profile.files() {
        let path = ImagePath::new(&file.path);
        match source.map_or(Ok(None), |source| source.read(&path))? {
            Some(data) => plan.put(path, Content::Bytes(data), &file.why)?,
            None if !plan.keep(path.clone(), &file.why)? => missing.push(path),
            None => {}
        }
    }
    if !missing.is_empty() {
        let source_name = source.map(Tree::name);
        return Err(MissingFiles { files: missing, keys: vec![], source_name }.into());
    }
    for addition in additions {
        for file in addition.files()? {
            let why = file.from.display().to_string();
            plan.put(file.to, Content::File(file.from), &why)?;
        }
    }
    Ok(plan)
}

impl<'a> FilePlan<'a> {
    pub(crate) fn new(image: ImageView<'a>) -> Self {
        Self { image, files: BTreeMap::new(), planned: 0 }
    }

    /// Keeps a file of the image as it is. Returns false if the image does not have it.
    fn keep(&mut self, path: ImagePath, why: &str) -> Result<bool, FilesError> {
        let Some(present) = present(self.image, &path)? else { return Ok(false) };
        let (old_size, size) = (Some(present.size), present.size);
        self.insert(
            path,
            PlannedFile {
                position: 0,
                why: why.to_owned(),
                old_size,
                size,
                sha256: None,
                content: None,
                deleted: false,
            },
        )?;
        Ok(true)
    }

    /// Deletes a file of this program, and then the folders of this program that are empty. Does nothing if
    /// the image does not have the file.
    pub(crate) fn delete(&mut self, path: ImagePath, why: &str) -> Result<(), FilesError> {
        let Some(present) = present(self.image, &path)? else { return Ok(()) };
        let file = PlannedFile {
            position: 0,
            why: why.to_owned(),
            old_size: Some(present.size),
            size: 0,
            sha256: None,
            content: None,
            deleted: true,
        };
        Ok(self.insert(path, file)?)
    }

    /// Gives a file a content. A file that the image has with the same content is kept.
    pub(crate) fn put(
        &mut self,
        path: ImagePath,
        content: Content,
        why: &str,
    ) -> Result<(), FilesError> {
        let file = self.planned_file(&path, content, why)?;
        Ok(self.insert(path, file)?)
    }

    /// As [`put`](Self::put), for a file that may be planned already: the later content counts.
    pub(crate) fn replace(
        &mut self,
        path: ImagePath,
        content: Content,
        why: &str,
    ) -> Result<(), FilesError> {
        let file = self.planned_file(&path, content, why)?;
        self.files.remove(&path);
        Ok(self.insert(path, file)?)
    }

    fn planned_file(
        &self,
        path: &ImagePath,
        content: Content,
        why: &str,
    ) -> Result<PlannedFile, FilesError> {
        let ContentHash { size, sha1, sha256 } = match &content {
            Content::Bytes(data) => ContentHash::of(data),
            Content::File(from) => ContentHash::of_file(from)
                .map_err(|source| FilesError::read(from.clone(), source))?,
            Content::Blob(sha1) => ContentHash::of_blob(self.image.archive.blob_reader(sha1)?)?,
        };
        let present = present(self.image, path)?;
        // A WIM stores the SHA-1 of each file, so the image's file need not be read.
        let is_same =
            |present: &Present| present.size == size && (size == 0 || present.sha1 == Some(sha1));
        Ok(PlannedFile {
            position: 0,
            why: why.to_owned(),
            content: (!present.as_ref().is_some_and(is_same)).then_some(content),
            old_size: present.map(|present| present.size),
            size,
            sha256: Some(sha256),
            deleted: false,
        })
    }

    fn insert(&mut self, path: ImagePath, file: PlannedFile) -> Result<(), AdditionError> {
        match self.files.entry(path) {
            Entry::Vacant(place) => {
                place.insert(PlannedFile { position: self.planned, ..file });
                self.planned += 1;
                Ok(())
            }
            Entry::Occupied(place) => {
                let (path, first) = (place.key().clone(), place.get().why.clone());
                Err(AdditionError::Twice { path, first, second: file.why })
            }
        }
    }

    /// What a planned file is for; `None` if the file is not planned.
    pub(crate) fn why(&self, path: &ImagePath) -> Option<&str> {
        self.files.get(path).map(|file| file.why.as_str())
    }

    /// The new content of a planned file; `None` if the file is not planned or is kept.
    pub(crate) fn content(&self, path: &ImagePath) -> Option<&Content> {
        self.files.get(path)?.content.as_ref()
    }

    /// Whether no file changes.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.files.values().all(|file| file.content.is_none() && !file.deleted)
    }

    /// The files that are deleted.
    pub(super) fn deleted(&self) -> impl Iterator<Item = &ImagePath> {
        self.files.iter().filter(|(_, file)| file.deleted).map(|(path, _)| path)
    }

    /// The folders of this program in which all files are deleted and none is planned, innermost first.
    pub(super) fn emptied(&self) -> Result<Vec<ImagePath>, TreeError> {
        let mut candidates = BTreeSet::new();
        for path in self.deleted() {
            let mut folder = path.folder();
            while own::contains(&folder) {
                candidates.insert((Reverse(folder.names().count()), folder.clone()));
                folder = folder.folder();
            }
        }
        let mut emptied: Vec<ImagePath> = Vec::new();
        for (_, folder) in candidates {
            let stays = |path: &ImagePath| self.files.get(path).is_none_or(|file| !file.deleted);
            let found = self.image.tree().list(&folder)?;
            let mut entries = found.iter().map(|entry| folder.join(&entry.name));
            let is_kept = entries.any(|path| stays(&path) && !emptied.contains(&path));
            let gets_one =
                self.files.iter().any(|(path, file)| !file.deleted && path.is_below(&folder));
            if !is_kept && !gets_one {
                emptied.push(folder);
            }
        }
        Ok(emptied)
    }

    /// The files that change, in the order of the report.
    pub(crate) fn changed(&self) -> Vec<ChangedFile<'_>> {
        let changed = self.ordered().into_iter().filter_map(|(path, file)| {
            let content = file.content.as_ref()?;
            let sha256 = file.sha256.expect("what has content was hashed");
            Some(ChangedFile { path, content, sha256, is_new: file.old_size.is_none() })
        });
        changed.collect()
    }

    fn ordered(&self) -> Vec<(&ImagePath, &PlannedFile)> {
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_by_key(|(_, file)| file.position);
        files
    }

    /// Computes reports and changes. Reads the files that are kept or replaced, for their digests.
    pub(crate) fn finish(self) -> Result<PlannedFiles, FilesError> {
        let stays = self.files.iter().filter(|(_, file)| !file.deleted);
        refuse_nested(stays.map(|(path, _)| path))?;
        let tree = self.image.tree();
        let emptied = self.emptied()?;
        let mut files: Vec<_> = self.files.into_iter().collect();
        files.sort_by_key(|(_, file)| file.position);
        let mut planned = PlannedFiles::default();
        for (path, file) in files {
            let old_sha256 = match (file.old_size, &file.content, file.sha256) {
                (None, ..) => None,
                (Some(_), None, Some(same)) => Some(same),
                (Some(_), ..) => tree.digest(&path)?,
            };
            let action = match (file.old_size, &file.content) {
                _ if file.deleted => FileAction::Remove,
                (None, _) => FileAction::Add,
                (Some(_), Some(_)) => FileAction::Replace,
                (Some(_), None) => FileAction::Keep,
            };
            planned.reports.push(FileReport {
                path: path.clone(),
                action,
                size: file.size,
                old_size: file.old_size,
                sha256: file.sha256.or(old_sha256).filter(|_| !file.deleted),
                old_sha256,
                why: file.why,
            });
            if let Some(content) = file.content {
                planned.changes.push(FileChange::Put { path: path.to_string(), content });
            } else if file.deleted {
                planned.changes.push(deletion(&path));
            }
        }
        planned.changes.extend(emptied.iter().map(deletion));
        Ok(planned)
    }
}

fn deletion(path: &ImagePath) -> FileChange {
    FileChange::Delete { path: path.to_string(), recursive: false }
}

/// A file of the plan that changes.
#[derive(Debug)]
pub(crate) struct ChangedFile<'p> {
    pub(crate) path: &'p ImagePath,
    pub(crate) content: &'p Content,
    pub(crate) sha256: Sha256,
    /// Whether the image does not have the file yet.
    pub(crate) is_new: bool,
}

#[cfg(test)]
mod tests {
    use winpe_wim::{Archive, Compression, NewImage};

    use super::*;

    const KEPT: &str = r"Windows\kept.txt";

    /// A WIM with one file of 4 bytes, and an empty one.
    fn wim(dir: &std::path::Path) -> Archive {
        let mut image = NewImage::new("PE");
        image.files.push((KEPT.to_owned(), b"same".to_vec()));
        image.files.push((r"Windows\empty".to_owned(), vec![]));
        let path = dir.join("a.wim");
        winpe_wim::create(&path, Compression::Lzx, &[image]).unwrap();
        Archive::open(&path).unwrap()
    }

    fn bytes(text: &str) -> Content {
        Content::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn only_files_that_differ_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let archive = wim(dir.path());
        let image = ImageView { archive: &archive, image: 1 };
        for (path, content, action, old) in [
            (KEPT, "same", FileAction::Keep, Some("same")),
            (r"WINDOWS\KEPT.TXT", "same", FileAction::Keep, Some("same")),
            (KEPT, "else", FileAction::Replace, Some("same")),
            (KEPT, "", FileAction::Replace, Some("same")),
            (r"Windows\empty", "", FileAction::Keep, Some("")),
            (r"Windows\empty", "x", FileAction::Replace, Some("")),
            (r"Windows\new", "", FileAction::Add, None),
        ] {
            let mut plan = FilePlan::new(image);
            plan.put(ImagePath::new(path), bytes(content), "a test").unwrap();
            assert_eq!(plan.is_unchanged(), action == FileAction::Keep, "{path} {content}");
            assert_eq!(plan.changed().len(), usize::from(!plan.is_unchanged()));
            let PlannedFiles { reports, changes } = plan.finish().unwrap();
            let put = FileChange::Put { path: path.to_owned(), content: bytes(content) };
            assert_eq!(changes, if action == FileAction::Keep { vec![] } else { vec![put] });
            let [report] = &reports[..] else { panic!("{reports:?}") };
            assert_eq!((report.action, report.size), (action, content.len() as u64));
            assert_eq!(report.sha256, Some(Sha256::of(content.as_bytes())));
            assert_eq!(report.old_sha256, old.map(|old| Sha256::of(old.as_bytes())));
            assert_eq!(report.old_size, old.map(|old| old.len() as u64));
        }
    }

    #[test]
    fn a_place_is_given_once_unless_it_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let archive = wim(dir.path());
        let mut plan = FilePlan::new(ImageView { archive: &archive, image: 1 });
        assert!(plan.keep(ImagePath::new(KEPT), "first").unwrap());
        assert!(!plan.keep(ImagePath::new(r"Windows\none"), "absent").unwrap());
        plan.put(ImagePath::new("b"), bytes("b"), "second").unwrap();
        let again = plan.put(ImagePath::new(r"windows\KEPT.txt"), bytes("x"), "third");
        let Err(FilesError::Addition(AdditionError::Twice { first, second, .. })) = again else {
            panic!("expected that the place is taken: {again:?}")
        };
        assert_eq!((first.as_str(), second.as_str()), ("first", "third"));
        plan.replace(ImagePath::new(r"windows\KEPT.txt"), bytes("x"), "third").unwrap();
        let reports = plan.finish().unwrap().reports;
        let order: Vec<_> = reports.iter().map(|report| report.why.as_str()).collect();
        assert_eq!(order, ["second", "third"], "a replaced file moves to the end");
        let folder = FilePlan::new(ImageView { archive: &archive, image: 1 })
            .put(ImagePath::new("Windows"), bytes("x"), "a folder's place")
            .unwrap_err();
        let is_folder =
            |error| matches!(error, FilesError::Addition(AdditionError::BadDestination { .. }));
        assert!(is_folder(folder));
    }
}
