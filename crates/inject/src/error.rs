//! What can go wrong, with the place where it did.

use std::path::PathBuf;

use thiserror::Error;
use winpe_hive::log::RecoverError;
use winpe_hive::{EditError, Finding, OpenError, ReadError};
use winpe_regfile::{ParseError, WriteError};
use winpe_registry::{KeyPath, NameError};
use winpe_wim::WimError;

use crate::driver::DriverError;
use crate::path::ImagePath;
use crate::reg::Origin;
use crate::second_reader::Disagreement;
use crate::startup::StartupError;

/// Why an image was not changed. Whatever it is, the image is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InjectError {
    /// The image or a source could not be read, or the result not written.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// A `.reg` file cannot be understood.
    #[error("{0}\n{snippet}", snippet = .0.snippet())]
    Reg(#[from] ParseError),
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A file outside the image cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The source is neither a WIM nor a folder with Windows in it.
    #[error("{} holds no Windows folder", path.display())]
    SourceWithoutWindows {
        /// The folder.
        path: PathBuf,
    },
    /// Files that neither the image nor the source has.
    #[error("{}", missing_files(files, source_name.as_deref()))]
    MissingFiles {
        /// All of them.
        files: Vec<ImagePath>,
        /// Where they were looked for, if there was a source.
        source_name: Option<String>,
    },
    /// A hive that an edit needs is not in the image.
    #[error("{hive} is not in the image; {origin} has a key in it")]
    MissingHive {
        /// The hive's path in the image.
        hive: ImagePath,
        /// The edit that needs it.
        origin: Origin,
    },
    /// A hive cannot be opened.
    #[error("{hive}: {source}")]
    OpenHive {
        /// The hive's path in the image.
        hive: ImagePath,
        /// Why.
        source: OpenError,
    },
    /// A dirty hive cannot be recovered from the logs beside it.
    #[error("{hive}: {source}")]
    RecoverHive {
        /// The hive's path in the image.
        hive: ImagePath,
        /// Why.
        source: RecoverError,
    },
    /// A key of a hive cannot be read.
    #[error("{hive}: {source}")]
    ReadHive {
        /// The hive's path in the image.
        hive: ImagePath,
        /// Why.
        source: ReadError,
    },
    /// An edit cannot be applied.
    #[error("{origin}: {hive}: {source}")]
    Edit {
        /// The hive's path in the image.
        hive: ImagePath,
        /// Where the edit stands.
        origin: Origin,
        /// Why.
        source: Box<EditError>,
    },
    /// A hive was damaged before anything was done to it.
    #[error("{hive} is damaged: {}", list(findings))]
    DamagedHive {
        /// The hive's path in the image.
        hive: ImagePath,
        /// What the check found.
        findings: Vec<Finding>,
    },
    /// The edited hive did not pass our own check. This is a defect of this program.
    #[error("{hive} would be damaged by the edit: {}", list(findings))]
    CheckFailed {
        /// The hive's path in the image.
        hive: ImagePath,
        /// What the check found.
        findings: Vec<Finding>,
    },
    /// The second reader does not confirm the edited hive.
    #[error("{hive}: {source}")]
    NotConfirmed {
        /// The hive's path in the image.
        hive: ImagePath,
        /// What it sees.
        source: Disagreement,
    },
    /// A change cannot be shown in `.reg` syntax.
    #[error("{hive}: a change cannot be written as .reg text: {source}")]
    Diff {
        /// The hive's path in the image.
        hive: ImagePath,
        /// Why.
        source: WriteError,
    },
    /// No root covers a key.
    #[error("{origin}: {key} lies in no hive of a Windows image")]
    NoHive {
        /// Where the key stands.
        origin: Origin,
        /// The key.
        key: KeyPath,
        /// The roots that are known.
        roots: Vec<String>,
    },
    /// `CurrentControlSet` cannot be resolved.
    #[error(
        "{hive}: Select\\Current does not name a control set, so CurrentControlSet of {origin} means none"
    )]
    NoControlSet {
        /// The hive's path in the image.
        hive: ImagePath,
        /// The edit that needs it.
        origin: Origin,
    },
    /// WinPE cannot be made to do things by itself.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// A driver package cannot be put in.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// Something to add has no place to go to, or two things have the same.
    #[error("{0}")]
    Addition(#[from] AdditionError),
}

/// Why a profile cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Neither a built-in profile nor a folder.
    #[error("no profile {name:?}; built in: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
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
    /// `profile.toml` does not say what it must; the text shows line and column.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// A hive root is no key path.
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
    /// A `.reg` file of the profile cannot be understood.
    #[error("{0}\n{snippet}", snippet = .0.snippet())]
    Reg(#[from] ParseError),
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
    /// A name of the source cannot be a name in Windows.
    #[error("{}: Windows allows no such name", .0.display())]
    BadName(PathBuf),
    /// Two things for one place.
    #[error("{path} is given twice: by {first} and by {second}")]
    Twice {
        /// The place in the image.
        path: ImagePath,
        /// What gives it first.
        first: String,
        /// What gives it again.
        second: String,
    },
}

fn missing_files(files: &[ImagePath], source: Option<&str>) -> String {
    let many = if files.len() == 1 { "1 file is" } else { &format!("{} files are", files.len()) };
    let names: Vec<_> = files.iter().map(|file| format!("\n  {file}")).collect();
    let names = names.concat();
    match source {
        Some(source) => format!("{many} neither in the image nor in {source}:{names}"),
        None => format!("{many} not in the image, and no source is given:{names}"),
    }
}

fn list(findings: &[Finding]) -> String {
    let shown: Vec<_> = findings.iter().take(5).map(ToString::to_string).collect();
    let more = findings.len().saturating_sub(shown.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", shown.join("; "))
}
