//! Whether an image has what a profile puts in.

use serde::Serialize;
use winpe_registry::KeyPath;
use winpe_wim::Archive;

use crate::error::InjectError;
use crate::path::ImagePath;
use crate::profile::Profile;
use crate::reg::Origin;
use crate::registry::{ControlSets, open_hive};

/// What of a profile is in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// The profile's name.
    pub profile: String,
    /// The files that are there.
    pub files_present: Vec<ImagePath>,
    /// The files that are not.
    pub files_missing: Vec<ImagePath>,
    /// The services that are there.
    pub services_present: Vec<String>,
    /// The services that are not.
    pub services_missing: Vec<String>,
}

impl Presence {
    /// Whether all of it is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.files_missing.is_empty() && self.services_missing.is_empty()
    }

    /// Whether none of it is there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.files_present.is_empty() && self.services_present.is_empty()
    }
}

/// Looks which files and services of a profile an image has.
///
/// # Errors
/// [`InjectError`] if the image or a hive cannot be read.
pub fn survey(archive: &Archive, image: u32, profile: &Profile) -> Result<Presence, InjectError> {
    let mut presence = Presence {
        profile: profile.name().to_owned(),
        files_present: vec![],
        files_missing: vec![],
        services_present: vec![],
        services_missing: vec![],
    };
    for file in profile.files() {
        let path = ImagePath::new(&file.path);
        match archive.entry(image, path.as_str())? {
            Some(_) => presence.files_present.push(path),
            None => presence.files_missing.push(path),
        }
    }
    for service in profile.services() {
        let list = match has_key(archive, image, profile, &service.key)? {
            true => &mut presence.services_present,
            false => &mut presence.services_missing,
        };
        list.push(service.name.clone());
    }
    Ok(presence)
}

fn has_key(
    archive: &Archive,
    image: u32,
    profile: &Profile,
    key: &str,
) -> Result<bool, InjectError> {
    let origin = Origin { file: profile.name().into(), line: 0 };
    let Some(location) = key.parse::<KeyPath>().ok().and_then(|key| profile.roots().locate(&key))
    else {
        return Ok(false);
    };
    let Some(opened) = open_hive(archive, image, &location.file)? else { return Ok(false) };
    let sets = ControlSets::of(&opened.hive, &location.file)?;
    let Ok(key) = sets.resolve(&location, &origin) else { return Ok(false) };
    let found = opened.hive.key(&key);
    let found = found.map_err(|source| InjectError::ReadHive { hive: location.file, source })?;
    Ok(found.is_some())
}
