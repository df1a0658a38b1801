//! Registers a descriptor with the runtime's epoll instance.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a socket for readiness to read, or to write.
///
/// Tokio's own sockets are registered for both, and so wake the program with each packet that leaves.
#[expect(
    deprecated,
    reason = "its successor is unsafe; what lends descriptors does not change them"
)]
pub(crate) fn register<T: AsFd + AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, interest)
}
