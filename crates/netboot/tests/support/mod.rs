//! What the servers under test share: files beside a secret, and the events that were told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use winpe_netboot::event::{Event, Sink};
use winpe_netboot::files::{Catalog, FileSource, Folder, Layers};

/// Long enough for a busy machine; nothing waits that long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    folder: tempfile::TempDir,
    _stop: oneshot::Sender<()>,
}

/// What a service is given: files, where events go, and what ends it.
pub(crate) type Given = (Arc<dyn FileSource>, Arc<dyn Sink>, oneshot::Receiver<()>);

impl Server {
    /// Serves what `fill` puts into a folder, and what was made. The folder has a link `outer` to a
    /// file `secret` beside it. `service` runs the server, which listens on `address`.
    pub(crate) fn start<F: Future<Output = std::io::Result<()>>>(
        address: SocketAddr,
        made: Catalog,
        fill: impl FnOnce(&Path),
        service: impl FnOnce(Given) -> F + Send + 'static,
    ) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(outer.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("outer")).unwrap();
        fill(&root);
        let folder = Folder::new(&root).unwrap();
        let files: Arc<dyn FileSource> =
            Arc::new(Layers::new([Arc::new(made) as _, Arc::new(folder) as _]));
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let sink: Arc<dyn Sink> = Arc::new(move |event: Event| seen.lock().unwrap().push(event));
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(service((files, sink, stopped))).unwrap();
        });
        Self { address, events, folder: outer, _stop: stop }
    }

    /// Where a file is that is served.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("root").join(name)
    }

    /// The first event of a kind, as soon as there is one.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(event) = self.events.lock().unwrap().iter().find(|event| wanted(event)) {
                return event.clone();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("no such event among {:#?}", self.events.lock().unwrap());
    }
}
