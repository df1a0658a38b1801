//! Whether an image has what a profile puts in.

use serde::Serialize;
use winpe_wim::Archive;

use crate::error::InjectError;
use crate::parts::{Hives, Lack, Stock, take_stock};
use crate::path::ImagePath;
use crate::profile::{Part, Profile};
use crate::tree::Tree;
use crate::windows::Windows;

/// What of a profile is in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// The profile's name; where one stands for others, the one that is meant for this image.
    pub profile: String,
    /// The files that are there.
    pub files_present: Vec<ImagePath>,
    /// The files that are not.
    pub files_missing: Vec<ImagePath>,
    /// The services that are there.
    pub services_present: Vec<String>,
    /// The services that are not.
    pub services_missing: Vec<String>,
    /// How much there is of each part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartPresence>,
}

/// How much of a part is in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartPresence {
    /// The part's name.
    pub name: String,
    /// Whether the feature works without it.
    pub optional: bool,
    /// How much there is.
    pub extent: Extent,
    /// What is not there; of a part that is there as a whole, nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// How much of something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// All that matters.
    Whole,
    /// Some.
    Some,
    /// None.
    None,
}

impl Presence {
    /// Whether all of it is there, but for what the feature works without.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let needed = |part: &&PartPresence| !part.optional;
        let whole = |part: &PartPresence| part.extent == Extent::Whole;
        self.files_missing.is_empty()
            && self.services_missing.is_empty()
            && self.parts.iter().filter(needed).all(whole)
    }

    /// Whether none of it is there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.files_present.is_empty()
            && self.services_present.is_empty()
            && self.parts.iter().all(|part| part.extent == Extent::None)
    }
}

/// Looks which files, services and parts of a profile an image has.
///
/// # Errors
/// [`InjectError`] if the image or a hive cannot be read, or no profile is meant for the image.
pub fn survey(archive: &Archive, image: u32, profile: &Profile) -> Result<Presence, InjectError> {
    let tree = Tree::Image(archive, image);
    let windows = Windows::of(tree)?;
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
        let stock = take_stock(part, &mut hives, &windows.languages)?;
        presence.parts.push(part_presence(part, stock));
    }
    Ok(presence)
}

fn part_presence(part: &Part, stock: Stock) -> PartPresence {
    let extent = match stock {
        Stock { is_there: true, .. } => Extent::Whole,
        Stock { has: 0, .. } => Extent::None,
        _ => Extent::Some,
    };
    let missing = match extent {
        Extent::Whole => vec![],
        _ => stock.lacks.iter().map(Lack::to_string).collect(),
    };
    PartPresence { name: part.name.clone(), optional: part.optional, extent, missing }
}
