//! The steps of staging, for whoever waits for them.

use std::fmt;

use winpe_wim::Cancel;

use crate::error::StageError;

/// A step of staging a job for an image. They come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StageStep {
    /// Builds and processors are compared.
    Identify,
    /// The parts of the profile are taken from the source.
    Parts,
    /// Catalogues that sign these files are looked for.
    Catalogues,
    /// Files are read and compared with those of the image.
    Files,
    /// Imports of the new programs are looked up.
    Imports,
    /// Hives are edited, checked, and read by a second reader.
    Hives,
    /// Drivers are read, and what WinPE starts is prepared.
    Startup,
    /// The record of all this is made.
    Record,
}

/// Which step of staging begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageProgress {
    /// The number of the image.
    pub image: u32,
    /// The step.
    pub step: StageStep,
}

impl StageStep {
    /// All steps.
    pub const ALL: [Self; 8] = [
        Self::Identify,
        Self::Parts,
        Self::Catalogues,
        Self::Files,
        Self::Imports,
        Self::Hives,
        Self::Startup,
        Self::Record,
    ];
}

/// What is done, as a progress bar shows it.
impl fmt::Display for StageStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identify => "looking at the image",
            Self::Parts => "reading the source",
            Self::Catalogues => "looking for catalogues",
            Self::Files => "comparing files",
            Self::Imports => "looking up imports",
            Self::Hives => "editing hives",
            Self::Startup => "preparing the start",
            Self::Record => "recording",
        })
    }
}

/// Reports each step, unless the job was cancelled.
pub(crate) struct Watch<'w> {
    pub(crate) image: u32,
    pub(crate) cancel: &'w Cancel,
    pub(crate) progress: &'w mut dyn FnMut(StageProgress),
}

impl Watch<'_> {
    pub(crate) fn step(&mut self, step: StageStep) -> Result<(), StageError> {
        if self.cancel.is_cancelled() {
            return Err(StageError::Cancelled);
        }
        (self.progress)(StageProgress { image: self.image, step });
        Ok(())
    }
}
