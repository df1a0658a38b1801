//! The server at one end of a cable; all clients at the other, with any number of addresses.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, connect as connect_to, socket, sockopt};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use winpe_tests::cable::Cable;
use winpe_tests::{run, tool, winpe_iscsi};

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);
/// Sizes of `small` and of `image` in bytes.
pub(crate) const SMALL: usize = 12_000;
pub(crate) const IMAGE: usize = 2_000_000;
const START: Duration = Duration::from_secs(60);

pub(crate) struct Network {
    cable: Cable,
    config: String,
    pub(crate) small: Vec<u8>,
}

impl Network {
    /// `None`, with a message, if the system does not allow network namespaces.
    pub(crate) fn new() -> Option<Self> {
        let cable = Cable::new()?;
        let (ours, theirs) = (cable.ours.as_str(), cable.theirs.as_str());
        cable.ip(&["-n", theirs, "addr", "add", "192.168.0.1/24", "dev", "far"]);
        cable.ip(&["-n", ours, "route", "add", "10.88.0.0/16", "via", "192.168.0.1"]);
        // Each address there is assigned to one of the clients.
        cable.ip(&["-n", theirs, "route", "add", "local", "10.88.0.0/16", "dev", "lo"]);
        let small: Vec<_> = (0..SMALL).map(|at| ((at * 37) >> 5) as u8).collect();
        cable.write("srv/small", &small);
        cable.write("srv/image", vec![7; IMAGE]);
        let (state, folder) = (cable.path("state"), cable.path("srv"));
        let text = format!(
            "[serve]\ninterface = 'near'\nmode = 'dhcp'\nforce = true\nstate = {state:?}\n\
             folders = [{folder:?}]\n[watch]\n\
             listen = '{SERVER}:8067'\nsyslog = false\n"
        );
        let config = cable.write("winpe-iscsi.toml", text);
        Some(Self { cable, config, small })
    }

    /// Enables HTTPS in the server too; `None`, with a message, without openssl.
    pub(crate) fn secure(&self) -> Option<()> {
        let openssl = tool("openssl", "openssl")?;
        let (certificate, key) = (self.cable.path("cert.pem"), self.cable.path("key.pem"));
        #[rustfmt::skip]
        let words = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=winpe-iscsi", "-keyout", &key, "-out", &certificate,
        ];
        let output = run(&openssl, words);
        assert!(output.status.success(), "{output:?}");
        let mut config = std::fs::read_to_string(&self.config).unwrap();
        config += &format!("[serve.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
        std::fs::write(&self.config, config).unwrap();
        Some(())
    }

    /// Moves this thread, and threads that it starts, to the namespace of the clients.
    pub(crate) fn enter(&self) {
        let namespace = File::open(format!("/run/netns/{}", self.cable.theirs)).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    pub(crate) fn honest(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 88, 1, 200)
    }

    /// One of 64 addresses.
    pub(crate) fn attacker(&self, number: u32) -> Ipv4Addr {
        Ipv4Addr::new(10, 88, 1, (number % 64) as u8)
    }

    /// Starts the server and waits until it serves.
    pub(crate) fn start(&self) -> Server {
        let log = self.cable.path("log");
        let file = File::create(&log).unwrap();
        let words = ["serve", "--config", &self.config];
        let mut command = self.cable.at(&self.cable.ours, winpe_iscsi(), &words);
        command.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null());
        let mut server = Server { child: command.spawn().unwrap(), log, began: Instant::now() };
        while !server.log().contains("giving addresses") {
            let ended = server.child.try_wait().unwrap();
            let late = server.age() > START;
            assert!(ended.is_none() && !late, "{ended:?}\n{}", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

/// The server, which runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    log: String,
    began: Instant,
}

impl Server {
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// A value from the memory statistics of the process, in kilobytes.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says it");
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Asks it to shut down, and returns how long that took.
    pub(crate) fn ends(&mut self) -> Duration {
        let began = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        began.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A UDP socket with a new port, which does not block.
pub(crate) fn port(from: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((from, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A connection from an address.
pub(crate) fn connect(from: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::from((from, 0)))?;
    connect_to(&socket, &SocketAddr::from((SERVER, port)))?;
    Ok(TcpStream::from(socket))
}

/// The same for a client that reads few bytes at a time.
pub(crate) fn connect_narrow(from: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_recv_buffer_size(&socket, 4096)?;
    bind(&socket, &SocketAddr::from((from, 0)))?;
    connect_to(&socket, &SocketAddr::from((SERVER, port)))?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    Ok(stream)
}
