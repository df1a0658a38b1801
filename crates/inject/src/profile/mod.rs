//! Profiles: what makes a feature work, as data.
//!
//! A profile is a folder with a `profile.toml` and the `.reg` files it names. The built-in ones are
//! compiled in; any other is read from disk.

mod choice;
mod part;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use winpe_folder::Folder;
use winpe_registry::KeyPath;

use crate::error::ProfileError;
use crate::hives::{HiveRoot, HiveRoots};
use crate::path::ImagePath;
use crate::reg::{Origin, SourcedEdit, parse_reg};

pub use choice::{Builds, Choice};
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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    title: String,
    why: String,
    #[serde(default, rename = "choice")]
    choices: Vec<Choice>,
    #[serde(default, rename = "hive")]
    hives: Vec<HiveRoot>,
    #[serde(default)]
    reg: Vec<RegEntry>,
    #[serde(default, rename = "service")]
    services: Vec<Service>,
    #[serde(default, rename = "file")]
    files: Vec<ProfileFile>,
    #[serde(default, rename = "part")]
    parts: Vec<Part>,
    #[serde(default, rename = "catalogue")]
    catalogues: Vec<CatalogueRule>,
    #[serde(default, rename = "leave-out")]
    left_out: Vec<LeaveOut>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegEntry {
    file: String,
    why: String,
}

/// A service whose key shows that the feature is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its key, under one of the profile's hive roots.
    pub key: KeyPath,
}

/// A file that the image must have. It is found at the same place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    /// The path in the image, with backslashes. In a part, names may hold `*`, and `{lang}` stands for
    /// each language of the image.
    pub path: String,
    /// In a part, names that `*` does not mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// In a part, whether a source without the file will do.
    #[serde(default)]
    pub optional: bool,
    /// What it is for.
    pub why: String,
}

/// Where a source has the signed lists of digests that vouch for its files. Those that cover an added file
/// go along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueRule {
    /// Their path, with backslashes; names may hold `*`.
    pub path: String,
    /// What they are for.
    pub why: String,
}

/// One `.reg` file of a profile.
#[derive(Debug, Clone)]
pub struct RegPart {
    /// The file's name.
    pub file: String,
    /// What it is for.
    pub why: String,
    /// Its edits in order.
    pub edits: Vec<SourcedEdit>,
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

impl Profile {
    /// The names of the built-in profiles.
    #[must_use]
    pub fn builtin_names() -> Vec<&'static str> {
        BUILTIN.iter().map(|builtin| builtin.name).collect()
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
        Self::load(name, Path::new(name), &|file| {
            let found = builtin.files.iter().find(|(have, _)| *have == file);
            found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| {
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
            let mut opened = folder.open_file(file.as_ref())?;
            let mut bytes = Vec::new();
            opened
                .read_to_end(&mut bytes)
                .map_err(|source| ProfileError::Read { path: dir.join(file), source })?;
            Ok(bytes)
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
        let path = dir.join("profile.toml");
        let text = String::from_utf8(read("profile.toml")?)
            .map_err(|_| ProfileError::NotUtf8 { path: path.clone() })?;
        let mut manifest: Manifest = toml::from_str(&text).map_err(|source| {
            ProfileError::Manifest { path: path.clone(), source: Box::new(source) }
        })?;
        let roots = HiveRoots::with(&manifest.hives)
            .map_err(|source| ProfileError::HiveRoot { path: dir.join("profile.toml"), source })?;
        let reg = manifest
            .reg
            .iter()
            .map(|entry| {
                let file = plain_name(dir, &entry.file)?;
                let edits = parse_reg(&dir.join(file), &read(file)?)?;
                Ok(RegPart { file: entry.file.clone(), why: entry.why.clone(), edits })
            })
            .collect::<Result<_, ProfileError>>()?;
        let at = |offset: usize| Origin { file: path.clone(), line: line_of(&text, offset) };
        manifest.parts.iter_mut().for_each(|part| part.place(&at));
        manifest.left_out.iter_mut().for_each(|rule| rule.place(&at));
        let profile = Self { name: name.to_owned(), manifest, reg, roots };
        profile.check_choices()?;
        profile.check_parts(dir)?;
        profile.check_paths(dir)?;
        Ok(profile)
    }

    /// That no path of a file leads upwards: a source may be a folder of this machine.
    fn check_paths(&self, dir: &Path) -> Result<(), ProfileError> {
        let files = self.files().iter().chain(self.parts().iter().flat_map(|part| &part.files));
        let marks = self.parts().iter().flat_map(|part| &part.there_if.files);
        let catalogues = self.catalogues().iter().map(|rule| &rule.path);
        for path in files.map(|file| &file.path).chain(marks).chain(catalogues) {
            if ImagePath::new(path).names().any(|name| name == "." || name == "..") {
                let profile = dir.join("profile.toml");
                return Err(ProfileError::BadPath { profile, path: path.clone() });
            }
        }
        Ok(())
    }

    /// That every key of a part lies in a hive.
    fn check_parts(&self, dir: &Path) -> Result<(), ProfileError> {
        let path = || dir.join("profile.toml");
        for part in self.parts() {
            let marks = part.there_if.keys.iter().map(|key| (key, None));
            let keys = part.keys().map(|(key, origin)| (key, Some(origin)));
            for (key, origin) in marks.chain(keys) {
                if self.roots.locate(key).is_none() {
                    let origin = origin.cloned().unwrap_or(Origin { file: path(), line: 0 });
                    return Err(ProfileError::NoHive { origin, key: key.clone() });
                }
            }
        }
        Ok(())
    }

    /// The name: of the folder, for one that is not built in.
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

    /// What belongs together and comes from a source of the image's own build.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.manifest.parts
    }

    /// Where the catalogues are that cover files of a source.
    #[must_use]
    pub fn catalogues(&self) -> &[CatalogueRule] {
        &self.manifest.catalogues
    }

    /// What is never copied.
    #[must_use]
    pub fn left_out(&self) -> &[LeaveOut] {
        &self.manifest.left_out
    }

    /// The services that show that the feature is in.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.manifest.services
    }

    /// Where its keys lie: its own hive roots and the standard ones.
    #[must_use]
    pub fn roots(&self) -> &HiveRoots {
        &self.roots
    }
}

/// The line, from 1, in which a place lies.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// A profile names files beside it, never files elsewhere.
fn plain_name<'a>(dir: &Path, file: &'a str) -> Result<&'a str, ProfileError> {
    let plain = PathBuf::from(file).file_name().is_some_and(|name| name == file);
    if plain {
        Ok(file)
    } else {
        Err(ProfileError::OutsideFolder { dir: dir.into(), file: file.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::os::unix::fs::symlink;

    use winpe_folder::FolderError;
    use winpe_registry::{Edit, Op, Value, ValueName};

    use super::*;

    /// The user's file as published and the profile made from it must leave a registry in the same state.
    #[test]
    fn the_winpe3_profile_says_what_the_seed_says() {
        let seed = include_bytes!("../../../../fixtures/seed-iscsi.reg");
        let seed = parse_reg(Path::new("seed-iscsi.reg"), seed).unwrap();
        let profile = Profile::builtin("iscsi-winpe3").unwrap();
        let ours = profile.reg().iter().flat_map(|part| &part.edits);
        assert_eq!(outcome(ours.map(|e| &e.edit)), outcome(seed.iter().map(|e| &e.edit)));
    }

    type Outcome = BTreeMap<KeyPath, BTreeMap<ValueName, Value>>;

    fn outcome<'a>(edits: impl Iterator<Item = &'a Edit>) -> Outcome {
        let mut keys = Outcome::new();
        for edit in edits {
            let key = keys.entry(edit.key.clone()).or_default();
            match &edit.op {
                Op::CreateKey => {}
                Op::SetValue { name, value } => {
                    key.insert(name.clone(), value.clone());
                }
                other => panic!("the seed deletes nothing, but here is {other:?}"),
            }
        }
        assert_eq!(keys.len(), 26, "the seed names 26 keys");
        keys
    }

    #[test]
    fn every_file_of_the_profiles_folder_is_compiled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
        let mut on_disk = BTreeSet::new();
        for profile in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if profile.file_type().unwrap().is_dir() {
                for file in fs::read_dir(profile.path()).unwrap().map(Result::unwrap) {
                    on_disk.insert((profile.file_name(), file.file_name()));
                }
            }
        }
        let built_in = BUILTIN.iter().flat_map(|builtin| {
            builtin.files.iter().map(|(file, _)| (builtin.name.into(), (*file).into()))
        });
        assert_eq!(built_in.collect::<BTreeSet<_>>(), on_disk);
    }

    #[test]
    fn every_key_of_a_built_in_profile_lies_in_a_hive() {
        for name in Profile::builtin_names() {
            let profile = Profile::builtin(name).unwrap();
            let edits = profile.reg().iter().flat_map(|part| &part.edits);
            let keys = edits.map(|edit| edit.edit.key.clone());
            let services = profile.services().iter().map(|service| service.key.clone());
            for key in keys.chain(services) {
                assert!(profile.roots().locate(&key).is_some(), "{name}: {key}");
            }
        }
    }

    #[test]
    fn a_profile_reaches_no_file_outside_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["../x.reg", "/etc/passwd", "sub/x.reg", "", "."] {
            let text = format!("title = 't'\nwhy = 'w'\n[[reg]]\nfile = {file:?}\nwhy = 'w'\n");
            fs::write(dir.path().join("profile.toml"), text).unwrap();
            let error = Profile::from_dir(dir.path()).unwrap_err();
            assert!(matches!(error, ProfileError::OutsideFolder { .. }), "{file}: {error}");
        }
    }

    #[test]
    fn a_link_leads_to_no_file_outside_the_folder_of_a_profile() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("profile");
        fs::create_dir_all(dir.join("sub")).unwrap();
        let text = "title = 't'\nwhy = 'w'\n[[reg]]\nfile = 'x.reg'\nwhy = 'w'\n";
        fs::write(dir.join("profile.toml"), text).unwrap();
        let reg = "Windows Registry Editor Version 5.00\n";
        fs::write(outer.path().join("other.reg"), reg).unwrap();
        fs::write(dir.join("sub/own.reg"), reg).unwrap();
        let absolute = outer.path().join("other.reg");
        for (target, within) in [
            (Path::new("../other.reg"), false),
            (&absolute, false),
            (Path::new("sub/own.reg"), true),
        ] {
            let _ = fs::remove_file(dir.join("x.reg"));
            symlink(target, dir.join("x.reg")).unwrap();
            let read = Profile::from_dir(&dir);
            let outside =
                |error| matches!(error, ProfileError::Folder(FolderError::Outside { .. }));
            match read {
                Ok(_) => assert!(within, "{}", target.display()),
                Err(error) => assert!(!within && outside(error), "{}", target.display()),
            }
        }
        let toml = dir.join("profile.toml");
        fs::rename(&toml, outer.path().join("profile.toml")).unwrap();
        symlink("../profile.toml", &toml).unwrap();
        let error = Profile::from_dir(&dir).unwrap_err();
        assert!(matches!(error, ProfileError::Folder(FolderError::Outside { .. })), "{error}");
    }

    #[test]
    fn a_path_that_leads_upwards_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = r"'Windows\..\..\x'";
        for rule in [
            format!("[[file]]\npath = {path}\nwhy = 'w'\n"),
            format!("[[catalogue]]\npath = {path}\nwhy = 'w'\n"),
            format!("[[part]]\nname = 'p'\nwhy = 'w'\nthere-if = {{ files = [{path}] }}\n"),
            format!("[[part]]\nname = 'p'\nwhy = 'w'\n[[part.file]]\npath = {path}\nwhy = 'w'\n"),
        ] {
            let text = format!("title = 't'\nwhy = 'w'\n{rule}");
            fs::write(dir.path().join("profile.toml"), text).unwrap();
            let error = Profile::from_dir(dir.path()).unwrap_err();
            assert!(matches!(error, ProfileError::BadPath { .. }), "{rule}: {error}");
        }
    }

    #[test]
    fn unknown_profiles_and_unknown_fields_are_told() {
        let error = Profile::find("iscsi-winpe99").unwrap_err().to_string();
        assert!(error.contains("iscsi-winpe99") && error.contains("iscsi-winpe3"), "{error}");

        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("profile.toml"), "title = 't'\nwhy = 'w'\nfiles = []\n").unwrap();
        let error = Profile::from_dir(dir.path()).unwrap_err();
        assert!(matches!(error, ProfileError::Manifest { .. }), "{error}");
    }

    /// Otherwise the service would count as present, since its key would be the root.
    #[test]
    fn a_service_without_a_proper_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let read = |key: &str| {
            let service = format!("[[service]]\nname = 's'\nkey = {key}\n");
            let text = format!("title = 't'\nwhy = 'w'\n{service}");
            fs::write(dir.path().join("profile.toml"), text).unwrap();
            Profile::from_dir(dir.path())
        };
        let too_long = format!("'{}'", "k".repeat(256));
        for key in ["7", r"'a\\b'", &too_long] {
            let error = read(key).unwrap_err();
            assert!(matches!(error, ProfileError::Manifest { .. }), "{key}: {error}");
        }
        assert_eq!(read(r"'a\b'").unwrap().services()[0].key, r"a\b".parse().unwrap());
    }
}
