//! Packets on their way to one client.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
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

/// Sends to one client, many packets with one call where the kernel can cut them (UDP segmentation
/// offload): a call for each is what sending costs most of.
pub(super) struct Outlet<'a> {
    socket: &'a UdpSocket,
    client: SocketAddr,
    /// The same as the system has it.
    address: SockaddrStorage,
    /// Until the kernel says that it cannot on this way.
    cuts: bool,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(socket: &'a UdpSocket, client: SocketAddr) -> Self {
        Self { socket, client, address: client.into(), cuts: true }
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
            if !self.message(&parts(&packet), &[])? {
                return Ok(false);
            }
            *sent += 1;
        }
        Ok(true)
    }

    /// Sends a packet.
    pub(super) async fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.send_to(packet, self.client).await
    }

    /// Sends a packet to somebody else.
    pub(super) async fn send_to(&self, packet: &[u8], to: SocketAddr) -> io::Result<()> {
        while !has_left(self.socket.send_to(packet, to))? {
            self.wait_for_room().await?;
        }
        Ok(())
    }

    /// Sends packets that lie in pieces; false where the system takes none now.
    fn message(&self, parts: &[IoSlice<'_>], control: &[ControlMessage<'_>]) -> io::Result<bool> {
        let (descriptor, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let sent = sendmsg(descriptor, parts, control, flags, Some(&self.address));
        has_left(sent.map_err(io::Error::from))
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
        let mut inlet = Inlet::new(&socket).unwrap();
        let local = socket.local_addr().unwrap();
        let outlet = Outlet::new(&socket, local);
        for _ in 0..2 {
            outlet.wait_for_room().await.unwrap();
            outlet.send(b"packet").await.unwrap();
            assert_eq!(inlet.receive().await.unwrap(), (6, local));
        }
    }
}
