//! What may help against an error, for people at a terminal.

mod inject;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use winpe_disk::folder::FolderError;
use winpe_inject::demo::DemoError;
use winpe_inject::{ChapError, RecipeError};
use winpe_mount::MountError;
use winpe_wim::{CommitError, FormatError, ReadError, WimError};

use crate::failure::Failure;
use crate::kind::{self, Kind};
use crate::suggest::help_with_key;

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
        of_another_kind(&error).unwrap_or_else(|| {
            let hints = wim(&error);
            hinted(Self::new(error), hints)
        })
    }
}

/// The failure for a file whose content tells what it is instead of a WIM.
fn of_another_kind(error: &WimError) -> Option<Failure> {
    match error {
        WimError::Format(FormatError::NotAWim { path, .. }) => kind::refused(path, Kind::Wim),
        _ => None,
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
            MountError::Wim(WimError::Commit(CommitError::Changed { .. })) => {
                "the changes were made to what the WIM was when it was mounted; take what you need \
                 from the data folder of the staging folder (winpe-iscsi mounts names it), then \
                 unmount with --discard"
            }
            MountError::Wim(error) => {
                let plain = || hinted(Self::new(error.to_string()), wim(error));
                return of_another_kind(error).unwrap_or_else(plain);
            }
            MountError::Fuse { source, .. } if source.kind() == ErrorKind::NotFound => {
                "the system has no /dev/fuse, or no fusermount3 (Debian package fuse3); \
                 winpe-iscsi wim and winpe-iscsi inject need neither"
            }
            MountError::Fuse { .. } => {
                "a user other than root needs fusermount3 (Debian package fuse3); winpe-iscsi wim works \
                 without a mount"
            }
            MountError::InUse { .. } => {
                "end the programs that use it, for example a shell in that folder; list them with \
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
            DemoError::Wim(error @ WimError::Commit(CommitError::TargetExists { .. })) => {
                Self::new(error).hint("name a folder without these files: winpe-iscsi demo DIR")
            }
            DemoError::Wim(error) => error.into(),
            error => Self::new(error),
        }
    }
}

fn hinted(failure: Failure, hints: Vec<String>) -> Failure {
    hints.into_iter().fold(failure, Failure::hint)
}

fn wim(error: &WimError) -> Vec<String> {
    let hint = match error {
        WimError::Commit(CommitError::Solid { path }) | WimError::Commit(CommitError::Pipable { path }) => format!(
            "make one that can be changed first: winpe-iscsi wim export {}:all {}",
            path.display(),
            beside(path, "plain.wim").display()
        ),
        WimError::Commit(CommitError::Split { path, .. }) => format!(
            "join the parts first: winpe-iscsi wim export {}:all {}",
            path.display(),
            beside(path, "joined.wim").display()
        ),
        WimError::Commit(CommitError::ImageExists { .. }) => "--name gives the copy another one".to_owned(),
        WimError::Format(FormatError::BadEntry { .. }) => {
            "winpe-iscsi wim verify names all such entries; folders without one can be copied".to_owned()
        }
        WimError::Read(ReadError::MissingData { part, .. }) if *part > 1 => {
            "name the first part of the set; the others are found beside it".to_owned()
        }
        WimError::Read(ReadError::NotInIso { .. }) => {
            "a Windows disc has sources/boot.wim, and sources/install.wim or install.esd; 7z l lists what is on \
             this one"
                .to_owned()
        }
        WimError::Folder(FolderError::Exists { .. }) => "--force overwrites it".to_owned(),
        WimError::Folder(error) => return folder(error),
        WimError::Commit(CommitError::TargetExists { .. }) => "--force overwrites it".to_owned(),
        WimError::Commit(CommitError::Locked { .. }) => {
            "wait for the other program (winpe-iscsi mounts lists the images that are mounted), or work \
             on a copy"
                .to_owned()
        }
        WimError::Commit(CommitError::NotWritable { path, .. }) if !path.exists() => {
            "write it to a folder that you may change".to_owned()
        }
        WimError::Commit(CommitError::ReadOnly { .. }) | WimError::Commit(CommitError::NotWritable { .. }) => {
            "change a copy of it; inject and remove write to another file with -o OUT".to_owned()
        }
        WimError::Commit(CommitError::NoSpace { .. }) => {
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
