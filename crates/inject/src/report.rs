//! What was done, or would be.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_regfile::{DiffWriter, Format};
use winpe_registry::{Change, Edit, KeyPath, Op};
use winpe_wim::Archive;

use crate::catalogue::Signatures;
use crate::digest::Sha256;
use crate::error::InjectError;
use crate::files::FileAction;
use crate::fit::Unresolved;
use crate::one_line::OneLine;
use crate::parts::{PartAction, PartReport};
use crate::path::ImagePath;
use crate::startup::{self, StartupReport};
use crate::windows::Windows;

/// What a job does to an image. Computed from the finished result, so that what is shown beforehand is
/// what is written afterwards.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// The version of this structure.
    pub schema: u32,
    /// The WIM.
    pub wim: String,
    /// The image's number, from 1.
    pub image: u32,
    /// The image's name.
    pub image_name: String,
    /// Which Windows it holds.
    pub windows: Windows,
    /// The profile's name; where one stands for others, the one that was chosen.
    pub profile: String,
    /// Where files came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which Windows that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_windows: Option<Windows>,
    /// What becomes of each part of the profile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport>,
    /// The hives that the job concerns, in the order of its edits.
    pub hives: Vec<HiveReport>,
    /// The files that the job concerns, without the hives.
    pub files: Vec<FileReport>,
    /// What is kept in the image so that the rest can be taken out again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub record: Vec<FileReport>,
    /// Whether the WIM gets an integrity table, which it does not have yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adds_integrity: bool,
    /// What the booted WinPE does by itself, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<StartupReport>,
    /// What vouches for the files that come from the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signatures: Option<Signatures>,
    /// What the added programs import and nothing offers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

impl Report {
    /// A `.reg` file that undoes what is done to the hives. It deletes keys that were made, whatever has
    /// come into them since.
    ///
    /// # Errors
    /// [`InjectError::Diff`] for a name that no `.reg` file can hold.
    pub fn undo_reg(&self) -> Result<Vec<u8>, InjectError> {
        let edits = self.hives.iter().flat_map(HiveReport::inverse);
        winpe_regfile::write_edits(Vec::new(), Format::default(), edits).map_err(|source| {
            let hive = self.hives.first().map(|hive| hive.file.clone());
            InjectError::Diff { hive: hive.unwrap_or_else(|| ImagePath::new("")), source }
        })
    }

    /// Leaves out the digests by which a short secret could be found by trying.
    pub(crate) fn without_secrets(mut self) -> Self {
        let mut found = false;
        for file in self.files.iter_mut().filter(|file| file.path == startup::secret_file()) {
            file.hide_digests();
            found = true;
        }
        // The record has the digests of all files.
        if found {
            self.record.iter_mut().for_each(FileReport::hide_digests);
        }
        self
    }

    /// Whether anything in the image changes, or the WIM gets an integrity table.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        let kept = |file: &FileReport| file.action == FileAction::Keep;
        let mut files = self.files.iter().chain(&self.record);
        let same = self.hives.iter().all(HiveReport::is_unchanged) && files.all(kept);
        !same || self.adds_integrity
    }
}

/// The name of an image of a WIM; empty where it has none.
pub(crate) fn image_name(archive: &Archive, image: u32) -> String {
    let described = archive.images().iter().find(|described| described.index == image);
    described.map(|described| described.name.clone()).unwrap_or_default()
}

/// What happens to one hive.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HiveReport {
    /// The hive's path in the image.
    pub file: ImagePath,
    /// The root under which its keys are shown.
    pub root: KeyPath,
    /// The edits that change something, with what was there before.
    pub changes: Vec<Change>,
    /// How many edits found everything as they want it.
    pub unchanged: usize,
    /// The changes in `.reg` syntax: `-` what was there, `+` what will be. The `+` lines, taken alone
    /// and without their first character, are a `.reg` file that makes the same changes.
    pub diff: String,
    /// The SHA-256 of the hive before, with what its logs held.
    pub old_sha256: Sha256,
    /// The SHA-256 of the hive afterwards.
    pub sha256: Sha256,
}

impl HiveReport {
    pub(crate) fn new(
        file: ImagePath,
        root: KeyPath,
        changes: Vec<Change>,
        edits: usize,
        (old_sha256, sha256): (Sha256, Sha256),
    ) -> Result<Self, InjectError> {
        let changes: Vec<_> = changes.into_iter().filter(|change| !change.is_noop()).collect();
        let mut diff = DiffWriter::new(Vec::new());
        let diff = diff.changes(&changes, &root).and_then(|()| diff.finish());
        let diff = diff.map_err(|source| InjectError::Diff { hive: file.clone(), source })?;
        let diff = String::from_utf8_lossy(&diff).into_owned();
        let unchanged = edits - changes.len();
        Ok(Self { file, root, changes, unchanged, diff, old_sha256, sha256 })
    }

    /// Whether the hive stays as it is.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    /// The edits that undo the changes, under the root that they are shown under.
    fn inverse(&self) -> impl Iterator<Item = Edit> + '_ {
        let undo = self.changes.iter().rev().flat_map(Change::inverse);
        undo.map(|edit| Edit { key: self.root.join(&edit.key), ..edit })
    }

    /// How many changes there are of each kind.
    fn summary(&self) -> String {
        if self.is_unchanged() {
            return format!("unchanged, {} entries are there already", self.unchanged);
        }
        let count =
            |kind: fn(&Op) -> bool| self.changes.iter().filter(|c| kind(&c.edit.op)).count();
        let parts = [
            (count(|op| matches!(op, Op::CreateKey)), "keys created"),
            (count(|op| matches!(op, Op::SetValue { .. })), "values set"),
            (count(|op| matches!(op, Op::DeleteValue { .. })), "values deleted"),
            (count(|op| matches!(op, Op::DeleteKey)), "keys deleted"),
            (self.unchanged, "there already"),
        ];
        let parts: Vec<_> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        parts.join(", ")
    }
}

/// What happens to one file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FileReport {
    /// The path in the image.
    pub path: ImagePath,
    /// What is done.
    pub action: FileAction,
    /// Its size afterwards, in bytes.
    pub size: u64,
    /// Its size before, in bytes, if it was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_size: Option<u64>,
    /// The SHA-256 of its content afterwards; none for one that is taken out or holds a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The SHA-256 of its content before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_sha256: Option<Sha256>,
    /// The profile's reason, or the file it was added from.
    pub why: String,
}

impl FileReport {
    pub(crate) fn new(
        path: ImagePath,
        action: FileAction,
        size: u64,
        old_size: Option<u64>,
        why: &str,
    ) -> Self {
        Self { path, action, size, old_size, sha256: None, old_sha256: None, why: why.into() }
    }

    fn hide_digests(&mut self) {
        self.sha256 = None;
        self.old_sha256 = None;
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            FileAction::Add => "add",
            FileAction::Replace => "replace",
            FileAction::Keep => "keep",
            FileAction::Remove => "remove",
        };
        let path = self.path.as_str();
        write!(f, "{action:8} {path:48} {:>12} bytes", Thousands(self.size))?;
        match self.old_size {
            Some(old) if self.action == FileAction::Replace => {
                write!(f, ", was {}", Thousands(old))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for PartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.action {
            PartAction::Keep => "is there, and stays as it is",
            PartAction::Complete => "is there in part; what is missing is added",
            PartAction::Add => "is added",
            PartAction::Omit => "is in neither, and left out",
        };
        write!(f, "{:16} {what}", self.name)?;
        for left in &self.left_out {
            write!(f, "\n  {:16} not copied: {}", "", OneLine(&left.key))?;
        }
        Ok(())
    }
}

/// The whole report for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wim, name) = (OneLine(&self.wim), OneLine(&self.image_name));
        writeln!(f, "{wim}, image {} ({name})", self.image)?;
        write!(f, "profile {}", OneLine(&self.profile))?;
        if let Some(source) = &self.source {
            write!(f, ", files from {}", OneLine(source))?;
        }
        writeln!(f)?;
        for (index, part) in self.parts.iter().enumerate() {
            if index == 0 {
                writeln!(f, "\nparts:")?;
            }
            writeln!(f, "  {part}")?;
        }
        for hive in &self.hives {
            writeln!(f, "\n{}: {}", OneLine(&hive.file), hive.summary())?;
            if !hive.is_unchanged() {
                f.write_str(&hive.diff)?;
            }
        }
        if !self.files.is_empty() {
            writeln!(f, "\nfiles:")?;
        }
        for file in &self.files {
            writeln!(f, "  {}", OneLine(file))?;
        }
        if !self.record.is_empty() {
            writeln!(f, "\nrecord:")?;
        }
        for file in &self.record {
            writeln!(f, "  {}", OneLine(file))?;
        }
        if let Some(signatures) = &self.signatures {
            signatures.fmt(f)?;
        }
        if self.adds_integrity {
            writeln!(f, "\nthe WIM gets an integrity table")?;
        }
        if let Some(startup) = &self.startup {
            startup.fmt(f)?;
        }
        if !self.unresolved.is_empty() {
            writeln!(f, "\nwhat programs need and nothing offers:")?;
        }
        for unresolved in &self.unresolved {
            writeln!(f, "  {}", OneLine(unresolved))?;
        }
        if !self.has_changes() {
            writeln!(f, "\nnothing to do: everything is there already")?;
        }
        Ok(())
    }
}

/// A number with commas: 1,234,567.
struct Thousands(u64);

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
