//! `[serve.options]` and `options` of a `[[serve.subnet]]`: further DHCP options.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::hardware::bytes;

/// Options by their numbers, with the bytes that are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DhcpOptions(BTreeMap<u8, Vec<u8>>);

/// What the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Addresses, one after the other.
    Addresses,
    /// A text.
    Text,
    /// A number of so many bytes.
    Number(usize),
    /// A number of four bytes with a sign.
    Signed,
    /// Domains, as RFC 3397 spells them.
    Domains,
    /// Networks and their routers, as RFC 3442 spells them.
    Routes,
    /// None of these: addresses, a text, or bytes after `hex:`.
    Any,
}

/// The options that have a name here: RFC 2132 unless said otherwise.
const NAMES: &[(u8, &str, Kind)] = &[
    (2, "time-offset", Kind::Signed),
    (4, "time-servers", Kind::Addresses),
    (7, "log-servers", Kind::Addresses),
    (9, "lpr-servers", Kind::Addresses),
    (17, "root-path", Kind::Text),
    (23, "default-ttl", Kind::Number(1)),
    (26, "mtu", Kind::Number(2)),
    (40, "nis-domain", Kind::Text),
    (41, "nis-servers", Kind::Addresses),
    (42, "ntp-servers", Kind::Addresses),
    (44, "wins-servers", Kind::Addresses),
    (46, "netbios-node-type", Kind::Number(1)),
    (69, "smtp-servers", Kind::Addresses),
    // RFC 4833.
    (100, "posix-timezone", Kind::Text),
    (101, "tzdb-timezone", Kind::Text),
    // RFC 3397.
    (119, "domain-search", Kind::Domains),
    // RFC 3442.
    (121, "static-routes", Kind::Routes),
    // RFC 5859.
    (150, "tftp-servers", Kind::Addresses),
    (252, "wpad-url", Kind::Text),
];

/// Options that the server sets itself, or that only clients send, and what to use instead.
const OWN: &[(u8, u8, &str)] = &[
    (0, 0, "it means nothing"),
    (1, 1, "network in [[serve.subnet]] has it"),
    (3, 3, "router in [[serve.subnet]] has it"),
    (6, 6, "dns in [[serve.subnet]] has it"),
    (12, 12, "name in [[serve.reservation]] has it"),
    (15, 15, "domain in [[serve.subnet]] has it"),
    (28, 28, "network in [[serve.subnet]] has it"),
    (43, 43, "it tells firmware how to boot"),
    (51, 51, "lease in [[serve.subnet]] has it"),
    (50, 61, "it belongs to the protocol"),
    (66, 67, "[serve.boot-files] has it"),
    (77, 82, "it belongs to the protocol"),
    (90, 97, "it belongs to the protocol"),
    (118, 118, "it belongs to the protocol"),
    (175, 175, "iPXE has it for itself"),
    (208, 211, "[serve.pxelinux] has it"),
    (255, 255, "it is the end of all options"),
];

/// Bytes of one option at most: more would be two, which not every client joins.
const LONGEST: usize = 255;

impl DhcpOptions {
    /// Each option, in the order of their numbers.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(code, value)| (*code, value.as_slice()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These options, and those of `others` that these do not have.
    #[must_use]
    pub fn or(mut self, others: &Self) -> Self {
        for (code, value) in &others.0 {
            self.0.entry(*code).or_insert_with(|| value.clone());
        }
        self
    }

    /// The name of an option, or its number.
    #[must_use]
    pub fn name(code: u8) -> Cow<'static, str> {
        let named = NAMES.iter().find(|row| row.0 == code);
        named.map_or_else(|| code.to_string().into(), |row| row.1.into())
    }
}

/// The values of options as the file has them, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum OptionValue {
    /// A number.
    Number(i64),
    /// An address, a text, or bytes after `hex:`.
    Text(String),
    /// Several of them.
    List(Vec<String>),
}

/// [`DhcpOptions`] as the file has them, for the schema.
pub(super) type OptionTable = BTreeMap<String, OptionValue>;

impl<'de> Deserialize<'de> for DhcpOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;

        impl<'de> Visitor<'de> for Table {
            type Value = DhcpOptions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of options")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DhcpOptions, A::Error> {
                let mut options = BTreeMap::new();
                while let Some(Key { code, kind }) = map.next_key()? {
                    let value = map.next_value_seed(Shape(kind))?;
                    if options.insert(code, value).is_some() {
                        return Err(de::Error::custom(format!("option {code} is given twice")));
                    }
                }
                Ok(DhcpOptions(options))
            }
        }

        deserializer.deserialize_map(Table)
    }
}

/// The name or number of an option.
struct Key {
    code: u8,
    kind: Kind,
}

impl Key {
    fn parse(text: &str) -> Result<Self, String> {
        let named = NAMES.iter().find(|row| row.1 == text).map(|row| row.0);
        let Some(code) = named.or_else(|| text.parse().ok()) else {
            let names: Vec<_> = NAMES.iter().map(|row| format!("`{}`", row.1)).collect();
            return Err(format!(
                "unknown field `{text}`, expected the number of an option or one of {}",
                names.join(", ")
            ));
        };
        if let Some((.., instead)) = OWN.iter().find(|row| (row.0..=row.1).contains(&code)) {
            return Err(format!("option {code} cannot be set here: {instead}"));
        }
        let kind = NAMES.iter().find(|row| row.0 == code).map_or(Kind::Any, |row| row.2);
        Ok(Self { code, kind })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Reads the value of an option of this kind.
#[derive(Clone, Copy)]
struct Shape(Kind);

impl<'de> DeserializeSeed<'de> for Shape {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shape {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Addresses => f.write_str("an address or a list of them"),
            Kind::Text => f.write_str("a text of 1 to 255 bytes"),
            Kind::Number(bytes) => write!(f, "a number of 0 to {}", most(bytes)),
            Kind::Signed => f.write_str("a number of four bytes"),
            Kind::Domains => f.write_str("a domain or a list of them"),
            Kind::Routes => f.write_str("routes such as \"10.0.0.0/8 via 192.168.0.1\""),
            Kind::Any => f.write_str("a text, addresses, or bytes such as \"hex:05:dc\""),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<u8>, E> {
        let value = match self.0 {
            Kind::Number(bytes) if (0..=most(bytes)).contains(&number) => {
                number.to_be_bytes()[8 - bytes..].to_vec()
            }
            Kind::Signed => {
                i32::try_from(number).map(|it| it.to_be_bytes().to_vec()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let wrong = || E::invalid_value(de::Unexpected::Signed(number), &self);
        Some(value).filter(|value| !value.is_empty()).ok_or_else(wrong)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
        let value = self.text(text).filter(|value| (1..=LONGEST).contains(&value.len()));
        value.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Vec<u8>, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = values.next_element::<String>()? {
            let value = self.item(&text);
            let wrong = || de::Error::invalid_value(de::Unexpected::Str(&text), &self);
            all.extend(value.ok_or_else(wrong)?);
        }
        let fits = (1..=LONGEST).contains(&all.len());
        fits.then_some(all).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Seq, &self))
    }
}

impl Shape {
    /// The bytes of one text.
    fn text(self, text: &str) -> Option<Vec<u8>> {
        match self.0 {
            Kind::Text => Some(text.as_bytes().to_vec()),
            Kind::Any => match text.strip_prefix("hex:") {
                Some(digits) => bytes(digits),
                None => address(text).or_else(|| Some(text.as_bytes().to_vec())),
            },
            _ => self.item(text),
        }
    }

    /// The bytes of one element of a list.
    fn item(self, text: &str) -> Option<Vec<u8>> {
        match self.0 {
            Kind::Addresses | Kind::Any => address(text),
            Kind::Domains => domain(text),
            Kind::Routes => route(text),
            Kind::Text | Kind::Number(_) | Kind::Signed => None,
        }
    }
}

/// The largest number of so many bytes.
fn most(bytes: usize) -> i64 {
    (1 << (8 * bytes)) - 1
}

fn address(text: &str) -> Option<Vec<u8>> {
    Some(text.parse::<Ipv4Addr>().ok()?.octets().to_vec())
}

/// Labels with their lengths, without compression (RFC 1035, section 3.1).
fn domain(text: &str) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    for label in text.strip_suffix('.').unwrap_or(text).split('.') {
        let plain = label.bytes().all(|byte| byte.is_ascii_graphic());
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        value.push(plain.then_some(length)?);
        value.extend(label.bytes());
    }
    value.push(0);
    Some(value)
}

/// The prefix, as many bytes of the network as it has, the router.
fn route(text: &str) -> Option<Vec<u8>> {
    let (network, router) = text.split_once(" via ")?;
    let network: Ipv4Net = network.trim().parse().ok().filter(|it: &Ipv4Net| it.trunc() == *it)?;
    let router: Ipv4Addr = router.trim().parse().ok()?;
    let significant = usize::from(network.prefix_len().div_ceil(8));
    let mut value = vec![network.prefix_len()];
    value.extend(&network.addr().octets()[..significant]);
    value.extend(router.octets());
    Some(value)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn read(line: &str) -> Result<Vec<(u8, Vec<u8>)>, String> {
        let config = format!("[serve.options]\n{line}").parse::<Config>();
        let config = config.map_err(|errors| errors.to_string())?;
        Ok(config.serve.options.iter().map(|(code, value)| (code, value.to_vec())).collect())
    }

    #[test]
    fn names_and_numbers_have_the_type_of_the_option() {
        for (line, code, value) in [
            ("ntp-servers = '10.0.0.1'", 42, &[10, 0, 0, 1][..]),
            ("42 = ['10.0.0.1', '10.0.0.2']", 42, &[10, 0, 0, 1, 10, 0, 0, 2]),
            ("mtu = 9000", 26, &[0x23, 0x28]),
            ("26 = 1500", 26, &[5, 0xdc]),
            ("netbios-node-type = 8", 46, &[8]),
            ("time-offset = -3600", 2, &[0xff, 0xff, 0xf1, 0xf0]),
            ("tzdb-timezone = 'Europe/Paris'", 101, b"Europe/Paris"),
            ("domain-search = ['a.org', 'b.']", 119, b"\x01a\x03org\0\x01b\0"),
            (
                "static-routes = ['10.0.0.0/8 via 192.168.0.1', '0.0.0.0/0 via 192.168.0.2']",
                121,
                &[8, 10, 192, 168, 0, 1, 0, 192, 168, 0, 2],
            ),
            ("static-routes = '10.64.0.0/10 via 192.168.0.1'", 121, &[10, 10, 64, 192, 168, 0, 1]),
            ("224 = 'hex:05:dc'", 224, &[5, 0xdc]),
            ("224 = 'words'", 224, b"words"),
            ("224 = '10.0.0.1'", 224, &[10, 0, 0, 1]),
            ("224 = ['10.0.0.1']", 224, &[10, 0, 0, 1]),
        ] {
            assert_eq!(read(line), Ok(vec![(code, value.to_vec())]), "{line}");
        }
    }

    #[test]
    fn what_no_client_could_read_is_refused_where_it_is() {
        for (line, says) in [
            ("ntp = '10.0.0.1'", "line 2, column 1: unknown field `ntp`, expected the number"),
            ("256 = 'a'", "line 2, column 1: unknown field `256`"),
            ("3 = '10.0.0.1'", "line 2, column 1: option 3 cannot be set here: router in"),
            ("67 = 'a.0'", "line 2, column 1: option 67 cannot be set here: [serve.boot-files]"),
            ("53 = 'a'", "line 2, column 1: option 53 cannot be set here: it belongs"),
            (
                "mtu = 65536",
                "line 2, column 7: invalid value: integer `65536`, expected a number of 0 to 65535",
            ),
            ("mtu = '1500'", "line 2, column 7: invalid value: string \"1500\", expected a number"),
            ("mtu = [1500]", "line 2, column 7: invalid value: sequence, expected a number"),
            ("ntp-servers = 'pool.example.org'", "line 2, column 15: invalid value: string"),
            ("ntp-servers = []", "line 2, column 15: "),
            (
                "224 = 5",
                "line 2, column 7: invalid value: integer `5`, expected a text, addresses, or bytes",
            ),
            ("224 = 'hex:5'", "line 2, column 7: invalid value: string \"hex:5\""),
            ("224 = ''", "line 2, column 7: invalid value: string \"\""),
            ("static-routes = '10.0.0.1/8 via 192.168.0.1'", "line 2, column 17: "),
            ("domain-search = 'a..b'", "line 2, column 17: "),
            ("mtu = 1500\n26 = 1500", "line 1, column 1: option 26 is given twice"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.starts_with(says), "{line}: {error}");
        }
        assert!(read(&format!("224 = '{}'", "a".repeat(256))).is_err());
    }

    #[test]
    fn a_subnet_may_have_another_value() {
        let text = "[serve.options]\nmtu = 1500\nntp-servers = '10.0.0.1'\n\
                    [[serve.subnet]]\nnetwork = '10.0.0.0/8'\noptions = { mtu = 9000 }\n";
        let config: Config = text.parse().unwrap();
        let subnets = config.subnets_on("10.0.0.0/8".parse().unwrap(), [10, 0, 0, 1].into());
        let options: Vec<_> = subnets[0].options.iter().collect();
        assert_eq!(options, [(26, &[0x23, 0x28][..]), (42, &[10, 0, 0, 1])]);
    }
}
