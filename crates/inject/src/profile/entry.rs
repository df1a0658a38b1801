//! The entries of a `profile.toml`: services, files, catalogues and `.reg` files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use winpe_registry::KeyPath;

use crate::hives::SourcedEdit;

/// A service whose key shows that an image has the feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    #[schemars(example = &"MSiSCSI")]
    pub name: String,
    /// Its key, under one of the profile's hive roots.
    #[schemars(with = "String", example = &r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSiSCSI")]
    pub key: KeyPath,
}

/// A file that the image must have. It is found at the same place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    /// The path in the image, with backslashes. In a part, names may hold `*`, and `{lang}` is replaced by
    /// each language of the image.
    #[schemars(example = &r"Windows\System32\{lang}\iscsicli.exe.mui")]
    pub path: String,
    /// In a part, names that `*` does not match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = vec!["iscsilog.dll"])]
    pub without: Vec<String>,
    /// In a part, whether the file may be missing from the source.
    #[serde(default)]
    #[schemars(example = true)]
    pub optional: bool,
    /// What it is for.
    #[schemars(example = &"The text of the command line.")]
    pub why: String,
}

/// Where a source has its catalogues, the signed lists of digests. Those that cover an added file are added
/// too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogueRule {
    /// Their path, with backslashes; names may hold `*`.
    #[schemars(example = &r"Windows\System32\CatRoot\*\*.cat")]
    pub path: String,
    /// What they are for.
    #[schemars(example = &"Signatures of the added files.")]
    pub why: String,
}

/// One `.reg` file of a profile.
#[derive(Debug, Clone)]
pub struct RegPart {
    /// The file's name.
    pub file: String,
    /// What it is for.
    pub why: String,
    /// Its edits in order.
    pub edits: Vec<SourcedEdit>,
}
