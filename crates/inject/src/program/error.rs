//! Why a program of the source cannot be put into an image.

use thiserror::Error;
use winpe_wim::Arch;

use super::NotAProgram;
use crate::image::{ImagePath, TreeError};

/// Why a program of the source cannot be put into an image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// A file of the image or source cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// It is made for another processor.
    #[error("{file} of the source is made for {arch}, and the image for {image}")]
    OtherArchitecture {
        /// The program.
        file: ImagePath,
        /// What it is made for.
        arch: Arch,
        /// What the image is made for.
        image: Arch,
    },
    /// It has the name of a program and is not one.
    #[error("{file} of the source is {source}")]
    NotAProgram {
        /// The file.
        file: ImagePath,
        /// Why.
        source: NotAProgram,
    },
}
