//! Sockets of the server, bound to one interface.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

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

/// A TCP socket that listens on one interface only: by default the kernel accepts what comes to its address
/// from any.
pub(crate) fn tcp(interface: &Interface, port: u16) -> Result<Socket, PortError> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind_device(Some(interface.name.as_bytes()))?;
        // Connections of an earlier run that linger must not prevent a start.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((interface.address, port)).into())?;
        socket.listen(BACKLOG)?;
        Ok(socket)
    };
    let failed = |source| PortError { service: Service::Http, port, source };
    open().map_err(failed)
}

/// A UDP socket that receives and sends on one interface only. Without an address it receives broadcasts too,
/// and shares its port with a server on another interface of this machine.
pub(crate) fn udp(
    interface: &Interface,
    address: Option<Ipv4Addr>,
    service: Service,
    port: u16,
) -> Result<Socket, PortError> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind_device(Some(interface.name.as_bytes()))?;
        if address.is_none() {
            socket.set_reuse_address(true)?;
            socket.set_broadcast(true)?;
        }
        let address = SocketAddrV4::new(address.unwrap_or(Ipv4Addr::UNSPECIFIED), port);
        socket.bind(&SocketAddr::V4(address).into())?;
        // A rack that is switched on sends all its requests together. Where the system grants less memory,
        // clients ask again.
        let _ = setsockopt(&socket, RcvBufForce, &RECEIVE_QUEUE)
            .or_else(|_| setsockopt(&socket, RcvBuf, &RECEIVE_QUEUE));
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    open().map_err(|source| PortError { service, port, source })
}
