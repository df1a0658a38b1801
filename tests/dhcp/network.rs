//! Two machines and a cable: network namespaces that this test makes and removes.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::oneshot;
use winpe_netboot::event::Event;
use winpe_netboot::policy::Config;
use winpe_netboot::serve::{self, Interface};
use winpe_tests::{skip, tool};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// `ours` has 192.168.0.10 on `near`; `theirs` has `far`, at the other end.
pub(crate) struct Network {
    ip: PathBuf,
    pub(crate) ours: String,
    pub(crate) theirs: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Network {
    /// None, visibly, where the system lets us make no namespace.
    pub(crate) fn new() -> Option<Self> {
        let ip = tool("ip", "iproute2")?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side: &str| format!("winpe-dhcp-{}-{count}-{side}", std::process::id());
        let (ours, theirs) = (name("ours"), name("theirs"));
        let made = Command::new(&ip).args(["netns", "add", &ours]).output().unwrap();
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            skip(&format!("no network namespace can be made: {why}"));
            return None;
        }
        let network = Self { ip, ours, theirs, folder: tempfile::tempdir().unwrap() };
        network.ip(&["netns", "add", &network.theirs]);
        let (ours, theirs) = (network.ours.as_str(), network.theirs.as_str());
        network.ip(&["-n", ours, "link", "add", "near", "type", "veth", "peer", "name", "far"]);
        network.ip(&["-n", ours, "link", "set", "far", "netns", theirs]);
        network.ip(&["-n", ours, "addr", "add", "192.168.0.10/24", "dev", "near"]);
        for (namespace, device) in [(ours, "lo"), (ours, "near"), (theirs, "lo"), (theirs, "far")] {
            network.ip(&["-n", namespace, "link", "set", device, "up"]);
        }
        Some(network)
    }

    pub(crate) fn ip(&self, words: &[&str]) {
        let output = Command::new(&self.ip).args(words).output().unwrap();
        assert!(output.status.success(), "ip {words:?}: {output:?}");
    }

    /// A program at the other end.
    pub(crate) fn there(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.theirs]).arg(program);
        command.current_dir(self.folder.path());
        command
    }

    /// Starts the server at our end and waits until it serves, or has given up.
    pub(crate) fn serve(&self, config: &str) -> Serving {
        let state = self.folder.path().join("state");
        let config = format!("[serve]\ninterface = 'near'\nstate = {state:?}\n{config}");
        let config: Config = config.parse().unwrap();
        let namespace = File::open(format!("/run/netns/{}", self.ours)).unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&events);
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let interface = Interface::find(Some("near")).unwrap();
                let sink =
                    Arc::new(move |event: Event| log.lock().unwrap().push(event.to_string()));
                let stop = async { stopped.await.unwrap_or(()) };
                let served = serve::run(Arc::new(config), &interface, sink, stop).await;
                served.map_err(|error| error.to_string())
            })
        });
        let serving = Serving { events, stop: Some(stop), thread: Some(thread) };
        serving.wait_for(|line| line.starts_with("giving "));
        serving
    }

    /// The address that the other end has.
    pub(crate) fn address_there(&self) -> Option<Ipv4Addr> {
        let output =
            Command::new(&self.ip).args(["-n", &self.theirs, "-4", "-o", "addr"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.contains(" far "))?;
        let (_, after) = line.split_once("inet ")?;
        after.split('/').next()?.parse().ok()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in [&self.ours, &self.theirs] {
            // One that was never made cannot be removed.
            let _ = Command::new(&self.ip).args(["netns", "del", namespace]).output();
        }
    }
}

/// A server that runs.
pub(crate) struct Serving {
    events: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Serving {
    pub(crate) fn log(&self) -> String {
        self.events.lock().unwrap().join("\n")
    }

    /// Waits for a line of the log, or for the server's end.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if self.events.lock().unwrap().iter().any(|line| wanted(line)) {
                return true;
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the line never came:\n{}", self.log());
    }

    /// Stops the server and returns how it ended.
    pub(crate) fn end(mut self) -> Result<(), String> {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server's is told where its result is asked for.
            let _ = thread.join();
        }
    }
}

/// A program that runs until it is dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
