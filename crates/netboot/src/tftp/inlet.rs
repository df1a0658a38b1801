//! Packets on their way from one client.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::watch::watch;

/// Bytes of a packet that a client sends during a transfer, at most: an error and its text.
const LONGEST: usize = 1024;

/// Receives on a socket that nobody else receives on.
pub(super) struct Inlet<'a> {
    socket: &'a UdpSocket,
    /// Made when packets are first slept for, since each takes longer from then on.
    watch: Option<AsyncFd<BorrowedFd<'a>>>,
    buffer: [u8; LONGEST],
}

/// Length of a packet, and who sent it.
type Received = io::Result<(usize, SocketAddr)>;

impl<'a> Inlet<'a> {
    /// `socket` does not block.
    pub(super) fn new(socket: &'a UdpSocket) -> Self {
        Self { socket, watch: None, buffer: [0; LONGEST] }
    }

    /// The first bytes of the packet that was received last.
    pub(super) fn packet(&self, length: usize) -> &[u8] {
        &self.buffer[..length]
    }

    /// The next packet, once it has come in.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        let watch = match &mut self.watch {
            Some(watch) => watch,
            none => none.insert(watch(self.socket.as_fd(), Interest::READABLE)?),
        };
        loop {
            // Cheaper than `readable`, which is prepared for others who wait for the same socket.
            let mut ready = ready!(watch.poll_read_ready(context))?;
            if let Ok(received) = ready.try_io(|_| receive(self.socket, &mut self.buffer)) {
                return Poll::Ready(received);
            }
        }
    }

    /// Has the next packet waited for without a look whether it is there, which costs as much as
    /// receiving it. For when the client has nothing to say: what is there all the same comes in
    /// with the next packet, or is found by [`Inlet::receive_now`].
    pub(super) fn expect_nothing(&self) {
        let nothing = |_: &BorrowedFd<'_>| Err::<(), _>(io::ErrorKind::WouldBlock.into());
        if let Some(watch) = &self.watch {
            let _ = watch.try_io(Interest::READABLE, nothing);
        }
    }

    /// The next packet, if it has come in, even while nothing was expected.
    pub(super) fn receive_now(&mut self) -> Option<Received> {
        some(receive(self.socket, &mut self.buffer))
    }
}

/// As [`UdpSocket::recv_from`], but not by the C library: that sees to it in each call that a thread can
/// be cancelled there.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Received {
    let (length, _, from) = rustix::net::recvfrom(socket, buffer, RecvFlags::DONTWAIT)?;
    let from = from.ok_or(io::ErrorKind::InvalidData)?;
    Ok((length, from.try_into()?))
}

/// None where there is nothing to receive.
fn some(received: Received) -> Option<Received> {
    let nothing = received.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    (!nothing).then_some(received)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    impl Inlet<'_> {
        pub(in super::super) async fn receive(&mut self) -> Received {
            poll_fn(|context| self.poll_receive(context)).await
        }
    }

    #[tokio::test]
    async fn what_comes_in_unexpectedly_is_not_lost() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let from = client.local_addr().unwrap();
        client.connect(socket.local_addr().unwrap()).unwrap();
        let mut inlet = Inlet::new(&socket);
        for overlooked in [true, false] {
            for packet in [b"one", b"two"] {
                client.send(packet).unwrap();
            }
            assert_eq!(inlet.receive().await.unwrap(), (3, from));
            assert_eq!(inlet.packet(3), b"one");
            inlet.expect_nothing();
            let soon = tokio::time::timeout(Duration::from_millis(50), inlet.receive()).await;
            assert!(soon.is_err(), "nobody looked whether there is one");
            if overlooked {
                assert_eq!(inlet.receive_now().unwrap().unwrap(), (3, from));
            } else {
                client.send(b"three").unwrap();
                assert_eq!(inlet.receive().await.unwrap(), (3, from));
            }
            assert_eq!(inlet.packet(3), b"two");
        }
        assert_eq!(inlet.receive_now().unwrap().unwrap().0, 5);
        assert!(inlet.receive_now().is_none());
    }
}
