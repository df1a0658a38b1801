//! A choice of a profile, by the builds of image and source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A profile, and the images for which it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Choice {
    /// The name of a built-in profile.
    #[schemars(example = &"iscsi-winpe4")]
    pub profile: String,
    /// The builds of the image; any by default.
    #[serde(default)]
    pub image_builds: Builds,
    /// The builds of the source, if there is one; any by default.
    #[serde(default)]
    pub source_builds: Builds,
    /// The reason.
    #[schemars(example = &"Windows 8 and later.")]
    pub why: String,
}

/// A range of builds, both ends included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Builds {
    /// The first build.
    #[schemars(example = 9200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// The last build.
    #[schemars(example = 9600)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

impl Builds {
    pub(super) fn has(self, build: u32) -> bool {
        self.from.is_none_or(|from| from <= build) && self.to.is_none_or(|to| build <= to)
    }
}
