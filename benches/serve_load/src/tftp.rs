//! TFTP as a boot program uses it, without storing the file.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long a client waits before it retransmits.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: u32 = 8;

pub(crate) struct Fetched {
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) block: u16,
    pub(crate) window: u16,
    /// Number of timeouts.
    pub(crate) silences: u32,
}

/// The progress of a client.
struct Client {
    socket: UdpSocket,
    request: Vec<u8>,
    server: SocketAddr,
    connected: bool,
    block: u16,
    window: u16,
    /// The last block received in order.
    last: u64,
    acked: u64,
    bytes: u64,
    lose: Option<u64>,
    delay: Duration,
    complete: bool,
}

impl Client {
    fn new(
        from: Ipv4Addr,
        server: SocketAddr,
        file: &str,
        block: u16,
        window: u16,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind((from, 0))?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
        let mut request = b"\0\x01".to_vec();
        let mut text = |text: &str| {
            request.extend(text.bytes());
            request.push(0);
        };
        text(file);
        text("octet");
        if block != 512 {
            text("blksize");
            text(&block.to_string());
        }
        if window != 1 {
            text("windowsize");
            text(&window.to_string());
        }
        Ok(Self {
            socket,
            request,
            server,
            connected: false,
            block: 512,
            window: 1,
            last: 0,
            acked: 0,
            bytes: 0,
            lose: None,
            delay: Duration::ZERO,
            complete: false,
        })
    }

    fn ask(&self) -> io::Result<()> {
        self.socket.send_to(&self.request, self.server).map(drop)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let length = if self.connected {
            self.socket.recv(buffer)?
        } else {
            let (length, from) = self.socket.recv_from(buffer)?;
            self.socket.connect(from)?;
            self.connected = true;
            length
        };
        match buffer[..length] {
            [0, 3, high, low, ..] => self.data(u16::from_be_bytes([high, low]), length as u64 - 4),
            [0, 6, ..] => {
                self.agree(&buffer[2..length]);
                self.acknowledge()
            }
            _ => Err(io::Error::other(String::from_utf8_lossy(&buffer[..length]).into_owned())),
        }
    }

    fn agree(&mut self, options: &[u8]) {
        let mut words = options.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name.to_ascii_lowercase().as_str() {
                "blksize" => self.block = value.parse().unwrap_or(512),
                "windowsize" => self.window = value.parse().unwrap_or(1),
                _ => {}
            }
        }
    }

    fn data(&mut self, block: u16, length: u64) -> io::Result<()> {
        if block != (self.last + 1) as u16 {
            // One ACK for each gap; more ACKs would cause more retransmissions.
            let ahead = block.wrapping_sub(self.last as u16) < 0x8000;
            if ahead && self.window > 1 && self.acked < self.last {
                return self.acknowledge();
            }
            return Ok(());
        }
        if self.lose == Some(self.last + 1) {
            self.lose = None;
            return Ok(());
        }
        self.last += 1;
        self.bytes += length;
        self.complete = length < u64::from(self.block);
        if self.complete || self.last - self.acked >= u64::from(self.window) {
            self.acknowledge()?;
        }
        Ok(())
    }

    fn acknowledge(&mut self) -> io::Result<()> {
        if !self.delay.is_zero() {
            // Sleeping takes longer than the simulated delay.
            let due = Instant::now() + self.delay;
            while Instant::now() < due {
                std::hint::spin_loop();
            }
        }
        self.acked = self.last;
        let [high, low] = (self.last as u16).to_be_bytes();
        self.socket.send(&[0, 4, high, low]).map(drop)
    }
}

/// Fetches a file.
pub(crate) fn fetch(
    server: SocketAddr,
    file: &str,
    block: u16,
    window: u16,
    delay: Duration,
    lose: Option<u64>,
) -> io::Result<Fetched> {
    let mut client = Client::new(Ipv4Addr::UNSPECIFIED, server, file, block, window)?;
    client.socket.set_read_timeout(Some(PATIENCE))?;
    (client.delay, client.lose) = (delay, lose);
    let mut buffer = vec![0; 1 << 16];
    let began = Instant::now();
    client.ask()?;
    let mut silences = 0;
    while !client.complete {
        match client.receive(&mut buffer) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && silences < TRIES => {
                silences += 1;
                if client.connected { client.acknowledge()? } else { client.ask()? }
            }
            Err(error) => return Err(error),
        }
    }
    let (bytes, block, window) = (client.bytes, client.block, client.window);
    Ok(Fetched { bytes, elapsed: began.elapsed(), block, window, silences })
}

pub(crate) struct Crowd {
    pub(crate) complete: usize,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    /// The time after which 99 of 100 had their file.
    pub(crate) p99: Duration,
}

/// Runs many clients in parallel, each fetching a file; their addresses are `first` and the
/// following ones.
pub(crate) fn crowd(
    first: Ipv4Addr,
    server: SocketAddr,
    file: &str,
    clients: usize,
    block: u16,
) -> io::Result<Crowd> {
    let make = |index: usize| {
        let from = Ipv4Addr::from(u32::from(first) + index as u32);
        let client = Client::new(from, server, file, block, 1)?;
        client.socket.set_nonblocking(true)?;
        Ok(client)
    };
    let mut clients = (0..clients).map(make).collect::<io::Result<Vec<_>>>()?;
    let mut buffer = vec![0; 1 << 16];
    let mut times = Vec::new();
    let began = Instant::now();
    for client in &clients {
        client.ask()?;
    }
    let mut silences = 0;
    while times.len() < clients.len() && silences < TRIES {
        let open: Vec<_> = (0..clients.len()).filter(|i| !clients[*i].complete).collect();
        let mut waits: Vec<_> = open
            .iter()
            .map(|i| PollFd::new(clients[*i].socket.as_fd(), PollFlags::POLLIN))
            .collect();
        if poll(&mut waits, PollTimeout::from(1000_u16))? == 0 {
            silences += 1;
            for i in open {
                let client = &mut clients[i];
                if client.connected { client.acknowledge()? } else { client.ask()? }
            }
            continue;
        }
        let ready: Vec<_> =
            open.iter().zip(&waits).filter(|it| it.1.any() == Some(true)).map(|it| *it.0).collect();
        for i in ready {
            loop {
                match clients[i].receive(&mut buffer) {
                    Ok(()) if clients[i].complete => {
                        times.push(began.elapsed());
                        break;
                    }
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
    }
    let bytes = clients.iter().map(|client| client.bytes).sum();
    let p99 = times.get((times.len() * 99).div_ceil(100).saturating_sub(1));
    Ok(Crowd {
        complete: times.len(),
        bytes,
        elapsed: began.elapsed(),
        p99: p99.copied().unwrap_or_default(),
    })
}
