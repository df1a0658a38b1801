//! Names of keys and values: length limits, allowed characters, and comparison by NT's upcase
//! table.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use thiserror::Error;

use crate::{NtString, cmp_ignore_case, eq_ignore_case, upcase};

/// Why a text cannot name a key or a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// A key name must have at least one character.
    #[error("empty key name in {0:?}")]
    EmptyKey(NtString),
    /// A key name is at most [`KeyName::MAX_LEN`] code units long.
    #[error("key name of {actual} characters, at most {} are allowed", KeyName::MAX_LEN)]
    KeyTooLong {
        /// Length in code units.
        actual: usize,
    },
    /// A backslash separates key names, so no key name contains one.
    #[error("backslash in key name {0:?}")]
    Backslash(NtString),
    /// A value name is at most [`ValueName::MAX_LEN`] code units long.
    #[error("value name of {actual} characters, at most {} are allowed", ValueName::MAX_LEN)]
    ValueTooLong {
        /// Length in code units.
        actual: usize,
    },
    /// A path has at most [`KeyPath::MAX_DEPTH`](crate::KeyPath::MAX_DEPTH) names.
    #[error("key path of {actual} levels, at most {} are allowed", crate::KeyPath::MAX_DEPTH)]
    TooDeep {
        /// Number of names.
        actual: usize,
    },
}

/// The name of one key: 1 to 255 UTF-16 code units without a backslash. Case is kept and not compared.
///
/// Limits: Microsoft, "Registry element size limits".
///
/// ```
/// use winpe_registry::KeyName;
/// assert_eq!(KeyName::new("Services")?, KeyName::new("SERVICES")?);
/// assert!(KeyName::new(r"a\b").is_err());
/// # Ok::<(), winpe_registry::NameError>(())
/// ```
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct KeyName(NtString);

impl KeyName {
    /// The longest name, in code units.
    pub const MAX_LEN: usize = 255;

    /// Checks the text.
    ///
    /// # Errors
    /// [`NameError::EmptyKey`], [`NameError::KeyTooLong`], [`NameError::Backslash`].
    pub fn new(text: impl Into<NtString>) -> Result<Self, NameError> {
        let text = text.into();
        if text.is_empty() {
            return Err(NameError::EmptyKey(text));
        }
        if text.len() > Self::MAX_LEN {
            return Err(NameError::KeyTooLong { actual: text.len() });
        }
        if text.units().contains(&u16::from(b'\\')) {
            return Err(NameError::Backslash(text));
        }
        Ok(Self(text))
    }

    /// Takes a name read from a hive without checking it.
    #[must_use]
    pub fn from_stored(text: NtString) -> Self {
        Self(text)
    }

    /// The text, case as given.
    #[must_use]
    pub fn text(&self) -> &NtString {
        &self.0
    }

    /// The code units, case as given.
    #[must_use]
    pub fn units(&self) -> &[u16] {
        self.0.units()
    }
}

/// The name of a value: up to 16,383 UTF-16 code units; the empty name is the key's default value.
/// Case is kept and not compared.
///
/// ```
/// use winpe_registry::ValueName;
/// assert!(ValueName::default().is_default());
/// assert_eq!(ValueName::new("Start")?, ValueName::new("START")?);
/// # Ok::<(), winpe_registry::NameError>(())
/// ```
#[derive(Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ValueName(NtString);

impl ValueName {
    /// The longest name, in code units.
    pub const MAX_LEN: usize = 16_383;

    /// Checks the text.
    ///
    /// # Errors
    /// [`NameError::ValueTooLong`].
    pub fn new(text: impl Into<NtString>) -> Result<Self, NameError> {
        let text = text.into();
        if text.len() > Self::MAX_LEN {
            return Err(NameError::ValueTooLong { actual: text.len() });
        }
        Ok(Self(text))
    }

    /// Takes a name read from a hive without checking it.
    #[must_use]
    pub fn from_stored(text: NtString) -> Self {
        Self(text)
    }

    /// Whether this names the key's default value, which `.reg` files write as `@`.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, case as given.
    #[must_use]
    pub fn text(&self) -> &NtString {
        &self.0
    }

    /// The code units, case as given.
    #[must_use]
    pub fn units(&self) -> &[u16] {
        self.0.units()
    }
}

/// Both names compare, order and hash by their upcased units, and print as their text.
macro_rules! compared_by_upcase {
    ($name:ident) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                eq_ignore_case(self.units(), other.units())
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                cmp_ignore_case(self.units(), other.units())
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                state.write_usize(self.units().len());
                for &unit in self.units() {
                    state.write_u16(upcase(unit));
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl From<$name> for NtString {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

compared_by_upcase!(KeyName);
compared_by_upcase!(ValueName);

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, de::Error};

    use super::{KeyName, NtString, ValueName};

    impl<'de> Deserialize<'de> for KeyName {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            KeyName::new(NtString::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }

    impl<'de> Deserialize<'de> for ValueName {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            ValueName::new(NtString::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_have_the_length_limits_of_windows() {
        assert!(KeyName::new("k".repeat(255)).is_ok());
        assert_eq!(KeyName::new("k".repeat(256)), Err(NameError::KeyTooLong { actual: 256 }));
        assert!(ValueName::new("v".repeat(16_383)).is_ok());
        assert_eq!(
            ValueName::new("v".repeat(16_384)),
            Err(NameError::ValueTooLong { actual: 16_384 })
        );
        assert_eq!(KeyName::new(""), Err(NameError::EmptyKey(NtString::default())));
    }

    #[test]
    fn equal_names_share_a_hash() {
        let set: HashSet<KeyName> =
            ["ÿ", "Ÿ", "Services", "sERVICES", "ß", "SS"].map(|n| KeyName::new(n).unwrap()).into();
        assert_eq!(set.len(), 4);
    }
}
