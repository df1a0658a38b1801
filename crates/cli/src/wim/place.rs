//! A file or folder within an image, as a person names it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use winpe_wim::{Archive, Image, ImageSelector};

use crate::failure::Failure;

/// `WIM[:IMAGE][:PATH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) wim: PathBuf,
    /// What stands behind the WIM's name and a colon.
    rest: Option<String>,
}

/// A place in a WIM that is open.
pub(super) struct Found {
    pub(super) archive: Archive,
    pub(super) image: u32,
    /// Empty for the root.
    pub(super) path: String,
}

impl FromStr for Place {
    type Err = Infallible;

    /// The WIM's name goes as far as a file of that name exists; where none does, to the first colon.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let colons = text.match_indices(':').map(|(at, _)| at);
        let mut ends = std::iter::once(text.len()).chain(colons.clone().rev());
        let end = ends.find(|end| Path::new(&text[..*end]).is_file());
        let end = end.or_else(|| colons.clone().find(|at| *at > 0)).unwrap_or(text.len());
        let rest = text.get(end + 1..).map(str::to_owned);
        Ok(Self { wim: text[..end].into(), rest })
    }
}

impl Place {
    /// Whether it is within a WIM, and not a file or folder of this machine.
    pub(super) fn is_in_wim(text: &str) -> bool {
        let place: Self = text.parse().unwrap_or_else(|never: Infallible| match never {});
        place.rest.is_some() && !Path::new(text).exists()
    }

    pub(super) fn open(&self) -> Result<Found, Failure> {
        let archive = Archive::open(&self.wim)?;
        let rest = self.rest.as_deref().unwrap_or_default();
        let (image, path) = split(rest, archive.images());
        let image = archive.select(&image)?;
        let path = path.trim_matches(['/', '\\']).replace('\\', "/");
        Ok(Found { archive, image, path })
    }

    /// The WIM with the images that are meant: one, or `all`.
    pub(super) fn images(&self) -> Result<(Archive, Vec<u32>), Failure> {
        if self.rest.as_deref() == Some("all") {
            let archive = Archive::open(&self.wim)?;
            let images = archive.images().iter().map(|image| image.index).collect();
            return Ok((archive, images));
        }
        let Found { archive, image, path } = self.open()?;
        if !path.is_empty() {
            let failure = Failure::new(format!("{} has no image {path:?}", self.wim.display()));
            return Err(failure.hint("see its images with winpe-iscsi info"));
        }
        Ok((archive, vec![image]))
    }
}

fn split<'a>(rest: &'a str, images: &[Image]) -> (ImageSelector, &'a str) {
    let is_image =
        |text: &str| text.parse::<u32>().is_ok() || images.iter().any(|image| image.name == text);
    let selector =
        |text: &str| ImageSelector::from_str(text).unwrap_or_else(|never| match never {});
    if rest.starts_with(['/', '\\']) {
        return (ImageSelector::Boot, rest);
    }
    match rest.split_once(':') {
        Some((image, path)) => (selector(image), path),
        None if is_image(rest) => (selector(rest), ""),
        None => (ImageSelector::Boot, rest),
    }
}

impl Found {
    /// As it can be given again.
    pub(super) fn shown(&self, path: &str) -> String {
        let Self { archive, image, .. } = self;
        format!("{}:{image}:{}", archive.path().display(), path.replace('\\', "/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_paths_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("a.wim");
        let images = ["PE", "Windows 7"].map(winpe_wim::NewImage::new);
        winpe_wim::create(&wim, winpe_wim::Compression::None, &images).expect("a WIM");
        let archive = Archive::open(&wim).expect("own WIM");
        let name = |name: &str| ImageSelector::Name(name.to_owned());
        for (rest, image, path) in [
            ("", ImageSelector::Boot, ""),
            ("2", ImageSelector::Index(2), ""),
            ("Windows 7", name("Windows 7"), ""),
            ("Windows", ImageSelector::Boot, "Windows"),
            ("/2", ImageSelector::Boot, "/2"),
            ("2:Windows/a:stream", ImageSelector::Index(2), "Windows/a:stream"),
            ("PE:\\", name("PE"), "\\"),
        ] {
            assert_eq!(split(rest, archive.images()), (image, path), "{rest}");
        }
    }

    #[test]
    fn a_file_with_a_colon_in_its_name_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("a:1.wim");
        std::fs::write(&wim, "").expect("a file");
        let text = wim.display().to_string();
        let place = |text: &str| text.parse::<Place>().expect("never fails");
        assert_eq!(place(&text), Place { wim: wim.clone(), rest: None });
        assert_eq!(place(&format!("{text}:1")), Place { wim, rest: Some("1".to_owned()) });
        let missing = Place { wim: "none.wim".into(), rest: Some("x:y".to_owned()) };
        assert_eq!(place("none.wim:x:y"), missing);
    }
}
