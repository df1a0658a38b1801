//! A session: images of a WIM that are open, and what is staged for them.

use std::path::Path;
use std::time::SystemTime;

use winpe_wim::{
    Archive, Cancel, CommitOptions, Committed, FileChange, Image, ImageChanges, ImageSelector,
    Progress, Target, WimError,
};

use crate::error::{InspectError, RemoveError, StageError};
use crate::image::TreeError;
use crate::job::Job;
use crate::profile::Profile;
use crate::report::{Report, Warning};
use crate::startup::{Removal, secret};
use crate::steps::{StageProgress, Watch};
use crate::verdict::Verdict;
use crate::{outcome, remove, stage, verify};

/// The WinPE of an installation disc.
const BOOT_WIM: &str = "sources/boot.wim";

/// An image, or all images of a WIM, open for reading.
#[derive(Debug)]
pub struct Session {
    archive: Archive,
    /// At least one.
    images: Vec<u32>,
}

impl Session {
    /// Opens one image of a WIM.
    ///
    /// # Errors
    /// [`WimError`]: the file cannot be read, is not a WIM, or has no such image.
    pub fn open(wim: impl AsRef<Path>, image: &ImageSelector) -> Result<Self, WimError> {
        Self::of(Archive::open(wim.as_ref())?, image)
    }

    /// Opens all images of a WIM. Each gets what is staged, in one commit.
    ///
    /// # Errors
    /// [`WimError`]: the file cannot be read, is not a WIM, or has no image.
    pub fn open_all(wim: impl AsRef<Path>) -> Result<Self, WimError> {
        Self::of_all(Archive::open(wim.as_ref())?)
    }

    /// Opens one image of the WinPE on an installation disc, `sources\boot.wim` within the ISO image.
    /// Its result can only be written to another file.
    ///
    /// # Errors
    /// [`WimError`]: the file is not an ISO image, has no `boot.wim`, or that has no such image.
    pub fn open_in_iso(iso: impl AsRef<Path>, image: &ImageSelector) -> Result<Self, WimError> {
        Self::of(Archive::open_in_iso(iso.as_ref(), BOOT_WIM)?, image)
    }

    /// As [`Session::open_in_iso`], with all images.
    ///
    /// # Errors
    /// As [`Session::open_in_iso`].
    pub fn open_all_in_iso(iso: impl AsRef<Path>) -> Result<Self, WimError> {
        Self::of_all(Archive::open_in_iso(iso.as_ref(), BOOT_WIM)?)
    }

    /// One image of a WIM that is open.
    ///
    /// # Errors
    /// [`WimError`]: it has no such image.
    pub fn of(archive: Archive, image: &ImageSelector) -> Result<Self, WimError> {
        let images = vec![archive.select(image)?];
        Ok(Self { archive, images })
    }

    fn of_all(archive: Archive) -> Result<Self, WimError> {
        // Fails if there is none.
        archive.select(&ImageSelector::Index(1))?;
        let images = archive.images().iter().map(|image| image.index).collect();
        Ok(Self { archive, images })
    }

    /// The WIM.
    #[must_use]
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The image's number, from 1; of several, the first.
    #[must_use]
    pub fn image(&self) -> u32 {
        self.images[0]
    }

    /// Does the whole job in memory. Nothing is written.
    ///
    /// # Errors
    /// [`StageError`] says what is missing, damaged or not understood, and where.
    pub fn stage(self, job: &Job) -> Result<Staged, StageError> {
        self.stage_with(job, &mut |_| {})
    }

    /// As [`stage`](Self::stage), with a call before each step.
    ///
    /// ```
    /// # use winpe_inject::{Cancel, ImageSelector, Job, Profile, Session, Source, StageError, StageStep};
    /// # let dir = tempfile::tempdir()?;
    /// # winpe_inject::demo::create(dir.path())?;
    /// # std::env::set_current_dir(dir.path())?;
    /// let profile = Profile::builtin("iscsi")?;
    /// let source = Source::open("install.wim")?;
    /// let cancel = Cancel::new();
    /// let job = Job::new(&profile).source(&source).cancel(cancel.clone());
    /// let session = Session::open("winpe.wim", &ImageSelector::Boot)?;
    /// // A user who loses patience while the hives are edited.
    /// let staged = session.stage_with(&job, &mut |progress| {
    ///     println!("{}", progress.step);
    ///     if progress.step == StageStep::Hives {
    ///         cancel.cancel();
    ///     }
    /// });
    /// assert!(matches!(staged, Err(StageError::Cancelled)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`stage`](Self::stage).
    pub fn stage_with(
        self,
        job: &Job,
        progress: &mut dyn FnMut(StageProgress),
    ) -> Result<Staged, StageError> {
        let mut changes = Vec::new();
        let mut reports = Vec::new();
        for image in self.images.iter().copied() {
            let mut watch = Watch { image, cancel: &job.cancel, progress: &mut *progress };
            let (report, files) = stage::stage(&self.archive, image, job, &mut watch)?;
            reports.push(report);
            if !files.is_empty() {
                changes.push(ImageChanges { image, changes: files });
            }
        }
        let Job { time, add_integrity, .. } = *job;
        let Self { archive, images } = self;
        let cancel = job.cancel.clone();
        Ok(Staged { archive, images, changes, reports, time, add_integrity, cancel })
    }

    /// Sets `SystemRoot` and everything like it in each image to the folder that WinPE boots from, in memory.
    /// Nothing is written. Only an image with a record of what was put in gets it recorded.
    ///
    /// # Errors
    /// [`StageError`] if a hive cannot be read or edited.
    pub fn stage_boot(self, time: Option<SystemTime>) -> Result<Staged, StageError> {
        let (mut changes, mut reports) = (Vec::new(), Vec::new());
        for image in self.images.iter().copied() {
            let (report, files) = stage::stage_boot(&self.archive, image, time)?;
            reports.push(report);
            changes.push(ImageChanges { image, changes: files });
        }
        let Self { archive, images } = self;
        Ok(Staged {
            archive,
            images,
            changes,
            reports,
            time,
            add_integrity: false,
            cancel: Cancel::new(),
        })
    }

    /// Removes from each image what was ever put in, in memory. Nothing is written.
    ///
    /// ```
    /// # use winpe_inject::{ImageSelector, Job, Profile, Session, Source, Target};
    /// # let dir = tempfile::tempdir()?;
    /// # winpe_inject::demo::create(dir.path())?;
    /// # std::env::set_current_dir(dir.path())?;
    /// # let profile = Profile::builtin("iscsi")?;
    /// # let source = Source::open("install.wim")?;
    /// # let job = Job::new(&profile).source(&source);
    /// # Session::open("winpe.wim", &ImageSelector::Boot)?.stage(&job)?.commit(&Target::InPlace)?;
    /// let session = Session::open("winpe.wim", &ImageSelector::Boot)?;
    /// let staged = session.stage_removal(None)?;
    /// println!("{}", staged.report());
    /// staged.commit(&Target::InPlace)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RemoveError::NoRecord`] if this program put nothing into the image; of several images, into none
    /// of them.
    pub fn stage_removal(self, time: Option<SystemTime>) -> Result<Staged, RemoveError> {
        self.stage_removals(time, |archive, image| remove::stage(archive, image, time))
    }

    fn stage_removals(
        self,
        time: Option<SystemTime>,
        stage: impl Fn(&Archive, u32) -> Result<(Report, Vec<FileChange>), RemoveError>,
    ) -> Result<Staged, RemoveError> {
        let (mut changes, mut reports) = (Vec::new(), Vec::new());
        let mut without = Vec::new();
        for image in self.images.iter().copied() {
            match stage(&self.archive, image) {
                Ok((report, files)) => {
                    reports.push(report);
                    changes.push(ImageChanges { image, changes: files });
                }
                Err(RemoveError::NoRecord { wim, image }) => without.push((wim, image)),
                Err(error) => return Err(error),
            }
        }
        let mut without = without.into_iter();
        match reports.first_mut() {
            // Of several images, some may have got nothing.
            Some(report) => {
                report.warnings.extend(without.map(|(wim, image)| Warning::NoRecord { wim, image }))
            }
            None => {
                let (wim, image) = without.next().expect("a session has an image");
                return Err(RemoveError::NoRecord { wim, image });
            }
        }
        let Self { archive, images } = self;
        Ok(Staged {
            archive,
            images,
            changes,
            reports,
            time,
            add_integrity: false,
            cancel: Cancel::new(),
        })
    }

    /// Removes a part of what WinPE does at its start from each image, in memory. Nothing is written.
    ///
    /// # Errors
    /// As [`stage_removal`](Self::stage_removal), and [`StartupError::Absent`](crate::StartupError::Absent) if
    /// an image does not have the part.
    pub fn stage_removal_of(
        self,
        part: &Removal,
        time: Option<SystemTime>,
    ) -> Result<Staged, RemoveError> {
        self.stage_removals(time, |archive, image| remove::stage_part(archive, image, part))
    }

    /// Checks point by point that the image (of several, the first) holds what the profile promises and what
    /// was put in.
    ///
    /// ```
    /// # use winpe_inject::{ImageSelector, Profile, Session};
    /// # let dir = tempfile::tempdir()?;
    /// # winpe_inject::demo::create(dir.path())?;
    /// # std::env::set_current_dir(dir.path())?;
    /// let profile = Profile::builtin("iscsi")?;
    /// let verdict = Session::open("winpe.wim", &ImageSelector::Boot)?.verify(&profile)?;
    /// assert!(!verdict.findings.is_empty(), "nothing was put in yet");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InspectError`] if the image cannot be read, or no profile is meant for it.
    pub fn verify(&self, profile: &Profile) -> Result<Verdict, InspectError> {
        verify::verify(&self.archive, self.image(), profile)
    }

    /// As [`verify`](Self::verify), for each image of the session.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_all(&self, profile: &Profile) -> Result<Vec<Verdict>, InspectError> {
        let images = self.images.iter();
        images.map(|&image| verify::verify(&self.archive, image, profile)).collect()
    }
}

/// A finished and verified result that is not yet written.
#[derive(Debug)]
#[must_use = "nothing is written until it is committed"]
pub struct Staged {
    archive: Archive,
    images: Vec<u32>,
    changes: Vec<ImageChanges>,
    /// One for each image of the session.
    reports: Vec<Report>,
    time: Option<SystemTime>,
    add_integrity: bool,
    cancel: Cancel,
}

impl Staged {
    /// What [`commit`](Self::commit) does to the image; of several, to the first.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.reports[0]
    }

    /// What [`commit`](Self::commit) does to each image.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Whether an image of the session will hold a CHAP secret as plain text.
    ///
    /// # Errors
    /// [`WimError`] if the image cannot be read.
    pub fn holds_secret(&self) -> Result<bool, WimError> {
        let of_session = |image: &&Image| self.images.contains(&image.index);
        self.leaves_secret(self.archive.images().iter().filter(of_session))
    }

    fn leaves_secret<'i>(
        &self,
        images: impl IntoIterator<Item = &'i Image>,
    ) -> Result<bool, WimError> {
        for image in images {
            if secret::left(&self.archive, image.index, &self.changes)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether [`commit`](Self::commit) would be refused before it writes anything: the WIM cannot be changed, or
    /// the target exists, is a folder, or cannot be written. Writes nothing.
    ///
    /// # Errors
    /// [`WimError`] says why.
    pub fn check_target(&self, target: &Target) -> Result<(), WimError> {
        let writes = self.reports.iter().any(Report::has_changes);
        self.archive.check_target(target, writes)
    }

    /// Whether a WIM is already what [`commit`](Self::commit) would write to another file: the same images with
    /// the same names and contents. Hives are compared by their keys and values, since their bytes hold the time
    /// of the run. A file that is no WIM is not.
    ///
    /// # Errors
    /// [`TreeError`] if an image cannot be read.
    pub fn is_outcome(&self, path: impl AsRef<Path>) -> Result<bool, TreeError> {
        let Ok(other) = Archive::open(path.as_ref()) else { return Ok(false) };
        outcome::is_outcome(&self.archive, &self.changes, &self.reports, self.add_integrity, &other)
    }

    /// Writes the result. In place, an image that does not change is not written.
    ///
    /// A new file that holds a CHAP secret can be read only by its owner. If a secret is removed or
    /// replaced, all data that the WIM no longer refers to is overwritten: see [`Committed::erased`].
    ///
    /// # Errors
    /// [`WimError`]; the image is then as it was.
    pub fn commit(self, target: &Target) -> Result<Committed, WimError> {
        self.commit_with(target, &mut |_| {})
    }

    /// As [`commit`](Self::commit), with reports of the progress.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_with(
        self,
        target: &Target,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Committed, WimError> {
        let mut changes = self.changes.iter();
        let options = CommitOptions {
            progress: Some(progress),
            cancel: self.cancel.clone(),
            time: self.time,
            add_integrity: self.add_integrity,
            private: *target != Target::InPlace && self.leaves_secret(self.archive.images())?,
            erase: changes.try_fold(false, |found, changes| {
                Ok::<_, WimError>(found || secret::replaces(&self.archive, changes)?)
            })?,
            ..CommitOptions::default()
        };
        self.archive.commit(&self.changes, target, options)
    }
}
