//! `WimPlace`: an image, or a file in one, as users name it: `WIM[:IMAGE][:PATH]`.

use std::path::{Path, PathBuf};

use crate::image::{Image, ImageSelector};

/// A text of the form `WIM[:IMAGE][:PATH]`, split at the end of the name of the WIM.
///
/// File names may contain colons. The WIM is the longest prefix of the text, up to a colon or the
/// end, that exists on this machine. If none exists, the name ends at the first colon.
///
/// The method for the expected form splits the rest after that colon.
///
/// ```
/// use winpe_wim::{ImageSelector, WimPlace};
///
/// let place = WimPlace::find("winpe.wim:2");
/// assert_eq!(place.wim.as_os_str(), "winpe.wim");
/// assert_eq!(place.image(), Some(ImageSelector::Index(2)));
/// assert_eq!(WimPlace::find("winpe.wim").image(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WimPlace {
    /// The WIM, or another named object: a disc, a folder.
    pub wim: PathBuf,
    /// The text after the name of the WIM and a colon.
    pub rest: Option<String>,
}

impl WimPlace {
    /// Splits a text. Checks which files exist, but opens none.
    #[must_use]
    pub fn find(text: &str) -> Self {
        let colons = text.match_indices(':').map(|(at, _)| at).filter(|at| *at > 0);
        let mut ends = std::iter::once(text.len()).chain(colons.clone().rev());
        let end = ends.find(|end| Path::new(&text[..*end]).exists());
        let end = end.or_else(|| colons.clone().next()).unwrap_or(text.len());
        Self { wim: text[..end].into(), rest: text.get(end + 1..).map(str::to_owned) }
    }

    /// The image of `WIM[:IMAGE]`, if there is one.
    #[must_use]
    pub fn image(&self) -> Option<ImageSelector> {
        self.rest.as_deref().map(selector)
    }

    /// The image and the file of `WIM[:IMAGE]:FILE`, if there is a file. The name of an image may
    /// contain colons, that of the file cannot.
    #[must_use]
    pub fn image_and_file(&self) -> Option<(ImageSelector, &str)> {
        let rest = self.rest.as_deref()?;
        Some(match rest.rsplit_once(':') {
            Some((image, file)) => (selector(image), file),
            None => (ImageSelector::Boot, rest),
        })
    }

    /// The image and the path of `WIM[:IMAGE][:PATH]`; `images` are those of the WIM. The path is
    /// empty if there is none; it may contain colons.
    #[must_use]
    pub fn image_and_path(&self, images: &[Image]) -> (ImageSelector, &str) {
        let rest = self.rest.as_deref().unwrap_or_default();
        let is_image = |text: &str| {
            text.parse::<u32>().is_ok() || images.iter().any(|image| image.name == text)
        };
        if rest.is_empty() || rest.starts_with(['/', '\\']) {
            return (ImageSelector::Boot, rest);
        }
        if is_image(rest) {
            return (selector(rest), "");
        }
        let colons = || rest.match_indices(':').map(|(at, _)| at);
        let known = colons().rev().find(|at| is_image(&rest[..*at]));
        // Text before a colon is taken as an image, even if the WIM has none with that name.
        match known.or_else(|| colons().next()) {
            Some(at) => (selector(&rest[..at]), &rest[at + 1..]),
            None => (ImageSelector::Boot, rest),
        }
    }
}

fn selector(text: &str) -> ImageSelector {
    text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Archive, Compression, NewImage, create};

    fn name(name: &str) -> ImageSelector {
        ImageSelector::Name(name.to_owned())
    }

    #[test]
    fn images_and_paths_are_distinguished() {
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("a.wim");
        let images = ["PE", "Windows 7", "x64: PE"].map(NewImage::new);
        create(&wim, Compression::None, &images).expect("a WIM");
        let archive = Archive::open(&wim).expect("own WIM");
        for (rest, image, path) in [
            ("", ImageSelector::Boot, ""),
            ("2", ImageSelector::Index(2), ""),
            ("Windows 7", name("Windows 7"), ""),
            ("Windows", ImageSelector::Boot, "Windows"),
            ("/2", ImageSelector::Boot, "/2"),
            (":/2", name(""), "/2"),
            ("2:Windows/a:stream", ImageSelector::Index(2), "Windows/a:stream"),
            ("PE:\\", name("PE"), "\\"),
            ("x64: PE", name("x64: PE"), ""),
            ("x64: PE:Windows", name("x64: PE"), "Windows"),
            ("none:Windows", name("none"), "Windows"),
        ] {
            let place = WimPlace { wim: wim.clone(), rest: Some(rest.to_owned()) };
            assert_eq!(place.image_and_path(archive.images()), (image, path), "{rest}");
        }
    }

    #[test]
    fn the_name_of_the_wim_is_the_longest_that_exists() {
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("pe:1");
        std::fs::write(&wim, "").expect("a file");
        let text = wim.display().to_string();
        let place =
            |rest: Option<&str>| WimPlace { wim: wim.clone(), rest: rest.map(str::to_owned) };
        assert_eq!(WimPlace::find(&text), place(None));
        assert_eq!(WimPlace::find(&format!("{text}:1")), place(Some("1")));
        assert_eq!(WimPlace::find(&format!("{text}:")), place(Some("")));
        assert_eq!(WimPlace::find(&format!("{text}:1:a/b:c")), place(Some("1:a/b:c")));
        let missing = WimPlace { wim: "none.wim".into(), rest: Some("x:y".to_owned()) };
        assert_eq!(WimPlace::find("none.wim:x:y"), missing);
        assert_eq!(WimPlace::find(":x").wim, Path::new(":x"));
    }

    #[test]
    fn the_file_is_after_the_last_colon() {
        let file = |text: &str| {
            let place = WimPlace::find(text);
            place.image_and_file().map(|(image, file)| (image, file.to_owned()))
        };
        assert_eq!(file("none.wim"), None);
        assert_eq!(file("none.wim:SYSTEM"), Some((ImageSelector::Boot, "SYSTEM".to_owned())));
        assert_eq!(file("none.wim:2:SYSTEM"), Some((ImageSelector::Index(2), "SYSTEM".to_owned())));
        assert_eq!(file("none.wim:a: b:SYSTEM"), Some((name("a: b"), "SYSTEM".to_owned())));
    }
}
