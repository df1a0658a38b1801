//! Key paths: names from a root downwards, their text form with backslashes, and their JSON form.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{KeyName, NameError, NtString};

/// Key names from a root downwards; the empty path is the root itself. Compared without case.
///
/// The user of a path defines its root: in an edit of a hive it is the hive's root key; in a `.reg`
/// file it is the parent of `HKEY_LOCAL_MACHINE` and the other predefined keys.
///
/// ```
/// use winpe_registry::KeyPath;
/// let path: KeyPath = r"HKEY_LOCAL_MACHINE\PE_Sys\ControlSet001".parse()?;
/// let hive: KeyPath = r"hkey_local_machine\pe_sys".parse()?;
/// assert_eq!(path.strip_prefix(&hive).unwrap().to_string(), "ControlSet001");
/// # Ok::<(), winpe_registry::NameError>(())
/// ```
///
/// Copies share the names: an edit is copied for each step that checks, applies or reports it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Arc<Vec<KeyName>>);

impl KeyPath {
    /// The deepest tree that NT accepts, in levels below the root.
    pub const MAX_DEPTH: usize = 512;

    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The names, outermost first.
    #[must_use]
    pub fn names(&self) -> &[KeyName] {
        &self.0
    }

    /// The number of names.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last name; `None` for the root.
    #[must_use]
    pub fn name(&self) -> Option<&KeyName> {
        self.0.last()
    }

    /// The path without its last name; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<KeyPath> {
        let (_, parent) = self.0.split_last()?;
        Some(Self::from(parent))
    }

    /// The first `depth` names.
    #[must_use]
    pub fn prefix(&self, depth: usize) -> KeyPath {
        Self::from(&self.0[..depth.min(self.0.len())])
    }

    /// This path with one more name.
    #[must_use]
    pub fn child(&self, name: KeyName) -> KeyPath {
        let mut path = self.clone();
        path.push(name);
        path
    }

    /// This path followed by another.
    #[must_use]
    pub fn join(&self, below: &KeyPath) -> KeyPath {
        Self(Arc::new([&self.0[..], &below.0[..]].concat()))
    }

    /// Appends a name.
    pub fn push(&mut self, name: KeyName) {
        Arc::make_mut(&mut self.0).push(name);
    }

    /// Removes and returns the last name.
    pub fn pop(&mut self) -> Option<KeyName> {
        Arc::make_mut(&mut self.0).pop()
    }

    /// Whether the two have the same names in the same case.
    ///
    /// ```
    /// use winpe_registry::KeyPath;
    /// let [lower, upper] = ["Setup\\a", "SETUP\\A"].map(|path| path.parse::<KeyPath>().unwrap());
    /// assert_eq!(lower, upper);
    /// assert!(lower.is_spelled_as(&lower.clone()) && !lower.is_spelled_as(&upper));
    /// ```
    #[must_use]
    pub fn is_spelled_as(&self, other: &KeyPath) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.iter().map(KeyName::text).eq(other.0.iter().map(KeyName::text))
    }

    /// Whether the path is `prefix` or is below it.
    #[must_use]
    pub fn starts_with(&self, prefix: &KeyPath) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// The part below `prefix`, or `None` if the path does not start with it.
    #[must_use]
    pub fn strip_prefix(&self, prefix: &KeyPath) -> Option<KeyPath> {
        self.0.strip_prefix(&prefix.0[..]).map(Self::from)
    }
}

impl From<&[KeyName]> for KeyPath {
    fn from(names: &[KeyName]) -> Self {
        Self(Arc::new(names.to_vec()))
    }
}

impl FromIterator<KeyName> for KeyPath {
    fn from_iter<I: IntoIterator<Item = KeyName>>(names: I) -> Self {
        Self(Arc::new(names.into_iter().collect()))
    }
}

/// Splits at backslashes; the empty text is the root. Each name is checked; an empty name is an
/// error.
impl TryFrom<&NtString> for KeyPath {
    type Error = NameError;

    fn try_from(text: &NtString) -> Result<Self, NameError> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let path: Self = text
            .units()
            .split(|&unit| unit == u16::from(b'\\'))
            .map(|name| {
                if name.is_empty() {
                    return Err(NameError::EmptyKey(text.clone()));
                }
                KeyName::new(name.iter().copied().collect::<NtString>())
            })
            .collect::<Result<_, _>>()?;
        if path.depth() > Self::MAX_DEPTH {
            return Err(NameError::TooDeep { actual: path.depth() });
        }
        Ok(path)
    }
}

impl FromStr for KeyPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(&NtString::from(text))
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\\")?;
            }
            write!(f, "{name}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPath({:?})", self.to_string())
    }
}

/// A string with backslashes, or a list of names where one of them cannot be written so.
#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use std::sync::Arc;

    use super::{KeyName, KeyPath, NtString};

    #[cfg(feature = "schemars")]
    impl schemars::JsonSchema for KeyPath {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "KeyPath".into()
        }

        fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
            let text = generator.subschema_for::<NtString>();
            let names = generator.subschema_for::<Vec<KeyName>>();
            schemars::json_schema!({
                "description": "Names with backslashes, or a list of them where one has a backslash.",
                "anyOf": [text, names]
            })
        }
    }

    impl Serialize for KeyPath {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut text = NtString::default();
            for (index, name) in self.0.iter().enumerate() {
                if index > 0 {
                    text.push(u16::from(b'\\'));
                }
                name.units().iter().for_each(|&unit| text.push(unit));
            }
            if KeyPath::try_from(&text).as_ref().is_ok_and(|path| path == self) {
                text.serialize(serializer)
            } else {
                self.0.serialize(serializer)
            }
        }
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Names(Vec<KeyName>),
        Text(NtString),
    }

    impl<'de> Deserialize<'de> for KeyPath {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            match Form::deserialize(deserializer)? {
                Form::Names(names) => Ok(Self(Arc::new(names))),
                Form::Text(text) => Self::try_from(&text).map_err(D::Error::custom),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> KeyPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_splits_into_its_parts_and_joins_again() {
        let whole = path(r"A\b\C");
        assert_eq!(whole.parent(), Some(path(r"a\B")));
        assert_eq!(whole.prefix(1).join(&path(r"b\C")), whole);
        assert_eq!(whole.strip_prefix(&path(r"A\c")), None);
        assert_eq!(whole.strip_prefix(&whole), Some(KeyPath::root()));
        assert_eq!(KeyPath::root().parent(), None);
        assert_eq!(whole.to_string(), r"A\b\C");
    }

    #[test]
    fn a_name_is_no_prefix_of_a_longer_name() {
        assert!(!path("ControlSet0011").starts_with(&path("ControlSet001")));
    }

    #[test]
    fn empty_names_and_bottomless_paths_are_refused() {
        for text in [r"\", r"a\", r"\a", r"a\\b"] {
            assert!(matches!(text.parse::<KeyPath>(), Err(NameError::EmptyKey(_))), "{text}");
        }
        assert!(vec!["k"; 512].join("\\").parse::<KeyPath>().is_ok());
        assert_eq!(
            vec!["k"; 513].join("\\").parse::<KeyPath>(),
            Err(NameError::TooDeep { actual: 513 })
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_keeps_names_that_text_cannot_hold() {
        let odd = KeyPath::from_iter([KeyName::from_stored(NtString::from(r"a\b"))]);
        assert_eq!(serde_json::to_string(&odd).unwrap(), r#"["a\\b"]"#);
        assert_eq!(serde_json::to_string(&path(r"a\b")).unwrap(), r#""a\\b""#);
        assert_eq!(serde_json::from_str::<KeyPath>(r#""a\\b""#).unwrap(), path(r"a\b"));
    }
}
