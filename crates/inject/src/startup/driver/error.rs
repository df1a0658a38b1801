//! Why a driver package cannot be put into an image.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use winpe_disk::folder::FolderError;
use winpe_wim::Arch;

use super::archive::ArchiveError;
use super::inf::MAX_FILES;
use crate::image::TreeError;
use crate::program::NotAProgram;

/// Why a driver package cannot be put into an image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DriverError {
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The package's folder, or an entry in it, cannot be opened; for example a link that leads out of it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder has no `.inf` file.
    #[error("{} has no .inf file", .0.display())]
    NoInf(PathBuf),
    /// A file is not an INF.
    #[error("{} is not an INF: expected a [Version] section with a signature", .0.display())]
    NotAnInf(PathBuf),
    /// A name that Windows refuses, or that would lead out of the package.
    #[error("{}: {name:?} is not the name of a file in the package", inf.display())]
    BadName {
        /// The file that names it.
        inf: PathBuf,
        /// The name in the INF.
        name: String,
    },
    /// Files that the INF needs are missing.
    #[error("{} needs files that are not in the package: {}", inf.display(), files.join(", "))]
    Missing {
        /// The file that names them.
        inf: PathBuf,
        /// Their names.
        files: Vec<String>,
    },
    /// It names more files than any driver has.
    #[error("{} names {found} files or more: expected at most {MAX_FILES}", inf.display())]
    TooMany {
        /// The file that names them.
        inf: PathBuf,
        /// How many.
        found: usize,
    },
    /// It is longer than any INF.
    #[error("{} has {found} {what}: expected at most {limit}", inf.display())]
    TooLong {
        /// The file.
        inf: PathBuf,
        /// `bytes` or `lines`.
        what: &'static str,
        /// How many.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A driver is for another processor.
    #[error("{} is for {found}, and the image is for {image}", path.display())]
    Machine {
        /// The driver.
        path: PathBuf,
        /// What it is for.
        found: Arch,
        /// What the image is for.
        image: Arch,
    },
    /// A `.sys` file is not a program.
    #[error("{}: {source}", path.display())]
    NotAProgram {
        /// The driver.
        path: PathBuf,
        /// Why.
        source: NotAProgram,
    },
    /// Neither a folder, nor an INF, nor an archive.
    #[error("{} is neither a folder, an .inf file, a .zip nor a .cab file", .0.display())]
    NotAPack(PathBuf),
    /// An archive cannot be unpacked.
    #[error("{}: {source}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: ArchiveError,
    },
    /// A file of the image cannot be looked up.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Two names in one folder are the same to Windows.
    #[error("{} and {} have the same name in Windows", path.display(), other.display())]
    SameName {
        /// The first.
        path: PathBuf,
        /// The second.
        other: PathBuf,
    },
    /// `cmd.exe` reads a script in the OEM code page of the running Windows, so that the name of an INF in
    /// it must be ASCII.
    #[error("{}: expected an .inf file whose name is ASCII, since a script of WinPE names it", .0.display())]
    NotAscii(PathBuf),
    /// All its models are for other systems.
    #[error("{} is for {found}, and the image is {image}", inf.display())]
    OtherSystem {
        /// The INF.
        inf: PathBuf,
        /// The decorations of its models, as `NTx86`.
        found: String,
        /// Processor and build of the image.
        image: String,
    },
    /// A service has no program.
    #[error(
        "{} adds a service with the program {binary}: expected {file} in the package or the image",
        inf.display()
    )]
    NoService {
        /// The INF.
        inf: PathBuf,
        /// The program as the INF names it, for example `%12%\net.sys`.
        binary: String,
        /// The name of the program's file.
        file: String,
    },
    /// A tree has more folders in each other, entries or INFs than any pack of drivers.
    #[error("{} has more than {limit} {what}", path.display())]
    TooLarge {
        /// The tree.
        path: PathBuf,
        /// `levels of folders`, `files and folders` or `.inf files`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A tree has packages, and none can be used.
    #[error("{} has no driver package for the image: {}", path.display(), reasons.join("; "))]
    NothingUsable {
        /// The tree.
        path: PathBuf,
        /// Why the first ones cannot be used.
        reasons: Vec<String>,
    },
}

impl DriverError {
    /// Whether the driver is sound, but for another processor or Windows.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self, Self::OtherSystem { .. } | Self::Machine { .. })
    }
}
