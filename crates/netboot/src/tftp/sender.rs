//! Sends packets to one client, many with one call where the kernel has UDP segmentation offload (GSO).
//!
//! `quinn-udp` has GSO too, but its `Transmit` takes one contiguous buffer, where this sends headers and blocks
//! of a shared file from where they are, and it sets DF on its sockets without a way back, where this lets the
//! kernel fragment once the path needs it (a client may insist on a block size above the MTU).

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use rustix::net::SendFlags;
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use tokio::io::Interest;

use super::endpoint::is_passing;
use crate::logic::tftp::Run;
use crate::net::register;
use crate::wire::tftp::DATA_HEADER;

/// Packets of one GSO message, at most (`UDP_MAX_SEGMENTS` of the oldest kernels with GSO).
const MAX_SEGMENTS: usize = 64;
/// Bytes of a GSO message: those of an IP packet without its header and UDP's.
const MAX_MESSAGE: usize = 65_535 - 40 - 8;
/// Bytes of a packet that is copied together before it is sent, at most: the kernel takes one piece faster
/// than two, but copying a longer packet costs more than that saves.
const MAX_SCRATCH: usize = 2048;

/// Sends to one client.
pub(super) struct Sender<'a> {
    socket: &'a UdpSocket,
    client: SocketAddr,
    /// The same as sendmsg takes it.
    address: SockaddrStorage,
    /// Header and block of the last packet, copied together.
    scratch: Vec<u8>,
    /// True until the kernel refuses GSO on this path.
    gso: bool,
    /// True until a datagram exceeds the path MTU. With DF set IPv4 needs no ID (RFC 6864); generating one
    /// costs the kernel as much as the route lookup.
    dont_fragment: bool,
}

impl<'a> Sender<'a> {
    pub(super) fn new(socket: &'a UdpSocket, client: SocketAddr) -> Self {
        let (address, scratch) = (client.into(), Vec::new());
        let dont_fragment =
            client.is_ipv4() && set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DO).is_ok();
        Self { socket, client, address, scratch, gso: true, dont_fragment }
    }

    /// The most packets with blocks of that size that one [`Self::send_run`] should have.
    pub(super) fn max_run(&self, block_size: u16) -> usize {
        let packets = MAX_MESSAGE / (DATA_HEADER + usize::from(block_size));
        if self.gso { packets.clamp(1, MAX_SEGMENTS) } else { MAX_SEGMENTS }
    }

    /// Sends DATA packets.
    pub(super) async fn send_run(&mut self, run: &Run<'_>) -> io::Result<()> {
        let mut sent = 0;
        while !self.send_run_now(run, &mut sent)? {
            self.wait_for_room().await?;
        }
        Ok(())
    }

    /// Sends DATA packets after the first `sent`, which is counted up; false where the queue of the socket is
    /// full.
    fn send_run_now(&mut self, run: &Run<'_>, sent: &mut usize) -> io::Result<bool> {
        if let (true, 2.., Ok(size)) = (self.gso, run.len(), u16::try_from(run.packet_size())) {
            let packets: Vec<_> = run.packets().collect();
            let parts: Vec<_> = packets.iter().flat_map(parts).collect();
            let segments = [ControlMessage::UdpGsoSegments(&size)];
            match self.message(&parts, &segments) {
                Err(error) if is_without_gso(&error) => self.gso = false,
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
        if header.len() + payload.len() > MAX_SCRATCH {
            return self.message(&parts(packet), &[]);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(header);
        scratch.extend_from_slice(payload);
        let sent = self.send_now(&scratch, self.client);
        self.scratch = scratch;
        sent
    }

    /// Sends a packet.
    pub(super) async fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        self.send_to(packet, self.client).await
    }

    /// Sends a packet to another address.
    pub(super) async fn send_to(&mut self, packet: &[u8], to: SocketAddr) -> io::Result<()> {
        while !self.send_now(packet, to)? {
            self.wait_for_room().await?;
        }
        Ok(())
    }

    /// Sends a packet; false where the queue of the socket is full.
    fn send_now(&mut self, packet: &[u8], to: SocketAddr) -> io::Result<bool> {
        // A direct system call: glibc's wrapper is a cancellation point, which costs more.
        self.attempt(|socket| Ok(rustix::net::sendto(socket, packet, SendFlags::DONTWAIT, &to)?))
    }

    /// Sends a message out of several pieces; false where the queue of the socket is full.
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

    /// Sends by `send`; a second time, with fragments allowed, where the datagram exceeds the path MTU.
    fn attempt(&mut self, send: impl Fn(&UdpSocket) -> io::Result<usize>) -> io::Result<bool> {
        let mut sent = send(self.socket);
        let is_long = |error: &io::Error| error.raw_os_error() == Some(Errno::EMSGSIZE as i32);
        if self.dont_fragment && sent.as_ref().is_err_and(is_long) {
            self.dont_fragment = false;
            set_ip_mtu_discover(self.socket, Ipv4PathMtuDiscovery::WANT)?;
            sent = send(self.socket);
        }
        is_sent(sent)
    }

    /// Waits until the queue of the socket has room. The socket is registered only for as long: each packet
    /// that leaves wakes the task that is registered.
    async fn wait_for_room(&self) -> io::Result<()> {
        let socket = register(self.socket.try_clone()?, Interest::WRITABLE)?;
        socket.writable().await?.retain_ready();
        Ok(())
    }
}

/// Whether a packet was sent; false where it needs room first. A packet that the network refuses at this
/// moment counts as lost on the way.
fn is_sent(sent: io::Result<usize>) -> io::Result<bool> {
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

/// Errors that mean UDP GSO cannot be used: old kernel, NIC without checksum offload, segment above the path
/// MTU.
fn is_without_gso(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    use Errno::{EINVAL, EIO, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP};
    matches!(errno, Some(EINVAL | EIO | EMSGSIZE | ENOPROTOOPT | EOPNOTSUPP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tftp::receiver::Receiver;

    #[tokio::test]
    async fn room_can_be_waited_for_while_packets_are() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut receiver = Receiver::new(&socket);
        let local = socket.local_addr().unwrap();
        let mut sender = Sender::new(&socket, local);
        for _ in 0..2 {
            sender.wait_for_room().await.unwrap();
            sender.send(b"packet").await.unwrap();
            assert_eq!(receiver.receive().await.unwrap(), (6, local));
        }
    }
}
