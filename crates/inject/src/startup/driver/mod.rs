//! Driver packages that the booted WinPE loads, mostly those of network cards.
//!
//! ```text
//!  --driver ─► search   the INFs that are meant: of a folder, a tree or an archive
//!                 ▼
//!              package  an INF with its files, checked for the image
//!                 ▼
//!              pack     reading by names of Windows, from a folder or an unpacked archive
//! ```
//! An INF that is for another processor or Windows is skipped if there are others. Of a tree or an archive,
//! so is one that cannot be used, unless the job is strict.

mod archive;
mod error;
pub(crate) mod inf;
mod limits;
mod pack;
mod package;
mod search;

use std::path::{Path, PathBuf};

pub use archive::ArchiveError;
pub use error::DriverError;
pub(crate) use inf::System;
pub(crate) use package::{MAX_INF, Package, Target};

use package::plain_name;
use search::Search;

/// The packages of a folder, tree or archive.
#[derive(Debug)]
pub(crate) struct Packages {
    /// At least one.
    pub(crate) usable: Vec<Package>,
    pub(crate) skipped: Vec<Skipped>,
}

/// The class and the version of the driver that an INF of an image describes; `None` if it is not an INF.
pub(super) fn described(inf: &[u8]) -> (Option<String>, Option<String>) {
    match inf::Inf::parse(inf) {
        Ok(inf) => (inf.class(), inf.driver_version()),
        Err(_) => (None, None),
    }
}

/// An INF that is not used.
#[derive(Debug)]
pub(crate) struct Skipped {
    pub(crate) inf: PathBuf,
    pub(crate) why: DriverError,
}

/// How many reasons an error names.
const REASONS: usize = 5;

impl Packages {
    /// Reads what a user names: a folder with a package, a tree of packages, an INF, or an archive.
    ///
    /// # Errors
    /// [`DriverError`] if nothing is usable, or a package cannot be used that was named itself.
    pub(crate) fn read(path: &Path, target: Target<'_>) -> Result<Self, DriverError> {
        let Search { pack, is_named, folders } = Search::of(path)?;
        let count: usize = folders.iter().map(|(_, infs)| infs.len()).sum();
        let mut packages = Self { usable: vec![], skipped: vec![] };
        for (folder, infs) in folders {
            let name = match folder.as_os_str().is_empty() {
                true => plain_name(path),
                false => package::name_of(&folder),
            };
            let mut package = Package::new(name, pack.path().join(&folder));
            for inf in infs {
                let why = match package.take(&pack, &folder, &inf, target) {
                    Ok(()) => continue,
                    Err(why) => why,
                };
                let may_skip = why.is_foreign() || !is_named && !target.strict;
                if count == 1 || !may_skip {
                    return Err(why);
                }
                packages.skipped.push(Skipped { inf: pack.path().join(&folder).join(inf), why });
            }
            if !package.infs.is_empty() {
                packages.usable.push(package);
            }
        }
        if packages.usable.is_empty() {
            let skipped = packages.skipped.iter().take(REASONS);
            let reasons = skipped.map(|skipped| skipped.why.to_string()).collect();
            return Err(DriverError::NothingUsable { path: path.into(), reasons });
        }
        Ok(packages)
    }
}
