//! The HTTP server on the loopback, spoken to byte by byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use winpe_netboot::event::{Event, Failure};
use winpe_netboot::files::{Catalog, File};
use winpe_netboot::http::{Limits, serve};

use support::{PATIENCE, Server};

const BIG: usize = 3_000_000;

fn start(limits: Limits) -> Server {
    let made = Catalog::new().with("boot.ipxe", File::from_bytes("#!ipxe\n")).unwrap();
    let fill = |root: &std::path::Path| {
        std::fs::create_dir(root.join("folder")).unwrap();
        std::fs::write(root.join("big.iso"), content()).unwrap();
        std::fs::write(root.join("empty"), "").unwrap();
        std::fs::File::create(root.join("huge")).unwrap().set_len(1 << 40).unwrap();
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    Server::start(address, made, fill, move |(files, events, stopped)| async move {
        serve(listener, files, limits, events, async { drop(stopped.await) }).await
    })
}

fn content() -> Vec<u8> {
    (0..BIG).map(|at| (at % 251) as u8).collect()
}

fn connect(server: &Server) -> Connection {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Connection(BufReader::new(stream))
}

struct Connection(BufReader<TcpStream>);

#[derive(Debug)]
struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(&field.1)
    }
}

impl Connection {
    fn ask(&mut self, method: &str, target: &str, fields: &str) -> Answer {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: boot\r\n{fields}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = || {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("an answer in time");
            line.trim_end().to_owned()
        };
        let status = line().split(' ').nth(1).unwrap().parse().unwrap();
        let mut fields = Vec::new();
        loop {
            let line = line();
            let Some((name, value)) = line.split_once(": ") else { break };
            fields.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = Answer { status, fields, body: Vec::new() };
        let without = method == "HEAD" || status == 304;
        if !without {
            let length = answer.field("content-length").expect("a length").parse().unwrap();
            answer.body.resize(length, 0);
            self.0.read_exact(&mut answer.body).unwrap();
        }
        answer
    }

    fn get(&mut self, target: &str, fields: &str) -> Answer {
        self.ask("GET", target, fields)
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let server = start(Limits::default());
    let mut connection = connect(&server);
    let head = connection.ask("HEAD", "/big.iso", "");
    assert_eq!(head.status, 200);
    assert_eq!(head.field("content-length"), Some(BIG.to_string().as_str()));
    assert_eq!(head.field("content-type"), Some("application/vnd.efi-iso"));
    let whole = connection.get("/big.iso", "");
    assert_eq!((whole.status, whole.body == content()), (200, true));
    let script = connection.get("/BOOT.ipxe?mac=52:54:00:00:00:01", "");
    assert_eq!((script.status, script.body.as_slice()), (200, &b"#!ipxe\n"[..]));
    let sent = server.wait_for(|e| matches!(e, Event::Sent { bytes, .. } if *bytes == BIG as u64));
    assert!(sent.to_string().starts_with("HTTP sent /big.iso to 127.0.0.1"), "{sent}");
}

/// What becomes of a file of 24 MB while its client, who reads by HTTP/1.0 where `old`, has a megabyte of it.
fn meanwhile(old: bool, change: impl Fn(&std::path::Path)) -> (Vec<u8>, Event) {
    const LONG: usize = 24_000_000;
    let server = start(Limits::default());
    let path = server.path("image.wim");
    std::fs::write(&path, vec![1; LONG]).unwrap();
    let mut connection = connect(&server);
    let version = if old { "1.0" } else { "1.1" };
    let request =
        format!("GET /image.wim HTTP/{version}\r\nHost: boot\r\nConnection: close\r\n\r\n");
    connection.0.get_mut().write_all(request.as_bytes()).unwrap();
    let mut got = vec![0; 1_000_000];
    connection.0.read_exact(&mut got).unwrap();
    change(&path);
    // A connection that is cut ends with an error or without one.
    let _ = connection.0.read_to_end(&mut got);
    let ended = |event: &Event| matches!(event, Event::Sent { .. } | Event::Failed { .. });
    let ended = server.wait_for(ended);
    if matches!(ended, Event::Failed { .. }) {
        let warned =
            |event: &Event| matches!(event, Event::Warning { text } if text.contains("mixture"));
        server.wait_for(warned);
    }
    let body = got.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
    got.drain(..body);
    assert!(got.len() == LONG || matches!(ended, Event::Failed { .. }), "{}", got.len());
    (got, ended)
}

#[test]
fn a_file_that_is_overwritten_while_it_is_sent_is_not_sent() {
    for old in [false, true] {
        let overwritten = |path: &std::path::Path| {
            let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.write_all(&vec![2; 24_000_000]).unwrap();
        };
        let (got, ended) = meanwhile(old, overwritten);
        assert!(matches!(ended, Event::Failed { reason: Failure::Changed, .. }), "{ended}");
        assert!(got.len() < 24_000_000, "the client knows it from the length");
        let grown = |path: &std::path::Path| {
            let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"more").unwrap();
        };
        let (_, ended) = meanwhile(old, grown);
        assert!(matches!(ended, Event::Failed { reason: Failure::Changed, .. }), "{ended}");
    }
}

#[test]
fn a_file_that_is_replaced_or_deleted_while_it_is_sent_is_sent_whole() {
    let replaced = |path: &std::path::Path| {
        std::fs::write(path.with_extension("new"), vec![2; 24_000_000]).unwrap();
        std::fs::rename(path.with_extension("new"), path).unwrap();
    };
    let deleted = |path: &std::path::Path| std::fs::remove_file(path).unwrap();
    for change in [&replaced as &dyn Fn(&std::path::Path), &deleted] {
        for old in [false, true] {
            let (got, ended) = meanwhile(old, change);
            assert!(matches!(ended, Event::Sent { bytes: 24_000_000, .. }), "{ended}");
            assert!(got.iter().all(|byte| *byte == 1));
        }
    }
}

#[test]
fn requests_sent_ahead_are_answered_in_order_whoever_reads_them() {
    let server = start(Limits::default());
    let mut connection = connect(&server);
    // The third has a body, and the fourth is of an older HTTP.
    let ahead = "GET /boot.ipxe HTTP/1.1\r\n\r\nGET /big.iso HTTP/1.1\r\nRange: bytes=5-9\r\n\r\n\
                 GET /empty HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /big.iso HTTP/1.0\r\n\r\n";
    connection.0.get_mut().write_all(ahead.as_bytes()).unwrap();
    let mut answers = Vec::new();
    connection.0.read_to_end(&mut answers).unwrap();
    let end = |text: &str| format!("\r\n\r\n{text}HTTP/1.1 ").into_bytes();
    let holds = |bytes: &[u8]| answers.windows(bytes.len()).any(|part| part == bytes);
    assert!(holds(&end("#!ipxe\n")));
    assert!(holds(&[b"\r\n\r\n", &content()[5..10], b"HTTP/1.1 "].concat()));
    assert!(answers.ends_with(&[&b"\r\n\r\n"[..], &content()].concat()));
    assert_eq!(answers.windows(9).filter(|part| part == b"HTTP/1.1 ").count(), 3);
    assert_eq!(answers.windows(9).filter(|part| part == b"HTTP/1.0 ").count(), 1);
}

#[test]
fn a_connection_ends_when_the_client_says_so() {
    let server = start(Limits::default());
    for word in ["close", "Close"] {
        let mut connection = connect(&server);
        let answer = connection.get("/big.iso", &format!("Connection: {word}\r\n"));
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(answer.field("date").is_some());
        assert!(answer.body == content());
        assert_eq!(connection.0.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn an_answer_under_way_is_sent_whole_when_the_server_ends() {
    let server = start(Limits::default());
    let address = server.address;
    let mut under_way = TcpStream::connect(address).unwrap();
    under_way.set_read_timeout(Some(PATIENCE)).unwrap();
    under_way.write_all(b"GET /big.iso HTTP/1.1\r\nHost: boot\r\n\r\n").unwrap();
    let mut first = [0];
    under_way.read_exact(&mut first).unwrap();
    drop(server);
    // Nobody new is let in, soon.
    let start = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut rest = Vec::new();
    under_way.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(&content()), "{} bytes", rest.len());
}

#[test]
fn an_empty_file_has_a_length_and_is_never_no_content() {
    let server = start(Limits::default());
    let mut connection = connect(&server);
    for method in ["GET", "HEAD"] {
        let answer = connection.ask(method, "/empty", "");
        assert_eq!((answer.status, answer.field("content-length")), (200, Some("0")));
    }
    assert_eq!(connection.get("/empty", "Range: bytes=0-\r\n").status, 416);
}

#[test]
fn single_ranges() {
    let server = start(Limits::default());
    let mut connection = connect(&server);
    let part = connection.get("/big.iso", "Range: bytes=1000000-1999999\r\n");
    assert_eq!(part.status, 206);
    assert_eq!(part.field("content-range"), Some("bytes 1000000-1999999/3000000"));
    assert!(part.body == content()[1_000_000..2_000_000]);
    let tail = connection.get("/big.iso", "Range: bytes=-3\r\n");
    assert_eq!(tail.body, content()[BIG - 3..]);
    let beyond = connection.get("/big.iso", "Range: bytes=3000000-\r\n");
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.field("content-range"), Some("bytes */3000000"));
    let several = connection.get("/big.iso", "Range: bytes=0-1,5-6\r\n");
    assert_eq!((several.status, several.body.len()), (200, BIG));
}

#[test]
fn a_known_version_is_not_sent_again() {
    let server = start(Limits::default());
    let mut connection = connect(&server);
    let first = connection.ask("HEAD", "/big.iso", "");
    let (tag, date) = (first.field("etag").unwrap(), first.field("last-modified").unwrap());
    for known in [format!("If-None-Match: {tag}\r\n"), format!("If-Modified-Since: {date}\r\n")] {
        let answer = connection.get("/big.iso", &known);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
    }
    let other = connection.get("/big.iso", "Range: bytes=0-0\r\nIf-Range: \"other\"\r\n");
    assert_eq!(other.status, 200);
    let same = connection.get("/big.iso", &format!("Range: bytes=0-0\r\nIf-Range: {tag}\r\n"));
    assert_eq!(same.status, 206);
}

#[test]
fn refusals_say_nothing_about_paths() {
    let server = start(Limits::default());
    let mut connection = connect(&server);
    for (target, status) in [
        ("/none", 404),
        ("/", 404),
        ("/folder", 404),
        ("/outer", 403),
        ("/../secret", 400),
        ("/%2e%2e/secret", 400),
        ("/..%5Csecret", 400),
        ("/%2e%2e%2fsecret", 400),
        ("/a%00b", 400),
        ("//etc/hostname", 404),
    ] {
        let answer = connection.get(target, "");
        assert_eq!(answer.status, status, "{target}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains('/') && !text.contains("secret"), "{target}: {text}");
    }
    let answer = connection.ask("DELETE", "/big.iso", "");
    assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD")));
}

/// Content would be taken for the beginning of the next answer.
#[test]
fn the_answer_to_head_has_no_content_whatever_its_status() {
    let server = start(Limits::default());
    // The second talks to hyper from its first request on.
    for first in [None, Some("Content-Length: 0\r\n")] {
        let mut connection = connect(&server);
        if let Some(fields) = first {
            connection.get("/empty", fields);
        }
        for (target, status) in [
            ("/none", 404),
            ("/", 404),
            ("/folder", 404),
            ("/outer", 403),
            ("/../secret", 400),
            ("/a%00b", 400),
            ("/empty", 200),
            ("/big.iso", 200),
        ] {
            let head = connection.ask("HEAD", target, "Range: bytes=9000000-\r\n");
            assert_eq!(head.status, status, "{target}");
            let next = connection.get("/boot.ipxe", "");
            assert_eq!((next.status, &next.body[..]), (200, &b"#!ipxe\n"[..]), "after {target}");
            let length = head.field("content-length").map(str::to_owned);
            let get = connection.get(target, "");
            assert_eq!(length.as_deref(), get.field("content-length"), "{target}");
        }
    }
}

#[test]
fn a_reader_that_takes_nothing_is_given_up() {
    let mut limits = Limits::default();
    limits.stalled = Duration::from_millis(200);
    let server = start(limits);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET /huge HTTP/1.1\r\nHost: boot\r\n\r\n").unwrap();
    let lost = server.wait_for(|event| matches!(event, Event::Failed { .. }));
    let Event::Failed { reason: Failure::Lost, bytes, .. } = lost else { panic!("{lost}") };
    assert!(bytes < 100_000_000, "what nobody takes is not read: {bytes}");
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let mut limits = Limits::default();
    limits.idle = Duration::from_millis(200);
    let server = start(limits);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /boot.ipxe HTTP/1.1\r\n").unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the server hangs up");
}

/// A connection that takes nothing of a long answer.
fn reader(server: &Server) -> Connection {
    let mut connection = connect(server);
    connection.0.get_mut().write_all(b"GET /huge HTTP/1.1\r\nHost: boot\r\n\r\n").unwrap();
    connection.0.read_exact(&mut [0; 15]).unwrap();
    connection
}

/// Whether the server has closed a connection that it sends nothing on.
fn is_closed(connection: &mut Connection) -> bool {
    let stream = connection.0.get_mut();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    match stream.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn connections_are_bounded() {
    let mut limits = Limits::default();
    limits.connections_per_client = 2;
    let server = start(limits);
    let (first, _second) = (reader(&server), reader(&server));
    let mut third = connect(&server);
    let mut nothing = Vec::new();
    // Closed or reset, but not served.
    let _ = third.0.read_to_end(&mut nothing);
    assert_eq!(nothing, b"");
    server.wait_for(|event| matches!(event, Event::Failed { reason: Failure::Busy(_), .. }));
    drop(first);
    let start = Instant::now();
    let served = std::iter::repeat_with(|| {
        let mut again = connect(&server);
        let request = b"GET /boot.ipxe HTTP/1.0\r\n\r\n";
        let mut answer = Vec::new();
        again
            .0
            .get_mut()
            .write_all(request)
            .is_ok_and(|()| again.0.read_to_end(&mut answer).is_ok_and(|length| length > 0))
    })
    .take_while(|_| start.elapsed() < PATIENCE)
    .any(|served| served);
    assert!(served, "a closed connection makes room");
}

#[test]
fn connections_that_send_no_request_keep_no_client_out() {
    let mut limits = Limits::default();
    limits.unproven = 20;
    limits.connections_per_client = 1000;
    let server = start(limits);
    let mut silent: Vec<_> = (0..100).map(|_| connect(&server)).collect();
    for (number, connection) in silent.iter_mut().enumerate() {
        let begun = [&b"GET /boot.ipxe HTTP/1.1\r\nHost: b"[..], b"", b"G"][number % 3];
        // The oldest are closed by now.
        let _ = connection.0.get_mut().write_all(begun);
    }
    let began = Instant::now();
    assert_eq!(connect(&server).get("/boot.ipxe", "").status, 200);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let closed = silent.iter_mut().filter_map(|it| is_closed(it).then_some(())).count();
    assert!((80..=81).contains(&closed), "{closed}");
    let warned = server.wait_for(|event| matches!(event, Event::Warning { .. }));
    assert!(warned.to_string().contains("http-unproven = 20"), "{warned}");
}

#[test]
fn an_idle_connection_gives_way_to_a_request() {
    let mut limits = Limits::default();
    limits.connections = 2;
    let server = start(limits);
    let mut reader = reader(&server);
    let mut idle = connect(&server);
    assert_eq!(idle.get("/boot.ipxe", "").status, 200);
    assert_eq!(connect(&server).get("/boot.ipxe", "").status, 200);
    assert!(is_closed(&mut idle));
    assert!(!is_closed(&mut reader));
}

#[test]
fn a_request_that_finds_no_place_waits_and_is_then_refused() {
    let mut limits = Limits::default();
    limits.connections = 1;
    limits.idle = Duration::from_millis(500);
    let server = start(limits);
    let busy = reader(&server);
    // The last one is not plain, so that it is refused by the other way.
    for version in ["1.1", "1.0"] {
        let mut waiting = connect(&server);
        let request = format!("GET /boot.ipxe HTTP/{version}\r\nHost: boot\r\n\r\n");
        waiting.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        waiting.0.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 503 "), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("retry-after: 5\r\n"), "{answer}");
    }
    let mut waiting = connect(&server);
    waiting.0.get_mut().write_all(b"GET /boot.ipxe HTTP/1.1\r\nHost: boot\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    drop(busy);
    let mut answer = [0; 15];
    waiting.0.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[test]
fn an_end_waits_for_no_connection_without_a_request() {
    let server = start(Limits::default());
    let address = server.address;
    let mut begun = connect(&server);
    begun.0.get_mut().write_all(b"GET /boot.ipxe HTTP/1.1\r\n").unwrap();
    let mut other = connect(&server);
    assert_eq!(other.get("/boot.ipxe", "").status, 200);
    drop(server);
    let start = Instant::now();
    for mut connection in [begun, other] {
        assert_eq!(connection.0.read(&mut [0]).unwrap_or(0), 0);
    }
    while TcpStream::connect(address).is_ok() {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
