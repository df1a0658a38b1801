//! A job: all options that decide what an image becomes.

use std::time::SystemTime;

use winpe_wim::Cancel;

use crate::files::Addition;
use crate::hives::SourcedEdit;
use crate::image::Source;
use crate::profile::Profile;
use crate::startup::Startup;

/// Everything that decides what an image becomes.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) source: Option<&'a Source>,
    pub(crate) edits: Vec<SourcedEdit>,
    pub(crate) additions: Vec<Addition>,
    pub(crate) startup: Startup,
    pub(crate) time: Option<SystemTime>,
    pub(crate) add_integrity: bool,
    pub(crate) allow_build_mismatch: bool,
    pub(crate) force_target: bool,
    pub(crate) fix_system_root: bool,
    pub(crate) cancel: Cancel,
}

impl<'a> Job<'a> {
    /// Applies the profile, with the files that the image has.
    #[must_use]
    pub fn new(profile: &'a Profile) -> Self {
        Self {
            profile,
            source: None,
            edits: Vec::new(),
            additions: Vec::new(),
            startup: Startup::new(),
            time: None,
            add_integrity: false,
            allow_build_mismatch: false,
            force_target: false,
            fix_system_root: false,
            cancel: Cancel::new(),
        }
    }

    /// Takes the profile's files from here.
    #[must_use]
    pub fn source(mut self, source: &'a Source) -> Self {
        self.source = Some(source);
        self
    }

    /// Applies these edits too, after those of the profile and in the order given.
    #[must_use]
    pub fn edits(mut self, edits: impl IntoIterator<Item = SourcedEdit>) -> Self {
        self.edits.extend(edits);
        self
    }

    /// Adds these files and folders too.
    #[must_use]
    pub fn additions(mut self, additions: impl IntoIterator<Item = Addition>) -> Self {
        self.additions.extend(additions);
        self
    }

    /// Makes WinPE do this at its start too.
    #[must_use]
    pub fn startup(mut self, startup: Startup) -> Self {
        self.startup = startup;
        self
    }

    /// Allows a source of another build than the image's. Its driver may be refused, or stop the machine.
    #[must_use]
    pub fn allow_build_mismatch(mut self, allow: bool) -> Self {
        self.allow_build_mismatch = allow;
        self
    }

    /// Allows an image that is another Windows than WinPE, for example an installed one or the source itself.
    #[must_use]
    pub fn force_target(mut self, force: bool) -> Self {
        self.force_target = force;
        self
    }

    /// Sets `SystemRoot` and everything like it to the folder that WinPE boots from. Image 1 of a setup's `boot.wim`
    /// needs this to boot by itself.
    #[must_use]
    pub fn fix_system_root(mut self, fix: bool) -> Self {
        self.fix_system_root = fix;
        self
    }

    /// Ends staging and committing this job when the handle is called.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// The time stamp of everything that is written, for builds that must repeat byte for byte. The default
    /// is the system's clock.
    #[must_use]
    pub fn time(mut self, time: SystemTime) -> Self {
        self.time = Some(time);
        self
    }

    /// Adds an integrity table to a WIM without one. An existing one is always kept up to date.
    #[must_use]
    pub fn add_integrity(mut self) -> Self {
        self.add_integrity = true;
        self
    }
}
