//! What happens to one hive.

use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;
use winpe_regfile::{DiffWriter, WriteError};
use winpe_registry::{Change, Edit, KeyPath, Op};

use crate::image::{ImagePath, Sha256};

/// What happens to one hive.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct HiveReport {
    /// The hive's path in the image.
    pub file: ImagePath,
    /// The root under which its keys are shown.
    pub root: KeyPath,
    /// The edits that change something, with what was there before.
    pub changes: Vec<Change>,
    /// How many edits changed nothing, because the hive already holds what they ask for.
    pub unchanged: usize,
    /// The changes in `.reg` syntax: `-` for what was there, `+` for what will be. The `+` lines alone,
    /// without their first character, are a `.reg` file that makes the same changes.
    pub diff: String,
    /// The SHA-256 of the hive before, after recovery from its logs.
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
    ) -> Result<Self, DiffError> {
        let diff = diff(DiffWriter::new(Vec::new()), &changes, &root);
        let diff = diff.map_err(|source| DiffError { hive: file.clone(), source })?;
        let unchanged = edits - changes.len();
        Ok(Self { file, root, changes, unchanged, diff, old_sha256, sha256 })
    }

    /// Whether the hive stays as it is.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    /// The [`diff`](Self::diff), and below each value that is written as bytes a comment with its text or number.
    ///
    /// # Errors
    /// [`DiffError`] for a name that no `.reg` file can hold.
    pub fn explained_diff(&self) -> Result<String, DiffError> {
        let writer = DiffWriter::new(Vec::new()).explained(true);
        diff(writer, &self.changes, &self.root)
            .map_err(|source| DiffError { hive: self.file.clone(), source })
    }

    /// The edits that undo the changes. Keys are named under `root`.
    pub(super) fn inverse(&self) -> impl Iterator<Item = Edit> + '_ {
        let undo = self.changes.iter().rev().flat_map(Change::inverse);
        undo.map(|edit| Edit { key: self.root.join(&edit.key), ..edit })
    }

    /// One line: the number of changes of each kind.
    pub(super) fn summary(&self) -> String {
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

fn diff(
    mut writer: DiffWriter<Vec<u8>>,
    changes: &[Change],
    root: &KeyPath,
) -> Result<String, WriteError> {
    writer.changes(changes, root)?;
    let text = String::from_utf8(writer.finish()?);
    Ok(text.unwrap_or_else(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()))
}

/// A change of a hive that `.reg` syntax cannot express.
#[derive(Debug, Error)]
#[error("{hive}: a change cannot be written as .reg text: {source}")]
pub struct DiffError {
    /// The hive's path in the image.
    pub hive: ImagePath,
    /// Why.
    pub source: WriteError,
}
