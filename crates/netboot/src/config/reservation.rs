//! `[[serve.reservation]]`: machines that always get the same address.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::error::{Checked, Reason};
use super::hardware::{self, bytes};
use super::network::is_host;
use super::shapes::{OneOrMany, one_or_many};
use super::subnet::SubnetConfig;
use crate::wire::dhcp::Hardware;

/// `[[serve.reservation]]`: a machine that always gets the same address. It needs `mac` or `client-id`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reservation {
    /// The machine's hardware address, or a list of them. Of several network cards the first one that asks
    /// has the address until its lease ends.
    #[serde(default, deserialize_with = "hardware::read_many")]
    #[schemars(example = &"52:54:00:12:34:56", with = "OneOrMany<String>")]
    pub mac: Vec<Hardware>,
    /// Client identifiers (option 61): bytes with colons between them, or a text. They are for machines without
    /// a hardware address in their messages, such as those on InfiniBand.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(example = &"ff:00:00:00:00:00:02:00:00:02:c9:00", with = "OneOrMany<String>")]
    pub client_id: Vec<ClientId>,
    /// The address that it gets.
    #[schemars(example = &"192.168.0.10")]
    pub address: Ipv4Addr,
    /// The host name that it gets, in option 12.
    #[serde(default)]
    #[schemars(example = &"pc10")]
    pub name: Option<String>,
}

/// A client identifier: the value of option 61.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Vec<u8>);

impl ClientId {
    /// The bytes of the option.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = bytes(text).filter(|_| text.contains([':', '-']));
        let id = hex.unwrap_or_else(|| text.as_bytes().to_vec());
        // RFC 2132, section 9.14: at least two bytes.
        let fits = (2..=255).contains(&id.len());
        fits.then_some(Self(id)).ok_or("expected a client identifier of 2 to 255 bytes")
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format!("{error}, found {text:?}")))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("id ")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Reservation {
    /// Whether a machine of this hardware address and client identifier is meant.
    #[must_use]
    pub fn is_for(&self, hardware: Hardware, client_id: Option<&[u8]>) -> bool {
        self.mac.contains(&hardware)
            || self.client_id.iter().any(|id| Some(id.bytes()) == client_id)
    }

    /// The machine, for people: its name, or what it is recognised by.
    #[must_use]
    pub fn machine(&self) -> String {
        let macs = self.mac.iter().map(ToString::to_string);
        let all: Vec<_> = macs.chain(self.client_id.iter().map(ToString::to_string)).collect();
        match &self.name {
            Some(name) => format!("{name} ({})", all.join(", ")),
            None => all.join(", "),
        }
    }
}

/// Checks each reservation, and that no machine and no address is in two of them.
pub(super) fn check_reservations(
    reservations: &[Reservation],
    subnets: &[SubnetConfig],
    checked: &mut Checked<'_>,
) {
    let (mut macs, mut ids, mut addresses) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (index, reservation) in reservations.iter().enumerate() {
        let Reservation { mac, client_id, address, name } = reservation;
        let mut checked = checked.index(index);
        if mac.is_empty() && client_id.is_empty() {
            checked.report(Reason::ReservedForNone(*address));
        }
        if let Some(mac) = mac.iter().find(|mac| !macs.insert(**mac)) {
            checked.key("mac").report(Reason::ReservedMachine(mac.to_string()));
        }
        if let Some(id) = client_id.iter().find(|id| !ids.insert(*id)) {
            checked.key("client-id").report(Reason::ReservedMachine(id.to_string()));
        }
        if !addresses.insert(address) {
            checked.key("address").report(Reason::ReservedAddress(*address));
        }
        let is_inside = |it: &SubnetConfig| is_host(it.network, *address);
        if !subnets.is_empty() && !subnets.iter().any(is_inside) {
            checked.key("address").report(Reason::ReservedOutside(*address));
        }
        if let Some(name) = name.as_ref().filter(|name| !is_host_name(name)) {
            checked.key("name").report(Reason::HostName(name.clone()));
        }
    }
}

/// Checks the reservations against a link, and the addresses that the server itself has.
pub(super) fn check_own_addresses(
    reservations: &[Reservation],
    has_subnets: bool,
    link: Ipv4Net,
    own: &[Ipv4Addr],
    checked: &mut Checked<'_>,
) {
    for (index, &Reservation { address, .. }) in reservations.iter().enumerate() {
        let mut checked = checked.index(index);
        if own.contains(&address) {
            checked.key("address").report(Reason::ReservedOwn(address));
        } else if !has_subnets && !is_host(link, address) {
            checked.key("address").report(Reason::ReservedElsewhere { address, link });
        }
    }
}

/// Whether a text is a host name, or one with its domain (RFC 1123, section 2.1).
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigErrors};

    const SUBNET: &str = "[[serve.subnet]]\nnetwork = '10.9.0.0/16'\n";

    fn reserved(keys: &str) -> String {
        format!("[[serve.reservation]]\n{keys}\n")
    }

    fn read(text: &str) -> Result<Config, ConfigErrors> {
        text.parse()
    }

    #[test]
    fn a_machine_is_recognised_by_addresses_and_identifiers() {
        let text = reserved(
            "mac = ['52:54:00:00:00:01', '52-54-00-00-00-02']\nclient-id = ['ff:00:1', 'node']\n\
             address = '10.9.0.7'\nname = 'pc7.example.org'",
        );
        let error = read(&text.replace("'ff:00:1'", "'a'")).unwrap_err().to_string();
        assert!(error.contains("2 to 255 bytes, found \"a\""), "{error}");
        let config = read(&text.replace("ff:00:1", "ff:00:01")).unwrap();
        let [reservation] = config.serve.reservations.as_slice() else { panic!("{config:?}") };
        assert_eq!(reservation.mac.len(), 2);
        let ids: Vec<_> = reservation.client_id.iter().map(super::ClientId::bytes).collect();
        assert_eq!(ids, [&[0xff, 0, 1][..], b"node"]);
        assert_eq!(
            reservation.machine(),
            "pc7.example.org (52:54:00:00:00:01, 52:54:00:00:00:02, id ff0001, id 6e6f6465)"
        );
    }

    #[test]
    fn what_no_machine_could_get_is_refused_where_it_is() {
        let mac = "mac = '52:54:00:00:00:01'\n";
        for (keys, says) in [
            ("address = '10.9.0.7'", "line 3, column 1: the reservation of 10.9.0.7 needs mac"),
            (
                &format!("{mac}address = '192.168.7.7'"),
                "line 5, column 11: 192.168.7.7 is reserved",
            ),
            (&format!("{mac}address = '10.9.0.0'"), "line 5, column 11: 10.9.0.0 is reserved"),
            (&format!("{mac}address = '10.9.255.255'"), "line 5, column 11: 10.9.255.255 is"),
            (
                &format!("{mac}address = '10.9.0.7'\nname = 'a_b'"),
                "line 6, column 8: expected a host",
            ),
            (&format!("{mac}address = '10.9.0.7'\nname = ''"), "line 6, column 8: expected a host"),
            (
                "mac = ['02:00:00:00:00:01', '02:00:00:00:00:01']\naddress = '10.9.0.7'",
                "line 4, column 7: 02:00:00:00:00:01 has two reservations",
            ),
            (
                &format!(
                    "{mac}address = '10.9.0.7'\n{}",
                    reserved("client-id='ab'\naddress='10.9.0.7'")
                ),
                "line 8, column 9: 10.9.0.7 is reserved twice",
            ),
        ] {
            let error = read(&format!("{SUBNET}{}", reserved(keys))).unwrap_err().to_string();
            assert!(error.starts_with(says), "{keys}: {error}");
        }
        // A subnet that is refused itself makes no reservation wrong.
        let text = format!(
            "{}\n{}",
            SUBNET.replace("16", "x"),
            reserved(&format!("{mac}address = '10.9.0.7'"))
        );
        assert_eq!(read(&text).unwrap_err().iter().count(), 1);
    }

    #[test]
    fn no_address_of_the_server_is_reserved_and_none_that_its_link_does_not_have() {
        let link = "10.9.0.0/16".parse().unwrap();
        let own = [[10, 9, 0, 1].into(), [192, 168, 7, 1].into()];
        let wrong = |text: &str| {
            let config = read(text).unwrap();
            let errors = config.check_addresses(link, &own).err()?;
            Some(errors.locate(text).to_string())
        };
        let at =
            |address: &str| reserved(&format!("mac = '02:02:02:02:02:02'\naddress = '{address}'"));
        let dhcp = "[serve]\nmode = 'dhcp'\n";
        assert_eq!(wrong(&format!("{dhcp}{}", at("10.9.7.7"))), None);
        let own = "line 5, column 11: 10.9.0.1 is reserved, but is this server's own address";
        assert_eq!(wrong(&format!("{dhcp}{}", at("10.9.0.1"))).as_deref(), Some(own));
        let far = wrong(&format!("{dhcp}{}", at("10.8.0.1"))).unwrap();
        assert!(far.contains("10.8.0.1 is reserved, but is not in 10.9.0.0/16"), "{far}");
        let second = format!("[[serve.subnet]]\nnetwork = '192.168.7.0/24'\n{}", at("192.168.7.1"));
        assert!(wrong(&second).unwrap().starts_with("line 5, column 11: 192.168.7.1 is reserved"));
        // A server that gives no addresses may have the reservations of one that does.
        assert_eq!(wrong(&at("10.8.0.1")), None);
    }
}
