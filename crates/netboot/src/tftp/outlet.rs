//! Packets on their way to one client.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use rustix::net::SendFlags;
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use tokio::io::Interest;

use super::endpoint::is_passing;
use super::watch::watch;
use crate::logic::tftp::Run;
use crate::wire::tftp::DATA_HEADER;

/// Packets that the kernel cuts out of one message, at most (`UDP_MAX_SEGMENTS`, of the oldest kernels
/// that cut).
const SEGMENTS: usize = 64;
/// Bytes of such a message: what an IP packet can carry, without its header and UDP's.
const MESSAGE: usize = 65_535 - 40 - 8;
/// Bytes of a packet that is put together before it is sent, at most: the kernel takes one piece faster
/// than two, and longer ones take longer to copy than that.
const WHOLE: usize = 2048;

/// Sends to one client, many packets with one call where the kernel can cut them (UDP segmentation
/// offload): a call for each is what sending costs most of.
pub(super) struct Outlet<'a> {
    socket: &'a UdpSocket,
    client: SocketAddr,
    /// The same as the system has it.
    address: SockaddrStorage,
    /// The packet that was put together last.
    whole: Vec<u8>,
    /// Until the kernel says that it cannot on this way.
    cuts: bool,
    /// Until a packet is longer than what the way carries in one piece. Those that are never cut up need
    /// no numbers (RFC 6864), which the kernel takes as long to give as to look for the way.
    atomic: bool,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(socket: &'a UdpSocket, client: SocketAddr) -> Self {
        let (address, whole) = (client.into(), Vec::new());
        let atomic =
            client.is_ipv4() && set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DO).is_ok();
        Self { socket, client, address, whole, cuts: true, atomic }
    }

    /// How many packets with blocks of that size to hand over at once.
    pub(super) fn most(&self, block_size: u16) -> usize {
        let packets = MESSAGE / (DATA_HEADER + usize::from(block_size));
        if self.cuts { packets.clamp(1, SEGMENTS) } else { SEGMENTS }
    }

    /// Sends DATA packets.
    pub(super) async fn send_run(&mut self, run: &Run<'_>) -> io::Result<()> {
        let mut sent = 0;
        while !self.send_run_now(run, &mut sent)? {
            self.wait_for_room().await?;
        }
        Ok(())
    }

    /// Sends DATA packets but for the first `sent`, which counts on; false where the system takes no
    /// more now.
    fn send_run_now(&mut self, run: &Run<'_>, sent: &mut usize) -> io::Result<bool> {
        if let (true, 2.., Ok(size)) = (self.cuts, run.len(), u16::try_from(run.packet_size())) {
            let packets: Vec<_> = run.packets().collect();
            let parts: Vec<_> = packets.iter().flat_map(parts).collect();
            let cut = [ControlMessage::UdpGsoSegments(&size)];
            match self.message(&parts, &cut) {
                Err(error) if cannot_cut(&error) => self.cuts = false,
                done => return done,
            }
        }
        for packet in run.packets().skip(*sent) {
            if !self.send_parts(&packet)? {
                return Ok(false);
            }
            *sent += 1;
        }
        Ok(true)
    }

    fn send_parts(&mut self, packet: &([u8; DATA_HEADER], &[u8])) -> io::Result<bool> {
        let (header, payload) = packet;
        if header.len() + payload.len() > WHOLE {
            return self.message(&parts(packet), &[]);
        }
        let mut whole = std::mem::take(&mut self.whole);
        whole.clear();
        whole.extend_from_slice(header);
        whole.extend_from_slice(payload);
        let left = self.send_now(&whole, self.client);
        self.whole = whole;
        left
    }

    /// Sends a packet.
    pub(super) async fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        self.send_to(packet, self.client).await
    }

    /// Sends a packet to somebody else.
    pub(super) async fn send_to(&mut self, packet: &[u8], to: SocketAddr) -> io::Result<()> {
        while !self.send_now(packet, to)? {
            self.wait_for_room().await?;
        }
        Ok(())
    }

    /// Sends a packet; false where the system takes none now.
    fn send_now(&mut self, packet: &[u8], to: SocketAddr) -> io::Result<bool> {
        // Not by the C library: that sees to it in each call that a thread can be cancelled there.
        self.attempt(|socket| Ok(rustix::net::sendto(socket, packet, SendFlags::DONTWAIT, &to)?))
    }

    /// Sends packets that lie in pieces; false where the system takes none now.
    fn message(
        &mut self,
        parts: &[IoSlice<'_>],
        control: &[ControlMessage<'_>],
    ) -> io::Result<bool> {
        let address = self.address;
        self.attempt(|socket| {
            let (descriptor, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
            Ok(sendmsg(descriptor, parts, control, flags, Some(&address))?)
        })
    }

    /// Sends by `send`; once more where what it sends has to be cut up on this way.
    fn attempt(&mut self, send: impl Fn(&UdpSocket) -> io::Result<usize>) -> io::Result<bool> {
        let mut sent = send(self.socket);
        let is_long = |error: &io::Error| error.raw_os_error() == Some(Errno::EMSGSIZE as i32);
        if self.atomic && sent.as_ref().is_err_and(is_long) {
            self.atomic = false;
            set_ip_mtu_discover(self.socket, Ipv4PathMtuDiscovery::WANT)?;
            sent = send(self.socket);
        }
        has_left(sent)
    }

    /// Waits until the system takes packets again. The socket is watched for this as long as
    /// it is waited for only: each packet that leaves wakes whoever watches.
    async fn wait_for_room(&self) -> io::Result<()> {
        let socket = watch(self.socket.try_clone()?, Interest::WRITABLE)?;
        socket.writable().await?.retain_ready();
        Ok(())
    }
}

/// Whether a packet has left, or waits for room. What the network refuses at this moment counts as
/// lost on the way.
fn has_left(sent: io::Result<usize>) -> io::Result<bool> {
    match sent {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) if is_passing(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

fn parts<'a>((header, payload): &'a ([u8; DATA_HEADER], &[u8])) -> [IoSlice<'a>; 2] {
    [IoSlice::new(header), IoSlice::new(payload)]
}

/// What kernels say that do not know how, whose card leaves checksums to them, or where a packet is
/// longer than what the way carries without fragments.
fn cannot_cut(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    use Errno::{EINVAL, EIO, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP};
    matches!(errno, Some(EINVAL | EIO | EMSGSIZE | ENOPROTOOPT | EOPNOTSUPP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tftp::inlet::Inlet;

    #[tokio::test]
    async fn room_can_be_waited_for_while_packets_are() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut inlet = Inlet::new(&socket);
        let local = socket.local_addr().unwrap();
        let mut outlet = Outlet::new(&socket, local);
        for _ in 0..2 {
            outlet.wait_for_room().await.unwrap();
            outlet.send(b"packet").await.unwrap();
            assert_eq!(inlet.receive().await.unwrap(), (6, local));
        }
    }
}
