//! Why a profile cannot be used.

use std::path::PathBuf;

use thiserror::Error;
use winpe_disk::folder::FolderError;
use winpe_regfile::ParseError;
use winpe_registry::{KeyPath, NameError};

use crate::hives::Origin;

/// Why a profile cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Neither a built-in profile nor a folder.
    #[error("no profile {name:?}; built in: {}", known.join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The built-in profiles.
        known: Vec<&'static str>,
    },
    /// A file of the profile cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `profile.toml` is not text.
    #[error("{} is not UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// `profile.toml` has another form than expected.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// A hive root is not a key path.
    #[error("{}: {source}", path.display())]
    HiveRoot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: NameError,
    },
    /// The profile names a file that is not beside its `profile.toml`.
    #[error("{}: {file:?} is not the name of a file in this folder", dir.display())]
    OutsideFolder {
        /// The profile's folder.
        dir: PathBuf,
        /// The file it names.
        file: String,
    },
    /// The profile names a file of the image or source with `.` or `..` in its path.
    #[error("{}: {path:?} is not the path of a file in an image", profile.display())]
    BadPath {
        /// Its `profile.toml`.
        profile: PathBuf,
        /// The path.
        path: String,
    },
    /// The profile's folder, or a file in it: among others a link that leads out of it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A key of a part lies in no hive.
    #[error("{origin}: {key} lies in no hive of a Windows image")]
    NoHive {
        /// The line that names the key.
        origin: Origin,
        /// The key.
        key: KeyPath,
    },
    /// A profile chooses among others, and one of these does so too.
    #[error("profile {name} chooses {choice}, which chooses among others itself")]
    ChoiceOfChoices {
        /// The profile.
        name: String,
        /// The one that it names.
        choice: String,
    },
    /// None of the profiles that this one chooses among is meant for the image and the source.
    #[error("{}", no_choice(profile, *image, *source_build, choices))]
    NoChoice {
        /// The profile.
        profile: String,
        /// The image's build.
        image: Option<u32>,
        /// The source's build.
        source_build: Option<u32>,
        /// The profiles that it chooses among.
        choices: Vec<String>,
    },
    /// A `.reg` file of the profile cannot be parsed.
    #[error("{0}\n{snippet}", snippet = .0.snippet())]
    Reg(#[from] ParseError),
}

fn no_choice(profile: &str, image: Option<u32>, source: Option<u32>, known: &[String]) -> String {
    let build =
        |build: Option<u32>| build.map_or("of unknown build".into(), |b| format!("build {b}"));
    let source = source.map_or(String::new(), |source| format!(", and the source build {source}"));
    let known = known.join(", ");
    format!(
        "profile {profile} has no choice for this image: it is {}{source}; the choices are {known}",
        build(image)
    )
}
