//! The network interface that is served.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use thiserror::Error;

use crate::config::{Serve, host_network};

/// A network interface and the address it is served from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// The number that the kernel knows it by: another one, where it was removed and made again.
    pub index: u32,
    /// The address that is announced.
    pub address: Ipv4Addr,
    /// The network around that.
    pub network: Ipv4Net,
    /// All other addresses of this machine, on this interface and on others.
    pub others: Vec<Ipv4Addr>,
}

/// Why there is no interface to serve.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InterfaceError {
    /// It is not there, or has no IPv4 address.
    #[error("interface {name} has no IPv4 address; those that have one: {}", list(others))]
    NoAddress {
        /// The interface that was named.
        name: String,
        /// Interfaces with an IPv4 address.
        others: Vec<String>,
    },
    /// None was named and there is not exactly one.
    #[error("which interface? Those that have an IPv4 address: {}", list(candidates))]
    Ambiguous {
        /// Interfaces with an IPv4 address.
        candidates: Vec<String>,
    },
    /// The address that was named is not there.
    #[error(
        "no interface that may be served has the address {address}; there are: {}",
        list(found)
    )]
    NotHere {
        /// The address.
        address: Ipv4Addr,
        /// Those that there are.
        found: Vec<String>,
    },
    /// Its network is none.
    #[error("interface {name}: {message}")]
    Network {
        /// The interface.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// The system does not list its interfaces.
    #[error("cannot list network interfaces: {0}")]
    System(#[from] nix::Error),
}

/// An address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// The name under which the system lists the address: the interface, or an alias such as `eth0:0`.
    label: String,
    address: Ipv4Addr,
    prefix: u8,
    loopback: bool,
}

impl Found {
    /// The interface itself.
    fn device(&self) -> &str {
        self.label.split(':').next().unwrap_or_default()
    }
}

impl Interface {
    /// The interface of this name, or the only one that could be served. The loopback interface is
    /// served only by name.
    ///
    /// # Errors
    /// Where no interface fits, or several do.
    pub fn find(name: Option<&str>) -> Result<Self, InterfaceError> {
        let name = name.map(str::to_owned);
        Self::of(&Serve { interface: name, ..Serve::default() }, None)
    }

    /// The interface that a configuration names, and of its addresses the one that it names, or the first one
    /// in a subnet of the configuration or in the network of `client`.
    ///
    /// # Errors
    /// As [`Self::find`], and where the named address is not there.
    pub fn of(serve: &Serve, client: Option<Ipv4Addr>) -> Result<Self, InterfaceError> {
        let mut chosen = choose(&addresses()?, serve, client)?;
        chosen.index = if_nametoindex(chosen.name.as_str())?;
        Ok(chosen)
    }
}

/// Every IPv4 address of this machine.
fn addresses() -> Result<Vec<Found>, InterfaceError> {
    let found = getifaddrs()?.filter_map(|entry| {
        let address = entry.address.as_ref()?.as_sockaddr_in()?.ip();
        let mask = entry.netmask.as_ref()?.as_sockaddr_in()?.ip();
        let prefix = u8::try_from(u32::from(mask).leading_ones()).expect("at most 32 bits");
        let loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        Some(Found { label: entry.interface_name, address, prefix, loopback })
    });
    Ok(found.collect())
}

/// The interface to serve, still without its number.
fn choose(
    found: &[Found],
    serve: &Serve,
    client: Option<Ipv4Addr>,
) -> Result<Interface, InterfaceError> {
    let mut names: Vec<String> = Vec::new();
    for entry in found.iter().filter(|it| !it.loopback) {
        if !names.iter().any(|name| name == entry.device()) {
            names.push(entry.device().to_owned());
        }
    }
    let candidates: Vec<&Found> = match (&serve.interface, serve.address) {
        (Some(name), _) => {
            let named = found.iter().filter(|it| it.device() == name || it.label == *name);
            named.collect()
        }
        (None, Some(address)) => found.iter().filter(|it| it.address == address).collect(),
        (None, None) if names.len() == 1 => found.iter().filter(|it| !it.loopback).collect(),
        (None, None) => return Err(InterfaceError::Ambiguous { candidates: names }),
    };
    if let (Some(name), []) = (&serve.interface, candidates.as_slice()) {
        return Err(InterfaceError::NoAddress { name: name.clone(), others: names });
    }
    let chosen = match serve.address {
        Some(address) => candidates.iter().find(|it| it.address == address).ok_or_else(|| {
            let here =
                if candidates.is_empty() { found.iter().collect() } else { candidates.clone() };
            let found = here.iter().map(|it| it.address.to_string()).collect();
            InterfaceError::NotHere { address, found }
        })?,
        None => preferred(&candidates, serve, client),
    };
    let name = chosen.device().to_owned();
    let network = host_network(chosen.address, chosen.prefix)
        .map_err(|message| InterfaceError::Network { name: name.clone(), message })?;
    let others = found.iter().map(|it| it.address).filter(|it| *it != chosen.address).collect();
    Ok(Interface { name, index: 0, address: chosen.address, network, others })
}

/// Of the addresses of an interface the one that its clients reach best. An address alone, with a prefix of 32
/// bits, is mostly a further one that moves between machines.
fn preferred<'a>(candidates: &[&'a Found], serve: &Serve, client: Option<Ipv4Addr>) -> &'a Found {
    let network = |it: &Found| host_network(it.address, it.prefix).ok();
    let has_client = |it: &&Found| {
        client.zip(network(it)).is_some_and(|(client, network)| network.contains(&client))
    };
    let in_subnet =
        |it: &&Found| serve.subnets.iter().any(|subnet| subnet.network.contains(&it.address));
    let has_room = |it: &&Found| it.prefix <= 30;
    let tests: [&dyn Fn(&&'a Found) -> bool; 4] = [&has_client, &in_subnet, &has_room, &|_| true];
    let best = tests.iter().find_map(|test| candidates.iter().copied().find(|it| test(it)));
    best.expect("an interface without an address was refused")
}

impl Interface {
    /// Each address of this machine.
    #[must_use]
    pub fn own(&self) -> Vec<Ipv4Addr> {
        [self.address].into_iter().chain(self.others.iter().copied()).collect()
    }

    /// Whether this machine knows an IPv6 router on the link. Boot programs wait for one.
    ///
    /// # Errors
    /// Where the kernel has no IPv6.
    pub fn has_ipv6_router(&self) -> std::io::Result<bool> {
        Ok(has_default_route(&std::fs::read_to_string(IPV6_ROUTES)?, &self.name))
    }
}

/// The kernel's IPv6 routes, of the network namespace that the server is in.
const IPV6_ROUTES: &str = "/proc/thread-self/net/ipv6_route";

/// Whether a route to everywhere leads over a router on the interface.
fn has_default_route(table: &str, interface: &str) -> bool {
    table.lines().any(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let &[_, prefix, _, _, router, _, _, _, _, device] = columns.as_slice() else {
            return false;
        };
        prefix == "00" && device == interface && router.contains(|digit| digit != '0')
    })
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_is_one_that_leads_everywhere_over_the_interface() {
        let zero = "0".repeat(32);
        let router = format!("fe80{}1", "0".repeat(27));
        let route = |prefix: &str, router: &str, device: &str| {
            format!(
                "{zero} {prefix} {zero} 00 {router} 00000400 00000001 00000000 00000003 {device}\n"
            )
        };
        assert!(has_default_route(&route("00", &router, "eth0"), "eth0"));
        assert!(!has_default_route(&route("00", &router, "eth1"), "eth0"));
        assert!(!has_default_route(&route("40", &router, "eth0"), "eth0"));
        assert!(!has_default_route(&route("00", &zero, "eth0"), "eth0"), "no router");
        assert!(!has_default_route("", "eth0"));
    }

    fn found(label: &str, address: &str) -> Found {
        let (ip, prefix) = address.split_once('/').unwrap();
        let (address, prefix) = (ip.parse().unwrap(), prefix.parse().unwrap());
        Found { label: label.to_owned(), address, prefix, loopback: label == "lo" }
    }

    fn served(config: &str, addresses: &[(&str, &str)]) -> Result<String, String> {
        let found: Vec<_> = addresses.iter().map(|(label, it)| found(label, it)).collect();
        let config: crate::config::Config = config.parse().unwrap();
        let chosen = choose(&found, &config.serve, None).map_err(|error| error.to_string())?;
        assert_eq!(chosen.others.len(), found.len() - 1, "none of them is given to a client");
        Ok(format!("{} {} {}", chosen.name, chosen.address, chosen.network))
    }

    const SUBNET: &str = "[[serve.subnet]]\nnetwork = '10.99.0.0/24'\n";

    #[test]
    fn of_several_addresses_the_one_that_is_meant_is_announced() {
        let two = [("lo", "127.0.0.1/8"), ("eth0", "192.168.1.10/24"), ("eth0", "10.99.0.1/24")];
        let first = Ok("eth0 192.168.1.10 192.168.1.0/24".to_owned());
        let second = Ok("eth0 10.99.0.1 10.99.0.0/24".to_owned());
        assert_eq!(served("", &two), first);
        assert_eq!(served(SUBNET, &two), second);
        assert_eq!(served("[serve]\naddress = '10.99.0.1'", &two), second);
        let named = format!("[serve]\naddress = '192.168.1.10'\n{SUBNET}");
        assert_eq!(served(&named, &two), first);
        let wrong = served("[serve]\ninterface = 'eth0'\naddress = '10.99.0.2'", &two);
        let says = "no interface that may be served has the address 10.99.0.2; there are: \
                    192.168.1.10, 10.99.0.1";
        assert_eq!(wrong.unwrap_err(), says);
        // An address that is on another interface than the one that is named is no address of it.
        let apart = [("eth0", "192.168.1.10/24"), ("eth1", "10.99.0.1/24")];
        assert!(served("[serve]\ninterface = 'eth0'\naddress = '10.99.0.1'", &apart).is_err());
        let found = [found("eth0", "192.168.1.10/24"), found("eth0", "10.99.0.1/24")];
        let near = choose(&found, &Serve::default(), Some([10, 99, 0, 50].into())).unwrap();
        assert_eq!(near.address, Ipv4Addr::new(10, 99, 0, 1));
    }

    #[test]
    fn an_address_alone_is_served_where_there_is_no_other() {
        let vip = [("eth0", "192.0.2.5/32"), ("eth0", "192.168.1.10/24")];
        assert_eq!(served("", &vip).unwrap(), "eth0 192.168.1.10 192.168.1.0/24");
        assert_eq!(served("", &vip[..1]).unwrap(), "eth0 192.0.2.5 192.0.2.5/32");
        let pair = [("eth0", "192.0.2.5/31")];
        assert_eq!(served("", &pair).unwrap(), "eth0 192.0.2.5 192.0.2.4/31");
    }

    #[test]
    fn an_alias_is_an_address_of_its_interface() {
        let alias = [("eth0", "192.168.1.10/24"), ("eth0:0", "10.99.0.1/24")];
        assert_eq!(served("", &alias).unwrap(), "eth0 192.168.1.10 192.168.1.0/24");
        let named = served("[serve]\ninterface = 'eth0:0'", &alias).unwrap();
        assert_eq!(named, "eth0 10.99.0.1 10.99.0.0/24");
        assert_eq!(served(SUBNET, &alias).unwrap(), "eth0 10.99.0.1 10.99.0.0/24");
        let two = [("eth0", "192.168.1.10/24"), ("eth0:0", "10.99.0.1/24"), ("eth1", "10.1.0.1/8")];
        let error = served("", &two).unwrap_err();
        assert_eq!(error, "which interface? Those that have an IPv4 address: eth0, eth1");
    }

    #[test]
    fn the_loopback_interface_is_there_by_name() {
        let lo = Interface::find(Some("lo")).unwrap();
        assert_eq!(lo.address, Ipv4Addr::LOCALHOST);
        assert_eq!(lo.network.to_string(), "127.0.0.0/8");
        let error = Interface::find(Some("no-such0")).unwrap_err();
        assert!(error.to_string().starts_with("interface no-such0 has no IPv4 address"), "{error}");
    }
}
