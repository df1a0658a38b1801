//! Which clients a `[[client]]` table means.

use serde::{Deserialize, Deserializer, de};

use super::client::Client;
use super::config::ClientConfig;
use crate::wire::dhcp::Hardware;

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Matcher {
    /// One.
    One(String),
    /// Any of these.
    Any(Vec<String>),
}

impl Matcher {
    /// Each of them.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Any(values) => values,
        }
    }

    fn any(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.values().iter().any(|value| holds(value))
    }
}

impl ClientConfig {
    /// Whether this table means that client.
    #[must_use]
    pub fn matches(&self, client: &Client) -> bool {
        let address = client.hardware.address();
        let ethernet = client.hardware.kind() == Hardware::ETHERNET;
        let holds = |key: &Option<Matcher>, holds: &dyn Fn(&str) -> bool| {
            key.as_ref().is_none_or(|matcher| matcher.any(holds))
        };
        holds(&self.mac, &|text| ethernet && bytes(text).is_some_and(|mac| mac == address))
            && holds(&self.oui, &|text| {
                ethernet && bytes(text).is_some_and(|oui| address.starts_with(&oui))
            })
            && holds(&self.uuid, &|text| client.uuid.is_some_and(|uuid| uuid.is_spelt(text)))
            && holds(&self.vendor_class, &|text| client.vendor_class.starts_with(text))
    }

    pub(super) fn check_matchers(&self) -> Result<(), String> {
        let check = |key: &Option<Matcher>, valid: &dyn Fn(&str) -> bool, expected: &str| {
            let wrong =
                key.as_ref().and_then(|key| key.values().iter().find(|value| !valid(value)));
            match wrong {
                Some(value) => {
                    Err(format!("client {:?}: expected {expected}, found {value:?}", self.name))
                }
                None => Ok(()),
            }
        };
        let of_length = |text: &str, len| bytes(text).is_some_and(|found| found.len() == len);
        check(&self.mac, &|text| of_length(text, 6), "a MAC address such as 00:14:22:01:23:45")?;
        check(&self.oui, &|text| of_length(text, 3), "three bytes such as 00:14:22")?;
        check(&self.uuid, &is_uuid, "a UUID such as 564d1234-5678-4abc-8000-000000000003")?;
        check(&self.vendor_class, &|text| !text.is_empty(), "the beginning of option 60")
    }
}

impl ClientConfig {
    /// Whether this table means the machine of a hardware address, whatever it says of itself.
    #[must_use]
    pub fn has_hardware(&self, machine: Hardware) -> bool {
        let is = |wanted: &[u8]| {
            machine.kind() == Hardware::ETHERNET && machine.address().starts_with(wanted)
        };
        let holds = |key: &Option<Matcher>| {
            key.as_ref().is_none_or(|it| it.any(|text| bytes(text).is_some_and(|it| is(&it))))
        };
        (self.mac.is_some() || self.oui.is_some()) && holds(&self.mac) && holds(&self.oui)
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Bytes with colons or hyphens between them.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.split([':', '-'])
        .map(|byte| {
            let digits = byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(byte, 16).ok()).flatten()
        })
        .collect()
}

/// A MAC address with colons or hyphens.
pub(super) fn parse_mac(text: &str) -> Option<Hardware> {
    let bytes = bytes(text)?;
    Some(Hardware::ethernet(bytes.try_into().ok()?))
}

/// Reads a MAC address from text.
pub(super) fn mac<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hardware, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_mac(&text).ok_or_else(|| {
        let expected = "a MAC address such as 00:14:22:01:23:45";
        de::Error::invalid_value(de::Unexpected::Str(&text), &expected)
    })
}

#[cfg(test)]
mod tests {
    use crate::policy::{Client, Config};
    use crate::wire::dhcp::Message;

    fn matches(keys: &str) -> bool {
        let mut message = Message::request(1, [0, 0x14, 0x22, 1, 2, 3]);
        let uuid = [0, 0x34, 0x12, 0x4d, 0x56, 0x78, 0x56, 0xbc, 0x4a, 0x80, 0, 0, 0, 0, 0, 0, 3];
        message.options.set(97, uuid);
        message.options.set(60, *b"PXEClient:Arch:00000:UNDI:002001");
        let config: Config = format!("[[client]]\nname = 'a'\n{keys}").parse().unwrap();
        config.clients[0].matches(&Client::of(&message))
    }

    #[test]
    fn each_key_tells_clients_apart() {
        assert!(matches("mac = '00:14:22:01:02:03'"));
        assert!(matches("mac = ['00:14:22:01:02:04', '00-14-22-01-02-03']"));
        assert!(!matches("mac = '00:14:22:01:02:04'"));
        assert!(matches("oui = '00:14:22'"));
        assert!(!matches("oui = '00:14:23'"));
        assert!(matches("uuid = '564D1234-5678-4abc-8000-000000000003'"));
        assert!(matches("uuid = '34124d56-7856-bc4a-8000-000000000003'"));
        assert!(!matches("uuid = '34124d56-7856-bc4a-8000-000000000004'"));
        assert!(matches("vendor-class = 'PXEClient:Arch:00000'"));
        assert!(!matches("vendor-class = 'HTTPClient'"));
    }

    #[test]
    fn every_key_must_match() {
        assert!(matches("oui = '00:14:22'\nvendor-class = 'PXE'"));
        assert!(!matches("oui = '00:14:22'\nvendor-class = 'HTTP'"));
    }
}
