//! Which Windows an image or folder holds.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use winpe_registry::{KeyPath, Value, ValueName};
use winpe_wim::Arch;

use crate::error::InjectError;
use crate::hives::HiveRoots;
use crate::path::ImagePath;
use crate::pattern;
use crate::pe::Program;
use crate::registry::open_hive;
use crate::tree::Tree;

/// What decides whether the parts of one Windows fit another. Whatever could not be found out is `None`.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # winpe_inject::demo::create(dir.path())?;
/// # std::env::set_current_dir(dir.path())?;
/// let windows = winpe_inject::Source::open("install.wim:1")?.windows()?;
/// assert_eq!(windows.to_string(), "build 7601, amd64, en-US");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Windows {
    /// The build number, as 7601 of Windows 7 SP1.
    pub build: Option<u32>,
    /// The processor.
    #[serde(serialize_with = "arch_text")]
    #[schemars(with = "Option<String>")]
    pub arch: Option<Arch>,
    /// The languages that its programs have text in, as `en-US`.
    pub languages: Vec<String>,
}

/// How Windows tells what it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Marks {
    build_key: String,
    build_values: Vec<String>,
    kernels: Vec<String>,
    languages: String,
    language_file: String,
    library_folders: Vec<String>,
    programs: Vec<String>,
    api_sets: Vec<String>,
    families: Vec<Family>,
}

/// Builds that share their files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    builds: Vec<u32>,
    #[serde(rename = "why")]
    _why: String,
}

static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    toml::from_str(include_str!("../profiles/windows.toml")).expect("a test reads it")
});

impl Windows {
    pub(crate) fn of(tree: Tree<'_>) -> Result<Self, InjectError> {
        let described = match tree {
            Tree::Image(archive, image) => archive.images().iter().find(|i| i.index == image),
            Tree::Folder(_) => None,
        };
        let build = match described.and_then(|image| image.version) {
            Some(version) => Some(version.build),
            None => build_in_hive(tree)?,
        };
        let arch = match described.and_then(|image| image.arch) {
            Some(arch) => Some(arch),
            None => arch_of_kernel(tree)?,
        };
        // The description spells them best.
        let mut languages: Vec<String> =
            described.iter().flat_map(|image| image.languages.iter().cloned()).collect();
        languages.extend(languages_of_folders(tree)?);
        let mut unique: Vec<String> = Vec::new();
        for language in languages {
            if !unique.iter().any(|known| known.eq_ignore_ascii_case(&language)) {
                unique.push(language);
            }
        }
        Ok(Self { build, arch, languages: unique })
    }

    /// Whether a build has the same files: it is the same, or one that differs by what is switched on.
    pub(crate) fn is_family(build: u32, other: u32) -> bool {
        let shares =
            |family: &Family| family.builds.contains(&build) && family.builds.contains(&other);
        build == other || MARKS.families.iter().any(shares)
    }

    /// The folders in which libraries and drivers are looked for when a program is loaded.
    pub(crate) fn library_folders() -> impl Iterator<Item = ImagePath> {
        MARKS.library_folders.iter().map(|folder| ImagePath::new(folder))
    }

    /// Whether a file of that name must be a program or library.
    pub(crate) fn is_program(path: &ImagePath) -> bool {
        fits_any(&MARKS.programs, path.file_name())
    }

    /// Whether that is no file but stands for one, by a table that the loader of each build has.
    pub(crate) fn is_api_set(library: &str) -> bool {
        fits_any(&MARKS.api_sets, library)
    }
}

fn fits_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern::text_fits(pattern, name))
}

fn build_in_hive(tree: Tree<'_>) -> Result<Option<u32>, InjectError> {
    let key: KeyPath = MARKS.build_key.parse().expect("a test reads it");
    let location = HiveRoots::standard().locate(&key).expect("a test reads it");
    let Some(opened) = open_hive(tree, &location.file)? else { return Ok(None) };
    let failed = |source| InjectError::ReadHive { hive: location.file.clone(), source };
    let Some(key) = opened.hive.key(&location.key).map_err(failed)? else { return Ok(None) };
    for name in &MARKS.build_values {
        let name = ValueName::new(name.as_str()).expect("a test reads it");
        let text = key.value(&name).map_err(failed)?.as_ref().and_then(Value::as_text);
        if let Some(build) = text.and_then(|text| text.to_string().parse().ok()) {
            return Ok(Some(build));
        }
    }
    Ok(None)
}

fn arch_of_kernel(tree: Tree<'_>) -> Result<Option<Arch>, InjectError> {
    for kernel in &MARKS.kernels {
        if let Some(data) = tree.read(&ImagePath::new(kernel))? {
            return Ok(Program::parse(&data).ok().map(|program| program.arch));
        }
    }
    Ok(None)
}

fn languages_of_folders(tree: Tree<'_>) -> Result<Vec<String>, InjectError> {
    let pattern = ImagePath::new(&MARKS.languages).join("*").join(&MARKS.language_file);
    let found = tree.find(&pattern)?;
    let folders: BTreeSet<String> = found
        .iter()
        .filter_map(|file| file.names().rev().nth(1).map(str::to_owned))
        .filter(|name| is_language(name))
        .collect();
    Ok(folders.into_iter().collect())
}

/// Folders of languages are named by them: `en-US`, `zh-Hans-CN`.
fn is_language(name: &str) -> bool {
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default();
    matches!(first.len(), 2 | 3)
        && parts.clone().next().is_some()
        && name.split('-').all(|part| part.chars().all(|c| c.is_ascii_alphanumeric()))
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.build {
            Some(build) => write!(f, "build {build}")?,
            None => f.write_str("unknown build")?,
        }
        match self.arch {
            Some(arch) => write!(f, ", {arch}")?,
            None => f.write_str(", unknown processor")?,
        }
        if !self.languages.is_empty() {
            write!(f, ", {}", self.languages.join(", "))?;
        }
        Ok(())
    }
}

fn arch_text<S: serde::Serializer>(arch: &Option<Arch>, serializer: S) -> Result<S::Ok, S::Error> {
    arch.map(|arch| arch.to_string()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_can_be_read() {
        let key: KeyPath = MARKS.build_key.parse().unwrap();
        assert!(HiveRoots::standard().locate(&key).is_some());
        assert!(MARKS.build_values.iter().all(|name| ValueName::new(name.as_str()).is_ok()));
        assert!(Windows::library_folders().count() >= 2);
    }

    #[test]
    fn builds_of_one_family_share_their_files() {
        for (a, b, same) in
            [(19041, 19045, true), (19041, 18363, false), (7601, 7601, true), (7600, 7601, false)]
        {
            assert_eq!(Windows::is_family(a, b), same, "{a} {b}");
            assert_eq!(Windows::is_family(b, a), same, "{b} {a}");
        }
    }

    #[test]
    fn languages_are_told_from_other_folders() {
        for name in ["en-US", "de-de", "zh-Hans-CN", "qps-ploc"] {
            assert!(is_language(name), "{name}");
        }
        for name in ["drivers", "config", "wbem", "en", "x-y", "en-US old"] {
            assert!(!is_language(name), "{name}");
        }
    }
}
