//! What can go wrong, with the place where it did.

use std::path::PathBuf;

use thiserror::Error;
use winpe_disk::folder::FolderError;
use winpe_hive::log::RecoverError;
use winpe_hive::{EditError, Finding, OpenError, ReadError};
use winpe_regfile::{ParseError, WriteError};
use winpe_registry::{KeyPath, NameError, ValueName, ValueType};
use winpe_wim::{Arch, WimError};

use crate::driver::DriverError;
use crate::path::ImagePath;
use crate::pe::NotAProgram;
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
    /// Files and keys that neither the image nor the source has.
    #[error("{}", missing(files, keys, source_name.as_deref()))]
    MissingFiles {
        /// All the files.
        files: Vec<ImagePath>,
        /// All the keys.
        keys: Vec<KeyPath>,
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
    /// A value to which texts are to be added is no list of texts.
    #[error("{origin}: {key}: value {value:?} is {ty}, expected REG_MULTI_SZ")]
    NotAList {
        /// The rule that needs it.
        origin: Origin,
        /// The key.
        key: KeyPath,
        /// The value.
        value: ValueName,
        /// Its type in the image.
        ty: ValueType,
    },
    /// A profile stands for others, and none of them is meant for this image and source.
    #[error("{}", no_choice(profile, *image, *source_build, choices))]
    NoChoice {
        /// The profile.
        profile: String,
        /// The image's build.
        image: Option<u32>,
        /// The source's build.
        source_build: Option<u32>,
        /// The profiles that it stands for.
        choices: Vec<String>,
    },
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
    /// A program of the source is made for another processor.
    #[error("{file} of the source is made for {arch}, and the image for {image}")]
    OtherMachine {
        /// The program.
        file: ImagePath,
        /// What it is made for.
        arch: Arch,
        /// What the image is made for.
        image: Arch,
    },
    /// What should be a program is none.
    #[error("{file} of the source is {source}")]
    NotAProgram {
        /// The file.
        file: ImagePath,
        /// What is wrong with it.
        source: NotAProgram,
    },
    /// What inject did to the image is not recorded in it.
    #[error("{wim}, image {image} has no record of what was put in")]
    NoRecord {
        /// The WIM.
        wim: PathBuf,
        /// The image.
        image: u32,
    },
    /// The record of what was put in cannot be read, or not be written.
    #[error("{file}: {source}")]
    Record {
        /// Its place in the image.
        file: ImagePath,
        /// Why.
        source: serde_json::Error,
    },
    /// The record of what was put in is of another version of this program.
    #[error("{file} is of schema {found}, expected {expected}")]
    RecordSchema {
        /// Its place in the image.
        file: ImagePath,
        /// What this program reads.
        expected: u32,
        /// What it is.
        found: u32,
    },
    /// The record of what was put in is larger than any that is read.
    #[error("{file}: a record of {size} bytes, expected at most {limit}")]
    RecordSize {
        /// Its place in the image.
        file: ImagePath,
        /// What it has, or would have.
        size: u64,
        /// What it may have.
        limit: u64,
    },
    /// The record of what was put in says what no run of this program has done.
    #[error("{file}: {path} {found}")]
    RecordContent {
        /// Its place in the image.
        file: ImagePath,
        /// What it is about.
        path: ImagePath,
        /// What is said of that.
        found: &'static str,
    },
    /// Something to add has no place to go to, or two things have the same.
    #[error("{0}")]
    Addition(#[from] AdditionError),
    /// A folder to read from, or what is in it: among others a link that leads out of it.
    #[error(transparent)]
    Folder(#[from] FolderError),
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
        /// Where the key stands.
        origin: Origin,
        /// The key.
        key: KeyPath,
    },
    /// A profile stands for one that stands for others itself.
    #[error("profile {name} stands for {choice}, which stands for others itself")]
    ChoiceOfChoices {
        /// The profile.
        name: String,
        /// The one that it names.
        choice: String,
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

fn no_choice(profile: &str, image: Option<u32>, source: Option<u32>, known: &[String]) -> String {
    let build =
        |build: Option<u32>| build.map_or("of unknown build".into(), |b| format!("build {b}"));
    let source = source.map_or(String::new(), |source| format!(", and the source build {source}"));
    let known = known.join(", ");
    format!(
        "profile {profile} has none for this image: it is {}{source}; there are {known}",
        build(image)
    )
}

fn list(findings: &[Finding]) -> String {
    let shown: Vec<_> = findings.iter().take(5).map(ToString::to_string).collect();
    let more = findings.len().saturating_sub(shown.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", shown.join("; "))
}
