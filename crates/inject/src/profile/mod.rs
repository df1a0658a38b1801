//! Profiles: what makes a feature work, as data.
//!
//! A profile is a folder with a `profile.toml` and the `.reg` files it names. The built-in ones are
//! compiled in; any other is read from disk.

pub(crate) mod bounded;
mod choice;
mod choose;
mod entry;
mod error;
mod part;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use winpe_disk::folder::Folder;

use crate::hives::{HiveRoot, HiveRoots, Origin, parse_reg};
use crate::image::ImagePath;

pub use choice::{Builds, Choice};
pub use entry::{CatalogueRule, ProfileFile, RegPart, Service};
pub use error::ProfileError;
pub use part::{Append, CopyKey, CreateKey, LeaveOut, Marks, Part};

/// What to put into an image, and why.
///
/// ```
/// let profile = winpe_inject::Profile::builtin("iscsi-winpe3")?;
/// assert_eq!(profile.files().len(), 16);
/// # Ok::<(), winpe_inject::ProfileError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Profile {
    name: String,
    manifest: Manifest,
    reg: Vec<RegPart>,
    roots: HiveRoots,
}

/// `profile.toml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "profile.toml")]
pub(crate) struct Manifest {
    /// One line on what it is.
    #[schemars(example = &"Microsoft iSCSI initiator for WinPE 3.x")]
    title: String,
    /// What it does, and for which images.
    #[schemars(example = &"Windows 7 and its WinPE. Other images have other keys.")]
    why: String,
    /// `[[choice]]`: profiles that this one chooses from, by the builds of image and source. The first that fits
    /// counts.
    #[serde(default, rename = "choice")]
    choices: Vec<Choice>,
    /// `[[hive]]`: roots under which this profile names keys, beside the standard ones.
    #[serde(default, rename = "hive")]
    hives: Vec<HiveRoot>,
    /// `[[reg]]`: `.reg` files of the folder, applied in this order.
    #[serde(default)]
    reg: Vec<RegEntry>,
    /// `[[service]]`: services whose keys show that the feature is in.
    #[serde(default, rename = "service")]
    services: Vec<Service>,
    /// `[[file]]`: files that the image must have.
    #[serde(default, rename = "file")]
    files: Vec<ProfileFile>,
    /// `[[part]]`: files and keys that belong together and come from a source of the image's own build.
    #[serde(default, rename = "part")]
    parts: Vec<Part>,
    /// `[[catalogue]]`: where a source has the catalogues that cover its files.
    #[serde(default, rename = "catalogue")]
    catalogues: Vec<CatalogueRule>,
    /// `[[leave-out]]`: keys that are never copied.
    #[serde(default, rename = "leave-out")]
    left_out: Vec<LeaveOut>,
}

/// `[[reg]]`: a `.reg` file of the folder.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RegEntry {
    /// The name of the file. It is in the profile's folder itself.
    #[schemars(example = &"service.reg")]
    file: String,
    /// What it is for.
    #[schemars(example = &"The initiator service.")]
    why: String,
}

/// A built-in profile: its name and its files.
struct Builtin {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
}

macro_rules! builtin {
    ($name:literal: $($file:literal)+) => {
        Builtin {
            name: $name,
            files: &[$(($file, include_str!(concat!("../../profiles/", $name, "/", $file)))),+],
        }
    };
}

const BUILTIN: &[Builtin] = &[
    builtin!("iscsi": "profile.toml"),
    builtin!("iscsi-winpe3":
        "profile.toml" "svchost.reg" "discovery.reg" "devices.reg" "driver.reg" "service.reg"
        "class.reg"
    ),
    builtin!("iscsi-winpe4": "profile.toml"),
];

/// The manifest of a profile.
const MANIFEST: &str = "profile.toml";

impl Profile {
    /// The names of the built-in profiles.
    #[must_use]
    pub fn builtin_names() -> Vec<&'static str> {
        BUILTIN.iter().map(|builtin| builtin.name).collect()
    }

    /// The files of a built-in profile by their names, as a start for one of your own: in a folder,
    /// [`from_dir`](Self::from_dir) reads them. `None` if there is no such profile.
    ///
    /// ```
    /// let files = winpe_inject::Profile::builtin_files("iscsi-winpe3").expect("it is built in");
    /// assert!(files.iter().any(|(name, text)| *name == "profile.toml" && text.contains("title")));
    /// ```
    #[must_use]
    pub fn builtin_files(name: &str) -> Option<&'static [(&'static str, &'static str)]> {
        BUILTIN.iter().find(|builtin| builtin.name == name).map(|builtin| builtin.files)
    }

    /// A built-in profile.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`], which lists the names that exist.
    pub fn builtin(name: &str) -> Result<Self, ProfileError> {
        let Some(builtin) = BUILTIN.iter().find(|builtin| builtin.name == name) else {
            return Err(ProfileError::Unknown {
                name: name.to_owned(),
                known: Self::builtin_names(),
            });
        };
        let files = builtin.files.iter().map(|(name, text)| (*name, text.as_bytes()));
        Self::from_files(name, &files.collect::<Vec<_>>())
    }

    /// A profile from memory: its name, and its files by their names, of which one is `profile.toml`.
    ///
    /// ```
    /// use winpe_inject::Profile;
    ///
    /// let files = [
    ///     ("profile.toml", "title = 'Ours'\nwhy = 'A test.'\n[[reg]]\nfile = 'a.reg'\nwhy = 'Its key.'\n"),
    ///     ("a.reg", "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Lab]\n"),
    /// ];
    /// let profile = Profile::from_files("ours", &files.map(|(name, text)| (name, text.as_bytes())))?;
    /// assert_eq!(profile.name(), "ours");
    /// # Ok::<(), winpe_inject::ProfileError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_files(name: &str, files: &[(&str, &[u8])]) -> Result<Self, ProfileError> {
        Self::load(name, Path::new(name), &|file| {
            let found = files.iter().find(|(have, _)| *have == file);
            found.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| {
                let (path, source) = (Path::new(name).join(file), io::ErrorKind::NotFound.into());
                ProfileError::Read { path, source }
            })
        })
    }

    /// A profile in a folder.
    ///
    /// # Errors
    /// [`ProfileError`] names the file, and for a `.reg` file line and column.
    pub fn from_dir(dir: &Path) -> Result<Self, ProfileError> {
        let name =
            dir.file_name().map_or_else(|| dir.to_string_lossy(), |name| name.to_string_lossy());
        let folder = Folder::open(dir)?;
        Self::load(&name, dir, &|file| {
            let opened = folder.open_file(file.as_ref())?;
            let limit = if file == MANIFEST { bounded::TOML } else { u64::MAX };
            let read = bounded::read_from(opened, limit);
            read.map_err(|source| ProfileError::Read { path: dir.join(file), source })
        })
    }

    /// A built-in profile by its name, or else the folder of that path.
    ///
    /// # Errors
    /// As [`builtin`](Self::builtin) and [`from_dir`](Self::from_dir).
    pub fn find(name_or_dir: &str) -> Result<Self, ProfileError> {
        let dir = Path::new(name_or_dir);
        if !Self::builtin_names().contains(&name_or_dir) && dir.is_dir() {
            return Self::from_dir(dir);
        }
        Self::builtin(name_or_dir)
    }

    fn load(
        name: &str,
        dir: &Path,
        read: &dyn Fn(&str) -> Result<Vec<u8>, ProfileError>,
    ) -> Result<Self, ProfileError> {
        let path = dir.join(MANIFEST);
        let text = String::from_utf8(read(MANIFEST)?)
            .map_err(|_| ProfileError::NotUtf8 { path: path.clone() })?;
        let mut manifest: Manifest = toml::from_str(&text).map_err(|source| {
            let (line, column) = bounded::place(&text, source.span());
            let message = source.message().trim().to_owned();
            ProfileError::Text { path: path.clone(), line, column, message }
        })?;
        let roots = HiveRoots::with(&manifest.hives)
            .map_err(|source| ProfileError::HiveRoot { path: path.clone(), source })?;
        let reg = manifest
            .reg
            .iter()
            .map(|entry| {
                let file = plain_name(dir, &entry.file)?;
                let edits = parse_reg(&dir.join(file), &read(file)?)?;
                Ok(RegPart { file: entry.file.clone(), why: entry.why.clone(), edits })
            })
            .collect::<Result<_, ProfileError>>()?;
        let whole = Origin::whole(&path);
        let at = |offset: usize| Origin { line: line_of(&text, offset), ..whole.clone() };
        manifest.parts.iter_mut().for_each(|part| part.place(&at));
        manifest.left_out.iter_mut().for_each(|rule| rule.place(&at));
        let profile = Self { name: name.to_owned(), manifest, reg, roots };
        profile.check_choices()?;
        profile.check_parts(dir)?;
        profile.check_paths(dir)?;
        Ok(profile)
    }

    /// Checks that no path of a file holds `..`: a source may be a folder of this machine.
    fn check_paths(&self, dir: &Path) -> Result<(), ProfileError> {
        let files = self.files().iter().chain(self.parts().iter().flat_map(|part| &part.files));
        let marks = self.parts().iter().flat_map(|part| &part.there_if.files);
        let catalogues = self.catalogues().iter().map(|rule| &rule.path);
        for path in files.map(|file| &file.path).chain(marks).chain(catalogues) {
            if ImagePath::new(path).names().any(|name| name == "." || name == "..") {
                let profile = dir.join(MANIFEST);
                return Err(ProfileError::BadPath { profile, path: path.clone() });
            }
        }
        Ok(())
    }

    /// Checks that every key of a part lies in a hive.
    fn check_parts(&self, dir: &Path) -> Result<(), ProfileError> {
        let path = || dir.join(MANIFEST);
        for part in self.parts() {
            let marks = part.there_if.keys.iter().map(|key| (key, None));
            let keys = part.keys().map(|(key, origin)| (key, Some(origin)));
            for (key, origin) in marks.chain(keys) {
                if self.roots.locate(key).is_none() {
                    let origin = origin.cloned().unwrap_or_else(|| Origin::whole(path()));
                    return Err(ProfileError::NoHive { origin, key: key.clone() });
                }
            }
        }
        Ok(())
    }

    /// Its name; that of its folder, if it is not built in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line on what it is.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.manifest.title
    }

    /// What it does and for which images.
    #[must_use]
    pub fn why(&self) -> &str {
        self.manifest.why.trim()
    }

    /// Its `.reg` files in order.
    #[must_use]
    pub fn reg(&self) -> &[RegPart] {
        &self.reg
    }

    /// The files that the image must have.
    #[must_use]
    pub fn files(&self) -> &[ProfileFile] {
        &self.manifest.files
    }

    /// Files and keys that belong together and come from a source of the image's own build.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.manifest.parts
    }

    /// Where a source has its catalogues.
    #[must_use]
    pub fn catalogues(&self) -> &[CatalogueRule] {
        &self.manifest.catalogues
    }

    /// Keys that are never copied.
    #[must_use]
    pub fn left_out(&self) -> &[LeaveOut] {
        &self.manifest.left_out
    }

    /// The services that show that an image has the feature.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.manifest.services
    }

    /// Its own hive roots and the standard ones.
    #[must_use]
    pub fn roots(&self) -> &HiveRoots {
        &self.roots
    }
}

/// The line of an offset, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// Refuses a file name that leads out of the profile's folder.
fn plain_name<'a>(dir: &Path, file: &'a str) -> Result<&'a str, ProfileError> {
    let plain = PathBuf::from(file).file_name().is_some_and(|name| name == file);
    if plain {
        Ok(file)
    } else {
        Err(ProfileError::OutsideFolder { dir: dir.into(), file: file.into() })
    }
}
