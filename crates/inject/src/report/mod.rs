//! The report: what was done to an image, or would be. Result types only; nothing here reads an image.

mod document;
mod file;
mod hive;
mod html;
mod one_line;
mod part;
mod signatures;
mod startup;
mod text;
mod totals;
mod unresolved;
mod warning;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_regfile::Format;

use crate::image::{ImagePath, ImageView, Windows};

pub use document::Document;
pub use file::{FileAction, FileReport};
pub use hive::{DiffError, HiveReport};
pub use html::report_html;
pub use part::{LeftOut, PartAction, PartReport};
pub use signatures::{Catalogue, Signatures};
pub use startup::{DriverReport, SkippedDriver, StartupReport, TextReport};
pub use text::{Detail, Shown};
pub use totals::Totals;
pub use unresolved::Unresolved;
pub use warning::{StartupItem, UnfitText, Warning};

pub(crate) use one_line::OneLine;

/// What a job does to an image. It is computed from the finished result, so that what is shown before is
/// what is written.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
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
    /// The profile's name; of a profile that chooses among others, the chosen one.
    pub profile: String,
    /// Where the files come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which Windows the source holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_windows: Option<Windows>,
    /// What happens to each part of the profile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport>,
    /// The hives that the job concerns, in the order of its edits.
    pub hives: Vec<HiveReport>,
    /// The files that the job concerns, without the hives.
    pub files: Vec<FileReport>,
    /// The files that are kept in the image so that the rest can be removed again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub record: Vec<FileReport>,
    /// Whether the WIM gets an integrity table, which it does not have yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adds_integrity: bool,
    /// What the booted WinPE does at its start, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<StartupReport>,
    /// The signatures of the files that come from the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signatures: Option<Signatures>,
    /// Imports of the added programs that no library exports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// What a person should know.
    #[schemars(with = "Vec<String>")]
    pub warnings: Vec<Warning>,
}

impl Report {
    /// A report of nothing, for an image.
    pub(crate) fn empty(image: ImageView<'_>, windows: Windows, profile: String) -> Self {
        Self {
            schema: 1,
            wim: image.wim(),
            image: image.image,
            image_name: image.name(),
            windows,
            profile,
            source: None,
            source_windows: None,
            parts: vec![],
            hives: vec![],
            files: vec![],
            record: vec![],
            adds_integrity: false,
            startup: None,
            signatures: None,
            unresolved: vec![],
            warnings: vec![],
        }
    }

    /// A `.reg` file that undoes the changes of the hives. It deletes keys that were created, whatever
    /// has been added to them since.
    ///
    /// # Errors
    /// [`DiffError`] for a name that no `.reg` file can hold.
    pub fn undo_reg(&self) -> Result<Vec<u8>, DiffError> {
        let edits = self.hives.iter().flat_map(HiveReport::inverse);
        winpe_regfile::write_edits(Vec::new(), Format::default(), edits).map_err(|source| {
            let hive = self.hives.first().map(|hive| hive.file.clone());
            DiffError { hive: hive.unwrap_or_else(|| ImagePath::new("")), source }
        })
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
