//! A driver package: the INFs of a folder and their files, checked for an image.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use winpe_disk::folder::Kind;
use winpe_wim::{Content, name_refusal};

use super::error::DriverError;
use super::inf::{BadInf, Inf, MAX_FILES, MAX_LINES, System};
use super::pack::Pack;
use crate::image::{ImagePath, ImageView, TreeError};
use crate::program::Program;
use crate::report::Warning;

/// The image that drivers are for.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) image: ImageView<'a>,
    pub(crate) system: System,
    /// Whether each package of a tree must be usable.
    pub(crate) strict: bool,
}

/// A driver package for the image.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name in the image.
    pub(crate) name: String,
    /// Where it comes from.
    pub(crate) path: PathBuf,
    /// Its INFs.
    pub(crate) infs: Vec<InfFile>,
    /// Its files, each once: their contents, and their paths within the package.
    pub(crate) files: Vec<(Content, ImagePath)>,
    pub(crate) warnings: Vec<Warning>,
    /// The paths of `files`.
    places: BTreeSet<ImagePath>,
}

/// One INF of a package.
#[derive(Debug)]
pub(crate) struct InfFile {
    pub(crate) name: String,
    pub(crate) class: Option<String>,
    pub(crate) version: Option<String>,
}

/// The longest INF, in bytes. Those of graphics drivers, the largest, have 1 to 2 MB.
pub(crate) const MAX_INF: u64 = 4 << 20;

/// The longest name of a package, in characters.
const MAX_NAME: usize = 64;

/// An INF while its files are looked up.
struct Reading<'r> {
    pack: &'r Pack,
    /// The INF's folder within the pack.
    folder: &'r Path,
    /// The INF's path, for messages.
    path: PathBuf,
    inf: Inf,
    target: Target<'r>,
    /// The files that were found: where they are in the pack, and their paths within the package.
    found: Vec<(PathBuf, ImagePath)>,
}

impl Package {
    pub(super) fn new(name: String, path: PathBuf) -> Self {
        let (infs, files, warnings) = (vec![], vec![], vec![]);
        Self { name, path, infs, files, warnings, places: BTreeSet::new() }
    }

    /// Adds an INF in a folder of the pack, with its files. After an error the package is as before.
    pub(super) fn take(
        &mut self,
        pack: &Pack,
        folder: &Path,
        name: &OsStr,
        target: Target<'_>,
    ) -> Result<(), DriverError> {
        let path = pack.path().join(folder).join(name);
        let spelled = check_name(&path, name)?;
        // The same INF in two spellings.
        pack.one_name(folder, &spelled)?;
        let inf = parse(pack, &folder.join(name), &path)?;
        let own = (folder.join(name), ImagePath::new(&spelled));
        let mut reading = Reading { pack, folder, path, inf, target, found: vec![own] };
        reading.check_models()?;
        let is_signed = reading.collect()?;
        reading.check_services()?;

        let Reading { path, inf, found, .. } = reading;
        let mut files = Vec::new();
        for (from, to) in found {
            if !self.places.contains(&to) {
                files.push((pack.content(&from)?, to));
            }
        }
        for (content, to) in files {
            if self.places.insert(to.clone()) {
                self.files.push((content, to));
            }
        }
        if !is_signed {
            self.warnings.push(Warning::UnsignedDriver { inf: path });
        }
        let (class, version) = (inf.class(), inf.driver_version());
        self.infs.push(InfFile { name: spelled, class, version });
        Ok(())
    }
}

impl Reading<'_> {
    /// Refuses an INF whose models are all for other systems.
    fn check_models(&self) -> Result<(), DriverError> {
        let system = self.target.system;
        match self.inf.foreign_decorations(system) {
            None => Ok(()),
            Some(found) => {
                let (inf, image) = (self.path.clone(), system.to_string());
                Err(DriverError::OtherSystem { inf, found, image })
            }
        }
    }

    /// Finds the catalogue and the files. Returns whether there is a catalogue.
    fn collect(&mut self) -> Result<bool, DriverError> {
        let mut missing = Vec::new();
        let catalog = self.inf.catalog(self.target.system);
        if let Some(catalog) = &catalog {
            match self.find("", catalog)? {
                Some(file) => self.found.push(file),
                None => missing.push(catalog.clone()),
            }
        }
        let files = self.inf.files(self.target.system);
        if files.len() > MAX_FILES {
            return Err(DriverError::TooMany { inf: self.path.clone(), found: files.len() });
        }
        for file in files {
            match self.find(&file.folder, &file.name)? {
                Some((from, to)) => {
                    if file.needed && to.file_name().to_lowercase().ends_with(".sys") {
                        self.check_machine(&from)?;
                    }
                    self.found.push((from, to));
                }
                None if file.needed => missing.push(file.name),
                None => {}
            }
        }
        match missing.is_empty() {
            true => Ok(catalog.is_some()),
            false => Err(DriverError::Missing { inf: self.path.clone(), files: missing }),
        }
    }

    /// Refuses an INF that adds a service whose program is neither in the package nor in Windows.
    fn check_services(&self) -> Result<(), DriverError> {
        let files: BTreeSet<ImagePath> =
            self.found.iter().map(|(_, to)| ImagePath::new(to.file_name())).collect();
        for binary in self.inf.service_binaries(self.target.system) {
            let file = binary.rsplit(['\\', '/']).next().unwrap_or_default();
            if !files.contains(&ImagePath::new(file)) && !self.is_in_image(&binary, file)? {
                let (inf, file) = (self.path.clone(), file.to_owned());
                return Err(DriverError::NoService { inf, binary, file });
            }
        }
        Ok(())
    }

    /// Whether the image has a program that an INF names by the number of a folder.
    /// Source: Microsoft, "Using Dirids".
    fn is_in_image(&self, binary: &str, file: &str) -> Result<bool, TreeError> {
        let tree = self.target.image.tree();
        let (place, below) =
            binary.strip_prefix('%').and_then(|it| it.split_once('%')).unwrap_or(("", ""));
        let folder = match place {
            "10" => "Windows",
            "11" => r"Windows\System32",
            "12" => r"Windows\System32\drivers",
            // In the package itself.
            _ => return Ok(false),
        };
        let path = ImagePath::new(folder).join(below);
        // Drivers of Windows that no device uses yet are only there.
        let store = ImagePath::new(r"Windows\System32\DriverStore\FileRepository\*").join(file);
        let names_one = !file.is_empty() && !below.contains('*');
        Ok(names_one && (tree.has_file(&path)? || !tree.find(&store)?.is_empty()))
    }

    /// Finds a file of the package without regard to case.
    fn find(&self, folder: &str, name: &str) -> Result<Option<(PathBuf, ImagePath)>, DriverError> {
        let below = ImagePath::new(folder);
        let below = below.names().filter(|part| *part != ".").collect::<Vec<_>>().join("\\");
        let place = ImagePath::new(&below).join(name);
        let bad = |part: &str| name_refusal(part).is_some();
        if name.is_empty() || name.contains(['\\', '/']) || place.names().any(bad) {
            let name = format!("{folder}{name}");
            return Err(DriverError::BadName { inf: self.path.clone(), name });
        }
        self.pack.find(self.folder, &place)
    }

    fn check_machine(&self, place: &Path) -> Result<(), DriverError> {
        let path = self.pack.path().join(place);
        let data = self.pack.read(place, u64::MAX)?;
        let program = Program::parse(&data)
            .map_err(|source| DriverError::NotAProgram { path: path.clone(), source })?;
        let found = program.arch;
        match self.target.system.arch {
            Some(image) if image != found => Err(DriverError::Machine { path, found, image }),
            _ => Ok(()),
        }
    }
}

/// The name of an INF, if a script can name it.
fn check_name(path: &Path, name: &OsStr) -> Result<String, DriverError> {
    let text = name.to_string_lossy().into_owned();
    if !text.is_ascii() {
        return Err(DriverError::NotAscii(path.into()));
    }
    if name_refusal(&text).is_some() {
        return Err(DriverError::BadName { inf: path.into(), name: text });
    }
    Ok(text)
}

fn parse(pack: &Pack, inf: &Path, path: &Path) -> Result<Inf, DriverError> {
    let too_long =
        |what, found, limit| DriverError::TooLong { inf: path.into(), what, found, limit };
    let bytes = pack.read(inf, MAX_INF + 1)?;
    if bytes.len() as u64 > MAX_INF {
        let found = match pack.kind(inf)? {
            Some(Kind::File { size }) => size,
            _ => bytes.len() as u64,
        };
        return Err(too_long("bytes", found, MAX_INF));
    }
    Inf::parse(&bytes).map_err(|bad| match bad {
        BadInf::NotAnInf => DriverError::NotAnInf(path.into()),
        BadInf::TooManyLines(found) => too_long("lines", found as u64, MAX_LINES as u64),
    })
}

/// The name of a folder or archive, with all characters replaced that have a meaning in a script.
pub(super) fn plain_name(path: &Path) -> String {
    let real = path.canonicalize().unwrap_or_else(|_| path.into());
    let is_inf = real.extension().is_some_and(|it| it.eq_ignore_ascii_case("inf"));
    let named = match (real.is_dir(), is_inf) {
        (true, _) => real.file_name(),
        (false, true) => real.parent().and_then(Path::file_name),
        (false, false) => real.file_stem(),
    };
    name_of(Path::new(named.unwrap_or_default()))
}

/// The name of a package in a folder of a tree: `NetKVM-w10-amd64`. Of a long path the end counts.
pub(super) fn name_of(folder: &Path) -> String {
    let names: Vec<_> = folder.iter().map(|name| name.to_string_lossy()).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let name: Vec<char> = names.join("-").chars().map(plain).collect();
    let start = name.len().saturating_sub(MAX_NAME);
    let name: String = name[start..].iter().collect();
    if name.is_empty() { "driver".to_owned() } else { name }
}

impl std::fmt::Display for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.arch {
            Some(arch) => write!(f, "{arch}")?,
            None => f.write_str("of an unknown processor")?,
        }
        match self.build {
            Some(build) => write!(f, ", build {build}"),
            None => Ok(()),
        }
    }
}
