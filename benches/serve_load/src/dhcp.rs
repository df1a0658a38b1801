//! DHCP clients: any number behind a relay, and on the link.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// A client without an answer for this time starts again.
const PATIENCE: Duration = Duration::from_secs(1);
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

pub(crate) struct Rate {
    pub(crate) done: u64,
    pub(crate) lost: u64,
    pub(crate) refused: u64,
    pub(crate) elapsed: Duration,
}

/// Exchanges of four messages, with a constant number in progress.
pub(crate) fn exchanges(
    server: SocketAddrV4,
    relay: Ipv4Addr,
    outstanding: usize,
    time: Duration,
    clients: u32,
) -> io::Result<Rate> {
    let socket = UdpSocket::bind((relay, 67))?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    let mut waiting: HashMap<u32, Instant> = HashMap::new();
    let mut order = VecDeque::new();
    let mut rate = Rate { done: 0, lost: 0, refused: 0, elapsed: Duration::ZERO };
    let mut buffer = [0; 2048];
    let mut next = 0_u32;
    let began = Instant::now();
    while began.elapsed() < time {
        while waiting.len() < outstanding {
            let mac = mac(next % clients);
            socket.send_to(&message(DISCOVER, next, mac, relay, None), server)?;
            waiting.insert(next, Instant::now());
            order.push_back(next);
            next += 1;
        }
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let Some(answer) = Answer::parse(&buffer[..length]) else { continue };
                if !waiting.contains_key(&answer.transaction) {
                    continue;
                }
                match answer.kind {
                    OFFER => {
                        let mac = mac(answer.transaction % clients);
                        let taken = Some((answer.address, answer.server));
                        let request = message(REQUEST, answer.transaction, mac, relay, taken);
                        socket.send_to(&request, server)?;
                    }
                    kind => {
                        waiting.remove(&answer.transaction);
                        if kind == ACK { rate.done += 1 } else { rate.refused += 1 }
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        while let Some(first) = order.front() {
            match waiting.get(first) {
                Some(since) if since.elapsed() < PATIENCE => break,
                Some(_) => {
                    waiting.remove(first);
                    rate.lost += 1;
                }
                None => {}
            }
            order.pop_front();
        }
    }
    rate.elapsed = began.elapsed();
    Ok(rate)
}

/// The time until each of some new clients on the link had its first OFFER; they retransmit as RFC
/// 2131 prescribes.
pub(crate) fn burst(device: &str, clients: u32, time: Duration) -> io::Result<Vec<Duration>> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind_device(Some(device.as_bytes()))?;
    socket.set_broadcast(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68).into())?;
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(Duration::from_millis(10)))?;
    let everyone = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    let base = std::process::id() << 8;
    let mut open: HashMap<u32, (u32, Instant)> = HashMap::new();
    let began = Instant::now();
    let ask = |number: u32| {
        let discover =
            message(DISCOVER, base + number, mac(base + number), Ipv4Addr::UNSPECIFIED, None);
        socket.send_to(&discover, everyone).map(drop)
    };
    for number in 0..clients {
        ask(number)?;
        open.insert(number, (4, Instant::now()));
    }
    let mut offers = Vec::new();
    let mut buffer = [0; 2048];
    while !open.is_empty() && began.elapsed() < time {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let answer = Answer::parse(&buffer[..length]).filter(|answer| answer.kind == OFFER);
                let number = answer.map(|answer| answer.transaction.wrapping_sub(base));
                if number.is_some_and(|number| open.remove(&number).is_some()) {
                    offers.push(began.elapsed());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        for (number, (wait, since)) in &mut open {
            if since.elapsed() >= Duration::from_secs((*wait).into()) {
                ask(*number)?;
                (*wait, *since) = (*wait * 2, Instant::now());
            }
        }
    }
    Ok(offers)
}

struct Answer {
    transaction: u32,
    kind: u8,
    address: Ipv4Addr,
    server: Ipv4Addr,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let mut options = bytes.get(240..)?;
        let (mut kind, mut server) = (0, Ipv4Addr::UNSPECIFIED);
        while let [code @ 1..=254, length, rest @ ..] = options {
            let (value, rest) = rest.split_at_checked(usize::from(*length))?;
            match (code, value) {
                (53, [value]) => kind = *value,
                (54, &[a, b, c, d]) => server = Ipv4Addr::new(a, b, c, d),
                _ => {}
            }
            options = rest;
        }
        Some(Self { transaction: word(4)?, kind, address: word(16)?.into(), server })
    }
}

fn mac(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x52, 0x54, a, b, c, d]
}

/// A message of a client; without a relay, it requests a broadcast. `taken` is the offered address
/// and its server.
fn message(
    kind: u8,
    transaction: u32,
    mac: [u8; 6],
    relay: Ipv4Addr,
    taken: Option<(Ipv4Addr, Ipv4Addr)>,
) -> Vec<u8> {
    let mut bytes = vec![1, 1, 6, u8::from(!relay.is_unspecified())];
    bytes.extend(transaction.to_be_bytes());
    bytes.extend([0, 0, if relay.is_unspecified() { 0x80 } else { 0 }, 0]);
    bytes.extend([0; 12]);
    bytes.extend(relay.octets());
    bytes.extend(mac);
    bytes.resize(236, 0);
    bytes.extend([0x63, 0x82, 0x53, 0x63, 53, 1, kind]);
    if let Some((address, server)) = taken {
        bytes.extend([50, 4]);
        bytes.extend(address.octets());
        bytes.extend([54, 4]);
        bytes.extend(server.octets());
    }
    bytes.extend([55, 6, 1, 3, 6, 60, 66, 67, 93, 2, 0, 0, 60, 32]);
    bytes.extend(b"PXEClient:Arch:00000:UNDI:002001");
    bytes.extend([61, 7, 1]);
    bytes.extend(mac);
    bytes.push(255);
    bytes.resize(bytes.len().max(300), 0);
    bytes
}
