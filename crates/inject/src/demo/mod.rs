//! Synthetic images, to try the program without a Windows image.
//!
//! They are small and structurally valid: WIM files with a tree like that of WinPE, registry hives written
//! by our own writer, programs with valid headers. They hold no Microsoft software and do not boot.

mod catalogue;
mod program;

pub use catalogue::Catalogue;
pub use program::Program;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use thiserror::Error;
use winpe_hive::{EditError, Hive};
use winpe_regfile::ParseError;
use winpe_registry::{Edit, KeyName, KeyPath};
use winpe_wim::{Arch, Compression, NewImage, Version, WimError};

use crate::hives::{file_time, parse_reg};
use crate::profile::{Profile, ProfileError};

/// Why the demo images could not be created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemoError {
    /// They could not be written.
    #[error(transparent)]
    Wim(#[from] WimError),
    /// The built-in description is wrong.
    #[error(transparent)]
    Reg(#[from] ParseError),
    /// The built-in description names no profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A hive could not be created.
    #[error("{hive}: {source}")]
    Hive {
        /// The hive's path in the image.
        hive: String,
        /// Why.
        source: Box<EditError>,
    },
}

/// The demo images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// A WinPE image without the initiator.
    pub winpe: PathBuf,
    /// An installation image that has its files.
    pub install: PathBuf,
}

/// Creates `winpe.wim` and `install.wim` in a folder. Their bytes are the same every time, except for the
/// GUID of each WIM.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// let demo = winpe_inject::demo::create(dir.path())?;
/// assert!(demo.winpe.is_file() && demo.install.is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DemoError::Wim`] if a file cannot be written, or exists already.
pub fn create(dir: &Path) -> Result<Demo, DemoError> {
    let demo = Demo { winpe: dir.join("winpe.wim"), install: dir.join("install.wim") };
    write(&demo.winpe, WINPE)?;
    write(&demo.install, INSTALL)?;
    Ok(demo)
}

/// The files that describe one image.
type Files = &'static [(&'static str, &'static str)];

const WINPE: Files = &[
    ("image.toml", include_str!("../../demo/winpe/image.toml")),
    ("system.reg", include_str!("../../demo/winpe/system.reg")),
    ("software.reg", include_str!("../../demo/winpe/software.reg")),
];
const INSTALL: Files = &[
    ("image.toml", include_str!("../../demo/install/image.toml")),
    ("system.reg", include_str!("../../demo/install/system.reg")),
    ("software.reg", include_str!("../../demo/install/software.reg")),
];

/// `image.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Description {
    name: String,
    description: String,
    version: [u32; 4],
    edition: String,
    installation_type: String,
    #[serde(default)]
    boot: bool,
    /// A profile whose files the image has.
    profile_files: Option<String>,
    folders: Vec<String>,
    programs: Vec<String>,
    text: Vec<Text>,
    hive: Vec<HiveFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    path: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HiveFile {
    path: String,
    reg: String,
    root: String,
}

fn write(path: &Path, files: Files) -> Result<(), DemoError> {
    let file = |name: &str| {
        let found = files.iter().find(|(have, _)| *have == name);
        found.map(|(_, text)| *text).expect("the description names files that are compiled in")
    };
    let image: Description =
        toml::from_str(file("image.toml")).expect("the description is compiled in and tested");
    let mut content = Vec::new();
    for text in &image.text {
        content.push((text.path.clone(), text.text.clone().into_bytes()));
    }
    for hive in &image.hive {
        content.push((hive.path.clone(), make_hive(hive, file(&hive.reg))?));
    }
    let mut programs = image.programs.clone();
    if let Some(profile) = &image.profile_files {
        let profile = Profile::builtin(profile)?;
        programs.extend(profile.files().iter().map(|file| file.path.clone()));
    }
    content.extend(programs.into_iter().map(|path| {
        let data = Program::new(path.as_str()).build();
        (path, data)
    }));
    let [major, minor, build, service_pack_build] = image.version;
    let image = NewImage {
        name: image.name,
        description: image.description,
        boot: image.boot,
        arch: Some(Arch::Amd64),
        version: Some(Version { major, minor, build, service_pack_build }),
        languages: vec!["en-US".to_owned()],
        edition: Some(image.edition),
        installation_type: Some(image.installation_type),
        dirs: image.folders,
        files: content,
        time: Some(made_at()),
        security: None,
    };
    Ok(winpe_wim::create(path, Compression::Lzx, &[image])?)
}

fn make_hive(description: &HiveFile, reg: &str) -> Result<Vec<u8>, DemoError> {
    let failed =
        |source| DemoError::Hive { hive: description.path.clone(), source: Box::new(source) };
    let root: KeyPath = description.root.parse().expect("the description is tested");
    let name = KeyName::new("ROOT").expect("short");
    // Version 1.5, as Windows 7 writes them.
    let mut hive = Hive::create(5, &name, file_time(made_at())).expect("version 1.5 exists");
    for sourced in parse_reg(Path::new(&description.reg), reg.as_bytes())? {
        let key = sourced.edit.key.strip_prefix(&root).expect("the description is tested");
        hive.apply(&Edit { key, ..sourced.edit }).map_err(failed)?;
    }
    Ok(hive.into_bytes())
}

/// The release of WinPE 3.1, 2011-02-15: any fixed time does.
fn made_at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_297_728_000)
}
