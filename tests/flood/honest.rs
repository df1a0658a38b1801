//! A well-behaved client, and how long it waits.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use winpe_netboot::wire::tftp::{Mode, Options, Packet, Request};

use crate::attack::bytes;
use crate::network::{Network, SERVER, connect};

/// More than any answer may take.
pub(crate) const LONG: Duration = Duration::from_secs(5);

/// How long each answer took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Probe {
    tftp: Duration,
    http: Duration,
    health: Duration,
}

impl Probe {
    pub(crate) fn named(self) -> [(&'static str, Duration); 3] {
        [("TFTP", self.tftp), ("HTTP", self.http), ("/healthz", self.health)]
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            tftp: self.tftp.max(other.tftp),
            http: self.http.max(other.http),
            health: self.health.max(other.health),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(_, tftp), (_, http), (_, health)] = self.named();
        write!(f, "TFTP {tftp:.1?}, HTTP {http:.1?}, /healthz {health:.1?}")
    }
}

/// Fetches a file by TFTP, the same by HTTP, and the answer to a health check. A missing answer
/// counts as the maximum time.
pub(crate) fn probe(network: &Network) -> Probe {
    let time = |step: &dyn Fn() -> io::Result<bool>| {
        let began = Instant::now();
        match step() {
            Ok(right) => assert!(right, "wrong bytes"),
            Err(_) => return LONG,
        }
        began.elapsed()
    };
    Probe {
        tftp: time(&|| Ok(tftp(network)? == network.small)),
        http: time(&|| Ok(get_bytes(network, 80, "/small")? == network.small)),
        health: time(&|| Ok(get(network, 8067, "/healthz")?.contains("\"ok\""))),
    }
}

fn tftp(network: &Network) -> io::Result<Vec<u8>> {
    const BLOCK: u16 = 1408;
    let socket = UdpSocket::bind((network.honest(), 0))?;
    socket.set_read_timeout(Some(LONG))?;
    let options = Options { block_size: Some(BLOCK), transfer_size: Some(0), ..Options::default() };
    let request = Packet::Read(Request { file: "small", mode: Mode::Octet, options });
    socket.send_to(&bytes(&request), SocketAddr::from((SERVER, 69)))?;
    let (mut got, mut last) = (Vec::new(), 0);
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        match Packet::parse(&buffer[..length]).expect("the server writes packets") {
            Packet::OptionAck(_) if last == 0 => {}
            Packet::Data { block, payload } if block == last + 1 => {
                last = block;
                got.extend_from_slice(payload);
                if payload.len() < usize::from(BLOCK) {
                    socket.send_to(&bytes(&Packet::Ack { block }), from)?;
                    return Ok(got);
                }
            }
            Packet::Error { message, .. } => return Err(io::Error::other(message.into_owned())),
            _ => continue,
        }
        socket.send_to(&bytes(&Packet::Ack { block: last }), from)?;
    }
}

pub(crate) fn get(network: &Network, port: u16, path: &str) -> io::Result<String> {
    String::from_utf8(get_bytes(network, port, path)?).map_err(io::Error::other)
}

fn get_bytes(network: &Network, port: u16, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = connect(network.honest(), port)?;
    stream.set_read_timeout(Some(LONG))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {SERVER}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let head = head.ok_or(ErrorKind::UnexpectedEof)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other(String::from_utf8_lossy(&answer[..head]).into_owned()));
    }
    Ok(answer.split_off(head + 4))
}
