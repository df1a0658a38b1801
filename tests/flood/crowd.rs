//! Many machines that load the same image slowly.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::network::{IMAGE, Network, connect_narrow};

/// The pause between two turns; in each turn a machine reads a limited number of bytes: 100 kB a
/// second.
const TURN: Duration = Duration::from_millis(100);
const TAKEN: usize = 10_000;
/// Machines in one network.
const TOGETHER: u32 = 200;
const LONG: Duration = Duration::from_secs(180);

struct Machine {
    number: u32,
    stream: TcpStream,
    got: usize,
}

/// Starts to load as `machines`. The thread returns the machines that did not get all of it.
pub(crate) fn begin(_: &Network, machines: u32) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let mut lost = Vec::new();
        let mut loading = Vec::new();
        for number in 0..machines {
            let (network, host) = (number / TOGETHER, number % TOGETHER + 1);
            let from = Ipv4Addr::new(10, 88, 10 + network as u8, host as u8);
            match connect_narrow(from, 80).and_then(|mut stream| {
                stream
                    .write_all(b"GET /image HTTP/1.1\r\nHost: boot\r\nConnection: close\r\n\r\n")?;
                Ok(Machine { number, stream, got: 0 })
            }) {
                Ok(machine) => loading.push(machine),
                Err(error) => lost.push(format!("machine {number}: {error}")),
            }
        }
        let began = Instant::now();
        while !loading.is_empty() && began.elapsed() < LONG {
            let turn = Instant::now();
            loading.retain_mut(|machine| match machine.take() {
                Ok(more) => more,
                Err(why) => {
                    lost.push(format!("machine {}: {why} after {}", machine.number, machine.got));
                    false
                }
            });
            std::thread::sleep(TURN.saturating_sub(turn.elapsed()));
        }
        lost.extend(loading.iter().map(|it| format!("machine {}: only {}", it.number, it.got)));
        lost
    })
}

impl Machine {
    /// Reads a part; false when it has everything.
    fn take(&mut self) -> Result<bool, String> {
        let mut buffer = [0; TAKEN];
        match self.stream.read(&mut buffer) {
            Ok(0) if self.got > IMAGE => Ok(false),
            Ok(0) => Err("the connection was closed".to_owned()),
            Ok(length) => {
                self.got += length;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error.to_string()),
        }
    }
}
