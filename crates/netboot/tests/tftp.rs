//! The TFTP server on the loopback, and a client that misbehaves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod support;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use winpe_netboot::event::{Event, Failure};
use winpe_netboot::files::{Catalog, File};
use winpe_netboot::tftp::{Limits, TftpServer};
use winpe_netboot::wire::tftp::{ErrorCode, Mode, Options, Packet, Request};

use support::{PATIENCE, Server};

/// `big` has 100 kB, `outer` is a link out of the folder.
fn serve(limits: Limits) -> Server {
    serve_filled(limits, |root| fs::write(root.join("big"), vec![7; 100_000]).unwrap())
}

fn serve_filled(limits: Limits, fill: impl FnOnce(&Path)) -> Server {
    let made = Catalog::new().with("small", File::from_bytes("small")).unwrap();
    // All addresses, so that the one that was asked has to be found out.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let address = SocketAddr::from(([127, 0, 0, 2], socket.local_addr().unwrap().port()));
    Server::start(address, made, fill, move |(files, events, stopped)| async move {
        let server = TftpServer::new(files, limits, events);
        server.serve(socket, async { drop(stopped.await) }).await
    })
}

struct Client(UdpSocket);

impl Client {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn send(&self, packet: &Packet<'_>, to: SocketAddr) {
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        self.0.send_to(&bytes, to).unwrap();
    }

    fn read(&self, file: &str, options: Options, to: SocketAddr) {
        self.send(&Packet::Read(Request { file, mode: Mode::Octet, options }), to);
    }

    fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut bytes = vec![0; 70_000];
        let (length, from) = self.0.recv_from(&mut bytes).expect("a packet in time");
        bytes.truncate(length);
        (bytes, from)
    }

    /// The next packet, which must be an error.
    fn refusal(&self) -> (ErrorCode, String) {
        let (bytes, _) = self.receive();
        match Packet::parse(&bytes).unwrap() {
            Packet::Error { code, message } => (code, message.into_owned()),
            packet => panic!("{packet:?}"),
        }
    }

    /// Acknowledges what comes until a block is short, and returns the file.
    fn finish(&self, block_size: usize) -> Vec<u8> {
        let mut file = Vec::new();
        let mut last = 0;
        loop {
            let (bytes, from) = self.receive();
            match Packet::parse(&bytes).unwrap() {
                Packet::Data { block, payload } if block == last + 1 => {
                    last = block;
                    file.extend_from_slice(payload);
                    self.send(&Packet::Ack { block }, from);
                    if payload.len() < block_size {
                        return file;
                    }
                }
                Packet::Data { block, .. } => self.send(&Packet::Ack { block }, from),
                packet => panic!("{packet:?}"),
            }
        }
    }
}

#[test]
fn answers_come_from_the_address_that_was_asked_and_from_a_port_of_their_own() {
    let server = serve(Limits::default());
    let client = Client::new();
    client.read("small", Options::default(), server.address);
    let (bytes, from) = client.receive();
    assert_eq!(bytes, b"\0\x03\0\x01small");
    assert_eq!(from.ip(), server.address.ip());
    assert_ne!(from.port(), server.address.port());
    client.send(&Packet::Ack { block: 1 }, from);
    let sent = server.wait_for(|event| matches!(event, Event::Sent { .. }));
    let Event::Sent { file, bytes, .. } = sent else { unreachable!() };
    assert_eq!((file.as_str(), bytes), ("small", 5));
}

#[test]
fn refusals_say_why_and_nothing_about_paths() {
    let server = serve(Limits::default());
    let client = Client::new();
    for (name, code) in [
        ("none", ErrorCode::NOT_FOUND),
        ("../secret", ErrorCode::ACCESS),
        (r"..\secret", ErrorCode::ACCESS),
        ("outer", ErrorCode::ACCESS),
        ("/etc/hostname", ErrorCode::NOT_FOUND),
        ("", ErrorCode::ACCESS),
    ] {
        client.read(name, Options::default(), server.address);
        let (told, message) = client.refusal();
        assert_eq!(told, code, "{name}: {message}");
        assert!(!message.contains('/') && !message.contains("secret"), "{name}: {message}");
    }
    let request = Request { file: "new", mode: Mode::Octet, options: Options::default() };
    client.send(&Packet::Write(request), server.address);
    assert_eq!(client.refusal().0, ErrorCode::ACCESS);
    client.0.send_to(b"\0\x01small\0mail\0", server.address).unwrap();
    assert_eq!(client.refusal().0, ErrorCode::ILLEGAL);
}

/// What becomes of a file of 3 MB while its client has its first blocks.
fn meanwhile(change: impl Fn(&Path)) -> (Result<Vec<u8>, ErrorCode>, Event) {
    const LONG: usize = 3_000_000;
    let server = serve_filled(Limits::default(), |root| {
        fs::write(root.join("image"), vec![1; LONG]).unwrap();
    });
    let client = Client::new();
    client.read("image", Options { block_size: Some(8000), ..Options::default() }, server.address);
    let (mut got, mut from) = (Vec::new(), client.receive().1);
    client.send(&Packet::Ack { block: 0 }, from);
    let got = loop {
        let (bytes, sender) = client.receive();
        from = sender;
        match Packet::parse(&bytes).unwrap() {
            Packet::Data { block, payload } => {
                got.extend_from_slice(payload);
                if block == 10 {
                    change(&server.path("image"));
                }
                client.send(&Packet::Ack { block }, from);
                if payload.len() < 8000 {
                    break Ok(got);
                }
            }
            Packet::Error { code, .. } => break Err(code),
            packet => panic!("{packet:?}"),
        }
    };
    let ended = |event: &Event| matches!(event, Event::Sent { .. } | Event::Failed { .. });
    let ended = server.wait_for(ended);
    if got.is_err() {
        let warned =
            |event: &Event| matches!(event, Event::Warning { text } if text.contains("mixture"));
        server.wait_for(warned);
    }
    (got, ended)
}

#[test]
fn a_file_that_is_overwritten_while_it_is_sent_ends_with_an_error() {
    let (got, ended) = meanwhile(|path| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[2; 1_000_000], 1_500_000).unwrap();
    });
    assert_eq!(got, Err(ErrorCode::UNDEFINED));
    assert!(matches!(ended, Event::Failed { reason: Failure::Changed, .. }), "{ended}");
    let (got, ended) = meanwhile(|path| {
        fs::write(path.with_extension("new"), "another").unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    });
    assert_eq!(got, Ok(vec![1; 3_000_000]));
    assert!(matches!(ended, Event::Sent { bytes: 3_000_000, .. }), "{ended}");
}

#[test]
fn a_request_that_cannot_be_read_is_refused_and_counts_as_one() {
    let server = serve(Limits::default());
    let client = Client::new();
    for (packet, code, name) in [
        (&b"\0\x01sm\xe4ll\0octet\0"[..], ErrorCode::NOT_FOUND, "sm\u{fffd}ll"),
        (b"\0\x01small\xff\0octet\0", ErrorCode::NOT_FOUND, "small\u{fffd}"),
        (b"\0\x01small\0octet", ErrorCode::ILLEGAL, "small"),
        (b"\0\x01small\0", ErrorCode::ILLEGAL, "small"),
        (b"\0\x01small", ErrorCode::ILLEGAL, "small"),
        (b"\0\x01small\0oct\xe4t\0", ErrorCode::ILLEGAL, "small"),
        (b"\0\x01", ErrorCode::ILLEGAL, ""),
    ] {
        server.events.lock().unwrap().clear();
        client.0.send_to(packet, server.address).unwrap();
        assert_eq!(client.refusal().0, code, "{packet:?}");
        server.wait_for(|event| matches!(event, Event::Requested { file, .. } if file == name));
        let malformed =
            |event: &Event| matches!(event, Event::Failed { reason: Failure::Malformed(_), .. });
        server.wait_for(malformed);
    }
}

#[test]
fn a_packet_from_a_foreign_port_does_no_harm() {
    let server = serve(Limits::default());
    let (client, stranger) = (Client::new(), Client::new());
    let options = Options { block_size: Some(1000), ..Options::default() };
    client.read("big", options, server.address);
    let (bytes, from) = client.receive();
    assert_eq!(bytes, b"\0\x06blksize\x001000\0");
    let message = "go away".into();
    stranger.send(&Packet::Error { code: ErrorCode::UNDEFINED, message }, from);
    assert_eq!(stranger.refusal().0, ErrorCode::UNKNOWN_TRANSFER);
    client.send(&Packet::Ack { block: 0 }, from);
    assert_eq!(client.finish(1000), vec![7; 100_000]);
}

#[test]
fn the_size_is_told_of_what_is_given_up_at_once() {
    let server = serve(Limits::default());
    let client = Client::new();
    client.read("big", Options { transfer_size: Some(0), ..Options::default() }, server.address);
    let (bytes, from) = client.receive();
    assert_eq!(bytes, b"\0\x06tsize\x00100000\0");
    client.send(&Packet::Error { code: ErrorCode::UNDEFINED, message: "enough".into() }, from);
    server.wait_for(|event| matches!(event, Event::Progress { bytes: 0, size: 100_000, .. }));
    server.wait_for(|event| matches!(event, Event::Failed { reason: Failure::SizeProbe, .. }));
}

#[test]
fn a_flood_from_foreign_ports_does_no_harm() {
    let server = serve(Limits::default());
    let client = Client::new();
    client.read("big", Options::default(), server.address);
    let (first, from) = client.receive();
    let (over, end) = (AtomicBool::new(false), Instant::now() + PATIENCE);
    let flood = || {
        let stranger = Client::new();
        // It ends also where the client waits in vain.
        while !over.load(Ordering::Relaxed) && Instant::now() < end {
            stranger.send(&Packet::Ack { block: 1 }, from);
        }
    };
    let again = thread::scope(|scope| {
        // On a machine with processors enough, more than the server can take.
        for _ in 0..4 {
            scope.spawn(flood);
        }
        let again = client.receive();
        over.store(true, Ordering::Relaxed);
        again
    });
    assert_eq!(again, (first, from));
    assert_eq!(client.finish(512), vec![7; 100_000]);
}

#[test]
fn what_is_written_meanwhile_goes_to_those_who_come_later() {
    let (old, new) = (vec![1; 50_000], vec![2; 30_000]);
    let mut path = PathBuf::new();
    let server = serve_filled(Limits::default(), |root| {
        path = root.join("file");
        fs::write(&path, &old).unwrap();
    });
    // As of some that lie in memory.
    let file = File::from_disk(fs::File::open(&path).unwrap()).unwrap();
    if !file.read_now(0, &mut [0; 512]) {
        return println!("skipped: of this disk the kernel does not say what it has in memory");
    }
    let [early, late] = [Client::new(), Client::new()];
    early.read("file", Options::default(), server.address);
    early.receive();
    fs::write(&path, &new).unwrap();
    late.read("file", Options::default(), server.address);
    assert_eq!(late.finish(512), new);
    assert_eq!(early.finish(512), old);
}

#[test]
fn a_repeated_request_begins_no_second_transfer() {
    let server = serve(Limits::default());
    let client = Client::new();
    for _ in 0..3 {
        client.read("big", Options::default(), server.address);
    }
    let (_, from) = client.receive();
    let again = client.0.recv_from(&mut [0; 600]).unwrap();
    assert_eq!(again.1, from, "the only other packet is the first one, sent again");
    let requested = |event: &&Event| matches!(event, Event::Requested { .. });
    let requests = server.events.lock().unwrap().iter().filter(requested).count();
    assert_eq!(requests, 1);
}

#[test]
fn a_request_that_was_repeated_and_comes_late_ends_no_transfer() {
    let server = serve(Limits::default());
    let client = Client::new();
    client.read("big", Options::default(), server.address);
    let (_, from) = client.receive();
    client.send(&Packet::Ack { block: 1 }, from);
    assert_eq!(client.receive().0[..4], *b"\0\x03\0\x02");
    client.read("big", Options::default(), server.address);
    // Whoever is to answer it has done so by the time that another client is answered.
    let other = Client::new();
    other.read("small", Options::default(), server.address);
    other.receive();
    client.send(&Packet::Ack { block: 2 }, from);
    // The second block may have been sent again meanwhile.
    let mut next =
        (0..9).map(|_| client.receive()).skip_while(|(block, _)| block[..4] == *b"\0\x03\0\x02");
    let (third, same) = next.next().expect("a third block");
    assert_eq!((&third[..4], same), (&b"\0\x03\0\x03"[..], from));
}

#[test]
fn another_request_from_the_same_port_replaces_the_transfer() {
    let server = serve(Limits::default());
    let client = Client::new();
    client.read("big", Options::default(), server.address);
    let (_, first) = client.receive();
    client.read("small", Options::default(), server.address);
    let (bytes, second) = loop {
        let received = client.receive();
        if received.1 != first {
            break received;
        }
    };
    assert_eq!(bytes, b"\0\x03\0\x01small");
    client.send(&Packet::Ack { block: 1 }, second);
    server.wait_for(|event| matches!(event, Event::Sent { .. }));
    let replaced = server.wait_for(|event| matches!(event, Event::Failed { .. }));
    assert!(replaced.to_string().contains("another transfer"), "{replaced}");
}

#[test]
fn a_size_probe_is_told_as_one() {
    let server = serve(Limits::default());
    let client = Client::new();
    let options = Options { transfer_size: Some(0), ..Options::default() };
    client.read("big", options, server.address);
    let (bytes, from) = client.receive();
    assert_eq!(bytes, b"\0\x06tsize\x00100000\0");
    let message = "User aborted the transfer".into();
    client.send(&Packet::Error { code: ErrorCode::OPTIONS, message }, from);
    server.wait_for(|event| {
        matches!(event, Event::Failed { reason: Failure::SizeProbe, bytes: 0, .. })
    });
}

#[test]
fn a_flood_of_requests_is_bounded_and_leaves_room() {
    let mut limits = Limits::default();
    limits.unanswered = 4;
    limits.transfers_per_client = 100;
    let server = serve(limits);
    let clients: Vec<_> = (0..20).map(|_| Client::new()).collect();
    for client in &clients {
        client.read("big", Options { timeout: Some(255), ..Options::default() }, server.address);
    }
    // The oldest have given way by the time that the last one is answered.
    let (_, from) = clients[19].receive();
    let gave_way = |event: &&Event| matches!(event, Event::Failed { reason: Failure::Busy(reason), .. } if reason.contains("gave way"));
    let start = Instant::now();
    let count = || server.events.lock().unwrap().iter().filter(gave_way).count();
    while count() < 16 && start.elapsed() < PATIENCE {
        thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(count(), 16);
    let warned = server.wait_for(|event| matches!(event, Event::Warning { .. }));
    assert!(warned.to_string().contains("tftp-unanswered = 4"), "{warned}");
    // One that answers is safe.
    clients[19].send(&Packet::Ack { block: 0 }, from);
    // The first block shows that the answer was received, before others ask for places.
    clients[19].0.peek(&mut [0; 4]).expect("a block in time");
    for _ in 0..8 {
        Client::new().read("big", Options::default(), server.address);
    }
    let late = Client::new();
    late.read("small", Options::default(), server.address);
    assert_eq!(late.receive().0, b"\0\x03\0\x01small");
    clients[19].send(&Packet::Ack { block: 0 }, from);
    assert_eq!(clients[19].finish(512), vec![7; 100_000]);
}

#[test]
fn requests_left_unfinished_hold_up_no_other_of_their_address() {
    let server = serve(Limits::default());
    let unfinished: Vec<_> = (0..60).map(|_| Client::new()).collect();
    for client in &unfinished {
        client.read("big", Options::default(), server.address);
    }
    // As firmware does: asks again after a second.
    let client = Client::new();
    client.0.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    let answered = (0..2).any(|_| {
        client.read("small", Options::default(), server.address);
        client.0.recv_from(&mut [0; 600]).is_ok()
    });
    assert!(answered, "{:#?}", server.events.lock().unwrap());
}

#[test]
fn an_end_waits_for_no_transfer_that_is_not_answered() {
    let server = serve(Limits::default());
    let clients = [Client::new(), Client::new()];
    for client in &clients {
        let options = Options { timeout: Some(255), ..Options::default() };
        client.read("big", options, server.address);
        client.receive();
    }
    let events = std::sync::Arc::clone(&server.events);
    let start = Instant::now();
    drop(server);
    let ended = |event: &&Event| {
        matches!(event, Event::Failed { reason: Failure::Refused("the server ends"), .. })
    };
    while events.lock().unwrap().iter().filter(ended).count() < 2 {
        assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:#?}", events.lock());
        thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn a_request_that_cannot_be_read_is_answered() {
    let server = serve(Limits::default());
    let not_found = ErrorCode::NOT_FOUND;
    for (bytes, code, file) in [
        (&b"\0\x01na\xefve\0octet\0"[..], not_found, "na\u{fffd}ve"),
        (b"\0\x01name\xff\0octet\0blksize\x001468\0", not_found, "name\u{fffd}"),
        (b"\0\x02name\xff\0octet\0", not_found, "name\u{fffd}"),
        (b"\0\x01small\0octet", ErrorCode::ILLEGAL, "small"),
        (b"\0\x01small\0", ErrorCode::ILLEGAL, "small"),
        (b"\0\x01small", ErrorCode::ILLEGAL, "small"),
        (b"\0\x01", ErrorCode::ILLEGAL, ""),
        (b"\0\x01small\0mail\0", ErrorCode::ILLEGAL, "small"),
        (b"\0\x01small\0oct\xfft\0", ErrorCode::ILLEGAL, "small"),
    ] {
        let client = Client::new();
        client.0.send_to(bytes, server.address).unwrap();
        assert_eq!(client.refusal().0, code, "{bytes:?}");
        let from = client.0.local_addr().unwrap();
        // The timeline of the boot shows that it was asked for.
        server.wait_for(|event| match event {
            Event::Requested { client, file: asked, .. } => *client == from && asked == file,
            _ => false,
        });
        let failed = |event: &Event| match event {
            Event::Failed { client, reason: Failure::Malformed(_), .. } => *client == from,
            _ => false,
        };
        server.wait_for(failed);
    }
}

#[test]
fn noise_is_ignored_with_a_reason() {
    let server = serve(Limits::default());
    let client = Client::new();
    let noise: [&[u8]; 4] = [b"", b"\0\x09hello", b"\0\x04\0\x01", b"\0\x05\0\x01no\0"];
    for bytes in noise {
        client.0.send_to(bytes, server.address).unwrap();
    }
    client.read("small", Options::default(), server.address);
    assert_eq!(client.receive().0, b"\0\x03\0\x01small", "noise is not answered");
    let events = server.events.lock().unwrap();
    let ignored = events.iter().filter(|event| matches!(event, Event::Ignored { .. })).count();
    assert_eq!(ignored, 4, "{events:#?}");
}
