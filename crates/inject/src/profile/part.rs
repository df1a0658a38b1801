//! Parts: what belongs together, and how an image gets it from a source of its own build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use winpe_registry::{KeyName, KeyPath, ValueName};

use super::ProfileFile;
use crate::pattern;
use crate::reg::Origin;

/// Files and keys that are only of use together. An image that has a part keeps it as it is; what an
/// image lacks of a part is taken from the source.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Its name.
    #[schemars(example = &"service")]
    pub name: String,
    /// What it is for.
    #[schemars(example = &"The initiator service and its command line.")]
    pub why: String,
    /// Whether the feature works without it, so that it is left out where the source does not have it.
    #[serde(default)]
    #[schemars(example = true)]
    pub optional: bool,
    /// `[part.there-if]`: what shows that an image has the part, though it may lack some of what is listed here.
    #[serde(default)]
    pub there_if: Marks,
    /// `[[part.file]]`: its files.
    #[serde(default, rename = "file")]
    pub files: Vec<ProfileFile>,
    /// `[[part.copy]]`: keys that the image gets from the source's hives.
    #[serde(default, rename = "copy")]
    pub copies: Vec<CopyKey>,
    /// `[[part.append]]`: lists that the image has and that are added to.
    #[serde(default, rename = "append")]
    pub appends: Vec<Append>,
    /// `[[part.create]]`: keys that no installed Windows has and WinPE needs.
    #[serde(default, rename = "create")]
    pub creates: Vec<CreateKey>,
}

/// Files and keys that are all there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// The files.
    #[serde(default)]
    #[schemars(example = [r"Windows\System32\drivers\msiscsi.sys"])]
    pub files: Vec<String>,
    /// The keys.
    #[serde(default)]
    #[schemars(with = "Vec<String>", example = [r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI"])]
    pub keys: Vec<KeyPath>,
}

impl Marks {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.keys.is_empty()
    }
}

/// A key that is copied with its values, types and all. What the image has of it stays.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyKey {
    /// The key; its names may hold `*`.
    #[serde(serialize_with = "unspanned")]
    #[schemars(with = "String", example = &r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI")]
    pub(crate) key: Spanned<KeyPath>,
    /// The values; all where none is named.
    #[serde(default)]
    #[schemars(with = "Vec<String>", example = ["Start", "Type"])]
    pub values: Vec<ValueName>,
    /// Whether what lies below it is copied too.
    #[serde(default = "yes")]
    #[schemars(example = false)]
    pub subkeys: bool,
    /// Whether a source without the key will do.
    #[serde(default)]
    #[schemars(example = true)]
    pub optional: bool,
    /// What it is for.
    #[schemars(example = &"The service, started by hand.")]
    pub why: String,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// Texts that a `REG_MULTI_SZ` gets in addition to those that it has.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// The key.
    #[serde(serialize_with = "unspanned")]
    #[schemars(with = "String", example = &r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI")]
    pub(crate) key: Spanned<KeyPath>,
    /// The value.
    #[schemars(with = "String", example = &"netsvcs")]
    pub value: ValueName,
    /// The texts; case does not count.
    #[schemars(example = ["MSiSCSI"])]
    pub texts: Vec<String>,
    /// What it is for.
    #[schemars(example = &"The service, started by hand.")]
    pub why: String,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// A key that is made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// The key.
    #[serde(serialize_with = "unspanned")]
    #[schemars(with = "String", example = &r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI")]
    pub(crate) key: Spanned<KeyPath>,
    /// What it is for.
    #[schemars(example = &"The service, started by hand.")]
    pub why: String,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// Keys that are never copied, wherever they are met.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveOut {
    /// The key, with all below it; its names may hold `*`.
    #[serde(serialize_with = "unspanned")]
    #[schemars(with = "String", example = &r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI")]
    pub(crate) key: Spanned<KeyPath>,
    /// What would be wrong with it.
    #[schemars(example = &"What plug and play has found on one machine.")]
    pub why: String,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

impl LeaveOut {
    /// Whether the key is one of those, or lies below one.
    pub(crate) fn covers(&self, key: &KeyPath) -> bool {
        let pattern = self.key.get_ref().names();
        let names = key.names();
        let fits =
            |(pattern, name): (&KeyName, &KeyName)| pattern::fits(pattern.units(), name.units());
        pattern.len() <= names.len() && pattern.iter().zip(names).all(fits)
    }
}

macro_rules! with_key {
    ($($rule:ident)+) => {$(
        impl $rule {
            /// The key, under one of the profile's hive roots.
            #[must_use]
            pub fn key(&self) -> &KeyPath {
                self.key.get_ref()
            }

            /// Where it stands in the profile.
            #[must_use]
            pub fn origin(&self) -> &Origin {
                &self.origin
            }

            pub(super) fn place(&mut self, at: &dyn Fn(usize) -> Origin) {
                self.origin = at(self.key.span().start);
            }
        }
    )+};
}

with_key!(CopyKey Append CreateKey LeaveOut);

impl Part {
    /// Tells every rule where it stands; `at` makes a place of an offset.
    pub(super) fn place(&mut self, at: &dyn Fn(usize) -> Origin) {
        self.copies.iter_mut().for_each(|rule| rule.place(at));
        self.appends.iter_mut().for_each(|rule| rule.place(at));
        self.creates.iter_mut().for_each(|rule| rule.place(at));
    }

    /// Every key that it names.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&KeyPath, &Origin)> {
        let copies = self.copies.iter().map(|rule| (rule.key(), rule.origin()));
        let appends = self.appends.iter().map(|rule| (rule.key(), rule.origin()));
        let creates = self.creates.iter().map(|rule| (rule.key(), rule.origin()));
        copies.chain(appends).chain(creates)
    }
}

fn yes() -> bool {
    true
}

fn unspanned<S: serde::Serializer>(
    key: &Spanned<KeyPath>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    key.get_ref().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_left_out_with_all_below_it() {
        let rule = |key: &str| LeaveOut {
            key: Spanned::new(0..0, key.parse().unwrap()),
            why: String::new(),
            origin: Origin::default(),
        };
        let covers = |pattern: &str, key: &str| rule(pattern).covers(&key.parse().unwrap());
        assert!(covers(r"S\Services\*\Enum", r"S\services\iScsiPrt\ENUM\0"));
        assert!(covers(r"S\Services\*\Enum", r"S\Services\x\Enum"));
        assert!(!covers(r"S\Services\*\Enum", r"S\Services\x"));
        assert!(!covers(r"S\Services\*\Enum", r"S\Services\x\Parameters\Enum"));
    }
}
