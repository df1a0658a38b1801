//! Takes out of an image what was put in, by the record in it.

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
    let Some(record) = Record::read(tree)? else {
        return Err(InjectError::NoRecord { wim: archive.path().into(), image });
    };
    let registry = registry::undo(tree, &record.hives, time)?;
    let mut removal = Removal {
        tree,
        changes: registry.changes,
        reports: vec![],
        record: vec![],
        warnings: registry.warnings,
        gone: vec![],
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
        unresolved: vec![],
        warnings: removal.warnings,
    };
    Ok((report.without_secrets(), removal.changes))
}

struct Removal<'a> {
    tree: Tree<'a>,
    changes: Vec<FileChange>,
    reports: Vec<FileReport>,
    record: Vec<FileReport>,
    warnings: Vec<String>,
    /// Files and folders that are deleted.
    gone: Vec<ImagePath>,
}

impl Removal<'_> {
    fn take_out(&mut self, file: &FileRecord) -> Result<(), InjectError> {
        let path = &file.path;
        let now = self.tree.read(path)?;
        let old_sha256 = now.as_deref().map(Sha256::of);
        if old_sha256.is_some_and(|found| found != file.sha256) {
            self.warnings.push(format!("{path} was changed since; it is undone too"));
        }
        let before = match &file.kept {
            Some(kept) => {
                let before = self.tree.read(kept)?;
                if before.is_none() {
                    self.warnings.push(format!("{kept} is gone, so {path} stays as it is"));
                    return Ok(());
                }
                self.delete_record(kept)?;
                before
            }
            None => None,
        };
        let old_size = now.as_ref().map(|now| now.len() as u64);
        let (action, why) = match before {
            Some(_) => (FileAction::Replace, "what it was before"),
            None if now.is_none() => {
                self.warnings.push(format!("{path} is not there any more"));
                return Ok(());
            }
            None => (FileAction::Remove, "it was put in"),
        };
        let size = before.as_ref().map_or(0, |before| before.len() as u64);
        let mut report = FileReport::new(path.clone(), action, size, old_size, why);
        report.old_sha256 = old_sha256;
        report.sha256 = before.as_deref().map(Sha256::of);
        self.reports.push(report);
        match before {
            Some(before) => self
                .changes
                .push(FileChange::Put { path: path.to_string(), content: Content::Bytes(before) }),
            None => self.delete(path),
        }
        Ok(())
    }

    /// Deletes what the record consists of.
    fn delete_record(&mut self, path: &ImagePath) -> Result<(), InjectError> {
        let old = self.tree.read(path)?;
        let old_size = old.as_ref().map(|old| old.len() as u64);
        let why = "what was kept to undo the rest";
        let mut report = FileReport::new(path.clone(), FileAction::Remove, 0, old_size, why);
        report.old_sha256 = old.as_deref().map(Sha256::of);
        self.record.push(report);
        self.delete(path);
        Ok(())
    }

    fn delete(&mut self, path: &ImagePath) {
        self.changes.push(FileChange::Delete { path: path.to_string(), recursive: false });
        self.gone.push(path.clone());
    }

    /// Deletes the folders that were made, the innermost first, unless something else is in them.
    fn folders(&mut self, made: &[ImagePath]) -> Result<(), InjectError> {
        let mut made: Vec<&ImagePath> = made.iter().collect();
        made.sort_by_key(|folder| std::cmp::Reverse(folder.names().count()));
        for folder in made {
            let left = self.tree.list(folder)?.into_iter().map(|entry| folder.join(&entry.name));
            let left: Vec<_> = left.filter(|entry| !self.gone.contains(entry)).collect();
            match left.first() {
                None if self.tree.has_folder(folder)? => self.delete(folder),
                None => {}
                Some(other) => self.warnings.push(format!("{folder} stays: {other} is in it")),
            }
        }
        Ok(())
    }
}
