//! Sockets of the server, bound to one interface.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsFd;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use super::Interface;

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Ports 67 and 4011.
    Dhcp,
    /// Port 69.
    Tftp,
    /// The port of the configuration.
    Http,
    /// The page, the API and the metrics.
    Watch,
    /// Port 514, iPXE's console.
    Syslog,
    /// Answers to router solicitations.
    Ipv6,
}

/// A port that cannot be had.
#[derive(Debug, Error)]
#[error("{service}: port {port}: {source}")]
pub struct PortError {
    /// What for.
    pub service: Service,
    /// Which.
    pub port: u16,
    /// Why.
    pub source: io::Error,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dhcp => "DHCP",
            Self::Tftp => "TFTP",
            Self::Http => "HTTP",
            Self::Watch => "watch",
            Self::Syslog => "syslog",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Bytes of the receive queue; the kernel counts a short datagram as about 800.
const RECEIVE_QUEUE: usize = 1 << 20;

/// The addresses of an interface that a socket is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// All, and broadcasts; the port is shared with a server on another interface of this machine.
    Broadcasts,
    /// All, so that another address of the interface needs no other socket; only the one that is announced, where
    /// another program has the port on others of this machine.
    All,
    /// The same, beside sockets of this server for single clients.
    AllShared,
    /// The one that is announced.
    Announced,
}

/// A TCP socket that listens on one interface only: by default the kernel accepts what comes to its address
/// from any.
pub(crate) fn tcp(interface: &Interface, port: u16) -> Result<Socket, PortError> {
    let open = |address| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind_device(Some(interface.name.as_bytes()))?;
        // Connections of an earlier run that linger must not prevent a start.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((address, port)).into())?;
        socket.listen(BACKLOG)?;
        Ok(socket)
    };
    let failed = |source| PortError { service: Service::Http, port, source };
    first_free(interface, At::All, open).map_err(failed)
}

/// A UDP socket that receives and sends on one interface only.
pub(crate) fn udp(
    interface: &Interface,
    at: At,
    service: Service,
    port: u16,
) -> Result<Socket, PortError> {
    let open = |address| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind_device(Some(interface.name.as_bytes()))?;
        socket.set_reuse_address(matches!(at, At::Broadcasts | At::AllShared))?;
        socket.set_broadcast(at == At::Broadcasts)?;
        socket.bind(&SocketAddr::V4(SocketAddrV4::new(address, port)).into())?;
        // A rack that is switched on sends all its requests together. Where the system grants less memory,
        // clients ask again.
        let _ = setsockopt(&socket, RcvBufForce, &RECEIVE_QUEUE)
            .or_else(|_| setsockopt(&socket, RcvBuf, &RECEIVE_QUEUE));
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    first_free(interface, at, open).map_err(|source| PortError { service, port, source })
}

fn first_free(
    interface: &Interface,
    at: At,
    open: impl Fn(Ipv4Addr) -> io::Result<Socket>,
) -> io::Result<Socket> {
    match at {
        At::Broadcasts | At::AllShared => open(Ipv4Addr::UNSPECIFIED),
        At::Announced => open(interface.address),
        At::All => match open(Ipv4Addr::UNSPECIFIED) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => open(interface.address),
            opened => opened,
        },
    }
}

/// The sockets of a server, to be bound to an interface that comes back under its name as another one.
#[derive(Debug, Default)]
pub(crate) struct BoundSockets(Vec<Socket>);

impl BoundSockets {
    /// Adds a socket, which others go on using.
    pub(crate) fn add(&mut self, socket: impl AsFd) -> io::Result<()> {
        self.0.push(socket.as_fd().try_clone_to_owned()?.into());
        Ok(())
    }

    /// Binds each to the interface that has this name now.
    ///
    /// # Errors
    /// Where the system does not allow it: a socket that is bound to an interface can be bound to another one
    /// only with `CAP_NET_RAW`.
    pub(crate) fn bind_again(&self, name: &str) -> io::Result<()> {
        self.0.iter().try_for_each(|socket| socket.bind_device(Some(name.as_bytes())))
    }

    /// Whether one of them is at a single address, so that it does not hear what comes to another.
    pub(crate) fn is_at_one_address(&self) -> bool {
        let address = |socket: &Socket| socket.local_addr().ok()?.as_socket_ipv4();
        self.0.iter().filter_map(address).any(|address| !address.ip().is_unspecified())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loopback interface, served from an address that no other program has.
    fn interface() -> Interface {
        let found = Interface::find(Some("lo")).unwrap();
        Interface { address: [127, 0, 0, 2].into(), ..found }
    }

    #[test]
    fn a_port_that_is_free_is_taken_at_all_addresses() {
        let opened = udp(&interface(), At::All, Service::Tftp, 0).unwrap();
        let mut bound = BoundSockets::default();
        bound.add(&opened).unwrap();
        assert!(!bound.is_at_one_address());
    }

    #[test]
    fn a_port_that_others_have_at_their_addresses_is_taken_at_the_announced_one() {
        let http = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = tcp(&interface(), http.local_addr().unwrap().port()).unwrap();
        let tftp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = tftp.local_addr().unwrap().port();
        let also = udp(&interface(), At::All, Service::Tftp, port).unwrap();
        for socket in [&ours, &also] {
            let address = socket.local_addr().unwrap().as_socket_ipv4().unwrap();
            assert_eq!(*address.ip(), interface().address);
        }
        let mut bound = BoundSockets::default();
        bound.add(&also).unwrap();
        assert!(bound.is_at_one_address());
        let error = udp(&interface(), At::Announced, Service::Tftp, port).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }
}
