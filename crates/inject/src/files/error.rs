//! Why files cannot be put into an image, or the record of them not be used.

use std::path::PathBuf;

use thiserror::Error;
use winpe_registry::KeyPath;
use winpe_wim::WimError;

use crate::image::{ImagePath, TreeError};

/// Why files cannot be put into an image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FilesError {
    /// A file of the image or source cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file has no valid place in the image, or two files have the same.
    #[error(transparent)]
    Addition(#[from] AdditionError),
    /// Files of the profile that neither the image nor the source has.
    #[error(transparent)]
    Missing(#[from] MissingFiles),
}

impl From<WimError> for FilesError {
    fn from(error: WimError) -> Self {
        Self::Tree(error.into())
    }
}

impl FilesError {
    pub(super) fn read(path: PathBuf, source: std::io::Error) -> Self {
        Self::Tree(TreeError::Read { path, source })
    }
}

/// Why something cannot be added.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdditionError {
    /// Not `SRC=DEST`.
    #[error("{0:?} is not SRC=DEST")]
    NotAPair(String),
    /// The destination is not a path in the image.
    #[error("{path:?} is not a path in an image: {why}")]
    BadDestination {
        /// As given.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Neither a file nor a folder.
    #[error("{} is neither a file nor a folder", .0.display())]
    NotAFile(PathBuf),
    /// A link that leads back to a folder above it.
    #[error("{} leads back to a folder above it", .0.display())]
    Loop(PathBuf),
    /// Windows does not allow the name of a file in the source.
    #[error("{}: Windows does not allow this name: {why}", path.display())]
    BadName {
        /// The file.
        path: PathBuf,
        /// What is wrong with its name.
        why: &'static str,
    },
    /// Two things for one place.
    #[error("{path} is given twice: {first:?} and {second:?}")]
    Twice {
        /// The place in the image.
        path: ImagePath,
        /// What gives it first, or its reason.
        first: String,
        /// What gives it again, or its reason.
        second: String,
    },
}

/// Files and keys that neither the image nor the source has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", missing(files, keys, source_name.as_deref()))]
pub struct MissingFiles {
    /// All the files.
    pub files: Vec<ImagePath>,
    /// All the keys.
    pub keys: Vec<KeyPath>,
    /// The name of the source, if there was one.
    pub source_name: Option<String>,
}

/// Why the record of what was put in cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A file of the image cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file that the record needs cannot be put into the image.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// It is not JSON of the expected form.
    #[error("{file}: {source}")]
    Json {
        /// Its path in the image.
        file: ImagePath,
        /// Why.
        source: serde_json::Error,
    },
    /// It has another schema.
    #[error("{file} is of schema {found}, expected {expected}")]
    Schema {
        /// Its path in the image.
        file: ImagePath,
        /// What this program reads.
        expected: u32,
        /// What it is.
        found: u32,
    },
    /// It is larger than the limit.
    #[error("{file}: a record of {size} bytes, expected at most {limit}")]
    Size {
        /// Its path in the image.
        file: ImagePath,
        /// Its size, or the size that it would have.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Its content is not what this program writes.
    #[error("{file}: {path} {found}")]
    Content {
        /// Its path in the image.
        file: ImagePath,
        /// The path in the record.
        path: ImagePath,
        /// What is wrong with it.
        found: &'static str,
    },
}

impl From<WimError> for RecordError {
    fn from(error: WimError) -> Self {
        Self::Tree(error.into())
    }
}

fn missing(files: &[ImagePath], keys: &[KeyPath], source: Option<&str>) -> String {
    let count = |what: &str, count: usize| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        count => Some(format!("{count} {what}s")),
    };
    let counts: Vec<_> =
        count("file", files.len()).into_iter().chain(count("key", keys.len())).collect();
    let are = if files.len() + keys.len() == 1 { "is" } else { "are" };
    let many = format!("{} {are}", counts.join(" and "));
    let files = files.iter().map(|file| format!("\n  {file}"));
    let names: String = files.chain(keys.iter().map(|key| format!("\n  {key}"))).collect();
    match source {
        Some(source) => format!("{many} neither in the image nor in {source}:{names}"),
        None => format!("{many} not in the image, and no source is given:{names}"),
    }
}
