//! Why a hive cannot be read or edited.

use thiserror::Error;
use winpe_hive::log::RecoverError;
use winpe_hive::{EditError, Finding, OpenError, ReadError};
use winpe_registry::KeyPath;

use super::{Disagreement, Origin};
use crate::image::{ImagePath, TreeError};
use crate::report::DiffError;

/// Why a hive of an image or source cannot be read or edited.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HiveError {
    /// The file of the hive cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A hive that an edit needs is not in the image.
    #[error("{hive} is not in the image; {origin} has a key in it")]
    Missing {
        /// The hive's path in the image.
        hive: ImagePath,
        /// The edit that needs it.
        origin: Origin,
    },
    /// A hive cannot be opened.
    #[error("{hive}: {source}")]
    Open {
        /// The hive's path in the image.
        hive: ImagePath,
        /// Why.
        source: OpenError,
    },
    /// A dirty hive cannot be recovered from the logs beside it.
    #[error("{hive}: {source}")]
    Recover {
        /// The hive's path in the image.
        hive: ImagePath,
        /// Why.
        source: RecoverError,
    },
    /// A key of a hive cannot be read.
    #[error("{hive}: {source}")]
    Read {
        /// The hive's path in the image.
        hive: ImagePath,
        /// Why.
        source: ReadError,
    },
    /// An edit cannot be applied.
    #[error("{origin}: {hive}: {source}")]
    Edit {
        /// The hive's path in the image.
        hive: ImagePath,
        /// The line that asks for the edit.
        origin: Origin,
        /// Why.
        source: Box<EditError>,
    },
    /// A hive was damaged before it was edited.
    #[error("{hive} is damaged: {}", list(findings))]
    Damaged {
        /// The hive's path in the image.
        hive: ImagePath,
        /// What the check found.
        findings: Vec<Finding>,
    },
    /// The edited hive did not pass our own check. This is a defect of this program.
    #[error("{hive} would be damaged by the edit: {}", list(findings))]
    CheckFailed {
        /// The hive's path in the image.
        hive: ImagePath,
        /// What the check found.
        findings: Vec<Finding>,
    },
    /// The second reader does not confirm the edited hive.
    #[error("{hive}: {source}")]
    NotConfirmed {
        /// The hive's path in the image.
        hive: ImagePath,
        /// What it sees.
        source: Disagreement,
    },
    /// A change cannot be shown in `.reg` syntax.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// No root covers a key.
    #[error("{origin}: {key} lies in no hive of a Windows image")]
    NoRoot {
        /// The line that names the key.
        origin: Origin,
        /// The key.
        key: KeyPath,
        /// The known roots.
        roots: Vec<String>,
    },
    /// `CurrentControlSet` cannot be resolved.
    #[error(
        "{hive}: Select\\Current does not name a control set, so CurrentControlSet of {origin} cannot be \
         resolved"
    )]
    NoControlSet {
        /// The hive's path in the image.
        hive: ImagePath,
        /// The edit that needs it.
        origin: Origin,
    },
}

/// The first findings, in one line.
fn list(findings: &[Finding]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = findings.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = findings.len().saturating_sub(shown.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", shown.join("; "))
}
