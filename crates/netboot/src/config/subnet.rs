//! `[[serve.subnet]]`: links, and the addresses given there.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::{Checked, Reason};
use super::network::{self, MAX_POOL, is_host};
use super::options::{DhcpOptions, OptionTable};
use super::shapes::{OneOrMany, Time, one_or_many, seconds};

/// `[[serve.subnet]]`: a network, and the addresses given there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SubnetConfig {
    /// The network, with the bits of its prefix or its mask.
    #[serde(deserialize_with = "network::read")]
    #[schemars(example = &"192.168.0.0/24", with = "String")]
    pub network: Ipv4Net,
    /// The first address given; with none, reservations only.
    #[serde(default)]
    #[schemars(example = &"192.168.0.100")]
    pub first: Option<Ipv4Addr>,
    /// The last address given; goes with `first`.
    #[serde(default)]
    #[schemars(example = &"192.168.0.199")]
    pub last: Option<Ipv4Addr>,
    /// The time of a lease, 60 s at least: seconds, or a number with `s`, `m`, `h` or `d`.
    #[serde(default = "default_lease", deserialize_with = "seconds")]
    #[schemars(example = 86400, example = &"12h", with = "Time")]
    pub lease: u32,
    /// Routers, for option 3: one, or a list of 16 at most.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(example = &"192.168.0.1", with = "OneOrMany<Ipv4Addr>")]
    pub router: Vec<Ipv4Addr>,
    /// DNS servers, for option 6: one, or a list of 16 at most.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(example = vec!["192.168.0.1", "192.168.0.2"], with = "OneOrMany<Ipv4Addr>")]
    pub dns: Vec<Ipv4Addr>,
    /// The domain, for option 15.
    #[serde(default)]
    #[schemars(example = &"example.org")]
    pub domain: Option<String>,
    /// Options of this network, which come before those of `[serve.options]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "mtu": 9000 }), with = "OptionTable")]
    pub options: DhcpOptions,
}

fn default_lease() -> u32 {
    3600
}

impl SubnetConfig {
    /// The subnet of a link that is not configured: the upper half of its network, and no more than 100
    /// addresses, without the server's own.
    #[must_use]
    pub fn for_link(network: Ipv4Net) -> Self {
        let (first, last) = (u32::from(network.addr()), u32::from(network.broadcast()));
        let middle = first + (last - first) / 2 + 1;
        let pool = (last > middle).then(|| (middle, (last - 1).min(middle + 99)));
        Self {
            network,
            first: pool.map(|(first, _)| first.into()),
            last: pool.map(|(_, last)| last.into()),
            lease: default_lease(),
            router: Vec::new(),
            dns: Vec::new(),
            domain: None,
            options: DhcpOptions::default(),
        }
    }

    /// The first and the last address of the pool.
    #[must_use]
    pub fn pool(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        Some((self.first?, self.last?))
    }

    fn check(&self, checked: &mut Checked<'_>) {
        let network = self.network;
        if self.lease < 60 {
            checked.key("lease").report(Reason::Lease { network, seconds: self.lease });
        }
        if let Some(found) = &self.domain
            && (found.is_empty() || found.len() > 253 || !found.is_ascii())
        {
            checked.key("domain").report(Reason::Domain { network, found: found.clone() });
        }
        for (key, servers) in [("router", &self.router), ("dns", &self.dns)] {
            if servers.len() > 16 {
                checked.key(key).report(Reason::Servers(network));
            }
        }
        let (first, last) = match (self.first, self.last) {
            (None, None) => return,
            (Some(first), Some(last)) => (first, last),
            (first, _) => {
                let key = if first.is_some() { "first" } else { "last" };
                return checked.key(key).report(Reason::HalfPool(network));
            }
        };
        if first > last || !is_host(network, first) || !is_host(network, last) {
            checked.key("first").report(Reason::Pool { network, first, last });
        } else if u32::from(last) - u32::from(first) >= MAX_POOL {
            checked.key("first").report(Reason::PoolSize(network));
        }
    }
}

/// Checks each subnet, and that no address is in two of them.
pub(super) fn check_subnets(subnets: &[SubnetConfig], checked: &mut Checked<'_>) {
    for (index, subnet) in subnets.iter().enumerate() {
        let checked = &mut checked.index(index);
        subnet.check(checked);
        let network = subnet.network;
        let overlaps =
            |it: &&SubnetConfig| it.network.contains(&network) || network.contains(&it.network);
        if let Some(other) = subnets[..index].iter().find(overlaps) {
            checked.key("network").report(Reason::Overlap(network, other.network));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_pool_of_a_link_lies_in_its_upper_half() {
        let pool = |text: &str| SubnetConfig::for_link(text.parse().unwrap()).pool();
        let range = |first: [u8; 4], last: [u8; 4]| Some((first.into(), last.into()));
        assert_eq!(pool("192.168.0.0/24"), range([192, 168, 0, 128], [192, 168, 0, 227]));
        assert_eq!(pool("10.0.0.0/29"), range([10, 0, 0, 4], [10, 0, 0, 6]));
        assert_eq!(pool("10.0.0.0/30"), range([10, 0, 0, 2], [10, 0, 0, 2]));
    }

    #[test]
    fn pools_stay_in_their_network() {
        let subnet = |first: [u8; 4], last: [u8; 4]| {
            let subnet = SubnetConfig::for_link("10.0.0.0/8".parse().unwrap());
            let subnet =
                SubnetConfig { first: Some(first.into()), last: Some(last.into()), ..subnet };
            let mut config = Config::default();
            config.serve.subnets.push(subnet);
            config.check()
        };
        assert!(subnet([10, 0, 0, 1], [10, 0, 255, 255]).is_ok());
        assert!(subnet([10, 0, 0, 1], [10, 1, 0, 1]).is_err());
        assert!(subnet([10, 0, 0, 2], [10, 0, 0, 1]).is_err());
        assert!(subnet([10, 0, 0, 0], [10, 0, 0, 1]).is_err());
        assert!(subnet([11, 0, 0, 1], [11, 0, 0, 1]).is_err());
    }
}
