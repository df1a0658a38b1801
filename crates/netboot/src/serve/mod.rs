//! The server as a process: its ports, rights, files and services, from start to end.
//!
//! ```no_run
//! use std::sync::Arc;
//! use winpe_netboot::event::Event;
//! use winpe_netboot::config::Config;
//! use winpe_netboot::net::Interface;
//! use winpe_netboot::serve;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config: Config = std::fs::read_to_string("winpe-iscsi.toml")?.parse()?;
//! let interface = Interface::of(&config.serve, None)?;
//! let log = Arc::new(|event: Event| eprintln!("{event}"));
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
//! serve::run(Arc::new(config), &interface, log, stop).await?;
//! # Ok(())
//! # }
//! ```

mod confine;
mod content;
mod descriptors;
mod error;
mod history;
mod link;
mod logins;
mod lookout;
mod notify;
mod ports;
mod reload;
mod services;
mod syscalls;

pub use confine::{ConfineError, check_user};
pub use content::{Files, FilesError, Missing, search_own_menus};
pub use error::ServeError;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch as signal};

use self::history::HistoryFile;
use self::ports::{Ports, page_address};
use self::services::{Services, Stop};
use crate::config::{Config, Listen, Mode};
use crate::dhcp::{LeaseLog, Restored, StateFolder, state_folder};
use crate::event::{Event, Sink};
use crate::net::Interface;
use crate::policy::Logins;
use crate::watch::Watch;

/// Serves DHCP, TFTP and HTTP until `shutdown` is ready; what [`Server`] does in one call.
///
/// # Errors
/// As [`Server::bind`] and [`Server::run`].
pub async fn run(
    config: Arc<Config>,
    interface: &Interface,
    events: Arc<dyn Sink>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let (_, configs) = mpsc::channel(1);
    Server::bind(config, interface)?.run(events, configs, shutdown).await
}

/// A server with its ports open that does not answer yet.
///
/// ```no_run
/// use std::sync::Arc;
/// use winpe_netboot::event::Event;
/// use winpe_netboot::config::Config;
/// use winpe_netboot::net::Interface;
/// use winpe_netboot::serve::Server;
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config: Config = std::fs::read_to_string("winpe-iscsi.toml")?.parse()?;
/// let interface = Interface::of(&config.serve, None)?;
/// let server = Server::bind(Arc::new(config), &interface)?;
///
/// // Other configurations may be sent while it runs.
/// let (_reload, configs) = tokio::sync::mpsc::channel(1);
/// let log = Arc::new(|event: Event| eprintln!("{event}"));
/// let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
/// tokio::runtime::Runtime::new()?.block_on(server.run(log, configs, stop))?;
/// # Ok(())
/// # }
/// ```
pub struct Server {
    config: Config,
    interface: Interface,
    ports: Ports,
    files: Files,
    logins: Logins,
    /// What was found, as texts for the log.
    notes: Vec<String>,
    /// Which rights were given up, as texts for the log.
    confined: Vec<String>,
    /// Where leases are kept; none before rights are given up, or where no addresses are given.
    state: Option<StateFolder>,
}

impl Server {
    /// Opens every port and finds every file, and raises the limit of open files of this process as far as
    /// the system allows. This is all that needs privileges, and needs no runtime.
    ///
    /// # Errors
    /// Where the configuration cannot be served, or a port cannot be had.
    pub fn bind(config: Arc<Config>, interface: &Interface) -> Result<Self, ServeError> {
        config.check_addresses(interface.network, &interface.own())?;
        let mut config = Arc::unwrap_or_clone(config);
        let notes = Vec::from_iter(search_own_menus(&mut config).map(|tree| {
            format!("{} has menus, so PXELINUX searches them (no option 209)", tree.display())
        }));
        let files = Files::prepare(&config, interface.address)?;
        let logins = Logins::read(&config)?;
        let mut ports = Ports::open(&config, interface)?;
        ports.without.extend(descriptors::raise(config.serve.limits.descriptors()));
        config.watch.syslog = Some(ports.syslog.is_some());
        let (interface, confined) = (interface.clone(), Vec::new());
        Ok(Self { config, interface, ports, files, logins, notes, confined, state: None })
    }

    /// Gives up what is not needed any more: the rights of root, where the configuration names a user,
    /// and every file but those that are served, the leases, and those in `more`, which may be read.
    /// It counts for this thread and those made after, so a runtime comes later.
    ///
    /// # Errors
    /// Where more rights would be left than the configuration wants. A kernel without Landlock is no
    /// error; the log says so.
    pub fn confine(&mut self, more: &[PathBuf]) -> Result<(), ServeError> {
        (self.confined, self.state) = confine::confine(&self.config, more)?;
        Ok(())
    }

    /// Answers until `shutdown` is ready. A configuration that comes meanwhile replaces the one before;
    /// transfers under way continue.
    ///
    /// # Errors
    /// Where a service ends that should not, or another DHCP server answers and the configuration
    /// insists on giving addresses.
    pub async fn run(
        mut self,
        events: Arc<dyn Sink>,
        configs: mpsc::Receiver<Config>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        // Nothing is answered before it is known that no other server keeps its leases there.
        let kept = history_folder(&self.config, self.state.as_ref());
        let log = open_log(&self.config, self.state.take())?;
        let watch = Arc::new(Watch::new());
        let events = watch.before(events);
        let history =
            kept.map(|folder| HistoryFile::open(folder, Arc::clone(&watch), Arc::clone(&events)));
        self.report(events.as_ref());
        let (stop, stopped) = signal::channel(());
        let services = Services::prepare(self, log, history, watch, events, Stop::new(stopped))?;
        let services = services.run(configs);
        tokio::pin!(services, shutdown);
        tokio::select! {
            ended = &mut services => ended,
            () = &mut shutdown => {
                // The supervisor that asked for the end knows of it.
                let _ = notify::send("STOPPING=1");
                drop(stop);
                services.await
            }
        }
    }

    /// Reports what was found out before there was a log.
    fn report(&mut self, events: &dyn Sink) {
        let missing = self.files.missing.iter().map(ToString::to_string);
        for text in missing.chain(std::mem::take(&mut self.ports.without)) {
            events.event(Event::Warning { text });
        }
        let others: Vec<_> =
            self.files.missing_for_others.iter().map(|missing| missing.file.as_str()).collect();
        if !others.is_empty() {
            let text = format!(
                "{} are missing: UEFI machines with IA32 or ARM64 firmware do not boot before these are in a \
                 folder that is served",
                others.join(", ")
            );
            events.event(Event::Note { text });
        }
        let page = self.ports.watch.as_ref().and_then(page_address);
        let page = page.map(|address| format!("boots are shown at http://{address}/"));
        let found = std::mem::take(&mut self.notes).into_iter();
        for text in found.chain(std::mem::take(&mut self.confined)).chain(page) {
            events.event(Event::Note { text });
        }
    }
}

/// The folder for boots that are shown after the next start; none where no folder is used, or nothing shows
/// boots. Where it cannot be opened, the lease log says so.
fn history_folder(config: &Config, state: Option<&StateFolder>) -> Option<StateFolder> {
    if config.serve.mode == Mode::Proxy || config.watch.listen == Listen::Off {
        return None;
    }
    match state {
        Some(folder) => folder.again().ok(),
        None => StateFolder::open(state_folder(config)).ok(),
    }
}

/// The leases; none where another server is to give addresses.
fn open_log(
    config: &Config,
    state: Option<StateFolder>,
) -> Result<Option<(LeaseLog, Restored)>, ServeError> {
    if !config.serve.gives_addresses() {
        return Ok(None);
    }
    Ok(Some(match state {
        Some(folder) => LeaseLog::open_at(folder)?,
        None => LeaseLog::open(config)?,
    }))
}
