use std::path::Path;
use std::time::SystemTime;

use winpe_wim::{
    Archive, CommitOptions, Committed, FileChange, ImageChanges, ImageSelector, Progress, Target,
};

use crate::error::{AdditionError, InjectError};
use crate::job::Job;
use crate::report::Report;
use crate::{files, registry, startup};

/// An image that is open for reading.
#[derive(Debug)]
pub struct Session {
    archive: Archive,
    image: u32,
}

impl Session {
    /// Opens one image of a WIM.
    ///
    /// # Errors
    /// [`InjectError::Wim`]: the file cannot be read, is no WIM, or has no such image.
    pub fn open(wim: impl AsRef<Path>, image: &ImageSelector) -> Result<Self, InjectError> {
        let archive = Archive::open(wim.as_ref())?;
        let image = archive.select(image)?;
        Ok(Self { archive, image })
    }

    /// Opens one image of the WinPE on an installation disc, `sources\boot.wim` within the ISO image.
    /// Its result can only be written to another file.
    ///
    /// # Errors
    /// [`InjectError::Wim`]: no ISO image, no `boot.wim` in it, or no such image in that.
    pub fn open_in_iso(iso: impl AsRef<Path>, image: &ImageSelector) -> Result<Self, InjectError> {
        let archive = Archive::open_in_iso(iso.as_ref(), "sources/boot.wim")?;
        let image = archive.select(image)?;
        Ok(Self { archive, image })
    }

    /// The WIM.
    #[must_use]
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The image's number, from 1.
    #[must_use]
    pub fn image(&self) -> u32 {
        self.image
    }

    /// Does the whole job in memory. Nothing is written.
    ///
    /// # Errors
    /// [`InjectError`] says what is missing, damaged or not understood, and where.
    pub fn stage(self, job: &Job) -> Result<Staged, InjectError> {
        let mut files = files::plan(&self.archive, self.image, job)?;
        let registry = registry::plan(&self.archive, self.image, job)?;
        let mut warnings = registry.warnings;
        let image = self.archive.images().iter().find(|image| image.index == self.image);
        let startup = match image {
            Some(image) => {
                warnings.extend(startup::event_log_warning(image, &job.startup));
                startup::plan(&self.archive, image, &job.startup, &mut files, &mut warnings)?
            }
            None => None,
        };
        for hive in &registry.reports {
            if let Some(file) = files.reports.iter().find(|file| file.path == hive.file) {
                let (first, second) = (file.why.clone(), "the edits of its keys".to_owned());
                let path = hive.file.clone();
                return Err(AdditionError::Twice { path, first, second }.into());
            }
        }
        let report = Report {
            schema: 1,
            wim: self.archive.path().display().to_string(),
            image: self.image,
            image_name: image.map(|image| image.name.clone()).unwrap_or_default(),
            profile: job.profile.name().to_owned(),
            source: job.source.map(|source| source.name().to_owned()),
            hives: registry.reports,
            files: files.reports,
            startup,
            warnings,
        };
        let changes = registry.changes.into_iter().chain(files.changes).collect();
        Ok(Staged { session: self, changes, report, time: job.time })
    }
}

/// A finished and verified result that is not yet written.
#[derive(Debug)]
#[must_use = "nothing is written until it is committed"]
pub struct Staged {
    session: Session,
    changes: Vec<FileChange>,
    report: Report,
    time: Option<SystemTime>,
}

impl Staged {
    /// What [`commit`](Self::commit) does.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Writes the result. In place, an image for which there is nothing to do is not touched.
    ///
    /// # Errors
    /// [`InjectError::Wim`]; the image is then as it was.
    pub fn commit(self, target: &Target) -> Result<Committed, InjectError> {
        self.commit_with(target, &mut |_| {})
    }

    /// As [`commit`](Self::commit), and tells how far it is.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_with(
        self,
        target: &Target,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Committed, InjectError> {
        let changes = match self.changes {
            none if none.is_empty() => vec![],
            changes => vec![ImageChanges { image: self.session.image, changes }],
        };
        let options =
            CommitOptions { progress: Some(progress), time: self.time, ..CommitOptions::default() };
        Ok(self.session.archive.commit(&changes, target, options)?)
    }
}
