//! Profiles that stand for others: which one is meant depends on the image and the source.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Profile;
use crate::error::{InjectError, ProfileError};
use crate::windows::Windows;

/// A profile, and the images for which it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Choice {
    /// The name of a built-in profile.
    #[schemars(example = &"iscsi-winpe4")]
    pub profile: String,
    /// The builds of the image; any where none is given.
    #[serde(default)]
    pub image_builds: Builds,
    /// The builds of the source, where there is one; any where none is given.
    #[serde(default)]
    pub source_builds: Builds,
    /// Why these.
    #[schemars(example = &"Windows 8 and later.")]
    pub why: String,
}

/// A range of builds, both ends included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Builds {
    /// The first build.
    #[schemars(example = 9200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// The last build.
    #[schemars(example = 9600)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

impl Builds {
    fn has(self, build: u32) -> bool {
        self.from.is_none_or(|from| from <= build) && self.to.is_none_or(|to| build <= to)
    }
}

impl Profile {
    /// The profiles that it stands for; none where it is one itself.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.manifest.choices
    }

    /// The profile that is meant for this image and source: the first whose builds are right, or this
    /// one where it stands for no others. Of an image that does not tell its build, that of the source
    /// counts.
    ///
    /// # Errors
    /// [`InjectError::NoChoice`] where none is meant, or nothing is known of both.
    pub fn choose(
        &self,
        image: &Windows,
        source: Option<&Windows>,
    ) -> Result<Cow<'_, Self>, InjectError> {
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
            None => Err(InjectError::NoChoice {
                profile: self.name().to_owned(),
                image: image.build,
                source_build: of_source,
                choices: self.choices().iter().map(|choice| choice.profile.clone()).collect(),
            }),
        }
    }

    /// That each choice names a built-in profile that stands for itself.
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
