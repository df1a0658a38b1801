//! Which images of a WIM are meant.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use winpe_inject::{ImageSelector, RecipeImage, Session};
use winpe_wim::WimError;

/// A WIM, and which of its images are meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Which {
    /// The WIM
    wim: PathBuf,
    /// Which image, by number or name, or `all` of them [default: the boot image]
    #[arg(long, value_name = "N|NAME|all")]
    image: Option<Images>,
}

impl Which {
    pub(crate) fn open(&self) -> Result<Session, WimError> {
        Images::open(self.image.as_ref(), &self.wim)
    }

    /// Whether all were asked for, which machines are answered with a list.
    pub(crate) fn are_all(&self) -> bool {
        Images::are_all(self.image.as_ref())
    }
}

/// `--image N|NAME|all`.
#[derive(Debug, Clone)]
pub(crate) enum Images {
    All,
    One(ImageSelector),
}

impl Images {
    /// How every image is named.
    const ALL: &str = "all";

    /// Opens those of a WIM; the boot image where nothing is said.
    pub(crate) fn open(images: Option<&Self>, wim: &Path) -> Result<Session, WimError> {
        match images {
            Some(Self::All) => Session::open_all(wim),
            Some(Self::One(image)) => Session::open(wim, image),
            None => Session::open(wim, &ImageSelector::Boot),
        }
    }

    /// Opens those of the WinPE on a disc; the boot image where nothing is said.
    pub(crate) fn open_in_iso(images: Option<&Self>, iso: &Path) -> Result<Session, WimError> {
        match images {
            Some(Self::All) => Session::open_all_in_iso(iso),
            Some(Self::One(image)) => Session::open_in_iso(iso, image),
            None => Session::open_in_iso(iso, &ImageSelector::Boot),
        }
    }

    /// Whether all were asked for, which machines are answered with a list.
    pub(crate) fn are_all(images: Option<&Self>) -> bool {
        matches!(images, Some(Self::All))
    }
}

impl FromStr for Images {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == Self::ALL { Self::All } else { Self::One(text.parse()?) })
    }
}

impl From<RecipeImage> for Images {
    fn from(image: RecipeImage) -> Self {
        match image {
            RecipeImage::Name(all) if all == Self::ALL => Self::All,
            one => Self::One(one.into()),
        }
    }
}
