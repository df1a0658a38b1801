//! Build, processor and languages of a Windows, and the file names that `profiles/windows.toml` knows.

use std::fmt;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use winpe_wim::Arch;

use super::{ImagePath, pattern};

/// What decides whether the parts of one Windows work in another. `None` is unknown.
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
    /// The build number, for example 7601 for Windows 7 SP1.
    pub build: Option<u32>,
    /// The processor.
    #[serde(serialize_with = "arch_text")]
    #[schemars(with = "Option<String>")]
    pub arch: Option<Arch>,
    /// The languages of its user interface, for example `en-US`.
    pub languages: Vec<String>,
}

/// `profiles/windows.toml`: where a Windows states its build, processor and languages, and which names its
/// programs have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Marks {
    pub(crate) build_key: String,
    pub(crate) build_values: Vec<String>,
    pub(crate) kind_values: Vec<String>,
    pub(crate) kind_of_pe: String,
    pub(crate) kernels: Vec<String>,
    pub(crate) languages: String,
    pub(crate) language_file: String,
    library_folders: Vec<String>,
    programs: Vec<String>,
    api_sets: Vec<String>,
    pub(crate) running_from: Vec<RunningFrom>,
    families: Vec<Family>,
}

/// A value in which a WinPE states the folder that it runs from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunningFrom {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) expected: String,
}

/// Builds that share their files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    builds: Vec<u32>,
    #[serde(rename = "why")]
    _why: String,
}

pub(crate) static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    toml::from_str(include_str!("../../profiles/windows.toml")).expect("a test reads it")
});

impl Windows {
    /// Whether two builds have the same files: equal builds, and builds that differ only in enabled features.
    pub(crate) fn is_family(build: u32, other: u32) -> bool {
        let shares =
            |family: &Family| family.builds.contains(&build) && family.builds.contains(&other);
        build == other || MARKS.families.iter().any(shares)
    }

    /// The folders in which the loader looks for libraries and drivers.
    pub(crate) fn library_folders() -> impl Iterator<Item = ImagePath> {
        MARKS.library_folders.iter().map(|folder| ImagePath::new(folder))
    }

    /// Whether the file's name is that of a program or library.
    pub(crate) fn is_program(path: &ImagePath) -> bool {
        fits_any(&MARKS.programs, path.file_name())
    }

    /// Whether the name is an API set, which the loader maps to a library by a table of its build.
    pub(crate) fn is_api_set(library: &str) -> bool {
        fits_any(&MARKS.api_sets, library)
    }
}

fn fits_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern::text_fits(pattern, name))
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
    fn builds_of_one_family_share_their_files() {
        for (a, b, same) in
            [(19041, 19045, true), (19041, 18363, false), (7601, 7601, true), (7600, 7601, false)]
        {
            assert_eq!(Windows::is_family(a, b), same, "{a} {b}");
            assert_eq!(Windows::is_family(b, a), same, "{b} {a}");
        }
    }
}
