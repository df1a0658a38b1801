//! The control set that a SYSTEM hive selects.

use winpe_hive::{Hive, ReadError};
use winpe_registry::{KeyName, KeyPath, ValueName};

use super::{HiveError, Location, Origin};
use crate::image::ImagePath;
use crate::report::Warning;

/// What `CurrentControlSet` means in a SYSTEM hive. Windows creates it at boot as a link to the set that
/// `Select\Current` names, so no hive of Windows has a key of that name. Other tools make one; in such a
/// hive the name means that key.
///
/// ```
/// use winpe_hive::{FileTime, Hive};
/// use winpe_inject::ControlSet;
/// use winpe_registry::{Edit, KeyName, Value, ValueName};
///
/// let mut hive = Hive::create(5, &KeyName::new("ROOT")?, FileTime::from_unix(0))?;
/// let (select, current) = ("Select".parse()?, ValueName::new("Current")?);
/// hive.apply(&Edit::set_value(select, current, Value::dword(2)))?;
/// let set = ControlSet::of(&hive)?;
/// let key = set.resolve(&r"CurrentControlSet\Services".parse()?).expect("the hive selects one");
/// assert_eq!(key.to_string(), r"ControlSet002\Services");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ControlSet {
    selected: Option<KeyName>,
    /// The hive has a key of the alias's name.
    is_key: bool,
}

impl ControlSet {
    /// Its name in `.reg` files and in the running Windows.
    pub const CURRENT: &str = "CurrentControlSet";

    /// Reads which set the hive selects.
    ///
    /// # Errors
    /// The key `Select` cannot be read.
    pub fn of(hive: &Hive) -> Result<Self, ReadError> {
        let current = ValueName::new("Current").expect("short");
        let number = match hive.key(&KeyPath::from_iter([name("Select")]))? {
            Some(select) => select.value(&current)?,
            None => None,
        };
        let number = number.and_then(|number| number.as_dword());
        let number = number.filter(|number| (1..=999).contains(number));
        let selected = number.map(|number| name(&format!("ControlSet{number:03}")));
        let is_key = hive.key(&KeyPath::from_iter([name(Self::CURRENT)]))?.is_some();
        Ok(Self { selected, is_key })
    }

    /// The name of the set; `None` if the hive selects none.
    #[must_use]
    pub fn name(&self) -> Option<&KeyName> {
        self.selected.as_ref()
    }

    /// The key with `CurrentControlSet` replaced by the selected set; `None` if the hive selects none and
    /// the key is in it.
    #[must_use]
    pub fn resolve(&self, key: &KeyPath) -> Option<KeyPath> {
        if self.is_key || key.names().first() != Some(&name(Self::CURRENT)) {
            return Some(key.clone());
        }
        let current = self.selected.clone()?;
        Some([current].into_iter().chain(key.names()[1..].iter().cloned()).collect())
    }
}

/// The control set of one hive, with the hive's path for errors and warnings.
pub(super) struct ControlSets {
    file: ImagePath,
    current: ControlSet,
}

impl ControlSets {
    pub(super) fn of(hive: &Hive, file: &ImagePath) -> Result<Self, HiveError> {
        let failed = |source| HiveError::Read { hive: file.clone(), source };
        Ok(Self { file: file.clone(), current: ControlSet::of(hive).map_err(failed)? })
    }

    /// The key of a location, with `CurrentControlSet` resolved.
    pub(super) fn resolve(
        &self,
        location: &Location,
        origin: &Origin,
    ) -> Result<KeyPath, HiveError> {
        if !location.control_sets {
            return Ok(location.key.clone());
        }
        let unknown =
            || HiveError::NoControlSet { hive: self.file.clone(), origin: origin.clone() };
        self.current.resolve(&location.key).ok_or_else(unknown)
    }

    /// A warning if edits change a set that Windows will not use.
    pub(super) fn warning<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k KeyPath>,
    ) -> Option<Warning> {
        let current = self.current.name()?;
        let other = keys.into_iter().filter_map(|key| key.names().first()).find(|first| {
            let text = first.to_string().to_ascii_lowercase();
            text.starts_with("controlset") && *first != current
        })?;
        let (hive, current, changed) = (self.file.clone(), current.clone(), other.clone());
        Some(Warning::OtherControlSet { hive, current, changed })
    }
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).expect("short and without a backslash")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use winpe_hive::FileTime;
    use winpe_registry::{Edit, Value};

    use super::*;
    use crate::hives::{HiveRoots, parse_reg};

    fn hive(current: Option<u32>) -> Hive {
        let name = KeyName::new("ROOT").unwrap();
        let mut hive = Hive::create(5, &name, FileTime::from_unix(0)).unwrap();
        if let Some(current) = current {
            let name = ValueName::new("Current").unwrap();
            let key = "Select".parse().unwrap();
            hive.apply(&Edit::set_value(key, name, Value::dword(current))).unwrap();
        }
        hive
    }

    fn sets(current: Option<u32>) -> ControlSets {
        ControlSets::of(&hive(current), &ImagePath::new("SYSTEM")).unwrap()
    }

    fn resolve(sets: &ControlSets, hive: &str, key: &str) -> Result<String, HiveError> {
        let text = format!("REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\{hive}\\{key}]\n");
        let edits = parse_reg(Path::new("a.reg"), text.as_bytes()).unwrap();
        let location = HiveRoots::standard().locate(&edits[0].edit.key).unwrap();
        sets.resolve(&location, &edits[0].origin).map(|key| key.to_string())
    }

    #[test]
    fn the_current_control_set_is_the_one_that_the_hive_selects() {
        let sets = sets(Some(2));
        let resolve = |hive, key| resolve(&sets, hive, key).unwrap();
        assert_eq!(resolve("SYSTEM", r"currentcontrolset\Services"), r"ControlSet002\Services");
        assert_eq!(resolve("SYSTEM", r"ControlSet001\Services"), r"ControlSet001\Services");
        assert_eq!(resolve("SYSTEM", r"Setup\CurrentControlSet"), r"Setup\CurrentControlSet");
        assert_eq!(resolve("SOFTWARE", "CurrentControlSet"), "CurrentControlSet");
    }

    #[test]
    fn without_a_selection_the_current_control_set_is_an_error() {
        for current in [None, Some(0), Some(1000)] {
            let error = resolve(&sets(current), "SYSTEM", r"CurrentControlSet\A").unwrap_err();
            assert!(matches!(error, HiveError::NoControlSet { .. }), "{error}");
            assert!(resolve(&sets(current), "SYSTEM", r"ControlSet001\A").is_ok());
        }
    }

    #[test]
    fn edits_of_a_set_that_windows_does_not_use_give_a_warning() {
        let key = |key: &str| [key.parse::<KeyPath>().unwrap()];
        let warning = sets(Some(2)).warning(&key(r"ControlSet001\Services")).unwrap().to_string();
        assert!(
            warning.contains("ControlSet002") && warning.contains("ControlSet001"),
            "{warning}"
        );
        assert_eq!(sets(Some(1)).warning(&key(r"controlset001\Services")), None);
        assert_eq!(sets(Some(2)).warning(&key("Setup")), None);
    }
}
