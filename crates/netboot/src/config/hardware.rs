//! Hardware addresses as people write them.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::shapes::one_or_many;
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

/// A MAC address in the file.
struct Mac(Hardware);

impl FromStr for Mac {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_mac(text).map(Self).ok_or("expected a MAC address such as 00:14:22:01:23:45")
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format!("{error}, found {text:?}")))
    }
}

/// Reads a MAC address, or a list of them.
pub(super) fn read_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Hardware>, D::Error> {
    let macs: Vec<Mac> = one_or_many(deserializer)?;
    Ok(macs.into_iter().map(|Mac(hardware)| hardware).collect())
}
