//! What a person should know of a job that is done all the same.

use std::path::PathBuf;

use serde::{Serialize, Serializer};
use thiserror::Error;
use winpe_registry::{KeyName, KeyPath, ValueName};
use winpe_san::SanUri;
use winpe_wim::BootObstacle;

use crate::image::ImagePath;

/// Something that a person should know, though the job is done. JSON has its words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Warning {
    /// The processor of the image or of the source is unknown.
    #[error("cannot tell whether {source_name} is made for the image's processor")]
    UnknownArch {
        /// The source.
        source_name: String,
    },
    /// The build of the image or of the source is unknown.
    #[error("cannot tell whether {source_name} is of the image's build")]
    UnknownBuild {
        /// The source.
        source_name: String,
    },
    /// The source is another build of Windows, which was allowed.
    #[error(
        "{source_name} is build {source_build}, and the image build {image}: a driver of another build may be \
         refused or stop the machine"
    )]
    OtherBuild {
        /// The source.
        source_name: String,
        /// The source's build.
        source_build: u32,
        /// The image's build.
        image: u32,
    },
    /// A file that should be a catalogue is too large to be one, and was not read.
    #[error("{path} of {tree} is too large for a catalogue: {size} bytes")]
    LargeCatalogue {
        /// Its path.
        path: ImagePath,
        /// The image or source.
        tree: String,
        /// In bytes.
        size: u64,
    },
    /// A file is missing for one of the languages.
    #[error("{tree} has no {path}; the image goes without it")]
    NoLanguageFile {
        /// Where it was looked for.
        tree: String,
        /// The file.
        path: ImagePath,
    },
    /// A hive was recovered from its transaction logs.
    #[error("{hive} was not completely written; {pages} pages were recovered from its logs")]
    HiveRecovered {
        /// The hive's path in the image.
        hive: ImagePath,
        /// How many pages the logs held.
        pages: usize,
    },
    /// Edits change a control set that Windows will not use.
    #[error(
        "{hive} uses {current}, but keys of {changed} are changed; write CurrentControlSet to follow the hive"
    )]
    OtherControlSet {
        /// The hive's path in the image.
        hive: ImagePath,
        /// The set that the hive selects.
        current: KeyName,
        /// The set that is changed.
        changed: KeyName,
    },
    /// Something to be removed no longer exists.
    #[error("{path} does not exist any more")]
    Gone {
        /// Its path in the image.
        path: ImagePath,
    },
    /// A file to be removed was changed after it was put in.
    #[error("{path} was changed since; it is undone too")]
    FileChanged {
        /// Its path in the image.
        path: ImagePath,
    },
    /// A value to be undone was changed after it was set.
    #[error("{hive}: {key}: value {value:?} was changed since; it is undone too")]
    ValueChanged {
        /// The hive's path in the image.
        hive: ImagePath,
        /// The key within the hive.
        key: KeyPath,
        /// The value.
        value: ValueName,
    },
    /// A created key is not deleted, since it is not empty.
    #[error("{hive}: {key} stays: something else is in it")]
    KeyStays {
        /// The hive's path in the image.
        hive: ImagePath,
        /// The key within the hive.
        key: KeyPath,
    },
    /// A created folder is not deleted, since it is not empty.
    #[error("{folder} stays: {other} is in it")]
    FolderStays {
        /// The folder.
        folder: ImagePath,
        /// What is in it.
        other: ImagePath,
    },
    /// The earlier content of a file is missing, so the file cannot be restored.
    #[error("{kept} is gone, so {path} stays as it is")]
    KeptGone {
        /// Where the earlier content was.
        kept: ImagePath,
        /// The file.
        path: ImagePath,
    },
    /// Of several images, nothing was ever put into this one.
    #[error("{}, image {image} has no record of what was put in", wim.display())]
    NoRecord {
        /// The WIM.
        wim: PathBuf,
        /// The image.
        image: u32,
    },
    /// The image holds the CHAP secret.
    #[error(
        "the CHAP secret is in the image as plain text; everyone who can read the image can read it"
    )]
    PlainSecret,
    /// A target was given with a LUN, which has no effect.
    #[error("{uri}: the initiator logs in to a target and shows all its LUNs")]
    AllLuns {
        /// The target.
        uri: SanUri,
    },
    /// The initiator of Windows 11 needs the event log.
    #[error(
        "build {build} is Windows 11, whose initiator service is reported not to start in WinPE (access \
         denied) until the event log service really writes; --event-log-workaround starts that again \
         before the network"
    )]
    EventLog {
        /// The build.
        build: u32,
    },
    /// The image's processor is unknown, so drivers were not compared with it.
    #[error("the image's processor is unknown; drivers are not checked")]
    DriversUnchecked,
    /// A driver package of a tree cannot be used.
    #[error("{why}; this driver is skipped")]
    DriverSkipped {
        /// The error.
        why: String,
    },
    /// A driver package has no catalogue.
    #[error("{}: no catalogue signs this driver, and 64-bit Windows loads no unsigned one", inf.display())]
    UnsignedDriver {
        /// Its INF.
        inf: PathBuf,
    },
    /// No boot manager reads the WIM.
    #[error("no boot manager reads {wim}: {why}")]
    NotBootable {
        /// The WIM.
        wim: String,
        /// Why.
        why: BootObstacle,
    },
    /// The registry states another folder than the one that WinPE boots from.
    #[error(
        "{key}: value {value:?} is {found}, expected {expected}: booted by itself, this image stops because the \
         folders differ"
    )]
    OtherFolder {
        /// The key.
        key: KeyPath,
        /// The value.
        value: ValueName,
        /// The folder that it states.
        found: String,
        /// The folder that WinPE boots from.
        expected: &'static str,
    },
    /// WinPE no longer does something at its start that an earlier run made it do.
    #[error(
        "WinPE no longer has the {item} of an earlier run: this run says all, and does not name it"
    )]
    Unhooked {
        /// What it did.
        item: StartupItem,
    },
    /// A driver package takes the place of another version of it.
    #[error(
        "the driver package {package} in the image is replaced by {}, which has INFs of the same names",
        by.display()
    )]
    DriverReplaced {
        /// The name of its folder in the image.
        package: String,
        /// The new one.
        by: PathBuf,
    },
    /// A script of ours was changed by hand after it was put in, and is made again.
    #[error("{path} was changed since it was put in, and is replaced")]
    ScriptChanged {
        /// The script.
        path: ImagePath,
    },
    /// `[LaunchApp]` of `winpeshl.ini` delays our scripts.
    #[error("{ini} starts the program of [LaunchApp] first; our scripts run after it has ended")]
    LaunchAppFirst {
        /// The file in the image.
        ini: ImagePath,
    },
    /// The script that WinPE starts does not start the network.
    #[error("{script} does not run wpeinit, so our script starts the network")]
    NoWpeinit {
        /// The file in the image.
        script: ImagePath,
    },
    /// `cmd.exe` cannot run the script as it is encoded.
    #[error("{script}: {why}")]
    UnfitForCmd {
        /// The file in the image.
        script: ImagePath,
        /// What is wrong with its encoding.
        why: UnfitText,
    },
    /// WinPE may start `setup.exe` instead of the script.
    #[error(
        "this image has a setup.exe, which WinPE may start instead of {script}; a winpeshl.ini decides what \
         is started"
    )]
    SetupExe {
        /// The file in the image.
        script: ImagePath,
    },
}

/// Something that WinPE does at its start because of this program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StartupItem {
    /// It loads a driver package, named by its folder.
    #[error("driver package {0}")]
    Driver(String),
    /// It logs in to a target.
    #[error("login to {0}")]
    Login(SanUri),
    /// It logs in with a CHAP name and secret.
    #[error("login with CHAP")]
    Chap,
    /// It starts the initiator.
    #[error("start of the initiator (autostart)")]
    Autostart,
    /// It restarts the event log service.
    #[error("event log workaround")]
    EventLog,
}

/// Why `cmd.exe` does not run a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnfitText {
    /// It begins with a byte order mark of UTF-8.
    #[error("it begins with a byte order mark, which cmd.exe takes as part of the first command")]
    ByteOrderMark,
    /// It is UTF-16.
    #[error("it is UTF-16, which cmd.exe does not run")]
    Utf16,
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
