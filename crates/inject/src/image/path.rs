//! Paths inside an image.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use winpe_registry::upcase;

/// A path inside an image: names from the image's root, without a drive and without a leading
/// separator. Compared and ordered without regard to case, by NT's table of upper-case characters.
///
/// ```
/// use winpe_inject::ImagePath;
/// let path = ImagePath::new(r"\Windows\System32/drivers\");
/// assert_eq!(path.to_string(), r"Windows\System32\drivers");
/// assert_eq!(path, ImagePath::new("windows/system32/DRIVERS"));
/// ```
#[derive(Clone, JsonSchema)]
pub struct ImagePath(String);

impl ImagePath {
    /// Splits at backslashes and slashes; empty names are dropped.
    #[must_use]
    pub fn new(path: &str) -> Self {
        let names: Vec<_> = path.split(['\\', '/']).filter(|name| !name.is_empty()).collect();
        Self(names.join("\\"))
    }

    /// The path with backslashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names, outermost first.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('\\').filter(|name| !name.is_empty())
    }

    /// The last name; empty for the image's root.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('\\').next().unwrap_or_default()
    }

    /// The path without its last name.
    #[must_use]
    pub fn folder(&self) -> Self {
        Self(self.0.rsplit_once('\\').map(|(folder, _)| folder.to_owned()).unwrap_or_default())
    }

    /// Whether the folder `above` contains this path, at any depth.
    #[must_use]
    pub fn is_below(&self, above: &Self) -> bool {
        let mut names = self.names();
        above
            .names()
            .all(|folder| names.next().is_some_and(|name| Self::new(name) == Self::new(folder)))
            && names.next().is_some()
    }

    /// This path with more names.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        Self::new(&format!("{}\\{below}", self.0))
    }

    /// This path with text appended to its last name.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        Self(format!("{}{suffix}", self.0))
    }
}

impl ImagePath {
    /// The units by which paths are compared.
    fn folded(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.encode_utf16().map(upcase)
    }
}

impl PartialEq for ImagePath {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.folded().eq(other.folded())
    }
}

impl Eq for ImagePath {}

impl Hash for ImagePath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|unit| state.write_u16(unit));
    }
}

impl PartialOrd for ImagePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ImagePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for ImagePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|path| Self::new(&path))
    }
}

impl Serialize for ImagePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
