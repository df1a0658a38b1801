//! IPv4 networks of links that hosts are on: prefixes of 1 to 30 bits.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Deserializer, de};

/// Addresses of a pool at most, which bounds the memory of the lease table.
pub(super) const MAX_POOL: u32 = 1 << 16;

/// The network of an address.
///
/// # Errors
/// Where the prefix is longer than 30 bits, so that there is no room for two hosts, or has none.
pub(crate) fn host_network(address: Ipv4Addr, prefix: u8) -> Result<Ipv4Net, String> {
    match Ipv4Net::new(address, prefix) {
        Ok(network) if (1..=30).contains(&prefix) => Ok(network.trunc()),
        _ => Err(format!("{address}/{prefix}: expected a prefix of 1 to 30 bits")),
    }
}

/// Whether a machine of this network may have the address.
#[must_use]
pub(crate) fn is_host(network: Ipv4Net, address: Ipv4Addr) -> bool {
    network.contains(&address) && address != network.addr() && address != network.broadcast()
}

/// Reads a network such as `192.168.0.0/24`.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ipv4Net, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn parse(text: &str) -> Result<Ipv4Net, String> {
    let found: Ipv4Net = text
        .parse()
        .map_err(|_| format!("expected a network such as 192.168.0.0/24, found {text:?}"))?;
    let network = host_network(found.addr(), found.prefix_len())?;
    if network != found {
        return Err(format!("{text} has bits after its prefix; {network} may be meant"));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_knows_its_edges() {
        let network = parse("192.168.4.0/22").unwrap();
        assert!(is_host(network, [192, 168, 5, 255].into()));
        assert!(!is_host(network, [192, 168, 4, 0].into()));
        assert!(!is_host(network, [192, 168, 7, 255].into()));
        assert!(!is_host(network, [192, 168, 8, 1].into()));
    }

    #[test]
    fn a_network_has_room_for_hosts_and_no_bits_after_its_prefix() {
        for (text, says) in [
            ("192.168.4.1/22", "192.168.4.0/22 may be meant"),
            ("10.0.0.0/31", "a prefix of 1 to 30 bits"),
            ("0.0.0.0/0", "a prefix of 1 to 30 bits"),
            ("10.0.0.0", "expected a network such as"),
            ("a/8", "expected a network such as"),
            ("0.0.0.0/40", "expected a network such as"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
