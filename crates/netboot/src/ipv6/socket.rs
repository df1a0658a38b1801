//! A socket that receives IPv6 packets of the link, and sends an answer to one machine.

use std::fs::File;
use std::io;
use std::net::{Ipv6Addr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, sendto};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use thiserror::Error;

use crate::net::Interface;
use crate::wire::dhcp::Hardware;

/// All routers of a link (RFC 4291, 2.7.1).
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// Why router solicitations are not answered.
#[derive(Debug, Error)]
pub(crate) enum Ipv6Error {
    /// The machine is an IPv6 router itself, so it answers them.
    #[error("{interface} forwards IPv6: this machine is a router there, or knows one")]
    Router {
        /// The interface.
        interface: String,
    },
    /// The interface has no MAC address.
    #[error("{interface} has no MAC address")]
    NoMac {
        /// The interface.
        interface: String,
    },
    /// The socket cannot be opened.
    #[error("a packet socket: {0}")]
    Socket(#[from] io::Error),
}

/// An open socket on one interface.
pub(crate) struct Ipv6Socket {
    socket: Socket,
    link: Arc<Ipv6Link>,
    address: Ipv6Addr,
    forwarding: Option<File>,
}

/// The interface whose packets count.
pub(crate) struct Ipv6Link {
    index: AtomicUsize,
    /// Keeps this machine in the group of all routers, so that the network card and switches pass their packets on.
    /// None where the kernel has no IPv6.
    group: Option<UdpSocket>,
}

impl Ipv6Link {
    fn new(index: u32) -> Self {
        let group = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).ok();
        let link = Self { index: AtomicUsize::new(0), group };
        link.moved(index);
        link
    }

    /// The interface has this index now: it was removed and made again.
    pub(crate) fn moved(&self, index: u32) {
        self.index.store(index as usize, Ordering::Relaxed);
        if let Some(group) = &self.group {
            // An interface without IPv6 has no groups, and its card may pass the packets on all the same.
            let _ = group.join_multicast_v6(&ALL_ROUTERS, index);
        }
    }
}

/// A received packet.
pub(crate) struct Received<'b> {
    pub(crate) packet: &'b [u8],
    pub(crate) hardware: Hardware,
    /// Where an answer goes.
    pub(crate) sender: LinkAddr,
}

impl Ipv6Socket {
    /// Opens it, which needs `CAP_NET_RAW`.
    ///
    /// # Errors
    /// [`Ipv6Error`]: why solicitations cannot or must not be answered.
    pub(crate) fn open(interface: &Interface) -> Result<Self, Ipv6Error> {
        let name = &interface.name;
        let mac = mac_of(name)?.ok_or_else(|| Ipv6Error::NoMac { interface: name.clone() })?;
        // None where the kernel has no IPv6.
        let forwarding = File::open(format!("/proc/sys/net/ipv6/conf/{name}/forwarding")).ok();
        let protocol = Protocol::from(i32::from(u16::to_be(libc::ETH_P_IPV6 as u16)));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol))?;
        socket.attach_filter(&filter())?;
        socket.set_nonblocking(true)?;
        let link = Arc::new(Ipv6Link::new(interface.index));
        let opened = Self { socket, link, address: source_address(mac), forwarding };
        match opened.is_router() {
            true => Err(Ipv6Error::Router { interface: name.clone() }),
            false => Ok(opened),
        }
    }

    /// The interface, for whoever notices that it has changed.
    pub(crate) fn link(&self) -> Arc<Ipv6Link> {
        Arc::clone(&self.link)
    }

    /// Whether this machine forwards IPv6 on the interface now. Then routers answer, and a lifetime of 0 from here
    /// could be taken for the end of one.
    pub(crate) fn is_router(&self) -> bool {
        let mut text = [0; 1];
        let read = self.forwarding.as_ref().and_then(|file| file.read_at(&mut text, 0).ok());
        read == Some(1) && text != *b"0"
    }

    /// The address that answers come from: a link-local one that no host has, so that no host takes an answer for
    /// a word of a router that it knows. Its last 48 bits are the MAC address; hosts form others (RFC 4291,
    /// appendix A; RFC 7217).
    pub(crate) fn address(&self) -> Ipv6Addr {
        self.address
    }

    /// A packet that has arrived; `WouldBlock` if there is none. `None` for one of another interface.
    pub(crate) fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<Received<'b>>> {
        let (len, sender) = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), buffer)?;
        let index = self.link.index.load(Ordering::Relaxed);
        let sender = sender.filter(|sender| sender.ifindex() == index && sender.halen() == 6);
        Ok(sender.and_then(|sender| {
            let hardware = Hardware::ethernet(sender.addr()?);
            Some(Received { packet: &buffer[..len], hardware, sender })
        }))
    }

    /// Sends an IPv6 packet to the sender of another.
    pub(crate) fn answer(&self, packet: &[u8], to: &LinkAddr) -> io::Result<()> {
        sendto(self.socket.as_raw_fd(), packet, to, MsgFlags::empty())?;
        Ok(())
    }
}

impl AsFd for Ipv6Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Ipv6Socket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

fn source_address(mac: [u8; 6]) -> Ipv6Addr {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&[0xfe, 0x80]);
    bytes[10..].copy_from_slice(&mac);
    bytes.into()
}

fn mac_of(interface: &str) -> io::Result<Option<[u8; 6]>> {
    let mut addresses = getifaddrs()?.filter(|entry| entry.interface_name == interface);
    Ok(addresses.find_map(|entry| {
        let link = *entry.address.as_ref()?.as_link_addr()?;
        link.addr().filter(|mac| link.halen() == 6 && *mac != [0; 6])
    }))
}

/// Passes router solicitations and messages to DHCPv6 servers, without extension headers. It spares the server the
/// rest of the IPv6 traffic, and is no check: what passes is parsed.
fn filter() -> [SockFilter; 8] {
    let load_byte = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    let load_half = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
    let equals = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let return_ = (libc::BPF_RET | libc::BPF_K) as u16;
    [
        SockFilter::new(load_byte, 0, 0, 6),
        SockFilter::new(equals, 2, 0, 17),
        SockFilter::new(load_byte, 0, 0, 40),
        SockFilter::new(equals, 2, 3, 133),
        SockFilter::new(load_half, 0, 0, 42),
        SockFilter::new(equals, 0, 1, 547),
        SockFilter::new(return_, 0, 0, u32::MAX),
        SockFilter::new(return_, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_from_an_address_that_no_host_forms_from_its_mac() {
        let address = source_address([0xa0, 0xdf, 0x1e, 0xd6, 0x90, 0x0e]);
        assert_eq!(address.to_string(), "fe80::a0df:1ed6:900e");
        assert!(address.is_unicast_link_local());
    }
}
