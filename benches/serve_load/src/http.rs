//! HTTP as a boot program uses it; the kernel discards the received data.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv};

/// Bytes discarded per call.
const PIECE: usize = 1 << 20;

/// Fetches a file on several connections in parallel.
pub(crate) fn fetch(
    server: SocketAddr,
    path: &str,
    connections: usize,
) -> io::Result<(u64, Duration)> {
    let streams: Vec<_> =
        (0..connections).map(|_| TcpStream::connect(server)).collect::<io::Result<_>>()?;
    let began = Instant::now();
    let bytes = thread::scope(|scope| {
        let fetches: Vec<_> = streams
            .into_iter()
            .map(|mut stream| scope.spawn(move || get(&mut stream, path, None)))
            .collect();
        fetches
            .into_iter()
            .map(|fetch| fetch.join().map_err(|_| io::Error::other("a client has panicked"))?)
            .sum::<io::Result<u64>>()
    })?;
    Ok((bytes, began.elapsed()))
}

/// Fetches parts of a file, one after the other.
pub(crate) fn ranges(
    server: SocketAddr,
    path: &str,
    size: u64,
    requests: u64,
    length: u64,
) -> io::Result<Duration> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let began = Instant::now();
    for number in 0..requests {
        // Spread over the file, as in random reads of a disk.
        let start = (number * 7_919 * length) % (size - length);
        if get(&mut stream, path, Some((start, start + length - 1)))? != length {
            return Err(io::Error::other("another length"));
        }
    }
    Ok(began.elapsed())
}

/// Sends one request; returns the number of bytes of its answer.
fn get(stream: &mut TcpStream, path: &str, range: Option<(u64, u64)>) -> io::Result<u64> {
    let range =
        range.map_or(String::new(), |(first, last)| format!("Range: bytes={first}-{last}\r\n"));
    // Sent in one segment, as boot programs do.
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: server\r\n{range}\r\n").as_bytes())?;
    let mut head = Vec::new();
    let mut buffer = vec![0; PIECE];
    let body = loop {
        let length = stream.read(&mut buffer[..4096])?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&buffer[..length]);
        if let Some(end) = head.windows(4).position(|it| it == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&head[..body]).to_ascii_lowercase();
    let told = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let told: u64 =
        told.and_then(|it| it.trim().parse().ok()).ok_or_else(|| io::Error::other(text))?;
    let mut got = (head.len() - body) as u64;
    while got < told {
        let most = PIECE.min(usize::try_from(told - got).unwrap_or(PIECE));
        match recv(stream.as_raw_fd(), &mut buffer[..most], MsgFlags::MSG_TRUNC)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => got += length as u64,
        }
    }
    Ok(got)
}
