//! `--dhcp-range`: a pool of addresses without a configuration file.

use std::net::Ipv4Addr;
use std::str::FromStr;

use winpe_netboot::config::{Serve, SubnetConfig, parse_time};
use winpe_netboot::net::Interface;

use crate::failure::Failure;

/// The first and the last address, and the seconds of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    first: Ipv4Addr,
    last: Ipv4Addr,
    lease: Option<u32>,
}

impl FromStr for Range {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected =
            "expected two addresses, and a lease or none, such as 10.0.0.10,10.0.0.99,12h";
        let mut parts = text.split(',');
        let mut address = || parts.next()?.trim().parse().ok();
        let (first, last) = address().zip(address()).ok_or(expected)?;
        let lease = match parts.next() {
            None => None,
            Some(text) => Some(parse_time(text.trim()).ok_or(expected)?),
        };
        if parts.next().is_some() {
            return Err(expected);
        }
        Ok(Self { first, last, lease })
    }
}

impl Range {
    /// Makes these the addresses of their subnet: of one in the file, or of the link.
    pub(super) fn add_to(&self, serve: &mut Serve) -> Result<(), Failure> {
        let known = serve.subnets.iter().position(|it| it.network.contains(&self.first));
        let subnet = match known {
            Some(at) => &mut serve.subnets[at],
            None => {
                let Interface { name, network, .. } = Interface::of(serve, Some(self.first))?;
                if !network.contains(&self.first) {
                    return Err(Failure::new(format!(
                        "--dhcp-range: {} is not in {network}, the network of {name}",
                        self.first
                    ))
                    .hint("for clients behind relays, a [[serve.subnet]] of the configuration names their network"));
                }
                serve.subnets.push(SubnetConfig::for_link(network));
                serve.subnets.last_mut().expect("one was added")
            }
        };
        (subnet.first, subnet.last) = (Some(self.first), Some(self.last));
        subnet.lease = self.lease.unwrap_or(subnet.lease);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_two_addresses_and_perhaps_a_lease() {
        let range = |text: &str| text.parse::<Range>().ok();
        let (first, last) = ([10, 0, 0, 1].into(), [10, 0, 0, 9].into());
        assert_eq!(range("10.0.0.1,10.0.0.9"), Some(Range { first, last, lease: None }));
        let day = Some(Range { first, last, lease: Some(86_400) });
        assert_eq!(range("10.0.0.1, 10.0.0.9, 1d"), day);
        for wrong in
            ["", "10.0.0.1", "10.0.0.1-10.0.0.9", "10.0.0.1,10.0.0.9,x", "10.0.0.1,10.0.0.9,1h,2"]
        {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }
}
