//! The socket on which requests arrive.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt::Ipv4PacketInfo,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::net::register;

/// Bytes of a request, at most. RFC 2347 allows 512; a longer one is cut off and then refused.
pub(super) const MAX_REQUEST: usize = 2048;

/// A socket that knows which of its addresses a datagram came to.
pub(super) struct Endpoint {
    /// Registered for packets that come in.
    socket: AsyncFd<UdpSocket>,
    /// The address that it is bound to; unspecified for all of them.
    local: IpAddr,
    port: u16,
}

/// A datagram's length, source and destination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram {
    pub(super) length: usize,
    pub(super) client: SocketAddr,
    /// None for a broadcast or multicast.
    pub(super) local: Option<IpAddr>,
}

impl Endpoint {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let bound = socket.local_addr()?;
        let (local, port) = (bound.ip(), bound.port());
        if local.is_ipv4() {
            setsockopt(&socket, Ipv4PacketInfo, &true)?;
        }
        socket.set_nonblocking(true)?;
        Ok(Self { socket: register(socket, Interest::READABLE)?, local, port })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The next datagram; none where an earlier answer was not delivered.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
        let received = self.socket.async_io(Interest::READABLE, |socket| match self.local {
            IpAddr::V4(_) => receive_v4(socket, buffer),
            IpAddr::V6(local) => {
                let (length, client) = socket.recv_from(buffer)?;
                Ok(Some(Datagram { length, client, local: Some(local.into()) }))
            }
        });
        match received.await {
            Err(error) if is_passing(&error) => Ok(None),
            received => received,
        }
    }

    /// Sends a packet that a full queue may lose.
    pub(super) fn send(&self, packet: &[u8], client: SocketAddr) {
        // A client that misses it asks again.
        let _ = self.socket.get_ref().send_to(packet, client);
    }
}

/// Errors of earlier answers, which the kernel reports with the next call.
pub(super) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable
    )
}

fn receive_v4(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
    let mut control = nix::cmsg_space!(nix::libc::in_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrIn>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let Some(client) = message.address else { return Ok(None) };
    let info = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(info),
        _ => None,
    });
    let Some(info) = info else { return Ok(None) };
    let to = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr));
    let local = Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr));
    // A broadcast arrives at one of our addresses but was sent to another. Of what arrived before the
    // socket was set up only the latter is known.
    let asked = local.is_unspecified() || to == local;
    Ok(Some(Datagram {
        length: message.bytes,
        client: SocketAddrV4::new(client.ip(), client.port()).into(),
        local: asked.then_some(to.into()),
    }))
}
