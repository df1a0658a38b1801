//! The whole job for one image, in memory.

use winpe_wim::{Archive, FileChange};

use crate::catalogue;
use crate::error::{AdditionError, InjectError};
use crate::files::{self, FilePlan};
use crate::fit;
use crate::job::Job;
use crate::parts::{self, Supplied};
use crate::profile::Profile;
use crate::record::Record;
use crate::reg::SourcedEdit;
use crate::registry::{self, RegistryPlan};
use crate::report::{Report, image_name};
use crate::source::Source;
use crate::startup;
use crate::tree::Tree;
use crate::windows::Windows;

/// What is done to one image, and what that comes to.
pub(crate) fn stage(
    archive: &Archive,
    image: u32,
    job: &Job,
) -> Result<(Report, Vec<FileChange>), InjectError> {
    let scene = Scene::look(archive, image, job)?;
    let mut warnings = scene.fit()?;
    let profile = &*job.profile.choose(&scene.windows, scene.theirs.as_ref())?;

    let Supplied { reports: parts, files: mut supplied, edits, warnings: of_parts } =
        parts::supply(profile, scene.tree, scene.languages(), job.source)?;
    warnings.extend(of_parts);
    let source = job.source.map(Source::tree);
    let rules = profile.catalogues();
    let signatures = catalogue::supply(rules, scene.tree, source, &mut supplied, &mut warnings)?;
    let mut files = files::plan(archive, image, job, profile, supplied)?;
    let unresolved = fit::programs(scene.tree, scene.windows.arch, &files.changes)?;
    let registry = scene.edit_hives(profile, &edits)?;
    warnings.extend(registry.warnings.iter().cloned());
    warnings.extend(startup::event_log_warning(scene.newest_build(), &job.startup));
    let startup = startup::plan(
        (archive, image),
        scene.windows.arch,
        &job.startup,
        &mut files,
        &mut warnings,
    )?;
    files.digest(archive, image)?;
    refuse_hives_as_files(&registry, &files)?;
    let record = scene.record(profile, &registry, &files)?;

    let report = Report {
        schema: 1,
        wim: archive.path().display().to_string(),
        image,
        image_name: image_name(archive, image),
        windows: scene.windows,
        profile: profile.name().to_owned(),
        source: job.source.map(|source| source.name().to_owned()),
        source_windows: scene.theirs,
        parts,
        hives: registry.reports,
        files: files.reports,
        record: record.reports,
        adds_integrity: job.add_integrity && !archive.header().integrity,
        startup,
        signatures,
        unresolved,
        warnings,
    };
    // The record goes first: what a file was before is kept before it is replaced.
    let changes = record.changes.into_iter().chain(registry.changes).chain(files.changes);
    Ok((report.without_secrets(), changes.collect()))
}

/// What there is before anything is done.
struct Scene<'a> {
    archive: &'a Archive,
    image: u32,
    tree: Tree<'a>,
    job: &'a Job<'a>,
    windows: Windows,
    /// The Windows of the source.
    theirs: Option<Windows>,
}

impl<'a> Scene<'a> {
    fn look(archive: &'a Archive, image: u32, job: &'a Job<'a>) -> Result<Self, InjectError> {
        let tree = Tree::Image(archive, image);
        let windows = Windows::of(tree)?;
        let theirs = job.source.map(Source::windows).transpose()?;
        Ok(Self { archive, image, tree, job, windows, theirs })
    }

    /// Refuses a source that is of another kind. What could not be compared is a warning.
    fn fit(&self) -> Result<Vec<String>, InjectError> {
        match self.job.source.zip(self.theirs.as_ref()) {
            Some((source, theirs)) => {
                fit::source(&self.windows, source, theirs, self.job.allow_build_mismatch)
            }
            None => Ok(vec![]),
        }
    }

    /// Those of the image, or of the source where the image names none.
    fn languages(&self) -> &[String] {
        match (self.windows.languages.as_slice(), &self.theirs) {
            ([], Some(theirs)) => &theirs.languages,
            (languages, _) => languages,
        }
    }

    fn newest_build(&self) -> Option<u32> {
        self.windows.build.max(self.theirs.as_ref().and_then(|theirs| theirs.build))
    }

    /// Those of the parts, of the profile, of the user and of the startup, in this order.
    fn edit_hives(
        &self,
        profile: &Profile,
        of_parts: &[SourcedEdit],
    ) -> Result<RegistryPlan, InjectError> {
        let written_out = profile.reg().iter().flat_map(|part| &part.edits);
        let of_startup = self.job.startup.edits();
        let edits = of_parts.iter().chain(written_out).chain(&self.job.edits).chain(&of_startup);
        registry::plan(self.tree, edits, profile.roots(), self.job.time)
    }

    /// Takes down what is done, if anything is.
    fn record(
        &self,
        profile: &Profile,
        registry: &RegistryPlan,
        files: &FilePlan,
    ) -> Result<FilePlan, InjectError> {
        if registry.changes.is_empty() && files.changes.is_empty() {
            return Ok(FilePlan::default());
        }
        let record = Record::read(self.archive, self.image)?.unwrap_or_default();
        let (hives, files) = (&registry.reports, &files.reports);
        record.extended(self.archive, self.image, profile.name(), hives, files)
    }
}

/// A hive is given by its edits alone.
fn refuse_hives_as_files(registry: &RegistryPlan, files: &FilePlan) -> Result<(), AdditionError> {
    for hive in &registry.reports {
        if let Some(file) = files.reports.iter().find(|file| file.path == hive.file) {
            let (first, second) = (file.why.clone(), "the edits of its keys".to_owned());
            return Err(AdditionError::Twice { path: hive.file.clone(), first, second });
        }
    }
    Ok(())
}
