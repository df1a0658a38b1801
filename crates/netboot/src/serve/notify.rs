//! Telling systemd, as sd_notify(3) has it: a word to the socket that the environment names.

use std::env;
use std::future::Future;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The word that another configuration is being read, with the time that newer versions want.
pub(super) fn reloading() -> String {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
    format!("RELOADING=1\nMONOTONIC_USEC={micros}")
}

/// Gives signs of life for as long as `shutdown` is not ready, where they are waited for
/// (`sd_watchdog_enabled(3)`).
pub(super) async fn live(shutdown: impl Future<Output = ()>) {
    let Some(every) = env::var("WATCHDOG_USEC").ok().and_then(|micros| micros.parse().ok()) else {
        return shutdown.await;
    };
    // Twice in each time, as the manual recommends.
    let mut ticks = tokio::time::interval((Duration::from_micros(every) / 2).max(LEAST));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = ticks.tick() => {
                // Who does not hear it acts as if the server were dead, and starts another.
                let _ = tell("WATCHDOG=1");
            }
        }
    }
}

/// Between two signs of life, at least.
const LEAST: Duration = Duration::from_millis(10);

/// Tells whoever started the server how it is, where they want to know.
pub(super) fn tell(state: &str) -> io::Result<()> {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let bytes = name.as_encoded_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}
