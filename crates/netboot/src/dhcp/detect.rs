//! Which other DHCP servers answer on a link.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::net::{At, Interface, PortError, Service, udp};
use crate::wire::dhcp::{Message, MessageType, Op, code};

/// Between two questions.
const REPEAT: Duration = Duration::from_secs(1);
/// After the first answer, others have this long for theirs.
const OTHERS: Duration = Duration::from_millis(300);

/// The socket that receives the answers, on the port of clients, 68.
pub(crate) fn question_socket(interface: &Interface) -> Result<std::net::UdpSocket, PortError> {
    Ok(udp(interface, At::Broadcasts, Service::Dhcp, 68)?.into())
}

/// A client that asks for an address and takes none, to find the servers that offer one.
pub(crate) struct Questioner {
    socket: UdpSocket,
    /// Its made-up hardware address, the same each time, so that servers keep one offer for it.
    mac: [u8; 4],
    asked: u32,
}

impl Questioner {
    pub(crate) fn new(socket: std::net::UdpSocket, interface: &Interface) -> io::Result<Self> {
        let socket = UdpSocket::from_std(socket)?;
        let [a, b, c, d, x @ ..] = RandomState::new().hash_one(interface.address).to_be_bytes();
        Ok(Self { socket, mac: [a, b, c, d], asked: u32::from_be_bytes(x) })
    }

    /// Returns the servers that offer an address. Ends soon after the first offer, and after `patience` without
    /// one.
    pub(crate) async fn ask(&mut self, patience: Duration) -> io::Result<Vec<Ipv4Addr>> {
        self.asked = self.asked.wrapping_add(1);
        let question = question(self.mac, self.asked);
        let bytes = question.encode(548).expect("a short message is short");
        let mut servers = BTreeSet::new();
        let mut buffer = [0; 1500];
        // What was sent to other clients since the last question.
        while self.socket.try_recv_from(&mut buffer).is_ok() {}
        let mut end = Instant::now() + patience;
        let mut ask = Instant::now();
        while Instant::now() < end {
            if ask <= Instant::now() && servers.is_empty() {
                let everyone = SocketAddr::from((Ipv4Addr::BROADCAST, 67));
                self.socket.send_to(&bytes, everyone).await?;
                ask += REPEAT;
            }
            let wake = if servers.is_empty() { end.min(ask) } else { end };
            let received = timeout_at(wake, self.socket.recv_from(&mut buffer)).await;
            let Ok(received) = received else { continue };
            let (length, _) = received?;
            if let Some(server) = offer(&question, &buffer[..length]) {
                servers.insert(server);
                end = end.min(Instant::now() + OTHERS);
            }
        }
        Ok(servers.into_iter().collect())
    }
}

/// A DISCOVER with a made-up hardware address.
fn question([a, b, c, d]: [u8; 4], xid: u32) -> Message {
    let mut message = Message::request(xid, [0x02, 0x57, a, b, c, d]);
    message.flags = Message::BROADCAST;
    // Some servers leave the first seconds to others.
    message.secs = 16;
    message.options.set(code::MESSAGE_TYPE, [MessageType::Discover as u8]);
    message.options.set(code::PARAMETER_LIST, [code::SUBNET_MASK, code::ROUTER]);
    message
}

/// The server that offers an address in answer to the question; none for a proxy, which offers no address.
fn offer(question: &Message, bytes: &[u8]) -> Option<Ipv4Addr> {
    let message = Message::parse(bytes).ok()?;
    let answers = message.op == Op::Reply
        && message.xid == question.xid
        && message.hardware == question.hardware
        && message.message_type() == Some(MessageType::Offer)
        && !message.yiaddr.is_unspecified();
    message.options.address(code::SERVER_ID).filter(|_| answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_offer_of_an_address_counts() {
        let question = question([1, 2, 3, 4], 5);
        let server = Ipv4Addr::new(192, 168, 0, 1);
        let answer = |change: &dyn Fn(&mut Message)| {
            let mut answer = question.reply();
            answer.yiaddr = [192, 168, 0, 50].into();
            answer.options.set(code::MESSAGE_TYPE, [MessageType::Offer as u8]);
            answer.options.set(code::SERVER_ID, server.octets());
            change(&mut answer);
            offer(&question, &answer.encode(548).unwrap())
        };
        assert_eq!(answer(&|_| {}), Some(server));
        assert_eq!(answer(&|it| it.yiaddr = Ipv4Addr::UNSPECIFIED), None, "a proxy");
        assert_eq!(answer(&|it| it.xid += 1), None, "for another client");
        assert_eq!(answer(&|it| it.options.set(code::MESSAGE_TYPE, [6])), None, "a NAK");
        assert_eq!(offer(&question, b"noise"), None);
    }
}
