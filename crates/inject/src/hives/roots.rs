//! Hive roots: which hive file of an image holds a key.

use std::str::FromStr;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;
use winpe_registry::{KeyPath, NameError};

use crate::image::ImagePath;

/// A root of key names, and the hive file that holds its keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HiveRoot {
    /// The root, with which keys of the profile begin.
    #[schemars(example = &r"HKEY_LOCAL_MACHINE\PE_Sys")]
    pub root: String,
    /// The hive's path in the image.
    #[schemars(example = &r"Windows\System32\config\SYSTEM")]
    pub file: String,
    /// The key of the hive that the root names; by default the hive's own root.
    #[serde(default)]
    #[schemars(example = &"Classes")]
    pub below: String,
    /// Whether the hive's `Select` key resolves `CurrentControlSet`.
    #[serde(default, rename = "control-sets")]
    #[schemars(example = true)]
    pub control_sets: bool,
}

/// The known hive roots.
#[derive(Debug, Clone)]
pub struct HiveRoots(Vec<Root>);

#[derive(Debug, Clone)]
struct Root {
    root: KeyPath,
    file: ImagePath,
    below: KeyPath,
    control_sets: bool,
}

/// Where a key lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The hive's path in the image.
    pub file: ImagePath,
    /// The key within the hive.
    pub key: KeyPath,
    /// Whether the hive has control sets.
    pub control_sets: bool,
}

#[derive(Deserialize)]
struct Standard {
    hive: Vec<HiveRoot>,
}

static STANDARD: LazyLock<Vec<Root>> = LazyLock::new(|| {
    let standard: Standard =
        toml::from_str(include_str!("../../profiles/hives.toml")).expect("a test parses it");
    standard.hive.iter().map(|root| parse(root).expect("a test parses it")).collect()
});

impl HiveRoots {
    /// The standard roots of Windows, such as `HKEY_LOCAL_MACHINE\SYSTEM`.
    #[must_use]
    pub fn standard() -> Self {
        Self(STANDARD.clone())
    }

    /// The standard roots and these, which take precedence.
    pub(crate) fn with(roots: &[HiveRoot]) -> Result<Self, NameError> {
        let mut all = roots.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        all.extend(STANDARD.iter().cloned());
        Ok(Self(all))
    }

    /// Where a key lies, or `None` if no root covers it. The longest root wins.
    #[must_use]
    pub fn locate(&self, key: &KeyPath) -> Option<Location> {
        let covering = self.0.iter().filter(|root| key.starts_with(&root.root));
        let root = covering.rev().max_by_key(|root| root.root.depth())?;
        let below = key.strip_prefix(&root.root)?;
        Some(Location {
            file: root.file.clone(),
            key: root.below.join(&below),
            control_sets: root.control_sets,
        })
    }

    /// The root that names a whole hive, under which its keys are shown.
    #[must_use]
    pub fn root_of(&self, file: &ImagePath) -> Option<&KeyPath> {
        let whole = self.0.iter().find(|root| root.file == *file && root.below.is_root());
        whole.map(|root| &root.root)
    }

    /// Whether a hive with this root has control sets.
    #[must_use]
    pub fn has_control_sets(&self, root: &KeyPath) -> bool {
        self.locate(root).is_some_and(|found| found.control_sets && found.key.is_root())
    }

    /// All roots, for an error message.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|root| root.root.to_string()).collect()
    }
}

fn parse(root: &HiveRoot) -> Result<Root, NameError> {
    Ok(Root {
        root: KeyPath::from_str(&root.root)?,
        file: ImagePath::new(&root.file),
        below: KeyPath::from_str(&root.below)?,
        control_sets: root.control_sets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(roots: &HiveRoots, key: &str) -> Option<(String, String, bool)> {
        let location = roots.locate(&key.parse().unwrap())?;
        Some((location.file.to_string(), location.key.to_string(), location.control_sets))
    }

    #[test]
    fn keys_find_their_hives() {
        let roots = HiveRoots::standard();
        let config = |hive: &str| format!(r"Windows\System32\config\{hive}");
        for (key, hive, within, sets) in [
            (r"HKEY_LOCAL_MACHINE\SYSTEM\Select", "SYSTEM", "Select", true),
            (r"hkey_local_machine\software\A\B", "SOFTWARE", r"A\B", false),
            (r"HKEY_CLASSES_ROOT\.wim", "SOFTWARE", r"Classes\.wim", false),
            (r"HKEY_USERS\.DEFAULT\Console", "DEFAULT", "Console", false),
            (r"HKEY_USERS\S-1-5-18\Console", "DEFAULT", "Console", false),
            (
                r"HKEY_CURRENT_CONFIG\Software",
                "SYSTEM",
                r"CurrentControlSet\Hardware Profiles\Current\Software",
                true,
            ),
            (r"HKEY_LOCAL_MACHINE\SOFTWARE", "SOFTWARE", "", false),
        ] {
            let found = locate(&roots, key);
            assert_eq!(found, Some((config(hive), within.to_owned(), sets)), "{key}");
        }
        for key in ["HKEY_LOCAL_MACHINE", r"HKEY_LOCAL_MACHINE\HARDWARE", r"HKEY_USERS\S-1-5-19"] {
            assert_eq!(locate(&roots, key), None, "{key}");
        }
    }

    #[test]
    fn own_roots_take_precedence_over_the_standard_ones() {
        let own = HiveRoot {
            root: r"HKEY_LOCAL_MACHINE\SYSTEM".into(),
            file: "Other".into(),
            below: String::new(),
            control_sets: false,
        };
        let roots = HiveRoots::with(&[own]).unwrap();
        let found = locate(&roots, r"HKEY_LOCAL_MACHINE\SYSTEM\A");
        assert_eq!(found, Some(("Other".into(), "A".into(), false)));
    }

    #[test]
    fn a_hive_is_shown_under_its_whole_root() {
        let roots = HiveRoots::standard();
        let software = ImagePath::new(r"windows\system32\CONFIG\software");
        assert_eq!(roots.root_of(&software).unwrap().to_string(), r"HKEY_LOCAL_MACHINE\SOFTWARE");
    }
}
