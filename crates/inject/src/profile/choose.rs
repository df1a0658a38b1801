//! Chooses among profiles, by the builds of image and source.

use std::borrow::Cow;

use super::{Choice, Profile, ProfileError};
use crate::image::Windows;

impl Profile {
    /// The profiles that it chooses among; none for an ordinary profile.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.manifest.choices
    }

    /// The profile for this image and source: the first choice whose builds match, or this profile if it
    /// has no choices. If the image's build is unknown, the source's build is used.
    ///
    /// # Errors
    /// [`ProfileError::NoChoice`] if none matches, or both builds are unknown.
    pub fn choose(
        &self,
        image: &Windows,
        source: Option<&Windows>,
    ) -> Result<Cow<'_, Self>, ProfileError> {
        if self.choices().is_empty() {
            return Ok(Cow::Borrowed(self));
        }
        let of_source = source.and_then(|source| source.build);
        let build = image.build.or(of_source);
        let meant = self.choices().iter().find(|choice| {
            build.is_some_and(|build| choice.image_builds.has(build))
                && of_source.is_none_or(|build| choice.source_builds.has(build))
        });
        match meant {
            Some(choice) => Ok(Cow::Owned(Self::builtin(&choice.profile)?)),
            None => Err(ProfileError::NoChoice {
                profile: self.name().to_owned(),
                image: image.build,
                source_build: of_source,
                choices: self.choices().iter().map(|choice| choice.profile.clone()).collect(),
            }),
        }
    }

    /// Checks that each choice names an ordinary built-in profile.
    pub(super) fn check_choices(&self) -> Result<(), ProfileError> {
        for choice in self.choices() {
            if !Self::builtin(&choice.profile)?.choices().is_empty() {
                let (name, choice) = (self.name.clone(), choice.profile.clone());
                return Err(ProfileError::ChoiceOfChoices { name, choice });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(build: Option<u32>) -> Windows {
        Windows { build, ..Windows::default() }
    }

    #[test]
    fn the_build_decides() {
        let profile = Profile::builtin("iscsi").unwrap();
        let chosen = |image, source: Option<Option<u32>>| {
            let source = source.map(windows);
            let chosen = profile.choose(&windows(image), source.as_ref()).ok()?;
            Some(chosen.name().to_owned())
        };
        for (image, source, expected) in [
            (Some(7601), Some(Some(7601)), Some("iscsi-winpe3")),
            (Some(7600), None, Some("iscsi-winpe3")),
            (Some(9600), None, Some("iscsi-winpe4")),
            (Some(26100), Some(Some(26100)), Some("iscsi-winpe4")),
            (None, Some(Some(7601)), Some("iscsi-winpe3")),
            (None, Some(None), None),
            (None, None, None),
            (Some(2600), None, None),
        ] {
            assert_eq!(chosen(image, source).as_deref(), expected, "{image:?} {source:?}");
        }
        let itself = Profile::builtin("iscsi-winpe4").unwrap();
        assert_eq!(itself.choose(&windows(None), None).unwrap().name(), "iscsi-winpe4");
    }
}
