//! The result of `verify`: each point that was checked, and what was found.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use thiserror::Error;
use winpe_registry::Value;
use winpe_wim::{Arch, BootObstacle};

use crate::image::{ImagePath, Windows};
use crate::program::NotAProgram;
use crate::report::Warning;

/// Every point that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// The version of this structure.
    pub schema: u32,
    /// The WIM.
    pub wim: String,
    /// The image's number, from 1.
    pub image: u32,
    /// The image's name.
    pub image_name: String,
    /// The profile; of a profile that chooses among others, the one for this image.
    pub profile: String,
    /// Which Windows the image holds.
    pub windows: Windows,
    /// Whether the image has a record of what was put in, which is then checked too.
    pub recorded: bool,
    /// The points, each once.
    pub points: Vec<Point>,
    /// The programs that were put in, that no catalogue of the image covers and that have no embedded
    /// signature. This is not a finding: WinPE runs most of them all the same.
    pub unsigned: Vec<ImagePath>,
    /// What could not be checked.
    #[schemars(with = "Vec<String>")]
    pub warnings: Vec<Warning>,
    /// The points that are not as they should be, in words.
    #[serde(serialize_with = "words")]
    #[schemars(with = "Vec<String>")]
    pub findings: Vec<Point>,
}

/// Something that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Point {
    /// A file, a key or a value.
    pub what: String,
    /// What is wrong with it, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub finding: Option<Finding>,
}

/// What is wrong with a point. JSON has its words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Finding {
    /// It does not exist.
    #[error("is missing")]
    Missing,
    /// It exists and should not.
    #[error("should not be there")]
    Unexpected,
    /// A value does not exist.
    #[error("is missing, expected {0:?}")]
    MissingValue(Value),
    /// A value has another content.
    #[error("is {found:?}, expected {expected:?}")]
    OtherValue {
        /// What it is.
        found: Value,
        /// What it should be.
        expected: Value,
    },
    /// The image lacks something of a part.
    #[error("is not whole")]
    NotWhole,
    /// A program cannot be loaded.
    #[error("is {0}")]
    NotAProgram(NotAProgram),
    /// A program is made for another processor.
    #[error("is made for {found}, expected {expected}")]
    OtherArchitecture {
        /// What it is made for.
        found: Arch,
        /// What the image is made for.
        expected: Arch,
    },
    /// A program imports from a library that does not exist.
    #[error("is missing: there is no such library")]
    NoLibrary,
    /// A library does not export what a program imports.
    #[error("is missing: {}", .0.join(", "))]
    MissingSymbols(Vec<String>),
    /// A value states another folder than the one that WinPE boots from.
    #[error("is {found}, expected {expected}")]
    OtherFolder {
        /// What it states.
        found: String,
        /// Where WinPE boots from.
        expected: &'static str,
    },
    /// No boot manager reads the WIM.
    #[error("is not read by boot managers")]
    NotBootable(BootObstacle),
    /// Another program starts instead.
    #[error("is replaced by that of {0:?}")]
    OtherShell(String),
    /// A file is not as inject left it.
    #[error("was changed since it was put in")]
    Changed,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.finding {
            Some(finding) => write!(f, "{} {finding}", self.what),
            None => write!(f, "{} is as it should be", self.what),
        }
    }
}

fn words<S: Serializer>(points: &[Point], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(points.iter().map(ToString::to_string))
}

/// The points so far, and the index of each.
#[derive(Debug, Default)]
pub(crate) struct Points {
    pub(crate) list: Vec<Point>,
    places: HashMap<String, usize>,
}

impl Points {
    /// Adds a point. One that was checked before keeps its first finding.
    pub(crate) fn add(&mut self, what: String, finding: Option<Finding>) {
        match self.places.entry(what.clone()) {
            Entry::Occupied(place) => {
                let point = &mut self.list[*place.get()];
                point.finding = point.finding.take().or(finding);
            }
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                self.list.push(Point { what, finding });
            }
        }
    }
}
