//! What may help against an error of an operation on an image.

use std::path::Path;

use winpe_hive::OpenError;
use winpe_inject::{
    AdditionError, DiffError, DriverError, FilesError, HiveError, InspectError, MissingFiles,
    PartError, ProfileError, ProgramError, RecordError, RegError, RemoveError, SourceError,
    StageError, StartupError, TreeError,
};

use super::{folder, hinted, wim};
use crate::failure::Failure;
use crate::suggest::help_with_key;

macro_rules! failures {
    ($($error:ty => $hints:ident,)+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let hints = $hints(&error);
                hinted(Self::new(error), hints)
            }
        }
    )+};
}

failures! {
    StageError => stage,
    RemoveError => remove,
    InspectError => inspect,
    HiveError => hive,
    ProfileError => profile,
    TreeError => tree,
    AdditionError => none,
    DiffError => none,
    RegError => none,
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Wim(error) => error.into(),
            error => {
                let hints = source(&error);
                hinted(Self::new(error), hints)
            }
        }
    }
}

fn none<E>(_: &E) -> Vec<String> {
    vec![]
}

fn stage(error: &StageError) -> Vec<String> {
    match error {
        StageError::Tree(error) => tree(error),
        StageError::Hive(error) => hive(error),
        StageError::Profile(error) => profile(error),
        StageError::Part(error) => part(error),
        StageError::Files(error) => files(error),
        StageError::Program(error) => program(error),
        StageError::Startup(error) => startup(error),
        StageError::Record(error) => record(error),
        StageError::OtherBuild { .. } => vec![
            "the driver and the service must be of the image's own build: take the install.wim of \
             the same disc or ADK; --allow-build-mismatch takes this one all the same"
                .to_owned(),
        ],
        StageError::NotWinPe { .. } => vec![
            "name the WinPE first, and the Windows that has the files with --source; --force-target changes \
             this image all the same"
                .to_owned(),
        ],
        StageError::OtherArchitecture { .. } => {
            vec!["see what a WIM is made for with winpe-iscsi info".to_owned()]
        }
        _ => vec![],
    }
}

fn remove(error: &RemoveError) -> Vec<String> {
    match error {
        RemoveError::Tree(error) => tree(error),
        RemoveError::Hive(error) => hive(error),
        RemoveError::Record(error) => record(error),
        RemoveError::Startup(error) => startup(error),
        RemoveError::Files(error) => files(error),
        RemoveError::NoRecord { .. } => {
            vec!["only what inject of this version or later has put in can be taken out".to_owned()]
        }
        _ => vec![],
    }
}

fn inspect(error: &InspectError) -> Vec<String> {
    match error {
        InspectError::Tree(error) => tree(error),
        InspectError::Hive(error) => hive(error),
        InspectError::Profile(error) => profile(error),
        InspectError::Part(error) => part(error),
        InspectError::Record(error) => record(error),
        InspectError::Startup(error) => startup(error),
        _ => vec![],
    }
}

fn source(error: &SourceError) -> Vec<String> {
    match error {
        SourceError::Tree(error) => tree(error),
        _ => vec![],
    }
}

fn tree(error: &TreeError) -> Vec<String> {
    match error {
        TreeError::Wim(error) => wim(error),
        TreeError::Folder(error) => folder(error),
        _ => vec![],
    }
}

fn hive(error: &HiveError) -> Vec<String> {
    match error {
        HiveError::Tree(error) => tree(error),
        HiveError::NoRoot { roots, .. } => {
            vec![format!("keys begin with one of: {}", roots.join(", "))]
        }
        HiveError::Missing { .. } => {
            vec!["is this a Windows image? See what it holds with winpe-iscsi info".to_owned()]
        }
        HiveError::Open {
            source: OpenError::Dirty { .. } | OpenError::Checksum { .. }, ..
        } => vec![
            "Windows did not finish writing this hive, and its logs are not beside it; boot the \
             image once, or take the hive from an image that was shut down"
                .to_owned(),
        ],
        _ => vec![],
    }
}

fn part(error: &PartError) -> Vec<String> {
    match error {
        PartError::Hive(error) => hive(error),
        PartError::Missing(error) => missing(error),
        _ => vec![],
    }
}

fn files(error: &FilesError) -> Vec<String> {
    match error {
        FilesError::Tree(error) => tree(error),
        FilesError::Missing(error) => missing(error),
        _ => vec![],
    }
}

fn missing(error: &MissingFiles) -> Vec<String> {
    let hint = match error.source_name {
        None => {
            "name a Windows of the same version and architecture that has them: --source \
             install.wim:1, or --source DIR for a folder that holds Windows"
        }
        Some(_) => {
            "the source must be a full Windows, not another WinPE; see its images with \
             winpe-iscsi info"
        }
    };
    vec![hint.to_owned()]
}

fn program(error: &ProgramError) -> Vec<String> {
    match error {
        ProgramError::Tree(error) => tree(error),
        ProgramError::NotAProgram { .. } => vec![
            "a folder of a compressed Windows (CompactOS) must be mounted so that it is unpacked; \
             a WIM as the source has no such trouble"
                .to_owned(),
        ],
        _ => vec![],
    }
}

fn record(error: &RecordError) -> Vec<String> {
    match error {
        RecordError::Tree(error) => tree(error),
        RecordError::Files(error) => files(error),
        RecordError::Size { .. } => vec![
            "a job that changes so many keys or files cannot be taken out again; split it, or use \
             winpe-iscsi wim cp for the files and winpe-iscsi hive import for the keys"
                .to_owned(),
        ],
        _ => vec![],
    }
}

fn startup(error: &StartupError) -> Vec<String> {
    match error {
        StartupError::Files(error) => files(error),
        StartupError::Hive(error) => hive(error),
        StartupError::Driver(error) => driver(error),
        StartupError::OtherShell { .. } => {
            vec!["have what the image starts call it, and leave --autostart out".to_owned()]
        }
        StartupError::NoTarget => vec!["--connect names one".to_owned()],
        _ => vec![],
    }
}

fn driver(error: &DriverError) -> Vec<String> {
    match error {
        DriverError::Folder(error) => folder(error),
        DriverError::Machine { image, .. } => vec![format!(
            "name the package for {image}, or a folder above, of which the packages that fit are taken"
        )],
        DriverError::NoInf(_) => vec![
            "a driver package is an .inf file with its .sys and .cat files; a vendor's program for \
             installation must be unpacked first"
                .to_owned(),
        ],
        DriverError::NotAPack(_) => {
            vec!["unpack it, and name the folder: all packages below are found".to_owned()]
        }
        DriverError::Archive { .. } => {
            vec!["unpack it with another program, and name the folder".to_owned()]
        }
        DriverError::OtherSystem { .. } => vec![
            "name the vendor's package for the image's processor and build, or a folder above, of \
             which the packages that fit are taken"
                .to_owned(),
        ],
        DriverError::NotAscii(_) => vec![
            "give the .inf file another name; Windows does not compare the name with the catalogue"
                .to_owned(),
        ],
        DriverError::NoService { .. } => {
            vec![
                "the driver could not be loaded; take the package from the vendor again".to_owned(),
            ]
        }
        DriverError::Missing { .. } => {
            vec![
                "a driver package must be complete: unpack the vendor's archive as a whole"
                    .to_owned(),
            ]
        }
        _ => vec![],
    }
}

fn profile(error: &ProfileError) -> Vec<String> {
    match error {
        ProfileError::Folder(error) => folder(error),
        ProfileError::Unknown { name, .. } => {
            let is_path = name.contains('/');
            vec![match (is_path, Path::new(name).is_dir()) {
                (true, true) => format!("{name} has no profile.toml"),
                (true, false) => format!("there is no folder {name}"),
                _ => "a folder with a profile.toml is a profile too: --profile ./DIR".to_owned(),
            }]
        }
        ProfileError::Text { message, .. } => help_with_key(message, "").into_iter().collect(),
        ProfileError::NoChoice { .. } => {
            vec!["name the profile that is meant: --profile NAME".to_owned()]
        }
        _ => vec![],
    }
}
