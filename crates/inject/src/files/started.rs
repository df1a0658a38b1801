//! What WinPE does at its start, as the record of an image keeps it.

use serde::{Deserialize, Serialize};
use winpe_san::SanUri;
use winpe_wim::name_refusal;

use crate::image::ImagePath;

/// What WinPE does at its start because of this program. The scripts in the image are made of this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Started {
    /// Whether the event log service is restarted.
    pub(crate) event_log: bool,
    /// The INFs that are loaded, as paths below our folder, in this order.
    pub(crate) drivers: Vec<ImagePath>,
    /// The targets to which the login script logs in, in this order.
    pub(crate) targets: Vec<SanUri>,
    /// Whether the image holds the CHAP name and secret.
    pub(crate) chap: bool,
    /// Whether the boot server gives the CHAP name and secret.
    pub(crate) chap_at_boot: bool,
    /// Whether the login script is called when WinPE starts.
    pub(crate) autostart: bool,
}

/// The folder of all driver packages, below our folder.
pub(crate) const DRIVERS: &str = "drivers";

impl Started {
    /// Whether a script runs before the network starts.
    pub(crate) fn is_early(&self) -> bool {
        self.event_log || !self.drivers.is_empty()
    }

    /// Whether there is a login script.
    pub(crate) fn has_login(&self) -> bool {
        self.autostart || !self.targets.is_empty()
    }

    /// The folders of the driver packages, in the order in which they are loaded.
    pub(crate) fn packages(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.drivers.iter().filter_map(package_of) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name);
            }
        }
        names
    }

    /// The INFs of a driver package, as paths below our folder.
    pub(crate) fn infs_of(&self, package: &str) -> impl Iterator<Item = &ImagePath> {
        let is_of = move |inf: &&ImagePath| {
            package_of(inf).is_some_and(|name| name.eq_ignore_ascii_case(package))
        };
        self.drivers.iter().filter(is_of)
    }

    /// The first INF that this program cannot have put in. Its name would be written into a script.
    pub(super) fn foreign_driver(&self) -> Option<&ImagePath> {
        self.drivers.iter().find(|inf| {
            package_of(inf).is_none() || inf.names().any(|name| name_refusal(name).is_some())
        })
    }
}

/// The folder of the package to which an INF belongs: `drivers\NAME\…`.
fn package_of(inf: &ImagePath) -> Option<&str> {
    let mut names = inf.names();
    let first = names.next()?.eq_ignore_ascii_case(DRIVERS);
    let package = names.next()?;
    (first && names.next().is_some()).then_some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_grouped_by_their_folder() {
        let drivers = [r"drivers\net\a.inf", r"Drivers\NET\b.inf", r"drivers\disk\sub\a.inf"];
        let started = Started {
            drivers: drivers.iter().map(|path| ImagePath::new(path)).collect(),
            ..Started::default()
        };
        assert_eq!(started.packages(), ["net", "disk"]);
        assert_eq!(started.infs_of("Net").count(), 2);
        assert_eq!(started.infs_of("ne").count(), 0);
        assert_eq!(started.foreign_driver(), None);
        for foreign in [r"drivers\a.inf", r"other\net\a.inf", "drivers\\net\\a\"&del.inf", ""] {
            let drivers = vec![ImagePath::new(foreign)];
            let started = Started { drivers, ..Started::default() };
            assert!(started.foreign_driver().is_some(), "{foreign}");
        }
    }
}
