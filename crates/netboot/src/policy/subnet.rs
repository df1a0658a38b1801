//! Links, and the addresses given there.

use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::Deserialize;

/// Addresses of a pool at most: what bounds the memory of the lease table.
const MAX_POOL: u32 = 1 << 16;

/// An IPv4 network, as `192.168.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    base: Ipv4Addr,
    prefix: u8,
}

/// `[[serve.subnet]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SubnetConfig {
    /// The network.
    pub network: Network,
    /// The first address given; with none, reservations only.
    #[serde(default)]
    pub first: Option<Ipv4Addr>,
    /// The last address given.
    #[serde(default)]
    pub last: Option<Ipv4Addr>,
    /// Seconds of a lease.
    #[serde(default = "default_lease")]
    pub lease: u32,
    /// Routers.
    #[serde(default)]
    pub router: Vec<Ipv4Addr>,
    /// DNS servers.
    #[serde(default)]
    pub dns: Vec<Ipv4Addr>,
    /// The domain.
    #[serde(default)]
    pub domain: Option<String>,
}

fn default_lease() -> u32 {
    3600
}

impl SubnetConfig {
    /// What a link gets that nobody configured: the upper half of its network, and no more than 100
    /// addresses, without the server's own.
    #[must_use]
    pub fn for_link(network: Network) -> Self {
        let (first, last) = (u32::from(network.base), u32::from(network.broadcast()));
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
        }
    }

    /// The first and the last address of the pool.
    #[must_use]
    pub fn pool(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        Some((self.first?, self.last?))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let network = self.network;
        if self.lease < 60 {
            return Err(format!("subnet {network}: a lease of {} s is below 60 s", self.lease));
        }
        if let Some(domain) = &self.domain
            && (domain.is_empty() || domain.len() > 253 || !domain.is_ascii())
        {
            return Err(format!("subnet {network}: domain {domain:?} is none"));
        }
        if self.router.len() > 16 || self.dns.len() > 16 {
            return Err(format!("subnet {network}: more than 16 routers or DNS servers"));
        }
        let (first, last) = match (self.first, self.last) {
            (None, None) => return Ok(()),
            (Some(first), Some(last)) => (first, last),
            _ => return Err(format!("subnet {network}: first and last go together")),
        };
        if first > last || !network.is_host(first) || !network.is_host(last) {
            return Err(format!("subnet {network}: {first} to {last} is no part of it"));
        }
        if u32::from(last) - u32::from(first) >= MAX_POOL {
            return Err(format!("subnet {network}: a pool has at most {MAX_POOL} addresses"));
        }
        Ok(())
    }
}

impl Network {
    /// The network of an address.
    ///
    /// # Errors
    /// Where the prefix is longer than 30 bits, so that there is no room for two hosts, or none.
    pub fn of(address: Ipv4Addr, prefix: u8) -> Result<Self, String> {
        if !(1..=30).contains(&prefix) {
            return Err(format!("{address}/{prefix}: expected a prefix of 1 to 30 bits"));
        }
        let mask = u32::MAX << (32 - prefix);
        Ok(Self { base: (u32::from(address) & mask).into(), prefix })
    }

    /// The mask.
    #[must_use]
    pub fn mask(self) -> Ipv4Addr {
        (u32::MAX << (32 - self.prefix)).into()
    }

    /// The broadcast address.
    #[must_use]
    pub fn broadcast(self) -> Ipv4Addr {
        (u32::from(self.base) | !u32::from(self.mask())).into()
    }

    /// Whether an address is in this network.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & u32::from(self.mask()) == u32::from(self.base)
    }

    /// Whether some address is in both networks.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.base) || other.contains(self.base)
    }

    /// Whether an address may be a machine's.
    #[must_use]
    pub fn is_host(self, address: Ipv4Addr) -> bool {
        self.contains(address) && address != self.base && address != self.broadcast()
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a network such as 192.168.0.0/24, found {text:?}");
        let (address, prefix) = text.split_once('/').ok_or_else(expected)?;
        let address: Ipv4Addr = address.parse().map_err(|_| expected())?;
        let network = Self::of(address, prefix.parse().map_err(|_| expected())?)?;
        if network.base != address {
            return Err(format!("{text} has bits behind its prefix; {network} may be meant"));
        }
        Ok(network)
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_knows_its_edges() {
        let network: Network = "192.168.4.0/22".parse().unwrap();
        assert_eq!(network.mask(), Ipv4Addr::new(255, 255, 252, 0));
        assert_eq!(network.broadcast(), Ipv4Addr::new(192, 168, 7, 255));
        assert!(network.is_host([192, 168, 5, 255].into()));
        assert!(!network.is_host([192, 168, 4, 0].into()));
        assert!(!network.is_host([192, 168, 8, 1].into()));
        for text in ["192.168.4.1/22", "10.0.0.0/31", "10.0.0.0/0", "10.0.0.0", "a/8", "0.0.0.0/40"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

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
            SubnetConfig { first: Some(first.into()), last: Some(last.into()), ..subnet }
        };
        assert!(subnet([10, 0, 0, 1], [10, 0, 255, 255]).check().is_ok());
        assert!(subnet([10, 0, 0, 1], [10, 1, 0, 1]).check().is_err());
        assert!(subnet([10, 0, 0, 2], [10, 0, 0, 1]).check().is_err());
        assert!(subnet([10, 0, 0, 0], [10, 0, 0, 1]).check().is_err());
        assert!(subnet([11, 0, 0, 1], [11, 0, 0, 1]).check().is_err());
    }
}
