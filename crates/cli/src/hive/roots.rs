//! The names of a hive's root key: the one that Windows gives it, and others that people and files use.

use std::str::FromStr;

use winpe_hive::{Hive, ReadError};
use winpe_inject::{ControlSet, HiveRoots, ImagePath};
use winpe_registry::{KeyName, KeyPath, NameError, eq_ignore_case};

use super::input::Place;

/// Hives of one user, and the boot configuration. Windows loads them under these roots. Below the second one,
/// where there is one, the first name is that of a user. Source: Microsoft, "Registry Hives"; for BCD, the key
/// under which Windows 10 loads it.
const NAMED: [(&str, &str, Option<&str>); 3] = [
    ("NTUSER.DAT", "HKEY_CURRENT_USER", Some("HKEY_USERS")),
    ("UsrClass.dat", r"HKEY_CURRENT_USER\Software\Classes", Some("HKEY_USERS")),
    ("BCD", r"HKEY_LOCAL_MACHINE\BCD00000000", None),
];

/// The short names that people write.
const SHORT: [(&str, &str); 5] = [
    ("HKLM", "HKEY_LOCAL_MACHINE"),
    ("HKU", "HKEY_USERS"),
    ("HKCR", "HKEY_CLASSES_ROOT"),
    ("HKCU", "HKEY_CURRENT_USER"),
    ("HKCC", "HKEY_CURRENT_CONFIG"),
];

/// One of the hives of the machine, and so the folder in which they are.
const MACHINE: &str = r"HKEY_LOCAL_MACHINE\SYSTEM";

/// A key as a person names it: from the root of the hive or from a root of the registry, which may be short,
/// with backslashes at either end or without.
#[derive(Debug, Clone)]
pub(super) struct KeyArg(pub(super) KeyPath);

impl FromStr for KeyArg {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim_matches('\\');
        if text.is_empty() {
            return Ok(Self(KeyPath::root()));
        }
        let (first, rest) = text.split_once('\\').unwrap_or((text, ""));
        let long = SHORT.iter().find(|(short, _)| short.eq_ignore_ascii_case(first));
        let path = match long {
            Some((_, long)) if rest.is_empty() => (*long).parse()?,
            Some((_, long)) => format!(r"{long}\{rest}").parse()?,
            None => text.parse()?,
        };
        Ok(Self(path))
    }
}

/// The roots of one hive.
pub(super) struct Roots {
    /// The one under which its keys are shown.
    pub(super) shown: KeyPath,
    pub(super) has_control_sets: bool,
    known: Option<Known>,
}

/// What kind of hive it is.
enum Known {
    /// A hive of the machine, at this path in an image.
    Machine(ImagePath),
    /// A hive whose second root has the names of users below it.
    OfUser(KeyPath),
}

impl Roots {
    /// Of a hive, by the name of its file, or else by the name that it had when Windows loaded it.
    pub(super) fn of(place: &Place, hive: &Hive) -> Self {
        let file = match place {
            Place::File(path) => {
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            Place::Image { path, .. } => path.file_name().to_owned(),
        };
        let loaded = hive.header().file_name.to_string();
        let loaded = loaded.rsplit(['\\', '/']).next().unwrap_or_default();
        Self::named(&file).or_else(|| Self::named(loaded)).unwrap_or_else(|| {
            let named = format!(r"HKEY_LOCAL_MACHINE\{}", file.replace('\\', "_")).parse();
            Self { shown: named.unwrap_or_default(), has_control_sets: false, known: None }
        })
    }

    fn named(name: &str) -> Option<Self> {
        let parse = |root: &str| root.parse::<KeyPath>().expect("a table");
        if let Some((_, root, users)) = NAMED.iter().find(|(file, ..)| same(file, name)) {
            let known = users.map(|users| Known::OfUser(parse(users)));
            return Some(Self { shown: parse(root), has_control_sets: false, known });
        }
        let path = machine_hive(name)?;
        let standard = HiveRoots::standard();
        let shown = standard.root_of(&path)?.clone();
        let has_control_sets = standard.has_control_sets(&shown);
        Some(Self { shown, has_control_sets, known: Some(Known::Machine(path)) })
    }

    /// A key that is named below one of the roots, from the root of the hive.
    pub(super) fn strip(&self, key: &KeyPath) -> Option<KeyPath> {
        if let Some(below) = key.strip_prefix(&self.shown) {
            return Some(below);
        }
        match self.known.as_ref()? {
            Known::Machine(path) => {
                let found = HiveRoots::standard().locate(key)?;
                (found.file == *path).then_some(found.key)
            }
            Known::OfUser(users) => {
                let below = key.strip_prefix(users)?;
                let (_, rest) = below.names().split_first()?;
                Some(rest.iter().cloned().collect())
            }
        }
    }

    /// Takes a name of the root key that a person gives. The others stay known.
    pub(super) fn renamed(mut self, root: Option<&KeyArg>) -> Self {
        if let Some(KeyArg(root)) = root {
            self.has_control_sets |= HiveRoots::standard().has_control_sets(root);
            self.shown = root.clone();
        }
        self
    }
}

/// Where an image has the hive of the machine of that name, whether or not Windows has one.
pub(super) fn machine_hive(name: &str) -> Option<ImagePath> {
    let known = HiveRoots::standard().locate(&MACHINE.parse().ok()?)?.file;
    let (folder, _) = known.as_str().rsplit_once('\\')?;
    Some(ImagePath::new(folder).join(name))
}

pub(super) fn same(a: &str, b: &str) -> bool {
    let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
    eq_ignore_case(&units(a), &units(b))
}

/// How `.reg` files are read, for commands that apply them.
#[derive(Debug, clap::Args)]
pub(super) struct ReadingArgs {
    /// What CurrentControlSet is in a SYSTEM hive: the set that Select\Current names, the set of a number,
    /// every set, or a key of that name (literal)
    #[arg(
        long,
        value_name = "current|N|all|literal",
        default_value = "current",
        hide_default_value = true
    )]
    pub(super) control_set: ControlSetArg,
    /// Skip lines that regedit would skip, instead of refusing the file
    #[arg(long)]
    pub(super) lenient: bool,
}

/// What `CurrentControlSet` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlSetArg {
    /// The set that `Select\Current` names, unless the hive has a key of that name.
    Current,
    /// The set of this number.
    Number(u16),
    /// Each set that the hive has.
    All,
    /// A key of that name.
    Literal,
}

impl FromStr for ControlSetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "current" => Ok(Self::Current),
            "all" => Ok(Self::All),
            "literal" => Ok(Self::Literal),
            number => match number.parse() {
                Ok(number @ 1..=999) => Ok(Self::Number(number)),
                _ => Err("expected current, all, literal or a number from 1 to 999".to_owned()),
            },
        }
    }
}

/// Finds the keys that are meant by one below `CurrentControlSet`.
pub(super) struct ControlSets(Meaning);

enum Meaning {
    Literal,
    Alias(ControlSet),
    Sets(Vec<KeyName>),
}

impl ControlSets {
    pub(super) fn of(roots: &Roots, hive: &Hive, arg: ControlSetArg) -> Result<Self, ReadError> {
        if !roots.has_control_sets {
            return Ok(Self(Meaning::Literal));
        }
        let name = |number: u16| KeyName::new(format!("ControlSet{number:03}").as_str());
        Ok(Self(match arg {
            ControlSetArg::Literal => Meaning::Literal,
            ControlSetArg::Current => Meaning::Alias(ControlSet::of(hive)?),
            ControlSetArg::Number(number) => {
                Meaning::Sets(vec![name(number).expect("a short name")])
            }
            ControlSetArg::All => {
                let mut sets = Vec::new();
                for set in (1..=999).map(|number| name(number).expect("a short name")) {
                    if hive.key(&KeyPath::from_iter([set.clone()]))?.is_some() {
                        sets.push(set);
                    }
                }
                Meaning::Sets(sets)
            }
        }))
    }

    /// The keys that are meant; none where the hive selects no control set, or has none.
    pub(super) fn resolve(&self, key: KeyPath) -> Vec<KeyPath> {
        let sets = match &self.0 {
            Meaning::Literal => return vec![key],
            Meaning::Alias(set) => return set.resolve(&key).into_iter().collect(),
            Meaning::Sets(sets) => sets,
        };
        match key.names() {
            [first, rest @ ..] if same(&first.to_string(), ControlSet::CURRENT) => {
                sets.iter().map(|set| std::iter::once(set).chain(rest).cloned().collect()).collect()
            }
            _ => vec![key],
        }
    }
}

#[cfg(test)]
mod tests {
    use winpe_hive::FileTime;

    use super::*;

    fn roots(file: &str) -> Roots {
        let name = KeyName::new("ROOT").unwrap();
        let hive = Hive::create(5, &name, FileTime::from_unix(0)).unwrap();
        Roots::of(&Place::File(file.into()), &hive)
    }

    #[test]
    fn windows_names_the_roots() {
        for (file, shown) in [
            ("system", r"HKEY_LOCAL_MACHINE\SYSTEM"),
            ("COMPONENTS", r"HKEY_LOCAL_MACHINE\COMPONENTS"),
            ("default", r"HKEY_USERS\.DEFAULT"),
            ("ntuser.dat", "HKEY_CURRENT_USER"),
            ("UsrClass.dat", r"HKEY_CURRENT_USER\Software\Classes"),
            ("bcd", r"HKEY_LOCAL_MACHINE\BCD00000000"),
            ("own", r"HKEY_LOCAL_MACHINE\own"),
        ] {
            assert_eq!(roots(file).shown.to_string(), shown, "{file}");
        }
    }

    #[test]
    fn other_roots_of_the_same_hive_are_known() {
        let strip = |file: &str, key: &str| {
            let key: KeyPath = key.parse().unwrap();
            roots(file).strip(&key).map(|key| key.to_string())
        };
        let some = |key: &str| Some(key.to_owned());
        assert_eq!(strip("NTUSER.DAT", r"HKEY_USERS\S-1-5-21-1\Console"), some("Console"));
        assert_eq!(strip("NTUSER.DAT", r"HKEY_CURRENT_USER\Console"), some("Console"));
        assert_eq!(strip("NTUSER.DAT", r"HKEY_LOCAL_MACHINE\Console"), None);
        assert_eq!(strip("UsrClass.dat", r"HKEY_USERS\S-1-5-21-1_Classes\.wim"), some(".wim"));
        assert_eq!(strip("DEFAULT", r"HKEY_USERS\S-1-5-18\Console"), some("Console"));
        assert_eq!(strip("SOFTWARE", r"HKEY_CLASSES_ROOT\.wim"), some(r"Classes\.wim"));
        let config = r"CurrentControlSet\Hardware Profiles\Current\Software";
        assert_eq!(strip("SYSTEM", r"HKEY_CURRENT_CONFIG\Software"), some(config));
        assert_eq!(strip("SYSTEM", r"HKEY_LOCAL_MACHINE\SOFTWARE\a"), None);
        assert_eq!(strip("BCD", r"HKEY_LOCAL_MACHINE\BCD00000000\Objects"), some("Objects"));
    }

    #[test]
    fn people_name_keys_in_several_ways() {
        for (text, key) in [
            (r"hklm\SYSTEM\Select\", r"HKEY_LOCAL_MACHINE\SYSTEM\Select"),
            (r"\Select", "Select"),
            ("HKCU", "HKEY_CURRENT_USER"),
            (r"\", ""),
            ("HKLMx", "HKLMx"),
        ] {
            let KeyArg(found) = text.parse().unwrap();
            assert_eq!(found.to_string(), key, "{text}");
        }
        assert!(r"a\\b".parse::<KeyArg>().is_err());
    }
}
