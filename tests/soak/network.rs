//! A server and the machines behind a relay: two network namespaces and a cable.
//!
//! ```text
//!   ours: 192.168.0.10 on near ── far in theirs: 192.168.0.1, and all of 10.88.0.0/16
//! ```

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use winpe_tests::{skip, tool};

use crate::program;

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);
/// The relays have addresses from here on, one for each worker.
pub(crate) const RELAYS: Ipv4Addr = Ipv4Addr::new(10, 88, 240, 0);
/// Sizes of `loader`, fetched by TFTP, and of `image`, fetched by HTTP, in bytes.
const LOADER: usize = 60_000;
const IMAGE: usize = 1_500_000;

static COUNT: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Network {
    ip: PathBuf,
    ours: String,
    theirs: String,
    folder: tempfile::TempDir,
    pub(crate) loader: Vec<u8>,
    pub(crate) image: Vec<u8>,
}

impl Network {
    /// `None`, with a message, if the system does not allow network namespaces.
    pub(crate) fn new() -> Option<Self> {
        let ip = tool("ip", "iproute2")?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side: &str| format!("winpe-soak-{}-{count}-{side}", std::process::id());
        let (ours, theirs) = (name("ours"), name("theirs"));
        let made = Command::new(&ip).args(["netns", "add", &ours]).output().unwrap();
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            skip(&format!("no network namespace can be made: {why}"));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let bytes = |length, step| (0..length).map(|at: usize| ((at * step) >> 5) as u8).collect();
        let (loader, image) = (bytes(LOADER, 37), bytes(IMAGE, 101));
        let network = Self { ip, ours, theirs, folder, loader, image };
        let (ours, theirs) = (network.ours.as_str(), network.theirs.as_str());
        for words in [
            format!("netns add {theirs}"),
            format!("-n {ours} link add near type veth peer name far netns {theirs}"),
            format!("-n {ours} addr add {SERVER}/24 dev near"),
            format!("-n {theirs} addr add 192.168.0.1/24 dev far"),
            format!("-n {ours} link set lo up"),
            format!("-n {theirs} link set lo up"),
            format!("-n {ours} link set near up"),
            format!("-n {theirs} link set far up"),
            format!("-n {ours} route add 10.88.0.0/16 via 192.168.0.1"),
            // Each address there may be used by a machine.
            format!("-n {theirs} route add local 10.88.0.0/16 dev lo"),
        ] {
            let output = Command::new(&network.ip).args(words.split(' ')).output().unwrap();
            assert!(output.status.success(), "ip {words}: {output:?}");
        }
        let files = network.folder.path().join("files");
        std::fs::create_dir(&files).unwrap();
        std::fs::write(files.join("loader"), &network.loader).unwrap();
        std::fs::write(files.join("image"), &network.image).unwrap();
        let state = network.folder.path().join("state");
        let config = format!(
            "[serve]\ninterface = 'near'\nmode = 'dhcp'\nforce = true\nfolders = [{files:?}]\n\
             state = {state:?}\n[[serve.subnet]]\nnetwork = '10.88.0.0/16'\nfirst = '10.88.1.0'\n\
             last = '10.88.199.255'\nlease = 86400\n[watch]\nlisten = 'off'\nsyslog = false\n"
        );
        std::fs::write(network.config(), config).unwrap();
        Some(network)
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("winpe-iscsi.toml")
    }

    /// Moves this thread to the namespace of the machines.
    pub(crate) fn enter(&self) {
        let namespace = File::open(format!("/run/netns/{}", self.theirs)).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    /// Starts the server and waits until it serves.
    pub(crate) fn start(&self) -> Server {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.ours]).arg(program()).args(["serve", "--config"]);
        command.arg(self.config()).stdin(Stdio::null());
        // Its log may be on stdout or stderr.
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let server = Server(command.spawn().unwrap());
        drop(command);
        let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let serves = lines.by_ref().any(|line| {
            said.push(line.clone());
            line.contains("giving addresses")
        });
        assert!(serves, "{}", said.join("\n"));
        std::thread::spawn(move || lines.for_each(drop));
        server
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for side in [&self.ours, &self.theirs] {
            // A namespace that was never created cannot be removed.
            let _ = Command::new(&self.ip).args(["netns", "del", side]).output();
        }
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Kills it in the middle of its work, or lets it shut down.
    pub(crate) fn end(&mut self, kill: bool) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let signal =
            if kill { rustix::process::Signal::KILL } else { rustix::process::Signal::TERM };
        rustix::process::kill_process(pid, signal).unwrap();
        self.0.wait().unwrap();
    }

    /// A value from the memory statistics of the process, in kilobytes.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says it");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may already have been ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
