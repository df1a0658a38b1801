//! Where the driver packages of a job go: beside those of earlier runs, or over an earlier version.

use std::fs;

use winpe_wim::Content;

use super::StartupError;
use super::driver::Package;
use crate::files::own;
use crate::files::{DRIVERS, Started};
use crate::image::{ImagePath, ImageView, TreeError};

/// The folders of driver packages in an image and in a job.
pub(super) struct Packages<'a> {
    image: ImageView<'a>,
    /// What the image has from earlier runs.
    had: &'a Started,
    /// The folders that packages of this job have got.
    taken: Vec<String>,
}

/// The place of a package.
pub(super) struct Place {
    /// The name of its folder.
    pub(super) name: String,
    /// Whether a package of an earlier run is there: the same, or another version of it.
    pub(super) replaces: Option<Replaces>,
}

/// What a package of an earlier run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaces {
    /// Its INFs are the same, byte for byte.
    Same,
    /// Its INFs have the same names and another content.
    OtherVersion,
}

impl<'a> Packages<'a> {
    pub(super) fn new(image: ImageView<'a>, had: &'a Started) -> Self {
        Self { image, had, taken: vec![] }
    }

    /// Chooses the folder of a package. A package replaces one of an earlier run whose INFs it all has. Of
    /// several it replaces the one that is the same, or else the one of its name.
    pub(super) fn place(&mut self, package: &Package) -> Result<Place, StartupError> {
        let mut best: Option<(bool, bool, &str)> = None;
        for name in self.had.packages() {
            if is_among(name, &self.taken) || !self.is_version_of(name, package) {
                continue;
            }
            let same = self.is_same(name, package)?;
            let rank = (same, name.eq_ignore_ascii_case(&package.name), name);
            if best.is_none_or(|(best_same, named, _)| (best_same, named) < (rank.0, rank.1)) {
                best = Some(rank);
            }
        }
        let place = match best {
            Some((same, _, name)) => Place {
                name: name.to_owned(),
                replaces: Some(if same { Replaces::Same } else { Replaces::OtherVersion }),
            },
            None => Place { name: self.unused(&package.name)?, replaces: None },
        };
        self.taken.push(place.name.clone());
        Ok(place)
    }

    /// Whether the package has all INFs that the folder has.
    fn is_version_of(&self, name: &str, package: &Package) -> bool {
        let has = |inf: &ImagePath| {
            let own = package.infs.iter().map(|own| place_of(name, &own.name));
            own.into_iter().any(|own| own == *inf)
        };
        self.had.infs_of(name).all(has)
    }

    /// Whether the INFs in the folder are those of the package.
    fn is_same(&self, name: &str, package: &Package) -> Result<bool, StartupError> {
        for inf in &package.infs {
            let place = own::file(place_of(name, &inf.name).as_str());
            let wanted = ImagePath::new(&inf.name);
            let Some((content, _)) = package.files.iter().find(|(_, to)| *to == wanted) else {
                return Ok(false);
            };
            let wanted = match content {
                Content::Bytes(bytes) => bytes.clone(),
                Content::File(path) => fs::read(path)
                    .map_err(|source| TreeError::Read { path: path.clone(), source })?,
                Content::Blob(_) => return Ok(false),
            };
            if self.image.tree().read(&place)? != Some(wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A name that no folder of the image or of this job has: this one, or one with a number.
    fn unused(&self, name: &str) -> Result<String, TreeError> {
        let mut number = 1;
        loop {
            let candidate = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            let is_there = || self.image.entry(&own::file(&format!(r"{DRIVERS}\{candidate}")));
            if !is_among(&candidate, &self.taken)
                && !is_among(&candidate, &self.had.packages())
                && is_there()?.is_none()
            {
                return Ok(candidate);
            }
            number += 1;
        }
    }
}

/// The path of an INF below our folder.
pub(super) fn place_of(package: &str, file: &str) -> ImagePath {
    ImagePath::new(DRIVERS).join(package).join(file)
}

fn is_among(name: &str, names: &[impl AsRef<str>]) -> bool {
    names.iter().any(|known| known.as_ref().eq_ignore_ascii_case(name))
}
