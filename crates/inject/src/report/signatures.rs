//! The signatures of added files.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::OneLine;
use crate::image::ImagePath;

/// The signatures of the files that come from the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Signatures {
    /// The catalogues that cover some of them and are added with them.
    pub catalogues: Vec<Catalogue>,
    /// The programs that no catalogue covers and that have no embedded signature.
    pub unsigned: Vec<ImagePath>,
}

/// A catalogue and the files whose digests are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Catalogue {
    /// Its path in the image.
    pub path: ImagePath,
    /// The files that it covers.
    pub covers: Vec<ImagePath>,
}

impl fmt::Display for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nsignatures:")?;
        for Catalogue { path, covers } in &self.catalogues {
            let files = if covers.len() == 1 { "file" } else { "files" };
            let path = OneLine(path);
            writeln!(f, "  {path} covers {} {files}", covers.len())?;
        }
        for path in &self.unsigned {
            let path = OneLine(path);
            writeln!(f, "  {path} is in no catalogue, and not signed itself")?;
        }
        Ok(())
    }
}
