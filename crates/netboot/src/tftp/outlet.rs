//! Packets on their way to one client.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::endpoint::is_passing;
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
    client: SockaddrStorage,
    /// Until the kernel says that it cannot on this way.
    cuts: bool,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(socket: &'a UdpSocket, client: SocketAddr) -> Self {
        Self { socket, client: client.into(), cuts: true }
    }

    /// How many packets with blocks of that size to hand over at once.
    pub(super) fn most(&self, block_size: u16) -> usize {
        let packets = MESSAGE / (DATA_HEADER + usize::from(block_size));
        if self.cuts { packets.clamp(1, SEGMENTS) } else { SEGMENTS }
    }

    /// Sends packets; what the network refuses at this moment counts as lost on the way.
    pub(super) async fn send(&mut self, run: &Run<'_>) -> io::Result<()> {
        let packets: Vec<_> = run.packets().collect();
        if let ([_, _, ..], Ok(size), true) =
            (packets.as_slice(), u16::try_from(run.packet_size()), self.cuts)
        {
            let sent = self.message(&packets, &[ControlMessage::UdpGsoSegments(&size)]).await;
            if !sent.as_ref().is_err_and(cannot_cut) {
                return tolerate(sent);
            }
            self.cuts = false;
        }
        for packet in packets.chunks(1) {
            tolerate(self.message(packet, &[]).await)?;
        }
        Ok(())
    }

    async fn message(
        &self,
        packets: &[([u8; DATA_HEADER], &[u8])],
        control: &[ControlMessage<'_>],
    ) -> io::Result<()> {
        let parts: Vec<_> = packets
            .iter()
            .flat_map(|(header, payload)| [IoSlice::new(header), IoSlice::new(payload)])
            .collect();
        let descriptor = self.socket.as_raw_fd();
        let send = || {
            let flags = MsgFlags::MSG_DONTWAIT;
            Ok(sendmsg(descriptor, &parts, control, flags, Some(&self.client))?)
        };
        self.socket.async_io(Interest::WRITABLE, send).await.map(drop)
    }
}

/// What kernels say that do not know how, whose card leaves checksums to them, or where a packet is
/// longer than what the way carries without fragments.
fn cannot_cut(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    use Errno::{EINVAL, EIO, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP};
    matches!(errno, Some(EINVAL | EIO | EMSGSIZE | ENOPROTOOPT | EOPNOTSUPP))
}

fn tolerate(sent: io::Result<()>) -> io::Result<()> {
    sent.or_else(|error| if is_passing(&error) { Ok(()) } else { Err(error) })
}
