//! A server at one end of a cable, in this process.

use std::fs::File;
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::oneshot;
use winpe_netboot::config::Config;
use winpe_netboot::event::Event;
use winpe_netboot::net::Interface;
use winpe_netboot::serve;
use winpe_tests::cable::Cable;

/// A cable, and a server at our end of it.
pub(crate) struct Network {
    cable: Cable,
}

impl Deref for Network {
    type Target = Cable;

    fn deref(&self) -> &Cable {
        &self.cable
    }
}

impl Network {
    /// `None`, with a message, if the system does not allow network namespaces.
    pub(crate) fn new() -> Option<Self> {
        Some(Self { cable: Cable::new()? })
    }

    /// A program at the other end.
    pub(crate) fn there(&self, program: &Path) -> Command {
        self.at(&self.theirs, program, &[])
    }

    /// Starts the server at our end and waits until it serves or has failed.
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
                let interface = Interface::of(&config.serve, None).unwrap();
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
        let text = self.ip(&["-n", &self.theirs, "-4", "-o", "addr"]);
        let line = text.lines().find(|line| line.contains(" far "))?;
        let (_, after) = line.split_once("inet ")?;
        after.split('/').next()?.parse().ok()
    }
}

/// A running server.
pub(crate) struct Serving {
    events: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Serving {
    pub(crate) fn log(&self) -> String {
        self.events.lock().unwrap().join("\n")
    }

    /// Waits for a line of the log, or for the end of the server.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(60);
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

    /// Stops the server and returns its result.
    pub(crate) fn end(mut self) -> Result<(), String> {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server is reported when its result is requested.
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
        // It may already have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
