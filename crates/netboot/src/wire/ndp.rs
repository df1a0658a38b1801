//! Router solicitations and advertisements (RFC 4861), and the first message of DHCPv6, as IPv6 packets.

use std::net::Ipv6Addr;

/// Bytes of an IPv6 header (RFC 8200).
const IPV6: usize = 40;
/// What no router lets pass: the packet comes from this link (RFC 4861, 6.1.1).
const HOPS: u8 = 255;
const ICMPV6: u8 = 58;
const UDP: u8 = 17;
/// ICMPv6 type of a router solicitation.
const SOLICITATION: u8 = 133;
/// ICMPv6 type of a router advertisement.
const ADVERTISEMENT: u8 = 134;
/// Port of DHCPv6 servers and relays (RFC 8415).
const DHCPV6_SERVER: u16 = 547;
/// Message type of DHCPv6 with which a client looks for a server.
const DHCPV6_SOLICIT: u8 = 1;

/// What a boot program asks for over IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// A router, by a router solicitation.
    Router {
        /// The sender; unspecified where it has no address yet, and then only multicast can answer.
        from: Ipv6Addr,
    },
    /// An address, by DHCPv6.
    Address,
}

impl Question {
    /// Reads an IPv6 packet without extension headers. `None` for everything else, and for what RFC 4861,
    /// 6.1.1 has a router ignore.
    ///
    /// ```
    /// use winpe_netboot::wire::ndp::Question;
    /// assert_eq!(Question::parse(b"anything else"), None);
    /// ```
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let (header, rest) = packet.split_at_checked(IPV6)?;
        if header[0] >> 4 != 6 {
            return None;
        }
        // What follows the packet pads the Ethernet frame.
        let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let payload = rest.get(..len)?;
        let address = |at: usize| {
            let bytes: [u8; 16] = header[at..at + 16].try_into().expect("16 bytes");
            Ipv6Addr::from(bytes)
        };
        let (from, to) = (address(8), address(24));
        match (header[6], payload) {
            (ICMPV6, &[SOLICITATION, 0, ..]) => {
                let has_room = payload.len() >= 8 && header[7] == HOPS;
                let is_whole = has_room && checksum(from, to, payload) == 0;
                (is_whole && are_options(&payload[8..], from)).then_some(Self::Router { from })
            }
            (UDP, &[_, _, high, low, _, _, _, _, DHCPV6_SOLICIT, ..]) => {
                (u16::from_be_bytes([high, low]) == DHCPV6_SERVER).then_some(Self::Address)
            }
            _ => None,
        }
    }
}

/// Whether options are well-formed: each has a length, in units of eight bytes; a sender without an address
/// must not name its link-layer address.
fn are_options(mut rest: &[u8], from: Ipv6Addr) -> bool {
    const SOURCE_LINK_LAYER: u8 = 1;
    while let &[kind, units, ..] = rest {
        let len = usize::from(units) * 8;
        if len == 0 || (kind == SOURCE_LINK_LAYER && from.is_unspecified()) {
            return false;
        }
        let Some((_, after)) = rest.split_at_checked(len) else { return false };
        rest = after;
    }
    rest.is_empty()
}

/// Bytes of the advertisement with its IPv6 header.
const LEN: usize = IPV6 + 16;

/// A router advertisement that ends a wait for one and changes nothing else: a router lifetime of 0 (the sender is
/// no default router), no managed addresses, no other configuration, no option. RFC 4861, 6.3.4: a
/// field that is 0 leaves the receiver's value as it was.
#[must_use]
pub fn advertisement(from: Ipv6Addr, to: Ipv6Addr) -> [u8; LEN] {
    let mut packet = [0; LEN];
    packet[0] = 6 << 4;
    packet[5] = 16;
    packet[6] = ICMPV6;
    packet[7] = HOPS;
    packet[8..24].copy_from_slice(&from.octets());
    packet[24..40].copy_from_slice(&to.octets());
    packet[40] = ADVERTISEMENT;
    let sum = checksum(from, to, &packet[IPV6..]);
    packet[42..44].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// The checksum of ICMPv6 (RFC 4443, 2.3), over the pseudo-header of RFC 8200 too; 0 for a message that holds
/// the right one.
fn checksum(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> u16 {
    let words = from.segments().into_iter().chain(to.segments()).map(u32::from);
    let pairs = message.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or_default();
        u32::from(u16::from_be_bytes([pair[0], low]))
    });
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut sum: u32 =
        words.chain(pairs).sum::<u32>() + (len >> 16) + (len & 0xffff) + u32::from(ICMPV6);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).expect("folded to 16 bits")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A solicitation of rdisc6 1.0.5 as it arrived; its checksum is that of Linux.
    const SOLICITATION: &str = "60056f6a00083afffe80000000000000505400fffe000077\
                                ff02000000000000000000000000000285002d6c00000000";

    fn solicitation() -> Vec<u8> {
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        SOLICITATION.as_bytes().chunks(2).map(byte).collect()
    }

    #[test]
    fn a_solicitation_is_read_if_it_comes_from_this_link_and_is_whole() {
        let from = "fe80::5054:ff:fe00:77".parse().unwrap();
        let whole = solicitation();
        assert_eq!(Question::parse(&whole), Some(Question::Router { from }));
        let padded = [&whole[..], &[0; 6]].concat();
        assert_eq!(Question::parse(&padded), Some(Question::Router { from }));
        for (at, value) in [(7, 64), (41, 1), (42, 0xff), (47, 1), (5, 7), (6, 6)] {
            let mut other = whole.clone();
            other[at] = value;
            assert_eq!(Question::parse(&other), None, "byte {at} = {value}");
        }
        for len in 0..whole.len() {
            assert_eq!(Question::parse(&whole[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn an_option_without_a_length_and_an_address_of_a_sender_without_one_are_refused() {
        let from: Ipv6Addr = "fe80::1".parse().unwrap();
        assert!(are_options(&[], from) && are_options(&[1, 1, 2, 2, 2, 2, 2, 2], from));
        assert!(!are_options(&[1, 0, 2, 2, 2, 2, 2, 2], from));
        assert!(!are_options(&[1, 2, 2, 2, 2, 2, 2, 2], from));
        assert!(!are_options(&[1], from));
        assert!(!are_options(&[1, 1, 2, 2, 2, 2, 2, 2], Ipv6Addr::UNSPECIFIED));
    }

    /// The checksum was computed by another program, as RFC 1071 and RFC 4443 say.
    #[test]
    fn an_advertisement_says_that_there_is_no_router() {
        let [from, to]: [Ipv6Addr; 2] =
            ["fe80::a0df:1ed6:900e", "fe80::5054:ff:fe77:1"].map(|it| it.parse().unwrap());
        let packet = advertisement(from, to);
        assert_eq!(&packet[..8], [0x60, 0, 0, 0, 0, 16, 58, 255]);
        assert_eq!(&packet[8..40], [from.octets(), to.octets()].concat());
        assert_eq!(packet[40..44], [134, 0, 0xdd, 0x22]);
        assert_eq!(packet[44..], [0; 12]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(packet: Vec<u8>, at in 0..48usize, value: u8) {
            let _ = Question::parse(&packet);
            let mut solicitation = solicitation();
            solicitation[at] = value;
            let _ = Question::parse(&solicitation);
        }
    }
}
