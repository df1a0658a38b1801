//! Notifies the supervisor, as sd_notify(3) describes: a datagram to the socket that the environment names.
//! The crate `sd-notify` 0.5 takes the name of a socket of the abstract namespace (`@name`) for a path, so it
//! is not used.

use std::env;
use std::future::Future;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The message that another configuration is being read, with the time that newer versions require.
pub(super) fn reloading() -> String {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
    format!("RELOADING=1\nMONOTONIC_USEC={micros}")
}

/// Sends keep-alive messages until `shutdown` is ready, if the supervisor expects them
/// (`sd_watchdog_enabled(3)`).
pub(super) async fn live(shutdown: impl Future<Output = ()>) {
    let Some(every) = env::var("WATCHDOG_USEC").ok().and_then(|micros| micros.parse().ok()) else {
        return shutdown.await;
    };
    // Twice in each time, as the manual recommends.
    let mut ticks = tokio::time::interval((Duration::from_micros(every) / 2).max(MIN_INTERVAL));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = ticks.tick() => {
                // A supervisor that misses it restarts the server.
                let _ = send("WATCHDOG=1");
            }
        }
    }
}

/// Least time between two keep-alive messages.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// Sends a state to the supervisor, if the environment names its socket.
pub(super) fn send(state: &str) -> io::Result<()> {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let bytes = name.as_encoded_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}
