//! Removes from an image what was put in, by the record in it.

use std::collections::HashSet;
use std::time::SystemTime;

use winpe_wim::{Archive, Content, FileChange};

use crate::error::RemoveError;
use crate::files::{FilePlan, FileRecord, PlannedFiles, Record};
use crate::identify::identify;
use crate::image::{ImagePath, ImageView, Sha256, TreeError};
use crate::report::{FileAction, FileReport, Report, Warning};
use crate::startup::{self, Startup, secret};
use crate::undo::undo;

/// Stages a removal. Returns its report and the changes that a commit writes.
pub(crate) fn stage(
    archive: &Archive,
    image: u32,
    time: Option<SystemTime>,
) -> Result<(Report, Vec<FileChange>), RemoveError> {
    let image = ImageView { archive, image };
    let Some(record) = Record::read(image)? else {
        return Err(RemoveError::NoRecord { wim: archive.path().into(), image: image.image });
    };
    let hives = undo(image.tree(), &record.hives, time)?;
    let mut removal = Removal {
        image,
        changes: hives.changes,
        reports: vec![],
        record: vec![],
        warnings: hives.warnings,
        gone: HashSet::new(),
    };
    for file in &record.files {
        removal.take_out(file)?;
    }
    removal.delete_record(&Record::place())?;
    removal.folders(&record.folders)?;
    let report = Report {
        hives: hives.reports,
        files: removal.reports,
        record: removal.record,
        warnings: removal.warnings,
        ..Report::empty(image, identify(image.tree())?, record.profile)
    };
    Ok((secret::without_digests(report), removal.changes))
}

/// Stages the removal of a part of what WinPE does at its start. Returns its report and the changes that a
/// commit writes.
pub(crate) fn stage_part(
    archive: &Archive,
    image: u32,
    part: &startup::Removal,
) -> Result<(Report, Vec<FileChange>), RemoveError> {
    let image = ImageView { archive, image };
    let Some(record) = Record::read(image)? else {
        return Err(RemoveError::NoRecord { wim: archive.path().into(), image: image.image });
    };
    let (mut files, mut warnings) = (FilePlan::new(image), Vec::new());
    let windows = identify(image.tree())?;
    let part = Startup::without(part.clone());
    let system = startup::System { arch: windows.arch, build: windows.build };
    let planned = startup::plan(image, system, &part, Some(&record), &mut files, &mut warnings)?;
    let (startup, started) = planned.map(|it| (it.report, it.started)).unzip();
    let profile = record.profile.clone();
    let record = match files.is_unchanged() {
        true => PlannedFiles::default(),
        false => record.extended(image, &profile, &[], &files, started)?.finish()?,
    };
    let files = files.finish()?;
    let report = Report { files: files.reports, startup, ..Report::empty(image, windows, profile) };
    let report = Report { record: record.reports, warnings, ..report };
    let changes = record.changes.into_iter().chain(files.changes).collect();
    Ok((secret::without_digests(report), changes))
}

struct Removal<'a> {
    image: ImageView<'a>,
    changes: Vec<FileChange>,
    /// The files that were put in.
    reports: Vec<FileReport>,
    /// The files of the record.
    record: Vec<FileReport>,
    warnings: Vec<Warning>,
    /// Files and folders that are deleted.
    gone: HashSet<ImagePath>,
}

/// A file of the image, whose data may be of any size.
struct Present {
    size: u64,
    sha256: Sha256,
    content: Content,
}

impl Removal<'_> {
    fn present(&self, path: &ImagePath) -> Result<Option<Present>, TreeError> {
        let Some(sha256) = self.image.tree().digest(path)? else { return Ok(None) };
        let entry = self.image.entry(path)?;
        Ok(entry.map(|entry| Present {
            size: entry.size,
            sha256,
            content: entry.sha1.map_or(Content::Bytes(vec![]), Content::Blob),
        }))
    }

    /// Restores a file to what it was before, or deletes it if it was new.
    fn take_out(&mut self, file: &FileRecord) -> Result<(), TreeError> {
        let path = &file.path;
        let now = self.present(path)?;
        if now.as_ref().is_some_and(|now| now.sha256 != file.sha256) {
            self.warnings.push(Warning::FileChanged { path: path.clone() });
        }
        let before = match &file.kept {
            Some(kept) => {
                let Some(before) = self.present(kept)? else {
                    let (kept, path) = (kept.clone(), path.clone());
                    self.warnings.push(Warning::KeptGone { kept, path });
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
                self.warnings.push(Warning::Gone { path: path.clone() });
                return Ok(());
            }
        };
        self.reports.push(FileReport {
            path: path.clone(),
            action,
            size: before.as_ref().map_or(0, |before| before.size),
            old_size: now.as_ref().map(|now| now.size),
            sha256: before.as_ref().map(|before| before.sha256),
            old_sha256: now.map(|now| now.sha256),
            why: why.to_owned(),
        });
        match before {
            Some(Present { content, .. }) => {
                self.changes.push(FileChange::Put { path: path.to_string(), content });
            }
            None => self.delete(path),
        }
        Ok(())
    }

    /// Deletes a file of the record.
    fn delete_record(&mut self, path: &ImagePath) -> Result<(), TreeError> {
        let old = self.present(path)?;
        self.record.push(FileReport {
            path: path.clone(),
            action: FileAction::Remove,
            size: 0,
            old_size: old.as_ref().map(|old| old.size),
            sha256: None,
            old_sha256: old.map(|old| old.sha256),
            why: "what was kept to undo the rest".to_owned(),
        });
        self.delete(path);
        Ok(())
    }

    fn delete(&mut self, path: &ImagePath) {
        self.changes.push(FileChange::Delete { path: path.to_string(), recursive: false });
        self.gone.insert(path.clone());
    }

    /// Deletes the folders that were created and are empty by then, the innermost first.
    fn folders(&mut self, created: &[ImagePath]) -> Result<(), TreeError> {
        let tree = self.image.tree();
        let mut created: Vec<&ImagePath> = created.iter().collect();
        created.sort_by_key(|folder| std::cmp::Reverse(folder.names().count()));
        for folder in created {
            let left = tree.list(folder)?.into_iter().map(|entry| folder.join(&entry.name));
            let left = left.into_iter().find(|entry| !self.gone.contains(entry));
            match left {
                None if tree.has_folder(folder)? => self.delete(folder),
                None => {}
                Some(other) => {
                    self.warnings.push(Warning::FolderStays { folder: folder.clone(), other });
                }
            }
        }
        Ok(())
    }
}
