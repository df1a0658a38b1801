//! Being told when a socket can be used.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches a socket for packets that come in, or for room for those that go out.
///
/// Tokio's own sockets are watched for both, and so wake the program with each packet that leaves it.
#[expect(
    deprecated,
    reason = "its successor is unsafe; what lends descriptors does not change them"
)]
pub(super) fn watch<T: AsFd + AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, interest)
}
