//! The INF reader for the fuzz target `inf`. Compiled with `--cfg fuzzing` only, and no part of the
//! public API.

use winpe_wim::Arch;

use super::Inf as Parsed;

/// A key, if there is one, and values.
pub type Entry = (Option<String>, Vec<String>);

/// A file that an INF names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name in the package.
    pub name: String,
    /// The folder within the package.
    pub folder: String,
    /// Whether the driver needs it.
    pub needed: bool,
}

/// A parsed INF. Two are equal if their sections are.
#[derive(Debug, Clone)]
pub struct Inf(Parsed);

impl PartialEq for Inf {
    fn eq(&self, other: &Self) -> bool {
        self.sections() == other.sections()
    }
}

impl Inf {
    /// Parses a text; `None` if it is not an INF.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Parsed::parse(bytes).ok().map(Self)
    }

    /// The sections, by their names in lower case.
    #[must_use]
    pub fn sections(&self) -> Vec<(String, Vec<Entry>)> {
        let entry =
            |entry: super::Entry<'_>| (entry.key.map(super::unquote), entry.values().collect());
        let names = self.0.sections.keys();
        names.map(|name| (name.clone(), self.0.entries(name).map(entry).collect())).collect()
    }

    /// Class, version, and the catalogue for an architecture.
    #[must_use]
    pub fn words(&self, arch: Option<Arch>) -> [Option<String>; 3] {
        [self.0.class(), self.0.driver_version(), self.0.catalog(arch)]
    }

    /// The files of the package for an architecture.
    #[must_use]
    pub fn files(&self, arch: Option<Arch>) -> Vec<Named> {
        let files = self.0.files(arch).into_iter();
        files
            .map(|file| Named { name: file.name, folder: file.folder, needed: file.needed })
            .collect()
    }
}
