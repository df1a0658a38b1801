//! Registry text: UTF-16 code units without any check, and their conversions.

use std::fmt;

use smallvec::SmallVec;

/// Text as the registry stores it: any sequence of UTF-16 code units.
///
/// Equality and order are exact, unit by unit. For names, whose case does not count, see
/// [`KeyName`](crate::KeyName) and [`ValueName`](crate::ValueName).
///
/// ```
/// use winpe_registry::NtString;
/// let text = NtString::from("naïve");
/// assert_eq!(text.len(), 5);                       // code units, not bytes
/// assert_eq!(text.to_latin1().as_deref(), Some(&b"na\xefve"[..]));
/// assert_eq!(NtString::from_units(vec![0xd800]).to_utf8(), None);
/// ```
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtString(Units);

/// In one copy; `SmallVec` clones unit by unit.
impl Clone for NtString {
    fn clone(&self) -> Self {
        Self(Units::from_slice(&self.0))
    }
}

/// Up to eight units take no allocation, and no more room than a `Vec`: most names are short, and a tool holds many.
type Units = SmallVec<[u16; SHORT]>;
const SHORT: usize = 8;

/// Collects units whose number is known, which is faster than to append them one by one.
fn collect(units: impl ExactSizeIterator<Item = u16>) -> Units {
    let len = units.len();
    if len > SHORT {
        return units.collect::<Vec<_>>().into();
    }
    let mut short = [0; SHORT];
    short.iter_mut().zip(units).for_each(|(place, unit)| *place = unit);
    Units::from_buf_and_len(short, len)
}

impl NtString {
    /// Takes the code units as they are.
    #[must_use]
    pub fn from_units(units: Vec<u16>) -> Self {
        Self(units.into())
    }

    /// Reads little-endian UTF-16. A last odd byte is not part of the text.
    #[must_use]
    pub fn from_utf16le(bytes: &[u8]) -> Self {
        Self(collect(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))))
    }

    /// Reads Latin-1, the form in which a hive stores names whose units are all below 256.
    #[must_use]
    pub fn from_latin1(bytes: &[u8]) -> Self {
        Self(collect(bytes.iter().map(|&byte| u16::from(byte))))
    }

    /// The code units.
    #[must_use]
    pub fn units(&self) -> &[u16] {
        &self.0
    }

    /// The code units; those of a long text are not copied.
    #[must_use]
    pub fn into_units(self) -> Vec<u16> {
        self.0.into_vec()
    }

    /// The number of code units.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no code unit at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends one code unit.
    pub fn push(&mut self, unit: u16) {
        self.0.push(unit);
    }

    /// The text as little-endian UTF-16, without a terminating NUL.
    #[must_use]
    pub fn to_utf16le(&self) -> Vec<u8> {
        self.0.iter().flat_map(|unit| unit.to_le_bytes()).collect()
    }

    /// The text as Latin-1, or `None` if a unit is above 255.
    #[must_use]
    pub fn to_latin1(&self) -> Option<Vec<u8>> {
        self.0.iter().map(|&unit| u8::try_from(unit).ok()).collect()
    }

    /// The text as UTF-8, or `None` if it holds an unpaired surrogate.
    #[must_use]
    pub fn to_utf8(&self) -> Option<String> {
        String::from_utf16(&self.0).ok()
    }
}

impl From<&str> for NtString {
    fn from(text: &str) -> Self {
        Self(text.encode_utf16().collect())
    }
}

impl From<String> for NtString {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl FromIterator<u16> for NtString {
    fn from_iter<I: IntoIterator<Item = u16>>(units: I) -> Self {
        Self(units.into_iter().collect())
    }
}

impl PartialEq<str> for NtString {
    fn eq(&self, other: &str) -> bool {
        other.encode_utf16().eq(self.0.iter().copied())
    }
}

impl PartialEq<&str> for NtString {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// For people: an unpaired surrogate shows as U+FFFD.
impl fmt::Display for NtString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf16_lossy(&self.0))
    }
}

/// Lossless: an unpaired surrogate shows as `\u{d800}`.
impl fmt::Debug for NtString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for unit in char::decode_utf16(self.0.iter().copied()) {
            match unit {
                Ok(character) => write!(f, "{}", character.escape_debug())?,
                Err(lone) => write!(f, "\\u{{{:x}}}", lone.unpaired_surrogate())?,
            }
        }
        f.write_str("\"")
    }
}

/// A string where it is valid UTF-16, otherwise `{"utf16": [55296, …]}`.
#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::NtString;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Units { utf16: Vec<u16> },
    }

    #[cfg(feature = "schemars")]
    impl schemars::JsonSchema for NtString {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "NtString".into()
        }

        fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
            schemars::json_schema!({
                "description": "A string, or its UTF-16 units where those are not valid.",
                "anyOf": [
                    { "type": "string" },
                    {
                        "type": "object",
                        "properties": {
                            "utf16": {
                                "type": "array",
                                "items": { "type": "integer", "minimum": 0, "maximum": 65535 }
                            }
                        },
                        "required": ["utf16"],
                        "additionalProperties": false
                    }
                ]
            })
        }
    }

    impl Serialize for NtString {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.to_utf8() {
                Some(text) => Form::Text(text),
                None => Form::Units { utf16: self.0.to_vec() },
            }
            .serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for NtString {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(match Form::deserialize(deserializer)? {
                Form::Text(text) => NtString::from(text),
                Form::Units { utf16 } => NtString::from_units(utf16),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn utf16le_and_back(units: Vec<u16>) {
            let text = NtString::from_units(units);
            prop_assert_eq!(NtString::from_utf16le(&text.to_utf16le()), text);
        }

        #[test]
        fn latin1_and_back(bytes: Vec<u8>) {
            prop_assert_eq!(NtString::from_latin1(&bytes).to_latin1(), Some(bytes));
        }

        #[cfg(feature = "serde")]
        #[test]
        fn json_and_back(units: Vec<u16>) {
            let text = NtString::from_units(units);
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<NtString>(&json).unwrap(), text);
        }
    }

    #[test]
    fn debug_shows_every_unit() {
        let text = NtString::from_units(vec![0x41, 0xd800, 0x22, 0]);
        assert_eq!(format!("{text:?}"), r#""A\u{d800}\"\0""#);
        assert_eq!(text.to_string(), "A\u{fffd}\"\0");
    }
}
