//! Why an operation on an image failed: one type for each. Whatever it is, the image is as it was.

use std::path::PathBuf;

use thiserror::Error;
use winpe_wim::{Arch, WimError};

use crate::files::{AdditionError, FilesError, RecordError};
use crate::hives::HiveError;
use crate::image::TreeError;
use crate::parts::PartError;
use crate::profile::ProfileError;
use crate::program::ProgramError;
use crate::startup::StartupError;

/// Why a job could not be staged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StageError {
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A file of the image or source cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A hive cannot be read or edited.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A part of the profile cannot be taken from the source.
    #[error(transparent)]
    Part(#[from] PartError),
    /// A file cannot be put into the image.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A program of the source does not work in the image.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// WinPE cannot be made to do something at its start.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// The record in the image cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The source is made for another processor.
    #[error("{source_name} is made for {source_arch}, and the image for {image}")]
    OtherArchitecture {
        /// The image's.
        image: Arch,
        /// The source.
        source_name: String,
        /// The source's.
        source_arch: Arch,
    },
    /// The image is another Windows than WinPE.
    #[error("{wim}, image {image} is {kind}, expected {expected}")]
    NotWinPe {
        /// The WIM.
        wim: String,
        /// The image.
        image: u32,
        /// Its edition, or the type of its installation.
        kind: String,
        /// What WinPE has there.
        expected: &'static str,
    },
    /// The source is another build of Windows.
    #[error("{source_name} is build {source_build} of Windows, and the image build {image}")]
    OtherBuild {
        /// The image's.
        image: u32,
        /// The source.
        source_name: String,
        /// The source's.
        source_build: u32,
    },
}

impl From<AdditionError> for StageError {
    fn from(error: AdditionError) -> Self {
        Self::Files(error.into())
    }
}

/// Why what was put in cannot be removed again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// A file of the image cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A hive cannot be read or edited.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// The record in the image cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A part of the startup cannot be removed.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// A file of the image cannot be changed.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The image has no record of what was put in.
    #[error("{}, image {image} has no record of what was put in", wim.display())]
    NoRecord {
        /// The WIM.
        wim: PathBuf,
        /// The image.
        image: u32,
    },
}

impl From<WimError> for RemoveError {
    fn from(error: WimError) -> Self {
        Self::Tree(error.into())
    }
}

/// Why an image cannot be compared with a profile.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InspectError {
    /// A file of the image cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A hive cannot be read.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A part of the profile cannot be looked at.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The record in the image cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What WinPE starts cannot be read.
    #[error(transparent)]
    Startup(#[from] StartupError),
}
