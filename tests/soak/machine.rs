//! A booting machine: an address, a boot file, a boot loader by TFTP, an image by HTTP.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use winpe_netboot::wire::dhcp::{Message, MessageType, code};
use winpe_netboot::wire::tftp::{Mode, Options, Packet, Request};

use crate::ledger::Ledger;
use crate::network::{Network, RELAYS, SERVER};

/// Limit for a whole boot: firmware tries for about as long, and a restart takes some seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time before a packet is retransmitted for the first time.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LAST_WAIT: Duration = Duration::from_secs(2);
const BLOCK: u16 = 1408;
const WINDOW: u16 = 4;

pub(crate) struct Machine {
    pub(crate) number: u32,
    pub(crate) line: Line,
}

/// The result of a boot.
pub(crate) struct Tale {
    /// Steps that were tried again.
    pub(crate) again: u32,
    /// Why it did not boot.
    pub(crate) lost: Option<String>,
}

/// The path to the server, on which packets get lost.
pub(crate) struct Line {
    relay: Ipv4Addr,
    loss: u32,
    chance: Cell<u64>,
}

impl Line {
    /// The path of a worker, with a loss in percent; the seed determines the lost packets.
    pub(crate) fn new(worker: u32, loss: u32, seed: u64) -> Self {
        let relay = Ipv4Addr::from(u32::from(RELAYS) + worker);
        Self { relay, loss, chance: Cell::new(seed ^ 0x9e37_79b9_7f4a_7c15) }
    }

    /// A pseudo-random number (splitmix64).
    fn number(&self) -> u64 {
        let state = self.chance.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.chance.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn loses(&self) -> bool {
        self.number() % 100 < self.loss.into()
    }

    fn send(&self, socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
        if !self.loses() {
            // The kernel may report errors while the server is away; a machine tries again.
            let _ = socket.send_to(bytes, to);
        }
    }

    /// The next packet; `None` after a timeout.
    fn receive(
        &self,
        socket: &UdpSocket,
        buffer: &mut [u8],
        until: Instant,
    ) -> Option<(usize, SocketAddr)> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match socket.recv_from(buffer) {
                Ok(_) if self.loses() => {}
                Ok(received) => return Some(received),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The server is away.
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
            if Instant::now() >= until {
                return None;
            }
        }
    }
}

impl Machine {
    /// Boots, with as many tries of each step as fit into the time limit.
    pub(crate) fn boot(&self, network: &Network, ledger: &Ledger) -> Tale {
        let end = Instant::now() + PATIENCE;
        let mut tries = 0;
        let booted = self.address(end, &mut tries, ledger).and_then(|address| {
            self.until(end, &mut tries, "TFTP", || self.loader(address, &network.loader))?;
            self.until(end, &mut tries, "HTTP", || image(address, &network.image))
        });
        let lost = booted.err().map(|why| format!("machine {}: {why}", self.number));
        Tale { again: tries.saturating_sub(4), lost }
    }

    fn until(
        &self,
        end: Instant,
        tries: &mut u32,
        what: &str,
        step: impl Fn() -> io::Result<()>,
    ) -> Result<(), String> {
        loop {
            *tries += 1;
            match step() {
                Ok(()) => return Ok(()),
                // Wrong bytes are worse than missing ones.
                Err(error) if error.kind() == ErrorKind::InvalidData || Instant::now() > end => {
                    return Err(format!("{what}: {error}"));
                }
                Err(_) => std::thread::sleep(FIRST_WAIT),
            }
        }
    }

    /// DISCOVER, OFFER, REQUEST, ACK.
    fn address(&self, end: Instant, tries: &mut u32, ledger: &Ledger) -> Result<Ipv4Addr, String> {
        let socket = UdpSocket::bind((self.line.relay, 67)).map_err(|error| error.to_string())?;
        let mut wait = FIRST_WAIT;
        while Instant::now() < end {
            *tries += 1;
            let xid = self.line.number() as u32;
            let discover = self.message(xid, MessageType::Discover, None);
            if let Some(offer) = self.exchange(&socket, &discover, MessageType::Offer, wait) {
                *tries += 1;
                let server = offer.options.address(code::SERVER_ID).ok_or("an OFFER of nobody")?;
                let request = self.message(xid, MessageType::Request, Some((offer.yiaddr, server)));
                if let Some(ack) = self.exchange(&socket, &request, MessageType::Ack, wait) {
                    let lease = ack.options.get(code::LEASE_TIME).ok_or("no lease time")?;
                    let lease = lease.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                    ledger.given(self.number, ack.yiaddr, Duration::from_secs(lease));
                    return Ok(ack.yiaddr);
                }
            }
            wait = (wait * 2).min(LAST_WAIT);
        }
        Err("no address".to_owned())
    }

    fn message(&self, xid: u32, kind: MessageType, taken: Option<(Ipv4Addr, Ipv4Addr)>) -> Message {
        let [a, b, c, d] = self.number.to_be_bytes();
        let mut message = Message::request(xid, [0x52, 0x54, a, b, c, d]);
        message.giaddr = self.line.relay;
        message.options.set(code::MESSAGE_TYPE, [kind as u8]);
        message.options.set(code::VENDOR_CLASS, *b"PXEClient:Arch:00000:UNDI:002001");
        if let Some((address, server)) = taken {
            message.options.set(code::REQUESTED_ADDRESS, address.octets());
            message.options.set(code::SERVER_ID, server.octets());
        }
        message
    }

    /// Sends a message and waits for its answer.
    fn exchange(
        &self,
        socket: &UdpSocket,
        message: &Message,
        wanted: MessageType,
        wait: Duration,
    ) -> Option<Message> {
        self.line.send(socket, &message.encode(576).unwrap(), (SERVER, 67).into());
        let until = Instant::now() + wait;
        let mut buffer = [0; 2048];
        while let Some((length, _)) = self.line.receive(socket, &mut buffer, until) {
            let answer = Message::parse(&buffer[..length]).expect("the server writes messages");
            if answer.xid == message.xid && answer.message_type() == Some(wanted) {
                return Some(answer);
            }
        }
        None
    }

    fn loader(&self, address: Ipv4Addr, expected: &[u8]) -> io::Result<()> {
        let socket = UdpSocket::bind((address, 0))?;
        let options = Options {
            block_size: Some(BLOCK),
            window_size: Some(WINDOW),
            transfer_size: Some(0),
            ..Options::default()
        };
        let request = Packet::Read(Request { file: "loader", mode: Mode::Octet, options });
        let mut word = bytes(&request);
        let mut to = SocketAddr::from((SERVER, 69));
        let mut got = Vec::new();
        let (mut last, mut acked) = (0_u16, 0_u16);
        let mut silences = 0;
        let mut buffer = [0; 2048];
        self.line.send(&socket, &word, to);
        loop {
            let until = Instant::now() + LAST_WAIT;
            let Some((length, from)) = self.line.receive(&socket, &mut buffer, until) else {
                silences += 1;
                if silences > 3 {
                    return Err(ErrorKind::TimedOut.into());
                }
                self.line.send(&socket, &word, to);
                continue;
            };
            match Packet::parse(&buffer[..length]).expect("the server writes packets") {
                Packet::OptionAck(_) if last == 0 => to = from,
                Packet::Data { block, payload } if block == last + 1 && from == to => {
                    last = block;
                    got.extend_from_slice(payload);
                    let ended = payload.len() < usize::from(BLOCK);
                    if !ended && last - acked < WINDOW {
                        continue;
                    }
                    if ended {
                        self.line.send(&socket, &bytes(&Packet::Ack { block }), to);
                        return same(&got, expected);
                    }
                }
                // One ACK for each gap; more ACKs would cause more retransmissions.
                Packet::Data { block, .. } if from == to && block > last && acked < last => {}
                Packet::Error { message, .. } => {
                    return Err(io::Error::other(message.into_owned()));
                }
                _ => continue,
            }
            acked = last;
            word = bytes(&Packet::Ack { block: last });
            self.line.send(&socket, &word, to);
        }
    }
}

fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.write(&mut bytes);
    bytes
}

fn same(got: &[u8], expected: &[u8]) -> io::Result<()> {
    if got == expected { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
}

/// TCP recovers losses itself.
fn image(address: Ipv4Addr, expected: &[u8]) -> io::Result<()> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )?;
    rustix::net::bind(&socket, &SocketAddr::from((address, 0)))?;
    rustix::net::connect(&socket, &SocketAddr::from((SERVER, 80)))?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /image HTTP/1.1\r\nHost: boot\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let body = head.map(|head| &answer[head + 4..]).ok_or(ErrorKind::UnexpectedEof)?;
    if body.len() < expected.len() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    same(body, expected)
}
