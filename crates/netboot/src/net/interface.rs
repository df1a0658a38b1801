//! The network interface that is served.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use thiserror::Error;

use crate::config::host_network;

/// A network interface and the address it is served from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its first IPv4 address.
    pub address: Ipv4Addr,
    /// The network around that.
    pub network: Ipv4Net,
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
    /// Its network leaves no room for clients.
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

impl Interface {
    /// The interface of this name, or the only one that could be served. The loopback interface is
    /// served only by name.
    ///
    /// # Errors
    /// Where no interface fits, or several do.
    pub fn find(name: Option<&str>) -> Result<Self, InterfaceError> {
        let mut found: Vec<(String, Ipv4Addr, Ipv4Addr, bool)> = Vec::new();
        for entry in getifaddrs()? {
            let address = entry.address.as_ref().and_then(|it| it.as_sockaddr_in());
            let mask = entry.netmask.as_ref().and_then(|it| it.as_sockaddr_in());
            let (Some(address), Some(mask)) = (address, mask) else { continue };
            let loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
            if !found.iter().any(|known| known.0 == entry.interface_name) {
                found.push((entry.interface_name, address.ip(), mask.ip(), loopback));
            }
        }
        let names = || found.iter().filter(|it| !it.3).map(|it| it.0.clone()).collect::<Vec<_>>();
        let (name, address, mask, _) = match name {
            Some(name) => found.iter().find(|it| it.0 == name).ok_or_else(|| {
                InterfaceError::NoAddress { name: name.to_owned(), others: names() }
            })?,
            None => {
                let mut candidates = found.iter().filter(|it| !it.3);
                match (candidates.next(), candidates.next()) {
                    (Some(only), None) => only,
                    _ => return Err(InterfaceError::Ambiguous { candidates: names() }),
                }
            }
        };
        let prefix = u32::from(*mask).leading_ones();
        let prefix = u8::try_from(prefix).expect("a mask has at most 32 bits");
        let network = host_network(*address, prefix)
            .map_err(|message| InterfaceError::Network { name: name.clone(), message })?;
        Ok(Self { name: name.clone(), address: *address, network })
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

    #[test]
    fn the_loopback_interface_is_there_by_name() {
        let lo = Interface::find(Some("lo")).unwrap();
        assert_eq!(lo.address, Ipv4Addr::LOCALHOST);
        assert_eq!(lo.network.to_string(), "127.0.0.0/8");
        let error = Interface::find(Some("no-such0")).unwrap_err();
        assert!(error.to_string().starts_with("interface no-such0 has no IPv4 address"), "{error}");
    }
}
