//! Load generators that are faster than the servers under test. Each prints one line of JSON.

mod dhcp;
mod http;
mod tftp;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// One file by TFTP, once.
    Tftp {
        server: SocketAddr,
        file: String,
        #[arg(long, default_value_t = 512)]
        block: u16,
        #[arg(long, default_value_t = 1)]
        window: u16,
        /// Microseconds before each ACK is sent, to simulate a longer cable.
        #[arg(long, default_value_t = 0)]
        delay: u64,
        /// A block whose first DATA packet is dropped.
        #[arg(long)]
        lose: Option<u64>,
    },
    /// One file by TFTP, by many clients in parallel.
    TftpCrowd {
        server: SocketAddr,
        file: String,
        /// The first client's address; the others follow.
        #[arg(long)]
        from: Ipv4Addr,
        #[arg(long, default_value_t = 100)]
        clients: usize,
        #[arg(long, default_value_t = 1468)]
        block: u16,
    },
    /// One file by HTTP on each of several parallel connections.
    Http {
        server: SocketAddr,
        path: String,
        #[arg(long, default_value_t = 1)]
        connections: usize,
    },
    /// Parts of a file by HTTP, one after the other on one connection.
    HttpRanges {
        server: SocketAddr,
        path: String,
        #[arg(long)]
        size: u64,
        #[arg(long, default_value_t = 2000)]
        requests: u64,
        #[arg(long, default_value_t = 64 * 1024)]
        length: u64,
    },
    /// DISCOVER, OFFER, REQUEST, ACK of new clients behind a relay, for some seconds.
    Dhcp {
        server: SocketAddrV4,
        relay: Ipv4Addr,
        #[arg(long, default_value_t = 64)]
        outstanding: usize,
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        /// Maximum number of clients; after that the first ones repeat.
        #[arg(long, default_value_t = 50_000)]
        clients: u32,
    },
    /// The DISCOVER of many new clients on the link, all sent together.
    DhcpBurst {
        device: String,
        #[arg(long, default_value_t = 20)]
        clients: u32,
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
}

fn main() -> io::Result<()> {
    match Command::parse() {
        Command::Tftp { server, file, block, window, delay, lose } => {
            let delay = Duration::from_micros(delay);
            let got = tftp::fetch(server, &file, block, window, delay, lose)?;
            println!(
                r#"{{"bytes":{},"seconds":{:.6},"block":{},"window":{},"silences":{}}}"#,
                got.bytes,
                got.elapsed.as_secs_f64(),
                got.block,
                got.window,
                got.silences
            );
        }
        Command::TftpCrowd { server, file, from, clients, block } => {
            let crowd = tftp::crowd(from, server, &file, clients, block)?;
            println!(
                r#"{{"clients":{clients},"complete":{},"bytes":{},"seconds":{:.6},"p99":{:.6}}}"#,
                crowd.complete,
                crowd.bytes,
                crowd.elapsed.as_secs_f64(),
                crowd.p99.as_secs_f64()
            );
        }
        Command::Http { server, path, connections } => {
            let (bytes, elapsed) = http::fetch(server, &path, connections)?;
            println!(r#"{{"bytes":{bytes},"seconds":{:.6}}}"#, elapsed.as_secs_f64());
        }
        Command::HttpRanges { server, path, size, requests, length } => {
            let elapsed = http::ranges(server, &path, size, requests, length)?;
            println!(r#"{{"requests":{requests},"seconds":{:.6}}}"#, elapsed.as_secs_f64());
        }
        Command::Dhcp { server, relay, outstanding, seconds, clients } => {
            let time = Duration::from_secs(seconds);
            let rate = dhcp::exchanges(server, relay, outstanding, time, clients)?;
            println!(
                r#"{{"exchanges":{},"lost":{},"refused":{},"seconds":{:.6}}}"#,
                rate.done,
                rate.lost,
                rate.refused,
                rate.elapsed.as_secs_f64()
            );
        }
        Command::DhcpBurst { device, clients, seconds } => {
            let offers = dhcp::burst(&device, clients, Duration::from_secs(seconds))?;
            let last = offers.last().copied().unwrap_or_default();
            let median = offers.get(offers.len() / 2).copied().unwrap_or_default();
            println!(
                r#"{{"clients":{clients},"offers":{},"median":{:.4},"last":{:.4}}}"#,
                offers.len(),
                median.as_secs_f64(),
                last.as_secs_f64()
            );
        }
    }
    Ok(())
}
