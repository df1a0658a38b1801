//! Transfers that share the port of requests.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Socket, Type};
use tokio::sync::mpsc;

use super::endpoint::Datagram;
use crate::wire::tftp::Packet;

/// The port of all transfers, where these have no own one. A socket that is connected to its client receives
/// what that client sends, and the socket of requests all else.
#[derive(Clone)]
pub(super) struct OnePort {
    pub(super) port: u16,
    /// Where requests go that the client sends while a transfer to it is under way.
    pub(super) requests: mpsc::Sender<Strayed>,
}

/// A request that came to the socket of a transfer.
pub(super) struct Strayed {
    pub(super) datagram: Datagram,
    pub(super) bytes: Vec<u8>,
}

impl OnePort {
    /// A socket at the port of requests that receives what this client sends.
    pub(super) fn connect(&self, local: IpAddr, client: SocketAddr) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(client), Type::DGRAM.nonblocking(), None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((local, self.port)).into())?;
        socket.connect(&client.into())?;
        Ok(socket.into())
    }

    /// Passes on a packet that asks for another file; false for any other packet. The client asks again, where
    /// too many wait.
    pub(super) fn passes_on(&self, packet: &[u8], local: IpAddr, client: SocketAddr) -> bool {
        let is_request = matches!(Packet::parse(packet), Ok(Packet::Read(_)));
        if is_request {
            let datagram = Datagram { length: packet.len(), client, local: Some(local) };
            let _ = self.requests.try_send(Strayed { datagram, bytes: packet.to_vec() });
        }
        is_request
    }
}
