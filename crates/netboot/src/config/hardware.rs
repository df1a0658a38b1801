//! Hardware addresses as people write them.

use serde::{Deserialize, Deserializer, de};

use crate::wire::dhcp::Hardware;

/// Bytes with colons or hyphens between them.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    text.split([':', '-'])
        .map(|byte| {
            let digits = byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(byte, 16).ok()).flatten()
        })
        .collect()
}

/// A MAC address with colons or hyphens.
pub(crate) fn parse_mac(text: &str) -> Option<Hardware> {
    let bytes = bytes(text)?;
    Some(Hardware::ethernet(bytes.try_into().ok()?))
}

/// Reads a MAC address from text.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hardware, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_mac(&text).ok_or_else(|| {
        let expected = "a MAC address such as 00:14:22:01:23:45";
        de::Error::invalid_value(de::Unexpected::Str(&text), &expected)
    })
}
