//! TFTP and HTTP on the loopback: tftp-hpa, atftp and curl fetch files, which must arrive
//! unchanged.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use winpe_netboot::event::{Event, Failure};
use winpe_netboot::files::{FileSource, Folder};
use winpe_netboot::{http, tftp};
use winpe_tests::{run, tool};

/// Lengths at and next to the ends of blocks, and one of more than 65536 blocks of 8 bytes.
const LENGTHS: [usize; 8] = [0, 1, 511, 512, 513, 1428 * 3, 100_000, 70_000 * 8];

struct Server {
    folder: tempfile::TempDir,
    tftp: SocketAddr,
    http: SocketAddr,
    events: Arc<Mutex<Vec<Event>>>,
    _runtime: tokio::runtime::Runtime,
}

/// Serves a folder with a file of each length, named by it.
fn serve() -> Server {
    let folder = tempfile::tempdir().unwrap();
    for length in LENGTHS {
        std::fs::write(folder.path().join(length.to_string()), content(length)).unwrap();
    }
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let sink = Arc::new(move |event: Event| seen.lock().unwrap().push(event));
    let files: Arc<dyn FileSource> = Arc::new(Folder::new(folder.path()).unwrap());

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (tftp, http) = (socket.local_addr().unwrap(), listener.local_addr().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = tftp::TftpServer::new(Arc::clone(&files), tftp::Limits::default(), sink.clone());
    runtime.spawn(async move { server.serve(socket, std::future::pending()).await });
    let limits = http::Limits::default();
    runtime.spawn(http::serve(listener, files, limits, sink, std::future::pending()));
    Server { folder, tftp, http, events, _runtime: runtime }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 253) as u8).collect()
}

impl Server {
    /// The destination path for a client.
    fn fetched(&self) -> PathBuf {
        let _ = std::fs::remove_file(self.folder.path().join("fetched"));
        self.folder.path().join("fetched")
    }

    fn sent(&self) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| matches!(event, Event::Sent { .. })).count()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn tftp_hpa_fetches_every_length() {
    let Some(client) = tool("tftp", "tftp-hpa") else { return };
    let server = serve();
    let port = server.tftp.port().to_string();
    for length in LENGTHS {
        let (name, fetched) = (length.to_string(), server.fetched());
        let get = ["-m", "binary", "127.0.0.1", &port, "-c", "get", &name, text(&fetched)];
        let output = run(&client, get);
        assert!(output.status.success(), "{output:?}");
        assert!(std::fs::read(&fetched).unwrap() == content(length), "{length}");
    }
    assert_eq!(server.sent(), LENGTHS.len());
}

#[test]
fn tftp_hpa_reads_text_as_it_was_written() {
    let Some(client) = tool("tftp", "tftp-hpa") else { return };
    let server = serve();
    let port = server.tftp.port().to_string();
    // Line ends and lone returns, so many that some span two blocks.
    let written = "line\n\n\rreturn\r\nboth\n".repeat(200);
    std::fs::write(server.folder.path().join("text"), &written).unwrap();
    let fetched = server.fetched();
    let output =
        run(&client, ["-m", "ascii", "127.0.0.1", &port, "-c", "get", "text", text(&fetched)]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_to_string(&fetched).unwrap(), written);
}

#[test]
fn tftp_hpa_is_told_what_it_may_not() {
    let Some(client) = tool("tftp", "tftp-hpa") else { return };
    let server = serve();
    let port = server.tftp.port().to_string();
    let fetched = server.fetched();
    for (command, words) in [
        ("get", ["none", text(&fetched)]),
        ("get", ["../../etc/hostname", text(&fetched)]),
        ("put", ["/etc/hostname", "new"]),
    ] {
        let arguments = ["-m", "binary", "127.0.0.1", &port, "-c", command, words[0], words[1]];
        let output = run(&client, arguments);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains("Error code"), "{command}: {output:?}");
        assert!(!told.contains(text(server.folder.path())), "{told}");
    }
    assert!(!server.folder.path().join("new").exists());
}

#[test]
fn atftp_agrees_on_blocks_and_windows() {
    let Some(client) = tool("atftp", "atftp") else { return };
    let server = serve();
    let port = server.tftp.port().to_string();
    for options in [
        &["tsize"][..],
        &["blksize 8"],
        &["blksize 1428"],
        &["blksize 65464"],
        &["blksize 1428", "windowsize 4", "tsize", "timeout 2"],
        &["blksize 512", "windowsize 64"],
        &["windowsize 7"],
    ] {
        for length in LENGTHS {
            let (name, fetched) = (length.to_string(), server.fetched());
            let mut words = Vec::new();
            for option in options {
                words.extend(["--option", option]);
            }
            words.extend(["--get", "-r", &name, "-l", text(&fetched), "127.0.0.1", &port]);
            let output = run(&client, words);
            assert!(output.status.success(), "{options:?} {length}: {output:?}");
            assert!(std::fs::read(&fetched).unwrap() == content(length), "{options:?} {length}");
        }
    }
}

#[test]
fn curl_resumes_asks_again_and_keeps_its_connection() {
    let Some(client) = tool("curl", "curl") else { return };
    let server = serve();
    let url = |name: &str| format!("http://{}/{name}", server.http);
    let fetched = server.fetched();

    let output = run(&client, ["-sS", "-r", "1000-1999", &url("100000")]);
    assert!(output.stdout == content(100_000)[1000..2000]);

    std::fs::write(&fetched, &content(100_000)[..40_000]).unwrap();
    let output = run(&client, ["-sS", "-C", "-", "-o", text(&fetched), &url("100000")]);
    assert!(output.status.success(), "{output:?}");
    assert!(std::fs::read(&fetched).unwrap() == content(100_000));

    let told = "%{http_code} %{num_connects} %{size_download}\n";
    let again = ["-sS", "-o", "/dev/null", "-w", told, "-z", text(&fetched)];
    let output = run(&client, again.iter().copied().chain([&*url("100000")]));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "304 1 0\n");

    let mut words = vec!["-sS".to_owned(), "-w".to_owned(), told.to_owned()];
    for length in LENGTHS {
        words.extend(["-o".to_owned(), "/dev/null".to_owned(), url(&length.to_string())]);
    }
    let output = run(&client, words);
    let expected: Vec<_> = LENGTHS
        .iter()
        .enumerate()
        .map(|(at, length)| format!("200 {} {length}", u8::from(at == 0)))
        .collect();
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);

    let output = run(&client, ["-sSI", &url("513")]);
    let head = String::from_utf8_lossy(&output.stdout).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: 513"), "{head}");
}

#[test]
fn curl_finds_no_way_out_of_the_folder() {
    let Some(client) = tool("curl", "curl") else { return };
    let server = serve();
    for path in ["../../etc/hostname", "%2e%2e/%2e%2e/etc/hostname", "..%5c..%5cetc%5chostname"] {
        let url = format!("http://{}/{path}", server.http);
        let output =
            run(&client, ["-sS", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", &url]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "400", "{path}");
    }
    let refused = |event: &Event| {
        matches!(event, Event::Failed { reason: Failure::Name("name with .."), .. })
    };
    assert_eq!(server.events.lock().unwrap().iter().filter(|event| refused(event)).count(), 3);
}
