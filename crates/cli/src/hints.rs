//! What may help against an error, for people at a terminal.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use winpe_disk::folder::FolderError;
use winpe_hive::OpenError;
use winpe_inject::demo::DemoError;
use winpe_inject::{ChapError, DriverError, InjectError, ProfileError, RecipeError, StartupError};
use winpe_mount::MountError;
use winpe_wim::WimError;

use crate::failure::Failure;
use crate::suggest::help_with_key;

impl From<InjectError> for Failure {
    fn from(error: InjectError) -> Self {
        let hints = match &error {
            InjectError::Wim(error) => wim(error),
            InjectError::Profile(error) => profile(error),
            InjectError::Folder(error) => folder(error),
            InjectError::MissingFiles { source_name: None, .. } => vec![
                "name a Windows of the same version and architecture that has them: --source \
                 install.wim:1, or --source DIR for a folder that holds Windows"
                    .to_owned(),
            ],
            InjectError::MissingFiles { .. } => vec![
                "the source must be a full Windows, not another WinPE; see its images with \
                 winpe-iscsi info"
                    .to_owned(),
            ],
            InjectError::OtherBuild { .. } => vec![
                "the driver and the service must be of the image's own build: take the install.wim of \
                 the same disc or ADK; --allow-build-mismatch takes this one all the same"
                    .to_owned(),
            ],
            InjectError::OtherArchitecture { .. } => {
                vec!["see what a WIM is made for with winpe-iscsi info".to_owned()]
            }
            InjectError::NotAProgram { .. } => vec![
                "a folder of a compressed Windows (CompactOS) must be mounted so that it is unpacked; \
                 a WIM as the source has no such trouble"
                    .to_owned(),
            ],
            InjectError::NoChoice { .. } => {
                vec!["name the profile that is meant: --profile NAME".to_owned()]
            }
            InjectError::NoRecord { .. } => vec![
                "only what inject of this version or later has put in can be taken out".to_owned(),
            ],
            InjectError::RecordSize { .. } => vec![
                "a job that changes so many keys or files cannot be taken out again; split it, or use \
                 winpe-iscsi wim cp for the files and winpe-iscsi hive import for the keys"
                    .to_owned(),
            ],
            InjectError::NoHive { roots, .. } => {
                vec![format!("keys begin with one of: {}", roots.join(", "))]
            }
            InjectError::Startup(StartupError::OtherShell { .. }) => vec![
                "have what the image starts call it, and leave --autostart out".to_owned(),
            ],
            InjectError::Driver(error) => driver(error),
            InjectError::MissingHive { .. } => {
                vec!["is this a Windows image? See what it holds with winpe-iscsi info".to_owned()]
            }
            InjectError::OpenHive { source: OpenError::Dirty { .. } | OpenError::Checksum { .. }, .. } => vec![
                "Windows did not finish writing this hive, and its logs are not beside it; boot the \
                 image once, or take the hive from an image that was shut down"
                    .to_owned(),
            ],
            _ => vec![],
        };
        hints.into_iter().fold(Self::new(error), Self::hint)
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        let hints = profile(&error);
        hints.into_iter().fold(Self::new(error), Self::hint)
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Self {
        let hint = match &error {
            RecipeError::Text { message, .. } => help_with_key(message, ""),
            RecipeError::NoInject(_) => Some("winpe-iscsi schema recipe shows its keys".to_owned()),
            _ => None,
        };
        hint.into_iter().fold(Self::new(error), Self::hint)
    }
}

impl From<ChapError> for Failure {
    fn from(error: ChapError) -> Self {
        let hint = match &error {
            ChapError::Exposed { path, .. } => Some(format!("chmod 600 {}", path.display())),
            _ => None,
        };
        hint.into_iter().fold(Self::new(error), Self::hint)
    }
}

impl From<WimError> for Failure {
    fn from(error: WimError) -> Self {
        let hints = wim(&error);
        hinted(Self::new(error), hints)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let hints = folder(&error);
        hinted(Self::new(error), hints)
    }
}

impl From<MountError> for Failure {
    fn from(error: MountError) -> Self {
        let hint = match &error {
            MountError::Wim(WimError::Changed { .. }) => {
                "the changes were made to what the WIM was when it was mounted; take what you need \
                 from the data folder of the staging folder (winpe-iscsi mounts names it), then \
                 unmount with --discard"
            }
            MountError::Wim(error) => return hinted(Self::new(error.to_string()), wim(error)),
            MountError::Fuse { source, .. } if source.kind() == ErrorKind::NotFound => {
                "the system has no /dev/fuse, or no fusermount3 (Debian package fuse3); \
                 winpe-iscsi wim and winpe-iscsi inject need neither"
            }
            MountError::Fuse { .. } => {
                "who is not root needs fusermount3 (Debian package fuse3); winpe-iscsi wim needs no \
                 mount"
            }
            MountError::InUse { .. } => {
                "end the programs that use it, as a shell whose current folder it is; see which: \
                 fuser -vm DIR"
            }
            MountError::Undecided { .. } => {
                "--commit writes them to the WIM, --discard throws them away"
            }
            MountError::ReadOnly { .. } => "mount with --rw to change an image",
            MountError::Busy { .. } | MountError::NotMounted { .. } => {
                "winpe-iscsi mounts lists what is mounted"
            }
            _ => return Self::new(error),
        };
        Self::new(error).hint(hint)
    }
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Wim(error) => error.into(),
            error => Self::new(error),
        }
    }
}

fn driver(error: &DriverError) -> Vec<String> {
    match error {
        DriverError::Folder(error) => folder(error),
        DriverError::Machine { image, .. } => vec![format!(
            "driver packages have a folder for each processor; name the one for {image}"
        )],
        DriverError::NoInf(_) => {
            vec!["name the folder in which the .inf file is, not one above it".to_owned()]
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

fn hinted(failure: Failure, hints: Vec<String>) -> Failure {
    hints.into_iter().fold(failure, Failure::hint)
}

fn profile(error: &ProfileError) -> Vec<String> {
    match error {
        ProfileError::Folder(error) => folder(error),
        ProfileError::Unknown { .. } => {
            vec!["a folder with a profile.toml is a profile too: --profile ./DIR".to_owned()]
        }
        _ => vec![],
    }
}

fn wim(error: &WimError) -> Vec<String> {
    let hint = match error {
        WimError::Solid { path } | WimError::Pipable { path } => format!(
            "make one that can be changed first: winpe-iscsi wim export {}:all {}",
            path.display(),
            beside(path, "plain.wim").display()
        ),
        WimError::Split { path, .. } => format!(
            "join the parts first: winpe-iscsi wim export {}:all {}",
            path.display(),
            beside(path, "joined.wim").display()
        ),
        WimError::ImageExists { .. } => "--name gives the copy another one".to_owned(),
        WimError::BadEntry { .. } => {
            "winpe-iscsi wim verify names all such entries; folders without one can be copied".to_owned()
        }
        WimError::Folder(FolderError::Exists { .. }) => "--force overwrites it".to_owned(),
        WimError::Folder(error) => return folder(error),
        WimError::TargetExists { .. } => "--force overwrites it".to_owned(),
        WimError::Locked { .. } => {
            "wait for the other program (winpe-iscsi mounts tells which images are mounted), or let \
             inject write to another file with -o OUT"
                .to_owned()
        }
        WimError::NotWritable { path, .. } if !path.exists() => {
            "write it to a folder that you may change".to_owned()
        }
        WimError::ReadOnly { .. } | WimError::NotWritable { .. } => {
            "change a copy of it, or let inject write to another file with -o OUT".to_owned()
        }
        WimError::NoSpace { .. } => {
            "nothing was changed; free some space, or write to where there is some".to_owned()
        }
        _ => return vec![],
    };
    vec![hint]
}

fn folder(error: &FolderError) -> Vec<String> {
    let hint = match error {
        FolderError::Link { .. } => {
            "links in the destination are not followed; name the folder that it leads to as the \
             destination, or remove the link"
        }
        FolderError::Outside { .. } => {
            "links are followed within the folder only; put what it leads to in its place, or name that \
             by itself"
        }
        _ => return vec![],
    };
    vec![hint.to_owned()]
}

fn beside(path: &Path, name: &str) -> PathBuf {
    path.with_file_name(name)
}
