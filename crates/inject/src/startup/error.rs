//! Why WinPE cannot be made to do something at its start.

use thiserror::Error;

use super::DriverError;
use crate::files::FilesError;
use crate::hives::HiveError;
use crate::image::{ImagePath, TreeError};
use crate::report::StartupItem;

/// Why WinPE cannot be made to do something at its start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartupError {
    /// A file cannot be read, or not be put into the image.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A hive of the image cannot be read.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// A driver package cannot be put in.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The image does not start `winpeshl.exe`, which reads `winpeshl.ini` and `startnet.cmd`.
    #[error(
        "this image starts {command:?} instead of winpeshl.exe, so nothing would call {script}"
    )]
    OtherShell {
        /// The value `Setup\CmdLine`.
        command: String,
        /// The script that would have to be called.
        script: ImagePath,
    },
    /// A block of ours was damaged by hand.
    #[error("{file}, line {line}: a block of winpe-iscsi begins here and does not end")]
    Unended {
        /// The file in the image.
        file: ImagePath,
        /// The line at which it begins, counted from 1.
        line: usize,
    },
    /// A CHAP name and secret that no login would use.
    #[error("there is a CHAP secret and no target to log in to")]
    NoTarget,
    /// The image does not do what it should stop doing.
    #[error("the image has no {item}{}", has(found))]
    Absent {
        /// What was to be removed.
        item: StartupItem,
        /// What of its kind the image has.
        found: Vec<String>,
    },
    /// A file is too long to be a script.
    #[error("{file} has {size} bytes: expected a script of at most {limit}")]
    TooLong {
        /// The file in the image.
        file: ImagePath,
        /// Its size, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
}

fn has(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!("; it has {}", found.join(", ")) }
}

impl From<TreeError> for StartupError {
    fn from(error: TreeError) -> Self {
        Self::Files(error.into())
    }
}
