//! Writing to a socket with a limit on how long the client may take nothing.

use std::io;
use std::time::Duration;

use rustix::net::{SendFlags, send};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Sends all of `bytes`.
pub(super) async fn push(
    stream: &TcpStream,
    patience: Duration,
    mut bytes: &[u8],
    flags: SendFlags,
) -> io::Result<()> {
    let flags = flags | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    while !bytes.is_empty() {
        let length = write_within(stream, patience, || Ok(send(stream, bytes, flags)?)).await?;
        bytes = &bytes[length..];
    }
    Ok(())
}

/// Writes once the socket's queue has room.
///
/// # Errors
/// Where it fails, or the client takes nothing for too long.
pub(super) async fn write_within(
    stream: &TcpStream,
    patience: Duration,
    write: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    let written = stream.async_io(Interest::WRITABLE, write);
    tokio::time::timeout(patience, written).await.map_err(|_| io::ErrorKind::TimedOut)?
}
