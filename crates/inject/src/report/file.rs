//! What happens to one file.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::image::{ImagePath, Sha256};

/// What happens to one file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct FileReport {
    /// The path in the image.
    pub path: ImagePath,
    /// What is done.
    pub action: FileAction,
    /// Its size afterwards, in bytes.
    pub size: u64,
    /// Its size before, in bytes, if it existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_size: Option<u64>,
    /// The SHA-256 of its content afterwards; absent if the file is removed or holds a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The SHA-256 of its content before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_sha256: Option<Sha256>,
    /// The profile's reason, or the file that it was added from.
    pub why: String,
}

impl FileReport {
    /// Removes the digests, from which a short secret could be found by trial.
    pub(crate) fn hide_digests(&mut self) {
        self.sha256 = None;
        self.old_sha256 = None;
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (action, path) = (self.action.word(), self.path.as_str());
        let size = match self.action {
            FileAction::Remove => self.old_size.unwrap_or(0),
            _ => self.size,
        };
        write!(f, "{action:8} {path:48} {:>12} bytes", Thousands(size))?;
        match self.old_size {
            Some(old) if self.action == FileAction::Replace => {
                write!(f, ", was {}", Thousands(old))
            }
            _ => Ok(()),
        }
    }
}

/// What happens to a file of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FileAction {
    /// It is new.
    Add,
    /// It gets new content.
    Replace,
    /// It exists and is not changed.
    Keep,
    /// It is removed.
    Remove,
}

impl FileAction {
    /// The word of JSON and of the text.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Remove => "remove",
        }
    }
}

/// A number with commas: 1,234,567.
pub(super) struct Thousands(pub(super) u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(Thousands(number).to_string(), text);
        }
    }
}
