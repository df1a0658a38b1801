//! Values: type and data, constructors for the usual types, and readers that check the data.

use std::fmt;

use crate::NtString;

/// The type of a value: any 32-bit number, since Windows itself stores more than the named ones
/// (`0x00020004` in the driver database, `0xffff0012` for device properties).
///
/// ```
/// use winpe_registry::ValueType;
/// assert_eq!(ValueType::MULTI_SZ.to_string(), "REG_MULTI_SZ");
/// assert_eq!(ValueType(0xffff0012).to_string(), "0xffff0012");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ValueType(pub u32);

/// Names and numbers as in `winnt.h`.
impl ValueType {
    /// No type.
    pub const NONE: Self = Self(0);
    /// A NUL-terminated string.
    pub const SZ: Self = Self(1);
    /// A string with `%variables%`.
    pub const EXPAND_SZ: Self = Self(2);
    /// Bytes.
    pub const BINARY: Self = Self(3);
    /// A 32-bit little-endian number.
    pub const DWORD: Self = Self(4);
    /// A 32-bit big-endian number.
    pub const DWORD_BIG_ENDIAN: Self = Self(5);
    /// The target of a symbolic link.
    pub const LINK: Self = Self(6);
    /// NUL-terminated strings, closed by an empty one.
    pub const MULTI_SZ: Self = Self(7);
    /// Hardware resources.
    pub const RESOURCE_LIST: Self = Self(8);
    /// Hardware resources.
    pub const FULL_RESOURCE_DESCRIPTOR: Self = Self(9);
    /// Hardware resources.
    pub const RESOURCE_REQUIREMENTS_LIST: Self = Self(10);
    /// A 64-bit little-endian number.
    pub const QWORD: Self = Self(11);

    /// The name in `winnt.h`, where there is one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NONE => "REG_NONE",
            Self::SZ => "REG_SZ",
            Self::EXPAND_SZ => "REG_EXPAND_SZ",
            Self::BINARY => "REG_BINARY",
            Self::DWORD => "REG_DWORD",
            Self::DWORD_BIG_ENDIAN => "REG_DWORD_BIG_ENDIAN",
            Self::LINK => "REG_LINK",
            Self::MULTI_SZ => "REG_MULTI_SZ",
            Self::RESOURCE_LIST => "REG_RESOURCE_LIST",
            Self::FULL_RESOURCE_DESCRIPTOR => "REG_FULL_RESOURCE_DESCRIPTOR",
            Self::RESOURCE_REQUIREMENTS_LIST => "REG_RESOURCE_REQUIREMENTS_LIST",
            Self::QWORD => "REG_QWORD",
            _ => return None,
        })
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a value holds: its type, and its bytes exactly as stored.
///
/// A type does not guarantee anything about the bytes: a `REG_DWORD` of five bytes and a `REG_SZ`
/// without its NUL both occur, and both are kept. The `as_…` readers return `None` where the bytes
/// do not fit.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Value {
    /// The type.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub ty: ValueType,
    /// The bytes as stored: text is little-endian UTF-16 with its NULs.
    #[cfg_attr(feature = "serde", serde(with = "hex_bytes"))]
    #[cfg_attr(feature = "schemars", schemars(with = "String", extend("pattern" = "^([0-9a-f]{2})*$")))]
    pub data: Vec<u8>,
}

impl Value {
    /// Any type, any bytes.
    #[must_use]
    pub fn new(ty: ValueType, data: impl Into<Vec<u8>>) -> Self {
        Self { ty, data: data.into() }
    }

    /// A `REG_SZ`; the NUL is added.
    #[must_use]
    pub fn sz(text: impl Into<NtString>) -> Self {
        Self::new(ValueType::SZ, terminated(&text.into()))
    }

    /// A `REG_EXPAND_SZ`; the NUL is added.
    #[must_use]
    pub fn expand_sz(text: impl Into<NtString>) -> Self {
        Self::new(ValueType::EXPAND_SZ, terminated(&text.into()))
    }

    /// A `REG_MULTI_SZ`; the NUL of each string and the closing NUL are added.
    ///
    /// ```
    /// use winpe_registry::Value;
    /// assert_eq!(Value::multi_sz(["a"]).data, [b'a', 0, 0, 0, 0, 0]);
    /// assert_eq!(Value::multi_sz::<&str>([]).data, [0, 0]);
    /// ```
    #[must_use]
    pub fn multi_sz<T: Into<NtString>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut data: Vec<u8> =
            texts.into_iter().flat_map(|text| terminated(&text.into())).collect();
        data.extend([0, 0]);
        Self::new(ValueType::MULTI_SZ, data)
    }

    /// A `REG_DWORD`.
    #[must_use]
    pub fn dword(number: u32) -> Self {
        Self::new(ValueType::DWORD, number.to_le_bytes())
    }

    /// A `REG_QWORD`.
    #[must_use]
    pub fn qword(number: u64) -> Self {
        Self::new(ValueType::QWORD, number.to_le_bytes())
    }

    /// A `REG_BINARY`.
    #[must_use]
    pub fn binary(data: impl Into<Vec<u8>>) -> Self {
        Self::new(ValueType::BINARY, data)
    }

    /// The number in a `REG_DWORD` of four bytes.
    #[must_use]
    pub fn as_dword(&self) -> Option<u32> {
        match self.ty {
            ValueType::DWORD => self.data.as_slice().try_into().ok().map(u32::from_le_bytes),
            _ => None,
        }
    }

    /// The number in a `REG_QWORD` of eight bytes.
    #[must_use]
    pub fn as_qword(&self) -> Option<u64> {
        match self.ty {
            ValueType::QWORD => self.data.as_slice().try_into().ok().map(u64::from_le_bytes),
            _ => None,
        }
    }

    /// The text of a `REG_SZ`, `REG_EXPAND_SZ` or `REG_LINK`, up to its first NUL.
    #[must_use]
    pub fn as_text(&self) -> Option<NtString> {
        match self.ty {
            ValueType::SZ | ValueType::EXPAND_SZ | ValueType::LINK => {
                let text = NtString::from_utf16le(&self.data);
                Some(text.units().iter().copied().take_while(|&unit| unit != 0).collect())
            }
            _ => None,
        }
    }

    /// The strings of a `REG_MULTI_SZ`, up to the first empty one; the last NUL may be missing.
    ///
    /// ```
    /// use winpe_registry::Value;
    /// let list = Value::multi_sz(["Tcpip", "Dhcp"]).as_multi_sz().unwrap();
    /// assert_eq!(list, ["Tcpip", "Dhcp"]);
    /// ```
    #[must_use]
    pub fn as_multi_sz(&self) -> Option<Vec<NtString>> {
        if self.ty != ValueType::MULTI_SZ {
            return None;
        }
        let text = NtString::from_utf16le(&self.data);
        Some(
            text.units()
                .split(|&unit| unit == 0)
                .take_while(|string| !string.is_empty())
                .map(|string| string.iter().copied().collect())
                .collect(),
        )
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] ", self.ty, self.data.len())?;
        for byte in self.data.iter().take(64) {
            write!(f, "{byte:02x}")?;
        }
        if self.data.len() > 64 {
            f.write_str("…")?;
        }
        Ok(())
    }
}

fn terminated(text: &NtString) -> Vec<u8> {
    let mut data = text.to_utf16le();
    data.extend([0, 0]);
    data
}

/// Bytes as one string of hex digits.
#[cfg(feature = "serde")]
mod hex_bytes {
    use std::fmt::Write;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(data.len() * 2);
        for byte in data {
            write!(text, "{byte:02x}").map_err(serde::ser::Error::custom)?;
        }
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<Vec<u8>>>()
            .filter(|digits| digits.len() % 2 == 0)
            .ok_or_else(|| D::Error::custom("expected an even number of hex digits"))?;
        Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_refuse_data_that_does_not_fit_the_type() {
        assert_eq!(Value::new(ValueType::DWORD, [1, 0, 0, 0, 0]).as_dword(), None);
        assert_eq!(Value::binary([1, 0, 0, 0]).as_dword(), None);
        assert_eq!(Value::dword(7).as_dword(), Some(7));
        assert_eq!(Value::qword(7).as_qword(), Some(7));
        assert_eq!(Value::dword(7).as_text(), None);
    }

    #[test]
    fn text_ends_at_its_first_nul() {
        let value = Value::new(ValueType::SZ, [b'a', 0, 0, 0, b'b', 0]);
        assert_eq!(value.as_text().unwrap(), "a");
        assert_eq!(Value::new(ValueType::SZ, [b'a', 0, b'b']).as_text().unwrap(), "a");
    }

    #[test]
    fn lists_without_their_last_nuls_are_read() {
        let value = Value::new(ValueType::MULTI_SZ, [b'a', 0, 0, 0, b'b', 0]);
        assert_eq!(value.as_multi_sz().unwrap(), ["a", "b"]);
        assert!(Value::new(ValueType::MULTI_SZ, []).as_multi_sz().unwrap().is_empty());
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_holds_type_and_bytes() {
        let json = serde_json::to_string(&Value::dword(0x12ab)).unwrap();
        assert_eq!(json, r#"{"type":4,"data":"ab120000"}"#);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), Value::dword(0x12ab));
        assert!(serde_json::from_str::<Value>(r#"{"type":4,"data":"abc"}"#).is_err());
    }
}
