//! Where a hive comes from: a file, or an image in a WIM; and its logs, which lie beside it.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use winpe_hive::log::{LOG_SUFFIXES, Recovery};
use winpe_hive::{FileBytes, Hive, Key, OpenError, ReadError};
use winpe_inject::{ImagePath, ImageSelector};
use winpe_registry::{KeyName, KeyPath};
use winpe_wim::{Archive, WimPlace};

use super::roots::{ControlSetArg, ControlSets, KeyArg, Roots, machine_hive};
use crate::failure::Failure;
use crate::kind::{self, Kind};
use crate::printer::Printer;
use crate::suggest::nearest_word;

/// A hive that a person named.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A file.
    File(PathBuf),
    /// A file of an image.
    Image { wim: PathBuf, image: ImageSelector, path: ImagePath },
}

impl std::str::FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = WimPlace::find(text);
        let Some((image, hive)) = place.image_and_file() else { return Ok(Self::File(place.wim)) };
        let path = in_image(hive);
        Ok(Self::Image { wim: place.wim, image, path })
    }
}

/// A name means a hive of the machine, anything longer is a path in the image.
pub(super) fn in_image(hive: &str) -> ImagePath {
    let path = ImagePath::new(hive);
    if hive.contains(['/', '\\']) { path } else { machine_hive(hive).unwrap_or(path) }
}

impl Place {
    /// The hive's bytes and those of its logs.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        match self {
            Self::File(path) => {
                if let Some(failure) = kind::refused(path, Kind::Hive) {
                    return Err(failure);
                }
                let bytes = FileBytes::read(path).map_err(|error| unreadable(path, &error))?;
                Ok(Loaded { place: self.clone(), bytes, logs: logs_beside(path)? })
            }
            Self::Image { wim, image, path } => {
                let archive = Archive::open(wim)?;
                let image = archive.select(image)?;
                let bytes = archive.read(image, path.as_str())?;
                let mut logs = Vec::new();
                for ending in LOG_SUFFIXES {
                    let log = path.with_suffix(ending);
                    if archive.entry(image, log.as_str())?.is_some() {
                        let bytes = archive.read(image, log.as_str())?;
                        logs.push(Log { name: log.file_name().to_owned(), bytes });
                    }
                }
                Ok(Loaded { place: self.clone(), bytes: bytes.into(), logs })
            }
        }
    }

    /// The file that it is, or is in.
    pub(super) fn file(&self) -> &Path {
        match self {
            Self::File(path) | Self::Image { wim: path, .. } => path,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Image { wim, image, path } => match image {
                ImageSelector::Boot => write!(f, "{}:{path}", wim.display()),
                ImageSelector::Index(index) => write!(f, "{}:{index}:{path}", wim.display()),
                ImageSelector::Name(name) => write!(f, "{}:{name}:{path}", wim.display()),
            },
        }
    }
}

/// A transaction log.
pub(super) struct Log {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// A hive that was read and not yet opened.
pub(super) struct Loaded {
    pub(super) place: Place,
    pub(super) bytes: FileBytes,
    pub(super) logs: Vec<Log>,
}

impl Loaded {
    /// The hive as Windows would load it: with its logs, if it needs them.
    pub(super) fn open(self, printer: &mut Printer) -> Result<Hive, Failure> {
        let (hive, recovery, _) = self.recover()?;
        if recovery.dirt.is_some() {
            let writes: usize = recovery.replayed.iter().map(|log| log.entries).sum();
            printer.status(format_args!("read through its transaction logs, {writes} writes"));
        }
        Ok(hive)
    }

    /// Whatever can be read, whether or not Windows would load it; the logs are not looked at.
    pub(super) fn open_lenient(self, printer: &mut Printer) -> Result<Hive, Failure> {
        let place = self.place;
        let hive = Hive::open_lenient(self.bytes).map_err(|error| failure(&place, error))?;
        for damage in hive.damage() {
            printer.warning(format_args!("{place}: {damage}"));
        }
        Ok(hive)
    }

    /// The same without warnings, for callers that report the damage themselves.
    pub(super) fn open_unseen(self) -> Result<Hive, Failure> {
        Hive::open_lenient(self.bytes).map_err(|error| failure(&self.place, error))
    }

    /// The hive, what its recovery did, and its logs.
    pub(super) fn recover(self) -> Result<(Hive, Recovery, Vec<Log>), Failure> {
        let logs: Vec<&[u8]> = self.logs.iter().map(|log| &log.bytes[..]).collect();
        let (hive, recovery) =
            Hive::recover(self.bytes, &logs).map_err(|error| failure(&self.place, error))?;
        Ok((hive, recovery, self.logs))
    }
}

/// The hive to read, and how.
#[derive(clap::Args)]
pub(super) struct Input {
    /// The hive: a file, or WIM:HIVE
    hive: Place,
    /// Read a damaged hive as far as it goes, and a dirty one without its logs
    #[arg(long)]
    lenient: bool,
}

impl Input {
    pub(super) fn place(&self) -> &Place {
        &self.hive
    }

    pub(super) fn open(&self, printer: &mut Printer) -> Result<Hive, Failure> {
        open(&self.hive, self.lenient, printer)
    }
}

pub(super) fn open(place: &Place, lenient: bool, printer: &mut Printer) -> Result<Hive, Failure> {
    let loaded = place.load()?;
    if lenient { loaded.open_lenient(printer) } else { loaded.open(printer) }
}

/// A key that a person named, or else the hive's root key; and its path in the hive. People also name
/// it under a root that Windows gives the hive, and below `CurrentControlSet`.
pub(super) fn find_key<'h>(
    hive: &'h Hive,
    place: &Place,
    named: Option<&KeyArg>,
    roots: &Roots,
) -> Result<(KeyPath, Key<'h>), Failure> {
    let failed = |error: ReadError| Failure::new(format!("{place}: {error}"));
    let Some(KeyArg(named)) = named else { return Ok((KeyPath::root(), hive.root())) };
    let inside = roots.strip(named).unwrap_or_else(|| named.clone());
    let sets = ControlSets::of(roots, hive, ControlSetArg::Current).map_err(failed)?;
    let path = sets.resolve(inside.clone()).pop().unwrap_or(inside);
    match hive.key(&path).map_err(failed)? {
        Some(key) => Ok((path, key)),
        None => Err(no_key(hive, place, &path)),
    }
}

/// That there is no such key, and what there is on the way to it.
fn no_key(hive: &Hive, place: &Place, path: &KeyPath) -> Failure {
    let failure = Failure::new(format!("{place} has no key {path}"));
    let above = (0..path.depth()).rev().map(|depth| path.names()[..depth].iter().cloned());
    let nearest = above.map(KeyPath::from_iter).find_map(|above| {
        let key = hive.key(&above).ok()??;
        Some((above, key))
    });
    let Some((above, key)) = nearest else { return failure };
    let missing = path.names()[above.depth()].to_string();
    let subkeys = key.subkeys().filter_map(Result::ok).map(|subkey| subkey.name().to_string());
    match nearest_word(&missing, subkeys) {
        Some(meant) => failure.hint(format!("did you mean {}?", above.join(&child(&meant)))),
        None if above.is_root() => {
            failure.hint(format!("see its keys: winpe-iscsi hive query {place}"))
        }
        None => failure.hint(format!("the nearest key that it has is {above}")),
    }
}

fn child(name: &str) -> KeyPath {
    KeyName::new(name).map(|name| KeyPath::from_iter([name])).unwrap_or_default()
}

fn failure(place: &Place, error: OpenError) -> Failure {
    let hint = match &error {
        OpenError::Recover(_) => Some(
            "put the logs of the same moment beside the hive (.LOG1 and .LOG2); --lenient reads it \
             without them, where only reading is asked for",
        ),
        OpenError::NotAHive { .. } => None,
        _ => Some(
            "winpe-iscsi hive mend writes a sound hive of what can be read; --lenient reads a damaged \
             one as far as it goes, where only reading is asked for",
        ),
    };
    let failure = Failure::new(format!("{place}: {error}"));
    hint.into_iter().fold(failure, Failure::hint)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

/// The logs beside a hive. Windows writes their endings in either case.
fn logs_beside(hive: &Path) -> Result<Vec<Log>, Failure> {
    let Some(name) = hive.file_name().and_then(|name| name.to_str()) else { return Ok(vec![]) };
    let folder = match hive.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A hive can be read in a folder that cannot.
    let Ok(entries) = fs::read_dir(folder) else { return Ok(vec![]) };
    let names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|entry| entry.len() > name.len())
        .collect();
    let mut logs = Vec::new();
    for ending in LOG_SUFFIXES {
        let wanted = format!("{name}{ending}");
        let found = names.iter().find(|entry| **entry == wanted);
        let found =
            found.or_else(|| names.iter().find(|entry| entry.eq_ignore_ascii_case(&wanted)));
        if let Some(found) = found {
            logs.push(Log { name: found.clone(), bytes: read(&folder.join(found))? });
        }
    }
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_number_or_name() {
        let name = |name: &str| ImageSelector::Name(name.to_owned());
        for (text, image, shown) in [
            ("a.wim:SYSTEM", ImageSelector::Boot, r"a.wim:Windows\System32\config\SYSTEM"),
            ("a.wim:2:SYSTEM", ImageSelector::Index(2), r"a.wim:2:Windows\System32\config\SYSTEM"),
            ("a.wim:Windows PE:/Users/x.dat", name("Windows PE"), r"a.wim:Windows PE:Users\x.dat"),
        ] {
            let Ok(place) = text.parse::<Place>();
            assert_eq!(place.to_string(), shown);
            assert!(matches!(place, Place::Image { image: found, .. } if found == image), "{text}");
        }
    }

    #[test]
    fn a_file_may_have_a_colon_in_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("2026:11.wim");
        std::fs::write(&file, "").expect("a file");
        let text = format!("{}:SYSTEM", file.display());
        let Ok(place) = text.parse::<Place>();
        assert!(
            matches!(place, Place::Image { wim, image: ImageSelector::Boot, .. } if wim == file)
        );
    }
}
