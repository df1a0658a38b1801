//! What addresses a server gives, for people.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::config::{Config, DhcpOptions};

/// How a server that gives no addresses is made to give some.
pub const HOW_TO_GIVE: &str =
    "mode = \"dhcp\", a [[serve.subnet]] or --dhcp-range FIRST,LAST gives addresses";

/// A subnet and what its machines get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetRow {
    /// The network.
    pub network: Ipv4Net,
    /// The first and the last address of the pool.
    pub pool: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Seconds of a lease.
    pub lease: u32,
    /// Routers.
    pub router: Vec<Ipv4Addr>,
    /// DNS servers.
    pub dns: Vec<Ipv4Addr>,
    /// The domain.
    pub domain: Option<String>,
    /// Names or numbers of further options.
    pub options: Vec<String>,
    /// Reserved addresses, and their machines.
    pub reservations: Vec<(Ipv4Addr, String)>,
}

/// The subnets of a server on this link, whether it comes to give addresses or not.
#[must_use]
pub fn subnet_table(config: &Config, link: Ipv4Net, address: Ipv4Addr) -> Vec<SubnetRow> {
    let subnets = config.subnets_on(link, address).into_iter();
    subnets
        .map(|subnet| {
            let inside = config.serve.reservations.iter();
            let inside = inside.filter(|it| subnet.network.contains(&it.address));
            SubnetRow {
                network: subnet.network,
                pool: subnet.pool(),
                lease: subnet.lease,
                options: subnet.options.iter().map(|it| DhcpOptions::name(it.0).into()).collect(),
                reservations: inside.map(|it| (it.address, it.machine())).collect(),
                router: subnet.router,
                dns: subnet.dns,
                domain: subnet.domain,
            }
        })
        .collect()
}

/// A warning that machines on the link itself get no address, where only other networks are configured.
#[must_use]
pub fn no_subnet_here(config: &Config, link: Ipv4Net, address: Ipv4Addr) -> Option<String> {
    let subnets = &config.serve.subnets;
    let here = subnets.iter().any(|subnet| subnet.network.contains(&address));
    (!subnets.is_empty() && !here).then(|| {
        format!(
            "no [[serve.subnet]] has the address {address} of this server: machines on its link ({link}) get no \
             address, only those of other networks, over relays"
        )
    })
}

impl fmt::Display for SubnetRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.network)?;
        match self.pool {
            Some((first, last)) => write!(f, "{first} to {last}")?,
            None => f.write_str("no pool")?,
        }
        write!(f, ", lease {} s", self.lease)?;
        for (what, servers) in [("router", &self.router), ("DNS", &self.dns)] {
            match servers.as_slice() {
                [] => write!(f, ", no {what}")?,
                servers => {
                    let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
                    write!(f, ", {what} {}", servers.join(" "))?;
                }
            }
        }
        if let Some(domain) = &self.domain {
            write!(f, ", domain {domain}")?;
        }
        if !self.options.is_empty() {
            write!(f, ", options {}", self.options.join(" "))?;
        }
        match self.reservations.len() {
            0 => Ok(()),
            1 => f.write_str(", 1 reservation"),
            many => write!(f, ", {many} reservations"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(config: &str) -> Vec<String> {
        let config = config.parse().unwrap();
        let rows = subnet_table(&config, "10.9.0.0/16".parse().unwrap(), [10, 9, 0, 1].into());
        rows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_row_says_all_that_machines_get() {
        let expected = "10.9.0.0/16: 10.9.128.0 to 10.9.128.99, lease 3600 s, no router, no DNS";
        assert_eq!(rows(""), [expected]);
        let config = "
            [[serve.subnet]]
            network = '10.9.0.0/16'
            first = '10.9.0.100'
            last = '10.9.0.120'
            lease = '1d'
            router = '10.9.0.254'
            dns = ['10.9.0.2', '10.9.0.3']
            domain = 'example.org'
            options = { mtu = 9000, 224 = 'a' }
            [[serve.reservation]]
            mac = '52:54:00:00:00:01'
            address = '10.9.0.7'";
        let expected = "10.9.0.0/16: 10.9.0.100 to 10.9.0.120, lease 86400 s, router 10.9.0.254, \
                        DNS 10.9.0.2 10.9.0.3, domain example.org, options mtu 224, 1 reservation";
        assert_eq!(rows(config), [expected]);
    }

    #[test]
    fn a_link_that_no_subnet_names_has_no_pool() {
        let far = "[[serve.subnet]]\nnetwork = '192.168.50.0/24'\n\
                   first = '192.168.50.10'\nlast = '192.168.50.20'";
        let expected = [
            "192.168.50.0/24: 192.168.50.10 to 192.168.50.20, lease 3600 s, no router, no DNS",
            "10.9.0.0/16: no pool, lease 3600 s, no router, no DNS",
        ];
        assert_eq!(rows(far), expected);
        let warning = |config: &str| {
            no_subnet_here(
                &config.parse().unwrap(),
                "10.9.0.0/16".parse().unwrap(),
                [10, 9, 0, 1].into(),
            )
        };
        assert!(warning(far).unwrap().contains("no [[serve.subnet]] has the address 10.9.0.1"));
        assert_eq!(warning(""), None);
        assert_eq!(warning("[[serve.subnet]]\nnetwork = '10.9.0.0/16'"), None);
    }
}
