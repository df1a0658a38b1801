//! What happens to one part of the profile.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_registry::KeyPath;

use super::OneLine;

/// What happens to a part of the profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct PartReport {
    /// The part's name.
    pub name: String,
    /// What is done.
    pub action: PartAction,
    /// Keys of the source that the profile excludes from copying.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What it is for.
    pub why: String,
}

/// The action on a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PartAction {
    /// The image has the part, which is not changed.
    Keep,
    /// The image has some of it and gets the rest.
    Complete,
    /// The image has none of it and gets it.
    Add,
    /// It is optional, and neither the image nor the source has it.
    Omit,
}

/// A key of the source that was not copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct LeftOut {
    /// The key.
    pub key: KeyPath,
    /// The profile's reason.
    pub why: String,
}

impl fmt::Display for PartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.action {
            PartAction::Keep => "is there, and stays as it is",
            PartAction::Complete => "is there in part; what is missing is added",
            PartAction::Add => "is added",
            PartAction::Omit => "is omitted; neither the image nor the source has it",
        };
        write!(f, "{:16} {what}", self.name)?;
        for left in &self.left_out {
            write!(f, "\n  {:16} not copied: {}", "", OneLine(&left.key))?;
        }
        Ok(())
    }
}
