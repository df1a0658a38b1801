//! Imports that cannot be resolved.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::image::ImagePath;

/// Imports of an added program that no library of the image or source exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unresolved {
    /// The program.
    pub file: ImagePath,
    /// The library that it imports from.
    pub library: String,
    /// The missing symbols; empty if the library itself is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
    /// Whether the import is delay-loaded: the program starts without it and fails at the first call.
    pub delayed: bool,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, library, symbols, delayed } = self;
        let when = if *delayed { "may come to need" } else { "needs" };
        match symbols.as_slice() {
            [] => write!(f, "{file} {when} {library}, which neither the image nor the source has"),
            symbols => {
                let shown = symbols.iter().take(5).map(String::as_str).collect::<Vec<_>>();
                let more = symbols.len() - shown.len();
                write!(f, "{file} {when} {} of {library}", shown.join(", "))?;
                if more > 0 {
                    write!(f, " and {more} more")?;
                }
                f.write_str(", which has no such export")
            }
        }
    }
}
