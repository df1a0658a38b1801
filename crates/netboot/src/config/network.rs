//! IPv4 networks of links that hosts are on.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Deserializer, de};

/// Addresses of a pool at most, which bounds the memory of the lease table.
pub(super) const MAX_POOL: u32 = 1 << 16;

/// The network of an address.
///
/// # Errors
/// Where the prefix has no bits, or more than an address.
pub(crate) fn host_network(address: Ipv4Addr, prefix: u8) -> Result<Ipv4Net, String> {
    match Ipv4Net::new(address, prefix) {
        Ok(network) if prefix > 0 => Ok(network.trunc()),
        _ => Err(format!("{address}/{prefix}: expected a prefix of 1 to 32 bits")),
    }
}

/// Whether a machine of this network may have the address. A link of 31 or 32 bits has neither an address for
/// itself nor one for broadcasts (RFC 3021).
#[must_use]
pub(crate) fn is_host(network: Ipv4Net, address: Ipv4Addr) -> bool {
    let is_edge = address == network.addr() || address == network.broadcast();
    network.contains(&address) && (network.prefix_len() > 30 || !is_edge)
}

/// Reads a network such as `192.168.0.0/24` or `192.168.0.0/255.255.255.0`.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ipv4Net, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn parse(text: &str) -> Result<Ipv4Net, String> {
    let unknown = || format!("expected a network such as 192.168.0.0/24, found {text:?}");
    let found: Ipv4Net = match text.split_once('/').map(|(start, mask)| (start, mask.parse())) {
        Some((start, Ok::<Ipv4Addr, _>(mask))) => {
            let start = start.parse().map_err(|_| unknown())?;
            // A mask whose ones do not come first is none of a network.
            Ipv4Net::with_netmask(start, mask).map_err(|_| unknown())?
        }
        _ => text.parse().map_err(|_| unknown())?,
    };
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
        let pair = parse("192.168.4.2/31").unwrap();
        assert!(is_host(pair, [192, 168, 4, 2].into()) && is_host(pair, [192, 168, 4, 3].into()));
        assert!(!is_host(pair, [192, 168, 4, 4].into()));
        assert!(is_host(parse("192.168.4.2/32").unwrap(), [192, 168, 4, 2].into()));
    }

    #[test]
    fn a_mask_says_the_same_as_its_length() {
        for (mask, prefix) in [
            ("10.9.0.0/255.255.0.0", "10.9.0.0/16"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("10.9.8.4/255.255.255.252", "10.9.8.4/30"),
            ("10.9.8.4/255.255.255.255", "10.9.8.4/32"),
        ] {
            assert_eq!(parse(mask), parse(prefix));
        }
    }

    #[test]
    fn a_network_has_room_for_hosts_and_no_bits_after_its_prefix() {
        for (text, says) in [
            ("192.168.4.1/22", "192.168.4.0/22 may be meant"),
            ("10.9.1.0/255.255.0.0", "10.9.0.0/16 may be meant"),
            ("10.9.0.0/255.0.255.0", "expected a network such as"),
            ("10.9.0.0/255.255", "expected a network such as"),
            ("0.0.0.0/0.0.0.0", "a prefix of 1 to 32 bits"),
            ("0.0.0.0/0", "a prefix of 1 to 32 bits"),
            ("10.0.0.0", "expected a network such as"),
            ("a/8", "expected a network such as"),
            ("0.0.0.0/40", "expected a network such as"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
