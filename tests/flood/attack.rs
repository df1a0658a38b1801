//! Attacks by machines on the link: a thousand packets or connections a second, from 64 addresses.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use winpe_netboot::wire::tftp::{Mode, Options, Packet, Request};

use crate::network::{Network, SERVER, connect, connect_narrow, port};

/// One attack step each millisecond.
const RATE: u128 = 1000;
/// Sockets that an attacker keeps open; the oldest are closed.
const OPEN: usize = 3000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Read requests with `timeout` 255, whose answers are never read.
    Requests,
    /// Transfers that are acknowledged once and then abandoned.
    Transfers,
    /// Connections that send half of a request.
    Heads,
    /// Connections that read one byte a second.
    Readers,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Requests, Kind::Transfers, Kind::Heads, Kind::Readers];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests that are never answered",
            Self::Transfers => "transfers that are acknowledged once",
            Self::Heads => "half requests by HTTP",
            Self::Readers => "readers of a byte a second",
        }
    }
}

/// Runs until it is stopped.
pub(crate) struct Attack {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Attack {
    /// The calling thread must be in the clients' namespace.
    pub(crate) fn begin(network: &Network, kind: Kind) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let addresses: Vec<_> = (0..64).map(|number| network.attacker(number)).collect();
        let thread = std::thread::spawn(move || {
            let (began, mut done) = (Instant::now(), 0_u64);
            let mut open = Open::default();
            while !stop.load(Ordering::Relaxed) {
                while u128::from(done) * 1000 < began.elapsed().as_millis() * RATE {
                    let from = addresses[done as usize % addresses.len()];
                    match kind {
                        Kind::Requests | Kind::Transfers => {
                            open.ports.extend(port(from).inspect(request))
                        }
                        Kind::Heads => open.streams.extend(connect(from, 80).inspect(half_head)),
                        Kind::Readers => open.streams.extend(connect_narrow(from, 80).inspect(ask)),
                    }
                    done += 1;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                open.tend(kind);
                std::thread::sleep(Duration::from_millis(1));
            }
            done
        });
        Self { over, thread }
    }

    /// Stops it, and returns the number of packets or connections.
    pub(crate) fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

#[derive(Default)]
struct Open {
    ports: VecDeque<UdpSocket>,
    streams: VecDeque<TcpStream>,
    /// When each stream last read a byte.
    took: Option<Instant>,
}

impl Open {
    fn tend(&mut self, kind: Kind) {
        while self.ports.len() > OPEN {
            self.ports.pop_front();
        }
        while self.streams.len() > OPEN {
            self.streams.pop_front();
        }
        if kind == Kind::Transfers {
            // The first answer to each of the last requests.
            for port in self.ports.iter().rev().take(64) {
                let mut buffer = [0; 2048];
                if let Ok((_, from)) = port.recv_from(&mut buffer) {
                    let _ = port.send_to(&bytes(&Packet::Ack { block: 0 }), from);
                }
            }
        }
        let due = self.took.is_none_or(|took| took.elapsed() >= Duration::from_secs(1));
        if kind == Kind::Readers && due {
            self.took = Some(Instant::now());
            for stream in &mut self.streams {
                let _ = stream.read(&mut [0]);
            }
        }
    }
}

/// A failed step is not part of the attack.
fn request(port: &UdpSocket) {
    let options = Options {
        timeout: Some(255),
        block_size: Some(1408),
        window_size: Some(64),
        ..Options::default()
    };
    let packet = Packet::Read(Request { file: "image", mode: Mode::Octet, options });
    let _ = port.send_to(&bytes(&packet), SocketAddr::from((SERVER, 69)));
}

fn half_head(stream: &TcpStream) {
    let _ = (&*stream).write_all(b"GET /image HTTP/1.1\r\nHost: boo");
}

fn ask(stream: &TcpStream) {
    let _ = (&*stream).write_all(b"GET /image HTTP/1.1\r\nHost: boot\r\n\r\n");
}

pub(crate) fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.write(&mut bytes);
    bytes
}
