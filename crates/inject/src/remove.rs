//! Takes out of an image what was put in, by the record in it.

use std::collections::HashSet;
use std::time::SystemTime;

use winpe_wim::{Archive, Content, FileChange};

use crate::digest::Sha256;
use crate::error::InjectError;
use crate::files::FileAction;
use crate::path::ImagePath;
use crate::record::{self, FileRecord, Record};
use crate::registry;
use crate::report::{FileReport, Report, image_name};
use crate::tree::Tree;
use crate::windows::Windows;

/// What is done to one image, and what that comes to.
pub(crate) fn stage(
    archive: &Archive,
    image: u32,
    time: Option<SystemTime>,
) -> Result<(Report, Vec<FileChange>), InjectError> {
    let tree = Tree::Image(archive, image);
    let Some(record) = Record::read(archive, image)? else {
        return Err(InjectError::NoRecord { wim: archive.path().into(), image });
    };
    let registry = registry::undo(tree, &record.hives, time)?;
    let mut removal = Removal {
        archive,
        image,
        changes: registry.changes,
        reports: vec![],
        record: vec![],
        warnings: registry.warnings,
        gone: HashSet::new(),
    };
    for file in &record.files {
        removal.take_out(file)?;
    }
    removal.delete_record(&record::place())?;
    removal.folders(&record.folders)?;
    let report = Report {
        schema: 1,
        wim: archive.path().display().to_string(),
        image,
        image_name: image_name(archive, image),
        windows: Windows::of(tree)?,
        profile: record.profile,
        source: None,
        source_windows: None,
        parts: vec![],
        hives: registry.reports,
        files: removal.reports,
        record: removal.record,
        adds_integrity: false,
        startup: None,
        signatures: None,
        unresolved: vec![],
        warnings: removal.warnings,
    };
    Ok((report.without_secrets(), removal.changes))
}

struct Removal<'a> {
    archive: &'a Archive,
    image: u32,
    changes: Vec<FileChange>,
    reports: Vec<FileReport>,
    record: Vec<FileReport>,
    warnings: Vec<String>,
    /// Files and folders that are deleted.
    gone: HashSet<ImagePath>,
}

/// A file of the image, whose data may be of any size.
struct Present {
    size: u64,
    sha256: Sha256,
    content: Content,
}

impl<'a> Removal<'a> {
    fn tree(&self) -> Tree<'a> {
        Tree::Image(self.archive, self.image)
    }

    fn present(&self, path: &ImagePath) -> Result<Option<Present>, InjectError> {
        let Some(sha256) = self.tree().digest(path)? else { return Ok(None) };
        let entry = self.archive.entry(self.image, path.as_str())?;
        Ok(entry.map(|entry| Present {
            size: entry.size,
            sha256,
            content: entry.sha1.map_or(Content::Bytes(vec![]), Content::Blob),
        }))
    }

    fn take_out(&mut self, file: &FileRecord) -> Result<(), InjectError> {
        let path = &file.path;
        let now = self.present(path)?;
        if now.as_ref().is_some_and(|now| now.sha256 != file.sha256) {
            self.warnings.push(format!("{path} was changed since; it is undone too"));
        }
        let before = match &file.kept {
            Some(kept) => {
                let Some(before) = self.present(kept)? else {
                    self.warnings.push(format!("{kept} is gone, so {path} stays as it is"));
                    return Ok(());
                };
                self.delete_record(kept)?;
                Some(before)
            }
            None => None,
        };
        let (action, why) = match (&before, &now) {
            (Some(_), _) => (FileAction::Replace, "what it was before"),
            (None, Some(_)) => (FileAction::Remove, "it was put in"),
            (None, None) => {
                self.warnings.push(format!("{path} is not there any more"));
                return Ok(());
            }
        };
        let size = before.as_ref().map_or(0, |before| before.size);
        let old_size = now.as_ref().map(|now| now.size);
        let mut report = FileReport::new(path.clone(), action, size, old_size, why);
        report.old_sha256 = now.map(|now| now.sha256);
        report.sha256 = before.as_ref().map(|before| before.sha256);
        self.reports.push(report);
        match before {
            Some(Present { content, .. }) => {
                self.changes.push(FileChange::Put { path: path.to_string(), content });
            }
            None => self.delete(path),
        }
        Ok(())
    }

    /// Deletes what the record consists of.
    fn delete_record(&mut self, path: &ImagePath) -> Result<(), InjectError> {
        let old = self.present(path)?;
        let old_size = old.as_ref().map(|old| old.size);
        let why = "what was kept to undo the rest";
        let mut report = FileReport::new(path.clone(), FileAction::Remove, 0, old_size, why);
        report.old_sha256 = old.map(|old| old.sha256);
        self.record.push(report);
        self.delete(path);
        Ok(())
    }

    fn delete(&mut self, path: &ImagePath) {
        self.changes.push(FileChange::Delete { path: path.to_string(), recursive: false });
        self.gone.insert(path.clone());
    }

    /// Deletes the folders that were made, the innermost first, unless something else is in them.
    fn folders(&mut self, made: &[ImagePath]) -> Result<(), InjectError> {
        let tree = self.tree();
        let mut made: Vec<&ImagePath> = made.iter().collect();
        made.sort_by_key(|folder| std::cmp::Reverse(folder.names().count()));
        for folder in made {
            let left = tree.list(folder)?.into_iter().map(|entry| folder.join(&entry.name));
            let left = left.into_iter().find(|entry| !self.gone.contains(entry));
            match left {
                None if tree.has_folder(folder)? => self.delete(folder),
                None => {}
                Some(other) => self.warnings.push(format!("{folder} stays: {other} is in it")),
            }
        }
        Ok(())
    }
}
