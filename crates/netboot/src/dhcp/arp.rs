//! Finds out which machine uses an address, by ARP.
//!
//! Sending ARP needs privileges, so the kernel does it: a datagram to the address makes the kernel look for
//! the machine, and a moment later its ARP table says whether there is one. Even a machine whose firewall
//! drops everything answers ARP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use crate::net::{At, Interface, Service, udp};
use crate::wire::dhcp::Hardware;

/// How long a machine on the link has for its answer.
const ANSWER_TIME: Duration = Duration::from_millis(300);
/// The discard service: a machine that listens there ignores the datagram.
const DISCARD: u16 = 9;
/// The table of the server's network namespace.
const ARP_TABLE: &str = "/proc/thread-self/net/arp";
/// `ATF_COM`: the entry has a hardware address.
const COMPLETE: u32 = 2;

/// The machine that uses an address, if one does.
pub(super) async fn probe(
    interface: &Interface,
    address: Ipv4Addr,
) -> io::Result<Option<Hardware>> {
    let socket = udp(interface, At::Announced, Service::Dhcp, 0)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let target = SocketAddr::V4(SocketAddrV4::new(address, DISCARD));
    socket.send_to(&[], &target.into())?;
    tokio::time::sleep(ANSWER_TIME).await;
    let table = tokio::fs::read_to_string(ARP_TABLE).await?;
    Ok(find(&table, &interface.name, address))
}

/// The machine that the kernel has spoken to under this address, if it is on the link. Reads a file of the
/// kernel's and does not wait for the network.
pub(crate) fn neighbour(interface: &Interface, address: Ipv4Addr) -> io::Result<Option<Hardware>> {
    let table = std::fs::read_to_string(ARP_TABLE)?;
    Ok(find(&table, &interface.name, address))
}

/// The hardware address that the table has for an address on an interface.
fn find(table: &str, interface: &str, address: Ipv4Addr) -> Option<Hardware> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let &[ip, kind, flags, hardware, _mask, device] = columns.as_slice() else { return None };
        let hex = |text: &str| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok();
        let matches = device == interface
            && ip.parse() == Ok(address)
            && hex(flags).is_some_and(|flags| flags & COMPLETE != 0);
        let bytes: Result<Vec<u8>, _> =
            hardware.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
        let found = Hardware::new(u8::try_from(hex(kind)?).ok()?, &bytes.ok()?)?;
        matches.then_some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
192.168.0.1      0x1         0x2         52:54:00:00:00:01     *        eth0
192.168.0.2      0x1         0x0         00:00:00:00:00:00     *        eth0
192.168.0.3      0x1         0x2         52:54:00:00:00:03     *        eth1
";

    #[test]
    fn only_a_complete_entry_of_the_interface_counts() {
        let find = |last| find(TABLE, "eth0", [192, 168, 0, last].into());
        assert_eq!(find(1), Some(Hardware::ethernet([0x52, 0x54, 0, 0, 0, 1])));
        assert_eq!(find(2), None);
        assert_eq!(find(3), None);
        assert_eq!(find(4), None);
    }
}
