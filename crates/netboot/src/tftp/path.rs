//! The MTU of the paths to clients.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};

use nix::sys::socket::{getsockopt, sockopt::IpMtu};

use crate::wire::tftp::{DATA_HEADER, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE};

/// Asks the kernel for the MTU of the path to a client.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// The socket used for the last client, for the next one: for a crowd, making a socket for each would
    /// cost more than the question.
    probe: Mutex<Option<Probe>>,
}

/// A socket that sends nothing, and the address it has.
#[derive(Debug)]
struct Probe {
    socket: UdpSocket,
    local: IpAddr,
}

impl Paths {
    /// The greatest block that the path from `local` to a client carries without fragments.
    pub(super) fn block_size(&self, local: IpAddr, client: SocketAddr) -> u16 {
        let mut kept = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
        let probe = kept.take().filter(|probe| probe.local == local);
        let mtu = probe.or_else(|| Probe::new(local)).and_then(|probe| {
            let mtu = probe.mtu(client)?;
            *kept = Some(probe);
            Some(mtu)
        });
        // Ethernet's, where the system does not say.
        block_for_mtu(mtu.unwrap_or(1500), if local.is_ipv4() { 20 } else { 40 })
    }
}

impl Probe {
    fn new(local: IpAddr) -> Option<Self> {
        Some(Self { socket: UdpSocket::bind((local, 0)).ok()?, local })
    }

    fn mtu(&self, client: SocketAddr) -> Option<usize> {
        self.socket.connect(client).ok()?;
        usize::try_from(getsockopt(&self.socket, IpMtu).ok()?).ok()
    }
}

/// `mtu` counts from the IP header, which takes `ip_header` bytes; UDP's takes 8.
fn block_for_mtu(mtu: usize, ip_header: usize) -> u16 {
    let block = mtu.saturating_sub(ip_header + 8 + DATA_HEADER);
    u16::try_from(block).unwrap_or(MAX_BLOCK_SIZE).clamp(MIN_BLOCK_SIZE, MAX_BLOCK_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_fit_the_path() {
        assert_eq!(block_for_mtu(1500, 20), 1468);
        assert_eq!(block_for_mtu(1500, 40), 1448);
        assert_eq!(block_for_mtu(65536, 20), 65464);
        assert_eq!(block_for_mtu(0, 20), 8);
    }

    #[test]
    fn the_next_client_is_asked_about_anew() {
        let paths = Paths::default();
        let near = SocketAddr::from(([127, 0, 0, 1], 69));
        let loopback = paths.block_size([127, 0, 0, 1].into(), near);
        assert!(loopback > 1468);
        // From the loopback interface there is no way out, which shall spoil nothing.
        let nowhere = SocketAddr::from(([192, 0, 2, 1], 69));
        let _ = paths.block_size([127, 0, 0, 1].into(), nowhere);
        assert_eq!(paths.block_size([127, 0, 0, 1].into(), near), loopback);
        assert_eq!(paths.block_size([127, 0, 0, 2].into(), near), loopback);
    }
}
