//! What the booted WinPE does at its start.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_san::SanUri;

use super::OneLine;
use crate::image::ImagePath;

/// What the booted WinPE does at its start.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct StartupReport {
    /// The file that calls our scripts, if one must: `startnet.cmd` or `winpeshl.ini`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<ImagePath>,
    /// The targets to which WinPE logs in.
    #[schemars(with = "Vec<String>")]
    pub targets: Vec<SanUri>,
    /// Whether it logs in with a CHAP name and secret.
    pub chap: bool,
    /// The drivers that are loaded before the network starts.
    pub drivers: Vec<DriverReport>,
    /// The drivers that were found and are not put in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped_drivers: Vec<SkippedDriver>,
    /// The lines of text files that change. The file with the CHAP secret is never among them.
    pub texts: Vec<TextReport>,
}

/// A driver that WinPE loads.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct DriverReport {
    /// Its INF in the image.
    pub inf: ImagePath,
    /// The class of its devices, for example `Net`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Its date and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A driver that is not put into the image.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct SkippedDriver {
    /// Its INF on this machine, or in an archive.
    pub inf: String,
    /// Why.
    pub why: String,
}

/// A text file that changes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct TextReport {
    /// Its path in the image.
    pub file: ImagePath,
    /// The difference line by line: `-` removed, `+` added, and a space for an unchanged line.
    pub diff: Vec<String>,
}

/// No line begins with `+` or `-`, which mark only the lines of the hives' diff.
impl fmt::Display for StartupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for driver in &self.drivers {
            let known = [&driver.class, &driver.version].map(Option::as_deref);
            let known: Vec<_> = known.into_iter().flatten().collect();
            write!(f, "\nloads {}", OneLine(&driver.inf))?;
            if !known.is_empty() {
                write!(f, " ({})", OneLine(known.join(", ")))?;
            }
        }
        for driver in &self.skipped_drivers {
            write!(f, "\nskipped: {}", OneLine(&driver.why))?;
        }
        if !self.drivers.is_empty() {
            writeln!(f)?;
        }
        for text in &self.texts {
            writeln!(f, "\n{}:", OneLine(&text.file))?;
            for line in &text.diff {
                writeln!(f, "  {}", OneLine(line))?;
            }
        }
        Ok(())
    }
}
