//! Driver packages that the booted WinPE loads, mostly those of network cards.

pub(crate) mod inf;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;
use winpe_disk::folder::{Folder, FolderError, Kind};
use winpe_wim::{Arch, name_refusal};

use crate::image::ImagePath;
use crate::program::{NotAProgram, Program};
use crate::report::Warning;
use inf::{BadInf, Inf, MAX_FILES, MAX_LINES};

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
}

/// A driver package for the image.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name in the image.
    pub(crate) name: String,
    /// Its INFs.
    pub(crate) infs: Vec<InfFile>,
    /// Its files: where they are on this machine, and their paths within the package.
    pub(crate) files: Vec<(PathBuf, ImagePath)>,
    pub(crate) warnings: Vec<Warning>,
}

/// The class and the version of the driver that an INF of an image describes; `None` if it is not an INF.
pub(super) fn described(inf: &[u8]) -> (Option<String>, Option<String>) {
    match Inf::parse(inf) {
        Ok(inf) => (inf.class(), inf.driver_version()),
        Err(_) => (None, None),
    }
}

/// One INF of a package.
#[derive(Debug)]
pub(crate) struct InfFile {
    pub(crate) name: String,
    pub(crate) class: Option<String>,
    pub(crate) version: Option<String>,
}

/// The longest INF, in bytes. Those of graphics drivers, the largest, have 1 to 2 MB.
pub(super) const MAX_INF: u64 = 4 << 20;

impl Package {
    /// Reads the package in a folder, for an image of that architecture.
    pub(crate) fn read(dir: &Path, arch: Option<Arch>) -> Result<Self, DriverError> {
        let mut package =
            Self { name: plain_name(dir), infs: vec![], files: vec![], warnings: vec![] };
        let folder = Folder::open(dir)?;
        for inf in infs(&folder)? {
            package.take(&folder, &inf, arch)?;
        }
        if package.infs.is_empty() {
            return Err(DriverError::NoInf(dir.into()));
        }
        Ok(package)
    }

    fn take(&mut self, dir: &Folder, inf: &OsStr, arch: Option<Arch>) -> Result<(), DriverError> {
        let path = &dir.path().join(inf);
        let name = inf.to_string_lossy().into_owned();
        let inf = Inf::parse(&read_inf(dir, inf)?).map_err(|bad| match bad {
            BadInf::NotAnInf => DriverError::NotAnInf(path.into()),
            BadInf::TooManyLines(found) => DriverError::TooLong {
                inf: path.into(),
                what: "lines",
                found: found as u64,
                limit: MAX_LINES as u64,
            },
        })?;
        if name_refusal(&name).is_some() || name.contains('\u{fffd}') {
            return Err(DriverError::BadName { inf: path.into(), name });
        }
        self.put(path.into(), ImagePath::new(&name));
        let mut missing = Vec::new();
        match inf.catalog(arch) {
            None => self.warnings.push(Warning::UnsignedDriver { inf: path.into() }),
            Some(catalog) => match self.find(dir, path, "", &catalog)? {
                Some((from, to)) => self.put(dir.path().join(from), to),
                None => missing.push(catalog),
            },
        }
        let files = inf.files(arch);
        if files.len() > MAX_FILES {
            return Err(DriverError::TooMany { inf: path.into(), found: files.len() });
        }
        for file in files {
            match self.find(dir, path, &file.folder, &file.name)? {
                Some((from, to)) => {
                    if to.file_name().to_lowercase().ends_with(".sys") {
                        check_machine(dir, &from, arch)?;
                    }
                    self.put(dir.path().join(from), to);
                }
                None if file.needed => missing.push(file.name),
                None => {}
            }
        }
        if !missing.is_empty() {
            return Err(DriverError::Missing { inf: path.into(), files: missing });
        }
        let (class, version) = (inf.class(), inf.driver_version());
        self.infs.push(InfFile { name, class, version });
        Ok(())
    }

    /// Finds a file of the package without regard to case. Returns its path relative to the package's
    /// folder, and its path in the package as an image spells it.
    fn find(
        &self,
        dir: &Folder,
        inf: &Path,
        folder: &str,
        name: &str,
    ) -> Result<Option<(PathBuf, ImagePath)>, DriverError> {
        let place = ImagePath::new(folder).join(name);
        let bad = |part: &str| name_refusal(part).is_some();
        if name.is_empty() || name.contains(['\\', '/']) || place.names().any(bad) {
            let name = format!("{folder}{name}");
            return Err(DriverError::BadName { inf: inf.into(), name });
        }
        let mut found = PathBuf::new();
        let mut real = ImagePath::new("");
        for part in place.names() {
            let wanted = ImagePath::new(part);
            if dir.kind(&found)? != Some(Kind::Folder) {
                return Ok(None);
            }
            let alike =
                dir.subfolder(&found)?.names()?.into_iter().find(|entry| {
                    entry.to_str().is_some_and(|entry| ImagePath::new(entry) == wanted)
                });
            let Some(entry) = alike else { return Ok(None) };
            real = real.join(&entry.to_string_lossy());
            found.push(entry);
        }
        let is_file = matches!(dir.kind(&found)?, Some(Kind::File { .. }));
        Ok(is_file.then_some((found, real)))
    }

    fn put(&mut self, from: PathBuf, to: ImagePath) {
        if !self.files.iter().any(|(_, place)| *place == to) {
            self.files.push((from, to));
        }
    }
}

fn check_machine(dir: &Folder, place: &Path, image: Option<Arch>) -> Result<(), DriverError> {
    let path = dir.path().join(place);
    let mut data = Vec::new();
    let read = dir.open_file(place)?.read_to_end(&mut data);
    read.map_err(|source| DriverError::Read { path: path.clone(), source })?;
    let program = Program::parse(&data)
        .map_err(|source| DriverError::NotAProgram { path: path.clone(), source })?;
    let found = program.arch;
    match image {
        Some(image) if image != found => Err(DriverError::Machine { path, found, image }),
        _ => Ok(()),
    }
}

fn read_inf(dir: &Folder, name: &OsStr) -> Result<Vec<u8>, DriverError> {
    let path = || dir.path().join(name);
    let mut bytes = Vec::new();
    let file = dir.open_file(name.as_ref())?;
    let read = file.take(MAX_INF + 1).read_to_end(&mut bytes);
    read.map_err(|source| DriverError::Read { path: path(), source })?;
    if bytes.len() as u64 > MAX_INF {
        let found = dir.open_file(name.as_ref())?.metadata().map_or(0, |it| it.len());
        let (inf, limit) = (path(), MAX_INF);
        return Err(DriverError::TooLong { inf, what: "bytes", found, limit });
    }
    Ok(bytes)
}

/// The names of the INFs, sorted.
fn infs(dir: &Folder) -> Result<Vec<OsString>, DriverError> {
    let mut infs = Vec::new();
    for name in dir.names()? {
        let is_inf = Path::new(&name).extension().is_some_and(|it| it.eq_ignore_ascii_case("inf"));
        if is_inf && matches!(dir.kind(name.as_ref())?, Some(Kind::File { .. })) {
            infs.push(name);
        }
    }
    Ok(infs)
}

/// The folder's name, with all characters replaced that have a meaning in a script.
fn plain_name(dir: &Path) -> String {
    let real = dir.canonicalize().unwrap_or_else(|_| dir.into());
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let name: String = name.chars().take(64).map(plain).collect();
    if name.is_empty() { "driver".to_owned() } else { name }
}
