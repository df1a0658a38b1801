//! Notifies the supervisor, as sd_notify(3) describes: a datagram to the socket that the environment names.
//! The crate `sd-notify` 0.5 takes the name of a socket of the abstract namespace (`@name`) for a path, so it
//! is not used.

use std::env;
use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
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
    match env::var_os("NOTIFY_SOCKET") {
        Some(name) => send_to(&name, state),
        None => Ok(()),
    }
}

fn send_to(name: &OsStr, state: &str) -> io::Result<()> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_a_path_or_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let abstract_name = format!("winpe-netboot-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        let names = [path.into_os_string(), format!("@{abstract_name}").into()];
        for (socket, name) in [by_path, by_name].into_iter().zip(names) {
            send_to(&name, "READY=1").unwrap();
            let mut buffer = [0; 16];
            let length = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1");
        }
    }
}
