//! Finds out what of a profile an image has.

use schemars::JsonSchema;
use serde::Serialize;
use winpe_wim::Archive;

use crate::error::InspectError;
use crate::files::Record;
use crate::hives::Hives;
use crate::identify::identify;
use crate::image::{ImagePath, ImageView};
use crate::parts::{Missing, PartState, inspect};
use crate::profile::{Part, Profile};
use crate::startup::{self, PresentDriver, System};

/// What of a profile an image has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Presence {
    /// The profile's name; of a profile that chooses among others, the one for this image.
    pub profile: String,
    /// The files that it has.
    pub files_present: Vec<ImagePath>,
    /// The files that it lacks.
    pub files_missing: Vec<ImagePath>,
    /// The services that it has.
    pub services_present: Vec<String>,
    /// The services that it lacks.
    pub services_missing: Vec<String>,
    /// How much it has of each part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartPresence>,
}

/// How much of a part an image has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PartPresence {
    /// The part's name.
    pub name: String,
    /// Whether the feature works without it.
    pub optional: bool,
    /// How much the image has.
    pub extent: Extent,
    /// What the image lacks; empty if it has enough of the part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// How much of a part an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Enough to leave the image as it is.
    Whole,
    /// Some.
    Some,
    /// None.
    None,
}

impl Presence {
    /// Whether the image has all of it except optional parts.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let needed = |part: &&PartPresence| !part.optional;
        let whole = |part: &PartPresence| part.extent == Extent::Whole;
        self.files_missing.is_empty()
            && self.services_missing.is_empty()
            && self.parts.iter().filter(needed).all(whole)
    }

    /// Whether the image has none of it.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.files_present.is_empty()
            && self.services_present.is_empty()
            && self.parts.iter().all(|part| part.extent == Extent::None)
    }
}

/// Finds out which files, services and parts of a profile an image has.
///
/// # Errors
/// [`InspectError`] if the image or a hive cannot be read, or no profile is meant for the image.
pub fn presence(
    archive: &Archive,
    image: u32,
    profile: &Profile,
) -> Result<Presence, InspectError> {
    let tree = ImageView { archive, image }.tree();
    let windows = identify(tree)?;
    let profile = profile.choose(&windows, None)?;
    let mut hives = Hives::new(tree, profile.roots());
    let mut presence = Presence {
        profile: profile.name().to_owned(),
        files_present: vec![],
        files_missing: vec![],
        services_present: vec![],
        services_missing: vec![],
        parts: vec![],
    };
    for file in profile.files() {
        let path = ImagePath::new(&file.path);
        let list = match tree.has_file(&path)? {
            true => &mut presence.files_present,
            false => &mut presence.files_missing,
        };
        list.push(path);
    }
    for service in profile.services() {
        let list = match hives.keys(&service.key)?.is_empty() {
            false => &mut presence.services_present,
            true => &mut presence.services_missing,
        };
        list.push(service.name.clone());
    }
    for part in profile.parts() {
        let state = inspect(part, &mut hives, &windows.languages)?;
        presence.parts.push(part_presence(part, &state));
    }
    Ok(presence)
}

/// Finds out which drivers were put into an image, and for which devices they are.
///
/// # Errors
/// [`InspectError`] if the image, a hive or the record cannot be read.
pub fn present_drivers(archive: &Archive, image: u32) -> Result<Vec<PresentDriver>, InspectError> {
    let view = ImageView { archive, image };
    let windows = identify(view.tree())?;
    let system = System { arch: windows.arch, build: windows.build };
    let record = Record::read(view)?;
    Ok(startup::drivers(view, system, record.as_ref())?)
}

fn part_presence(part: &Part, state: &PartState) -> PartPresence {
    let extent = match state {
        PartState { is_present: true, .. } => Extent::Whole,
        PartState { found: 0, .. } => Extent::None,
        _ => Extent::Some,
    };
    let missing = match extent {
        Extent::Whole => vec![],
        _ => state.missing.iter().map(Missing::to_string).collect(),
    };
    PartPresence { name: part.name.clone(), optional: part.optional, extent, missing }
}
