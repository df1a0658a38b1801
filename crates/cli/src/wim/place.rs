//! A file or folder within an image, as a person names it.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use winpe_wim::{Archive, WimPlace};

use crate::failure::Failure;

/// `WIM[:IMAGE][:PATH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(pub(super) WimPlace);

/// A place in a WIM that is open.
pub(super) struct Found {
    pub(super) archive: Archive,
    pub(super) image: u32,
    /// Empty for the root.
    pub(super) path: String,
}

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(WimPlace::find(text)))
    }
}

impl Place {
    /// Whether it is within a WIM, and not a file or folder of this machine.
    pub(super) fn is_in_wim(text: &str) -> bool {
        WimPlace::find(text).rest.is_some() && !Path::new(text).exists()
    }

    pub(super) fn open(&self) -> Result<Found, Failure> {
        let archive = Archive::open(&self.0.wim)?;
        let (image, path) = self.0.image_and_path(archive.images());
        let image = archive.select(&image)?;
        let path = path.trim_matches(['/', '\\']).replace('\\', "/");
        Ok(Found { archive, image, path })
    }

    /// The WIM with the images that are meant: one, or `all`.
    pub(super) fn images(&self) -> Result<(Archive, Vec<u32>), Failure> {
        if self.0.rest.as_deref() == Some("all") {
            let archive = Archive::open(&self.0.wim)?;
            let images = archive.images().iter().map(|image| image.index).collect();
            return Ok((archive, images));
        }
        let Found { archive, image, path } = self.open()?;
        if !path.is_empty() {
            let failure = Failure::new(format!("{} has no image {path:?}", self.0.wim.display()));
            return Err(failure.hint("see its images with winpe-iscsi info"));
        }
        Ok((archive, vec![image]))
    }
}

impl Found {
    /// As it can be given again.
    pub(super) fn shown(&self, path: &str) -> String {
        let Self { archive, image, .. } = self;
        format!("{}:{image}:{}", archive.path().display(), path.replace('\\', "/"))
    }
}
