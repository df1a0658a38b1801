//! Parts: files and keys that belong together, and how an image gets them from a source of the same build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use winpe_registry::{KeyName, KeyPath, ValueName};

use super::ProfileFile;
use crate::hives::Origin;
use crate::image::pattern;

/// Files and keys that are useful only together. An image that has a part keeps it as it is; what an image
/// lacks of a part is taken from the source.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Its name.
    #[schemars(example = &"service")]
    pub name: String,
    /// What it is for.
    #[schemars(example = &"The initiator service and its command line.")]
    pub why: String,
    /// Whether the feature works without it, so that it is omitted if the source does not have it.
    #[serde(default)]
    #[schemars(example = true)]
    pub optional: bool,
    /// Files and keys that show that an image has the part, even if it lacks some of what is listed here.
    #[serde(default)]
    pub there_if: Marks,
    /// `[[part.file]]`: its files.
    #[serde(default, rename = "file")]
    pub files: Vec<ProfileFile>,
    /// `[[part.copy]]`: keys that the image gets from the source's hives.
    #[serde(default, rename = "copy")]
    pub copies: Vec<CopyKey>,
    /// Lists of the image to which texts are added.
    #[serde(default, rename = "append")]
    pub appends: Vec<Append>,
    /// Keys that WinPE needs and no installed Windows has.
    #[serde(default, rename = "create")]
    pub creates: Vec<CreateKey>,
}

/// Files and keys that must all exist.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// The files.
    #[serde(default)]
    #[schemars(example = vec![r"Windows\System32\drivers\msiscsi.sys"])]
    pub files: Vec<String>,
    /// The keys.
    #[serde(default)]
    #[schemars(with = "Vec<String>", example = vec![r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI"])]
    pub keys: Vec<KeyPath>,
}

impl Marks {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.keys.is_empty()
    }
}

/// A key that is copied with its values. What the image already has of it is not changed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyKey {
    /// The key; its names may hold `*`.
    #[serde(serialize_with = "unspanned")]
    #[schemars(with = "String", example = &r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI")]
    pub(crate) key: Spanned<KeyPath>,
    /// The values; by default all.
    #[serde(default)]
    #[schemars(with = "Vec<String>", example = vec!["Start", "Type"])]
    pub values: Vec<ValueName>,
    /// Whether its subkeys are copied too.
    #[serde(default = "yes")]
    #[schemars(example = false)]
    pub subkeys: bool,
    /// Whether the key may be missing from the source.
    #[serde(default)]
    #[schemars(example = true)]
    pub optional: bool,
    /// What it is for.
    #[schemars(example = &"The service, started by hand.")]
    pub why: String,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// Texts that are added to a `REG_MULTI_SZ`.
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
    /// The texts; case is ignored.
    #[schemars(example = vec!["MSiSCSI"])]
    pub texts: Vec<String>,
    /// What it is for.
    #[schemars(example = &"The service, started by hand.")]
    pub why: String,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// A key that is created.
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

/// Keys that are never copied.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveOut {
    /// The key, with all below it; its names may hold `*`.
    #[serde(serialize_with = "unspanned")]
    #[schemars(with = "String", example = &r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI")]
    pub(crate) key: Spanned<KeyPath>,
    /// The reason.
    #[schemars(example = &"What plug and play has found on one machine.")]
    pub why: String,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

impl LeaveOut {
    /// Whether the key matches, or lies below one that matches.
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

            /// The line of the profile that names it.
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
    /// Sets the origin of each rule; `at` converts an offset to a line.
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
    fn a_rule_covers_a_key_and_all_below_it() {
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
