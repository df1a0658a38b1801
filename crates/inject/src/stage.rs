//! Stages a job for one image: does all of it in memory, and computes the report from the result.

use std::time::SystemTime;

use winpe_wim::{Archive, Content, FileChange};

use crate::error::StageError;
use crate::files::{self, AdditionError, FilePlan, PlannedFiles, Record, Started};
use crate::hives::{self, HiveError, HivePlan, HiveRoots, SourcedEdit};
use crate::identify::{identify, other_kind};
use crate::image::{ImagePath, ImageView, MARKS, Source, Windows};
use crate::job::Job;
use crate::parts::{self, Supplied};
use crate::profile::Profile;
use crate::program::{ProgramError, catalogue, imports};
use crate::report::{HiveReport, Report, Unresolved, Warning};
use crate::running_from;
use crate::startup::{self, secret};
use crate::steps::{StageStep, Watch};

/// Stages a job. Returns its report and the changes that a commit writes.
pub(crate) fn stage(
    archive: &Archive,
    image: u32,
    job: &Job,
    watch: &mut Watch<'_>,
) -> Result<(Report, Vec<FileChange>), StageError> {
    watch.step(StageStep::Identify)?;
    let task = Task::new(ImageView { archive, image }, job)?;
    let Task { image, .. } = task;
    task.check_target()?;
    let mut warnings = task.check_source()?;
    let profile = &*job.profile.choose(&task.windows, task.source_windows.as_ref())?;

    watch.step(StageStep::Parts)?;
    let source = job.source.map(Source::tree);
    let Supplied { reports: parts, files: mut supplied, edits, warnings: of_parts } =
        parts::supply(profile, image.tree(), task.languages(), source)?;
    warnings.extend(of_parts);
    watch.step(StageStep::Catalogues)?;
    let rules = profile.catalogues();
    let signatures = catalogue::supply(rules, image.tree(), source, &mut supplied, &mut warnings)?;
    watch.step(StageStep::Files)?;
    let mut files = files::plan(image, source, profile, supplied, &job.additions)?;
    watch.step(StageStep::Imports)?;
    let unresolved = task.check_imports(&files)?;
    watch.step(StageStep::Hives)?;
    let mended = match job.fix_system_root {
        true => running_from::mend(image.tree())?,
        false => vec![],
    };
    warnings.extend(task.boot_warnings()?);
    let hives = task.edit_hives(profile, &mended, &edits)?;
    warnings.extend(hives.warnings.iter().cloned());
    watch.step(StageStep::Startup)?;
    let known = Record::read(image)?;
    let system = startup::System { arch: task.windows.arch, build: task.windows.build };
    let startup =
        startup::plan(image, system, &job.startup, known.as_ref(), &mut files, &mut warnings)?;
    let (startup, started) = startup.map(|it| (it.report, it.started)).unzip();
    let after = started.as_ref().or(known.as_ref().and_then(|record| record.startup.as_ref()));
    let has_workaround = after.is_some_and(|started| started.event_log);
    warnings.extend(startup::event_log_warning(task.newest_build(), has_workaround));
    refuse_hives_as_files(&hives.reports, &files)?;
    watch.step(StageStep::Record)?;
    let record = record(image, known, profile.name(), &hives, &files, started)?;
    let files = files.finish()?;

    let report = Report {
        schema: 1,
        wim: image.wim(),
        image: image.image,
        image_name: image.name(),
        windows: task.windows,
        profile: profile.name().to_owned(),
        source: job.source.map(|source| source.name().to_owned()),
        source_windows: task.source_windows,
        parts,
        hives: hives.reports,
        files: files.reports,
        record: record.reports,
        adds_integrity: job.add_integrity && !archive.header().integrity,
        startup,
        signatures,
        unresolved,
        warnings,
    };
    // The record goes first: the content of a file is kept before the file is replaced.
    let changes = record.changes.into_iter().chain(hives.changes).chain(files.changes);
    Ok((secret::without_digests(report), changes.collect()))
}

/// Stages only what makes an image boot by itself. A record that the image has is kept true; an image without
/// one gets none.
pub(crate) fn stage_boot(
    archive: &Archive,
    image: u32,
    time: Option<SystemTime>,
) -> Result<(Report, Vec<FileChange>), StageError> {
    let image = ImageView { archive, image };
    let edits = running_from::mend(image.tree())?;
    let hives = hives::plan(image.tree(), edits.iter(), &HiveRoots::standard(), time)?;
    let windows = identify(image.tree())?;
    let (files, known) = (FilePlan::new(image), Record::read(image)?);
    let profile = known.as_ref().map(|record| record.profile.clone()).unwrap_or_default();
    let record = match known {
        Some(_) => record(image, known, &profile, &hives, &files, None)?,
        None => PlannedFiles::default(),
    };
    let changes = record.changes.into_iter().chain(hives.changes).collect();
    let (hives, warnings) = (hives.reports, hives.warnings);
    let report = Report { record: record.reports, ..Report::empty(image, windows, profile) };
    Ok((secret::without_digests(Report { hives, warnings, ..report }), changes))
}

/// A job for one image.
struct Task<'a> {
    image: ImageView<'a>,
    job: &'a Job<'a>,
    windows: Windows,
    source_windows: Option<Windows>,
}

impl<'a> Task<'a> {
    fn new(image: ImageView<'a>, job: &'a Job<'a>) -> Result<Self, HiveError> {
        let windows = identify(image.tree())?;
        let source_windows = job.source.map(Source::windows).transpose()?;
        Ok(Self { image, job, windows, source_windows })
    }

    /// Refuses an image that is not WinPE: mostly one that was meant to be the source.
    fn check_target(&self) -> Result<(), StageError> {
        match other_kind(self.image.tree())?.filter(|_| !self.job.force_target) {
            Some(kind) => {
                let (wim, image) = (self.image.wim(), self.image.image);
                Err(StageError::NotWinPe { wim, image, kind, expected: &MARKS.kind_of_pe })
            }
            None => Ok(()),
        }
    }

    /// Refuses a source whose processor or build is not the image's. Returns warnings for what is unknown.
    fn check_source(&self) -> Result<Vec<Warning>, StageError> {
        let Some((source, theirs)) = self.job.source.zip(self.source_windows.as_ref()) else {
            return Ok(vec![]);
        };
        let source_name = || source.name().to_owned();
        let mut warnings = Vec::new();
        match (self.windows.arch, theirs.arch) {
            (Some(image), Some(source_arch)) if image != source_arch => {
                let source_name = source_name();
                return Err(StageError::OtherArchitecture { image, source_name, source_arch });
            }
            (Some(_), Some(_)) => {}
            _ => warnings.push(Warning::UnknownArch { source_name: source_name() }),
        }
        match (self.windows.build, theirs.build) {
            (Some(image), Some(source)) if Windows::is_family(image, source) => {}
            (Some(image), Some(source_build)) if !self.job.allow_build_mismatch => {
                let source_name = source_name();
                return Err(StageError::OtherBuild { image, source_name, source_build });
            }
            (Some(image), Some(source_build)) => {
                let source_name = source_name();
                warnings.push(Warning::OtherBuild { source_name, source_build, image });
            }
            _ => warnings.push(Warning::UnknownBuild { source_name: source_name() }),
        }
        Ok(warnings)
    }

    /// Why the image will not start when it is booted by itself.
    fn boot_warnings(&self) -> Result<Vec<Warning>, HiveError> {
        let mut warnings = running_from::boot_warnings(self.image.archive, self.image.image)?;
        let is_mended = |warning: &Warning| {
            self.job.fix_system_root && matches!(warning, Warning::OtherFolder { .. })
        };
        warnings.retain(|warning| !is_mended(warning));
        Ok(warnings)
    }

    /// The image's languages; the source's if the image has none.
    fn languages(&self) -> &[String] {
        match (self.windows.languages.as_slice(), &self.source_windows) {
            ([], Some(theirs)) => &theirs.languages,
            (languages, _) => languages,
        }
    }

    fn newest_build(&self) -> Option<u32> {
        self.windows.build.max(self.source_windows.as_ref().and_then(|theirs| theirs.build))
    }

    /// Checks the programs of the source. Files that a user adds are the user's affair.
    fn check_imports(&self, files: &FilePlan<'_>) -> Result<Vec<Unresolved>, ProgramError> {
        let changed = files.changed();
        let from_source = changed.iter().filter_map(|file| match file.content {
            Content::Bytes(data) => Some((file.path, data.as_slice())),
            _ => None,
        });
        let files: Vec<(&ImagePath, &[u8])> = from_source.collect();
        imports::check(self.image.tree(), self.windows.arch, &files)
    }

    /// Applies the edits that mend the image, and those of the parts, the profile, the user and the startup, in this order.
    fn edit_hives(
        &self,
        profile: &Profile,
        mended: &[SourcedEdit],
        of_parts: &[SourcedEdit],
    ) -> Result<HivePlan, HiveError> {
        let of_profile = profile.reg().iter().flat_map(|part| &part.edits);
        let of_startup = self.job.startup.edits();
        let edits = mended
            .iter()
            .chain(of_parts)
            .chain(of_profile)
            .chain(&self.job.edits)
            .chain(&of_startup);
        hives::plan(self.image.tree(), edits, profile.roots(), self.job.time)
    }
}

/// Records what is done, if anything is.
fn record(
    image: ImageView<'_>,
    known: Option<Record>,
    profile: &str,
    hives: &HivePlan,
    files: &FilePlan<'_>,
    started: Option<Started>,
) -> Result<PlannedFiles, StageError> {
    if hives.changes.is_empty() && files.is_unchanged() {
        return Ok(PlannedFiles::default());
    }
    let record = known.unwrap_or_default();
    Ok(record.extended(image, profile, &hives.reports, files, started)?.finish()?)
}

/// Refuses a file in the place of an edited hive.
fn refuse_hives_as_files(hives: &[HiveReport], files: &FilePlan<'_>) -> Result<(), AdditionError> {
    for hive in hives {
        if let Some(why) = files.why(&hive.file) {
            let (first, second) = (why.to_owned(), "the edits of its keys".to_owned());
            return Err(AdditionError::Twice { path: hive.file.clone(), first, second });
        }
    }
    Ok(())
}
