//! The hives of an image or a folder, each opened when its first key is changed.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use winpe_hive::Hive;
use winpe_inject::{ImagePath, ImageSelector};
use winpe_registry::{Change, KeyPath};
use winpe_wim::{Archive, Content, FileChange, Target, WimPlace};

use super::super::import;
use super::super::input::Place;
use super::super::output::set_time;
use super::super::roots::{ControlSetArg, ControlSets, Roots, same};
use crate::atomic_file;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::wim;

/// An image, or a folder.
#[derive(Debug, Clone)]
pub(super) enum Where {
    Image { wim: PathBuf, image: ImageSelector },
    Folder(PathBuf),
}

impl FromStr for Where {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if Path::new(text).is_dir() {
            return Ok(Self::Folder(text.into()));
        }
        let place = WimPlace::find(text);
        let image = place.image().unwrap_or(ImageSelector::Boot);
        Ok(Self::Image { wim: place.wim, image })
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) | Self::Image { wim: path, image: ImageSelector::Boot } => {
                path.display().fmt(f)
            }
            Self::Image { wim, image: ImageSelector::Index(index) } => {
                write!(f, "{}:{index}", wim.display())
            }
            Self::Image { wim, image: ImageSelector::Name(name) } => {
                write!(f, "{}:{name}", wim.display())
            }
        }
    }
}

/// A hive that is being edited.
pub(super) struct Opened {
    file: ImagePath,
    pub(super) place: Place,
    pub(super) hive: Hive,
    /// The root under which its keys are shown.
    pub(super) shown: KeyPath,
    pub(super) sets: ControlSets,
    pub(super) changes: Vec<Change>,
}

pub(super) struct Hives<'a> {
    within: &'a Where,
    control_set: ControlSetArg,
    opened: Vec<Opened>,
}

impl<'a> Hives<'a> {
    /// Refuses an image that cannot be changed before any work is done.
    pub(super) fn of(within: &'a Where, control_set: ControlSetArg) -> Result<Self, Failure> {
        if let Where::Image { wim, image } = within {
            let archive = Archive::open(wim)?;
            archive.select(image)?;
            archive.check_target(&Target::InPlace, false)?;
        }
        Ok(Self { within, control_set, opened: Vec::new() })
    }

    pub(super) fn opened(&self) -> &[Opened] {
        &self.opened
    }

    /// The hive at a path of the image, which is shown under this root.
    pub(super) fn open(
        &mut self,
        file: &ImagePath,
        shown: &KeyPath,
        printer: &mut Printer,
    ) -> Result<&mut Opened, Failure> {
        if let Some(known) = self.opened.iter().position(|hive| hive.file == *file) {
            return Ok(&mut self.opened[known]);
        }
        let place = self.place(file)?;
        // Two paths can lead to one file of a folder.
        if let Some(known) = self.opened.iter().position(|hive| is_same(&hive.place, &place)) {
            return Ok(&mut self.opened[known]);
        }
        let mut hive = place.load()?.open(printer)?;
        import::sound(&hive, &place)?;
        set_time(&mut hive)?;
        let roots = Roots::of(&place, &hive);
        let sets = ControlSets::of(&roots, &hive, self.control_set)
            .map_err(|error| Failure::new(format!("{place}: {error}")))?;
        let (file, shown) = (file.clone(), shown.clone());
        self.opened.push(Opened { file, place, hive, shown, sets, changes: Vec::new() });
        Ok(self.opened.last_mut().expect("it was pushed"))
    }

    fn place(&self, file: &ImagePath) -> Result<Place, Failure> {
        match self.within {
            Where::Image { wim, image } => {
                Ok(Place::Image { wim: wim.clone(), image: image.clone(), path: file.clone() })
            }
            Where::Folder(folder) => Ok(Place::File(find(folder, file)?)),
        }
    }

    /// Refuses a result that cannot be written, before a line of it is shown.
    pub(super) fn check(&self) -> Result<(), Failure> {
        for hive in self.modified() {
            import::unharmed(&hive.hive, &hive.place)?;
            hive.place.check_writable()?;
        }
        Ok(())
    }

    fn modified(&self) -> impl Iterator<Item = &Opened> {
        self.opened.iter().filter(|hive| hive.hive.is_modified())
    }

    /// Writes the changed hives: those of an image in one commit, those of a folder once all of them are on disk.
    pub(super) fn write(self, printer: &mut Printer) -> Result<(), Failure> {
        let changed: Vec<Opened> =
            self.opened.into_iter().filter(|hive| hive.hive.is_modified()).collect();
        if changed.is_empty() {
            printer.status("nothing to do");
            return Ok(());
        }
        match self.within {
            Where::Image { wim, image } => to_image(wim, image, changed, printer),
            Where::Folder(_) => to_files(changed, printer),
        }
    }
}

fn to_image(
    file: &Path,
    image: &ImageSelector,
    changed: Vec<Opened>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let archive = Archive::open(file)?;
    let image = archive.select(image)?;
    let changes = changed.into_iter().map(|hive| FileChange::Put {
        path: hive.file.to_string(),
        content: Content::Bytes(hive.hive.into_bytes()),
    });
    let appended = wim::commit(archive, image, changes.collect(), printer)?.appended;
    printer.status(format_args!("{} is changed; {appended} bytes were appended", file.display()));
    Ok(())
}

fn to_files(changed: Vec<Opened>, printer: &mut Printer) -> Result<(), Failure> {
    let mut written = Vec::new();
    for Opened { place, hive, .. } in changed {
        let path = place.file();
        let about = |error| Failure::new(format!("{}: {error}", path.display()));
        let new = atomic_file::begin(path, Some(path), true, printer).map_err(about)?;
        let bytes = hive.into_file_bytes();
        new.file().write_all(&bytes).map_err(about)?;
        written.push((path.to_path_buf(), bytes.len(), new));
    }
    for (path, len, new) in written {
        new.finish().map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        printer.status(format_args!("{} is written, {len} bytes", path.display()));
    }
    Ok(())
}

/// A hive in a folder: at its path in Windows, or by its name in the folder itself.
fn find(folder: &Path, file: &ImagePath) -> Result<PathBuf, Failure> {
    let at_path = file.names().try_fold(folder.to_path_buf(), |at, name| entry(&at, name));
    let found = at_path.or_else(|| entry(folder, file.file_name()));
    let shown = folder.display();
    let Some(found) = found else {
        let name = file.file_name();
        return Err(Failure::new(format!("{shown} has neither {file} nor {name}")));
    };
    // A link of an unpacked image must not lead to a hive of this machine's other folders.
    let about = |error| Failure::new(format!("{}: {error}", found.display()));
    let (real, inside) = (fs::canonicalize(&found), fs::canonicalize(folder));
    let real = real.map_err(about)?;
    if !real.starts_with(inside.map_err(about)?) {
        let (found, real) = (found.display(), real.display());
        return Err(Failure::new(format!("{found} leads out of {shown}, to {real}")));
    }
    Ok(found)
}

/// An entry of a folder in any case; the one spelt so comes first.
fn entry(folder: &Path, name: &str) -> Option<PathBuf> {
    if name == ".." {
        return None;
    }
    let exact = folder.join(name);
    if fs::symlink_metadata(&exact).is_ok() {
        return Some(exact);
    }
    let names =
        fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|found| same(found, name)).min().map(|found| folder.join(found))
}

fn is_same(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::File(one), Place::File(other)) => {
            matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(a), Ok(b)) if a == b)
        }
        _ => false,
    }
}
