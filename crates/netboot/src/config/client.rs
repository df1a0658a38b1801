//! `[[client]]`: which clients a table matches, and what differs for them.

use std::collections::BTreeSet;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::Deserialize;

use super::chain::{Chain, Overrides, SecureBoot, name_platforms};
use super::entry::check_default;
use super::error::{Checked, Reason};
use super::hardware::bytes;
use super::login::LoginConfig;
use super::serve::check_script;
use crate::client::{Client, Platform};
use crate::wire::dhcp::Hardware;

/// `[[client]]`: what differs for some clients. Every key that is given must match.
///
/// The keys from `chain` on are those of `[serve]`, here without a default. They are written out twice because
/// `#[serde(flatten)]` loses what this crate needs: `deny_unknown_fields`, and the places of wrong values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(
    description = "`[[client]]`: what differs for some clients. Every key that is given must match."
)]
pub struct ClientConfig {
    /// Their name in logs, tables and URLs.
    #[schemars(example = &"lab")]
    pub name: String,
    /// Hardware addresses.
    #[serde(default)]
    #[schemars(example = &"52:54:00:12:34:56")]
    pub mac: Option<Matcher>,
    /// The first three bytes of hardware addresses.
    #[serde(default)]
    #[schemars(example = vec!["00:14:22", "52:54:00"])]
    pub oui: Option<Matcher>,
    /// UUIDs, in either spelling.
    #[serde(default)]
    #[schemars(example = &"564d8c1e-1d2c-4b0a-9c38-0d2f7a1b2c3d")]
    pub uuid: Option<Matcher>,
    /// How option 60 begins.
    #[serde(default)]
    #[schemars(example = &"PXEClient:Arch:00000")]
    pub vendor_class: Option<Matcher>,
    /// Firmware and processor, as in `boot-files`: `bios`, `uefi-x64`, ...
    #[serde(default)]
    #[schemars(example = &"uefi-x64")]
    pub architecture: Option<Matcher>,
    /// User classes (option 77), each whole.
    #[serde(default)]
    #[schemars(example = &"iPXE")]
    pub user_class: Option<Matcher>,
    /// Relays: their addresses, or networks of these.
    #[serde(default)]
    #[schemars(example = &"10.9.0.0/16")]
    pub relay: Option<Matcher>,
    /// As in `[serve]`.
    #[serde(default)]
    #[schemars(example = &"lab.ipxe")]
    pub script: Option<String>,
    /// As in `[serve]`.
    #[serde(default)]
    #[schemars(example = &"dell")]
    pub chain: Option<Chain>,
    /// As in `[serve]`.
    #[serde(default)]
    #[schemars(example = &"grub")]
    pub secure_boot: Option<SecureBoot>,
    /// As in `[serve]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "uefi-x64": "ipxe.efi" }), transform = name_platforms)]
    pub boot_files: Overrides,
    /// As in `[serve]`.
    #[serde(default)]
    #[schemars(example = false)]
    pub menu: Option<bool>,
    /// As in `[serve]`.
    #[serde(default)]
    #[schemars(example = &"win7")]
    pub default: Option<String>,
    /// As in `[serve]`.
    #[serde(default)]
    #[schemars(example = 5)]
    pub timeout: Option<u32>,
    /// As in `[serve]`, key by key.
    #[serde(default)]
    pub login: LoginConfig,
}

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
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

    pub(super) fn values_mut(&mut self) -> &mut [String] {
        match self {
            Self::One(value) => std::slice::from_mut(value),
            Self::Any(values) => values,
        }
    }

    fn any(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.values().iter().any(|value| holds(value))
    }
}

impl ClientConfig {
    /// Whether this table matches a client.
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
            && client.platform.map_or(self.architecture.is_none(), |it| self.has_platform(it))
            && holds(&self.user_class, &|text| client.user_classes.iter().any(|it| it == text))
            && holds(&self.relay, &|text| {
                let relay = |network: Ipv4Net| client.relay.is_some_and(|it| network.contains(&it));
                network(text).is_some_and(relay)
            })
    }

    /// Whether this table may match machines of a platform.
    #[must_use]
    pub fn has_platform(&self, platform: Platform) -> bool {
        let is = |text: &str| platform_of(text) == Some(platform);
        self.architecture.as_ref().is_none_or(|matcher| matcher.any(is))
    }

    /// Whether this table matches a machine by its hardware address alone, whatever else the machine sends.
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

/// Checks each table against the menu, which has these entries.
pub(super) fn check_clients(
    clients: &[ClientConfig],
    entries: &BTreeSet<&str>,
    checked: &mut Checked<'_>,
) {
    let mut names = BTreeSet::new();
    for (index, client) in clients.iter().enumerate() {
        let checked = &mut checked.index(index);
        client.check(checked);
        check_default(client.default.as_deref(), entries, checked);
        if !names.insert(client.name.as_str()) {
            let reason = Reason::NameTwice { tables: "clients", name: client.name.clone() };
            checked.key("name").report(reason);
        }
    }
}

impl ClientConfig {
    fn check(&self, checked: &mut Checked<'_>) {
        checked.check_name("client", &self.name);
        let who = [&self.mac, &self.oui, &self.uuid, &self.vendor_class];
        let what = [&self.architecture, &self.user_class, &self.relay];
        if who.iter().chain(&what).all(|key| key.is_none()) {
            checked.report(Reason::NoMatcher(self.name.clone()));
        }
        self.check_matchers(checked);
        check_script(self.script.as_deref(), checked);
        // A login goes by the hardware address alone, since that is what a lease is bound to. All else that a
        // client says about itself can be made up.
        if !self.login.is_empty() && self.mac.is_none() && self.oui.is_none() {
            checked.key("login").report(Reason::LoginWithoutHardware(self.name.clone()));
        }
        self.login.check(&format!("client {:?}", self.name), &mut checked.key("login"));
    }

    fn check_matchers(&self, checked: &mut Checked<'_>) {
        type Key<'a> = (&'static str, &'a Option<Matcher>, fn(&str) -> bool, &'static str);
        let keys: [Key<'_>; 7] = [
            ("mac", &self.mac, has_bytes::<6>, "a MAC address such as 00:14:22:01:23:45"),
            ("oui", &self.oui, has_bytes::<3>, "three bytes such as 00:14:22"),
            ("uuid", &self.uuid, is_uuid, "a UUID such as 564d1234-5678-4abc-8000-000000000003"),
            ("vendor-class", &self.vendor_class, |it| !it.is_empty(), "the beginning of option 60"),
            (
                "architecture",
                &self.architecture,
                |it| platform_of(it).is_some(),
                "bios, uefi-x64 or another platform",
            ),
            ("user-class", &self.user_class, |it| !it.is_empty(), "a user class such as iPXE"),
            (
                "relay",
                &self.relay,
                |it| network(it).is_some(),
                "an address or a network such as 10.9.0.0/16",
            ),
        ];
        for (key, matcher, is_valid, expected) in keys {
            let Some(matcher) = matcher else { continue };
            let wrong = matcher.values().iter().enumerate().filter(|(_, value)| !is_valid(value));
            for (index, found) in wrong {
                let (client, found) = (self.name.clone(), found.clone());
                let reason = Reason::Matcher { client, expected, found };
                match matcher {
                    Matcher::One(_) => checked.key(key).report(reason),
                    Matcher::Any(_) => checked.key(key).index(index).report(reason),
                }
            }
        }
    }
}

/// A platform by its name in `boot-files`.
fn platform_of(text: &str) -> Option<Platform> {
    let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        serde::de::IntoDeserializer::into_deserializer(text);
    Platform::deserialize(name).ok()
}

/// A network, or that of one address.
fn network(text: &str) -> Option<Ipv4Net> {
    text.parse().ok().or_else(|| Some(Ipv4Net::from(text.parse::<Ipv4Addr>().ok()?)))
}

fn has_bytes<const LEN: usize>(text: &str) -> bool {
    bytes(text).is_some_and(|found| found.len() == LEN)
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use crate::client::Client;
    use crate::config::Config;
    use crate::wire::dhcp::Message;

    fn matches(keys: &str) -> bool {
        let mut message = Message::request(1, [0, 0x14, 0x22, 1, 2, 3]);
        let uuid = [0, 0x34, 0x12, 0x4d, 0x56, 0x78, 0x56, 0xbc, 0x4a, 0x80, 0, 0, 0, 0, 0, 0, 3];
        message.options.set(97, uuid);
        message.options.set(60, *b"PXEClient:Arch:00000:UNDI:002001");
        message.options.set(77, *b"\x03lab\x06second");
        message.giaddr = [10, 9, 0, 1].into();
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
    fn a_table_matches_by_architecture_user_class_and_relay() {
        assert!(matches("architecture = 'bios'"));
        assert!(matches("architecture = ['uefi-x64', 'bios']"));
        assert!(!matches("architecture = 'uefi-x64'"));
        assert!(matches("user-class = 'lab'"));
        assert!(matches("user-class = ['other', 'second']"));
        assert!(!matches("user-class = 'la'"), "whole classes");
        assert!(matches("relay = '10.9.0.1'"));
        assert!(matches("relay = ['192.168.0.1', '10.9.0.0/16']"));
        assert!(!matches("relay = '10.8.0.0/16'"));
        for wrong in [
            "architecture = 'x64'",
            "architecture = ''",
            "user-class = ''",
            "relay = '10.9'",
            "relay = '10.9.0.0/33'",
            "relay = ''",
            "oui = '00:14:22'\nscript = 'a b'",
        ] {
            assert!(
                format!("[[client]]\nname = 'a'\n{wrong}").parse::<Config>().is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn every_key_must_match() {
        assert!(matches("oui = '00:14:22'\nvendor-class = 'PXE'"));
        assert!(!matches("oui = '00:14:22'\nvendor-class = 'HTTP'"));
    }
}
