//! Receives the packets of one client.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::net::register;

/// Bytes of a packet that a client sends during a transfer, at most: an error and its text.
const MAX_PACKET: usize = 1024;

/// Receives on a socket that no other task reads.
pub(super) struct Receiver<'a> {
    socket: &'a UdpSocket,
    /// Made when a packet is first waited for, since each packet costs more from then on.
    epoll: Option<AsyncFd<BorrowedFd<'a>>>,
    buffer: [u8; MAX_PACKET],
}

/// Length of a packet, and its sender.
type Received = io::Result<(usize, SocketAddr)>;

impl<'a> Receiver<'a> {
    /// `socket` does not block.
    pub(super) fn new(socket: &'a UdpSocket) -> Self {
        Self { socket, epoll: None, buffer: [0; MAX_PACKET] }
    }

    /// The first bytes of the packet that was received last.
    pub(super) fn packet(&self, length: usize) -> &[u8] {
        &self.buffer[..length]
    }

    /// The next packet.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        let epoll = match &mut self.epoll {
            Some(epoll) => epoll,
            none => none.insert(register(self.socket.as_fd(), Interest::READABLE)?),
        };
        loop {
            // Cheaper than `readable`, which allows for other tasks that wait for the same socket.
            let mut ready = ready!(epoll.poll_read_ready(context))?;
            if let Ok(received) = ready.try_io(|_| receive(self.socket, &mut self.buffer)) {
                return Poll::Ready(received);
            }
        }
    }

    /// Clears readiness, so that the next [`Self::poll_receive`] goes to epoll without trying recvfrom first,
    /// which costs as much as receiving. Call it when the client has acknowledged all that was sent. A packet
    /// that is queued already is returned with the next one, or by [`Self::receive_now`].
    pub(super) fn clear_readiness(&self) {
        let nothing = |_: &BorrowedFd<'_>| Err::<(), _>(io::ErrorKind::WouldBlock.into());
        if let Some(epoll) = &self.epoll {
            let _ = epoll.try_io(Interest::READABLE, nothing);
        }
    }

    /// The next packet if it is queued, whatever the readiness.
    pub(super) fn receive_now(&mut self) -> Option<Received> {
        some(receive(self.socket, &mut self.buffer))
    }
}

/// As [`UdpSocket::recv_from`], by a direct system call: glibc's wrapper is a cancellation point, which costs
/// more.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Received {
    let (length, _, from) = rustix::net::recvfrom(socket, buffer, RecvFlags::DONTWAIT)?;
    let from = from.ok_or(io::ErrorKind::InvalidData)?;
    Ok((length, from.try_into()?))
}

/// None where no packet is queued.
fn some(received: Received) -> Option<Received> {
    let nothing = received.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    (!nothing).then_some(received)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    impl Receiver<'_> {
        pub(in super::super) async fn receive(&mut self) -> Received {
            poll_fn(|context| self.poll_receive(context)).await
        }
    }

    #[tokio::test]
    async fn a_packet_that_came_before_readiness_was_cleared_is_not_lost() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let from = client.local_addr().unwrap();
        client.connect(socket.local_addr().unwrap()).unwrap();
        let mut receiver = Receiver::new(&socket);
        for overlooked in [true, false] {
            for packet in [b"one", b"two"] {
                client.send(packet).unwrap();
            }
            assert_eq!(receiver.receive().await.unwrap(), (3, from));
            assert_eq!(receiver.packet(3), b"one");
            receiver.clear_readiness();
            let soon = tokio::time::timeout(Duration::from_millis(50), receiver.receive()).await;
            assert!(soon.is_err(), "epoll has not reported it");
            if overlooked {
                assert_eq!(receiver.receive_now().unwrap().unwrap(), (3, from));
            } else {
                client.send(b"three").unwrap();
                assert_eq!(receiver.receive().await.unwrap(), (3, from));
            }
            assert_eq!(receiver.packet(3), b"two");
        }
        assert_eq!(receiver.receive_now().unwrap().unwrap().0, 5);
        assert!(receiver.receive_now().is_none());
    }
}
