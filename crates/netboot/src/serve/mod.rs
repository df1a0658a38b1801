//! The sockets, which only receive and send, and the one process that owns them.
//!
//! ```no_run
//! use std::sync::Arc;
//! use winpe_netboot::event::Event;
//! use winpe_netboot::config::Config;
//! use winpe_netboot::serve;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config: Config = std::fs::read_to_string("winpe-iscsi.toml")?.parse()?;
//! let interface = serve::Interface::find(config.serve.interface.as_deref())?;
//! let log = Arc::new(|event: Event| eprintln!("{event}"));
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
//! serve::run(Arc::new(config), &interface, log, stop).await?;
//! # Ok(())
//! # }
//! ```

mod clock;
mod commit;
mod confine;
mod descriptors;
mod detect;
mod dhcp;
mod interface;
mod lease_file;
mod lease_log;
mod logins;
mod notify;
mod ports;
mod probe;
mod record;
mod reload;
mod role;
mod socket;
mod state;
mod syscalls;

pub use confine::ConfineError;
pub use detect::find_servers;
pub use interface::{Interface, InterfaceError};
pub use lease_log::{LeaseLog, LeaseLogError, Restored};
pub use record::{RecordError, parse_record, write_record};
pub use role::{Refusal, decide_role};
pub use socket::{ServeError, Service};
pub use state::{StateError, StateFolder};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch as signal};

use self::detect::find_servers_by;
use self::logins::{QUESTIONS, with_logins};
use self::ports::{Ports, page_address};
use self::reload::Reload;
use crate::config::{Config, Mode};
use crate::event::{Event, Sink};
use crate::files::{FileSource, Hashed, Swap};
use crate::http::HttpServer;
use crate::logic::dhcp::Role;
use crate::meter::Meter;
use crate::policy::{Files, Logins};
use crate::tftp::TftpServer;
use crate::watch::{self, Watch};

/// How long other DHCP servers have for an answer. Some look for three seconds whether an address is
/// in use before they offer it.
const DETECTION: Duration = Duration::from_secs(4);

/// Serves DHCP, TFTP and HTTP until `shutdown` is ready; what [`Server`] does without more ado.
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

/// A server that has its ports and does not answer yet.
///
/// ```no_run
/// use std::sync::Arc;
/// use winpe_netboot::event::Event;
/// use winpe_netboot::config::Config;
/// use winpe_netboot::serve::{Interface, Server};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config: Config = std::fs::read_to_string("winpe-iscsi.toml")?.parse()?;
/// let interface = Interface::find(config.serve.interface.as_deref())?;
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
    /// What became of the server's rights, in words.
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
        let files = Files::prepare(&config, interface.address)?;
        let logins = Logins::read(&config)?;
        let mut ports = Ports::open(&config, interface)?;
        ports.without.extend(descriptors::raise(config.serve.limits.descriptors()));
        let mut config = Arc::unwrap_or_clone(config);
        config.watch.syslog = Some(ports.syslog.is_some());
        let (interface, confined) = (interface.clone(), Vec::new());
        Ok(Self { config, interface, ports, files, logins, confined, state: None })
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

    /// Answers until `shutdown` is ready. Configurations that come meanwhile take the place of the one
    /// before; transfers under way go on.
    ///
    /// # Errors
    /// Where a service ends that should not, or another DHCP server answers and the configuration
    /// insists on giving addresses.
    pub async fn run(
        self,
        events: Arc<dyn Sink>,
        configs: mpsc::Receiver<Config>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let Self { config, interface, ports, files, logins, confined, state } = self;
        let config = Arc::new(config);
        // Nothing is answered before it is known that no other server keeps its leases there.
        let log = open_log(&config, state)?;
        let watch = Arc::new(Watch::new());
        let events = watch.before(events);
        let note = |text: String| events.event(Event::Note { text });
        for text in files.missing.iter().map(ToString::to_string).chain(ports.without) {
            events.event(Event::Warning { text });
        }
        confined.into_iter().for_each(note);
        if let Some(address) = ports.watch.as_ref().and_then(page_address) {
            note(format!("boots are shown at http://{address}/"));
        }
        let (stop, stopped) = signal::channel(());
        let wait = || {
            let mut stopped = stopped.clone();
            async move {
                // An error means that the sender is gone, which ends the wait as well.
                let _ = stopped.changed().await;
            }
        };
        let (leases, questions) = mpsc::channel(QUESTIONS);
        let source = with_logins(files.source, logins.clone(), &interface, leases.clone());
        let swap = Arc::new(Swap::new(source));
        let hashed = Hashed::new(Arc::clone(&swap) as _, Arc::clone(&events));
        let hashed = Arc::new(hashed.map_err(ServeError::Thread)?);
        hashed.expect(files.served, interface.address.into());
        let source: Arc<dyn FileSource> = Arc::clone(&hashed) as _;
        let Bounded { tftp: tftp_server, http: http_server } =
            bounded(&config, &source, &events, &watch);
        let https_server = http_server.clone();
        let (to_dhcp, from_reload) = mpsc::channel(1);
        let names = config.watch.names.clone().into();
        let reload = Reload {
            config: Arc::clone(&config),
            interface: interface.clone(),
            source: swap,
            logins,
            leases,
            hashed,
            dhcp: to_dhcp,
            events: Arc::clone(&events),
        };
        let lost = |service| move |source| ServeError::Lost { service, source };
        let services = async {
            tokio::try_join!(
                async {
                    let role = find_role(&config, &interface, ports.question, &note);
                    let role = tokio::select! {
                        role = role => role?,
                        () = wait() => return Ok(()),
                    };
                    let log = log.filter(|_| role == Role::Full);
                    let driver = dhcp::Driver::new(
                        Arc::clone(&config),
                        &interface,
                        role,
                        ports.dhcp,
                        log,
                        dhcp::Others { configs: from_reload, questions },
                        &events,
                    )?;
                    if role == Role::Full {
                        for text in tell_misfits(&config, &interface) {
                            events.event(Event::Warning { text });
                        }
                    }
                    ready(role, &interface, &events);
                    driver.run(wait()).await
                },
                async { tftp_server.serve(ports.tftp, wait()).await.map_err(lost(Service::Tftp)) },
                async {
                    let served = http_server.serve(ports.http, None, wait());
                    served.await.map_err(lost(Service::Http))
                },
                async {
                    let Some((listener, tls)) = ports.https else { return Ok(()) };
                    let served = https_server.serve(listener, Some(tls), wait());
                    served.await.map_err(lost(Service::Http))
                },
                async {
                    let Some(listener) = ports.watch else { return Ok(()) };
                    let served = watch::serve(listener, watch, names, wait());
                    served.await.map_err(lost(Service::Watch))
                },
                async {
                    let Some(socket) = ports.syslog else { return Ok(()) };
                    let received = watch::receive(socket, Arc::clone(&events), wait());
                    received.await.map_err(lost(Service::Syslog))
                },
                async {
                    notify::live(wait()).await;
                    Ok(())
                },
                async {
                    tokio::select! {
                        () = reload.run(configs) => {}
                        () = wait() => {}
                    }
                    Ok(())
                },
            )
        };
        tokio::pin!(services, shutdown);
        tokio::select! {
            ended = &mut services => ended.map(|_| ()),
            () = &mut shutdown => {
                // Who asked for the end knows of it.
                let _ = notify::tell("STOPPING=1");
                drop(stop);
                services.await.map(|_| ())
            }
        }
    }
}

/// The leases; none where another server is to give addresses.
fn open_log(
    config: &Config,
    state: Option<StateFolder>,
) -> Result<Option<(LeaseLog, Restored)>, ServeError> {
    if config.serve.mode == Mode::Proxy {
        return Ok(None);
    }
    Ok(Some(match state {
        Some(folder) => LeaseLog::open_at(folder)?,
        None => LeaseLog::open(config)?,
    }))
}

/// Warns of subnets and reservations that do not fit the link: some machine will not get what was meant.
fn tell_misfits(config: &Config, interface: &Interface) -> Vec<String> {
    let Interface { name, address, network, .. } = interface;
    let subnets = &config.serve.subnets;
    let holds = |address| subnets.iter().any(|subnet| subnet.network.contains(&address));
    let mut told = Vec::new();
    if !subnets.is_empty() && !holds(*address) {
        told.push(format!(
            "no [[serve.subnet]] is that of {name} ({network}): machines there get no address, only those \
             behind relays"
        ));
    }
    for reservation in &config.serve.reservations {
        let (mac, reserved) = (reservation.mac, reservation.address);
        if reserved == *address {
            told.push(format!(
                "{reserved} is reserved for {mac}, but is this server's own address"
            ));
        } else if !holds(reserved) && !network.contains(&reserved) {
            told.push(format!("{reserved} is reserved for {mac}, but lies in no subnet"));
        }
    }
    told
}

/// The servers of files, whose limits are those of the configuration.
struct Bounded {
    tftp: TftpServer,
    http: HttpServer,
}

fn bounded(
    config: &Config,
    files: &Arc<dyn FileSource>,
    events: &Arc<dyn Sink>,
    watch: &Watch,
) -> Bounded {
    let limits = &config.serve.limits;
    let meter = Arc::new(Meter::new(Arc::clone(events)));
    let given = || (Arc::clone(files), Arc::clone(events), Arc::clone(&meter));
    let (source, sink, ours) = given();
    let tftp = TftpServer::metered(source, limits.into(), sink, ours);
    let (source, sink, ours) = given();
    let http = HttpServer::metered(source, limits.into(), sink, ours);
    watch.bound(limits, meter, vec![Arc::new(tftp.clone()), Arc::new(http.clone())]);
    Bounded { tftp, http }
}

/// Says that all is served now: files are before it is known who gives addresses.
fn ready(role: Role, interface: &Interface, events: &Arc<dyn Sink>) {
    let what = match role {
        Role::Full => "giving addresses and boot files",
        Role::Proxy => "giving boot files beside another DHCP server",
    };
    let Interface { name, address, network, .. } = interface;
    events.event(Event::Note { text: format!("{what} on {name} ({address}, {network})") });
    if let Err(error) = notify::tell(&format!("READY=1\nSTATUS={what} on {name}")) {
        let text = format!("cannot tell who started the server that it serves: {error}");
        events.event(Event::Warning { text });
    }
}

async fn find_role(
    config: &Config,
    interface: &Interface,
    question: Option<std::net::UdpSocket>,
    note: &impl Fn(String),
) -> Result<Role, ServeError> {
    let mode = config.serve.mode;
    let others = match question {
        None => Vec::new(),
        Some(socket) => {
            note(format!("looking for other DHCP servers on {}", interface.name));
            find_servers_by(socket, interface, DETECTION).await?
        }
    };
    for other in &others {
        note(format!("another DHCP server answers: {other}"));
    }
    Ok(decide_role(mode, config.serve.force, &others)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_the_link_is_warned_of() {
        let interface = Interface {
            name: "eth0".to_owned(),
            address: [10, 9, 0, 1].into(),
            network: "10.9.0.0/16".parse().unwrap(),
        };
        let told = |config: &str| tell_misfits(&config.parse().unwrap(), &interface);
        assert_eq!(told(""), [""; 0]);
        let reserved = |address: &str| {
            format!("[[serve.reservation]]\nmac = '02:02:02:02:02:02'\naddress = '{address}'\n")
        };
        assert_eq!(told(&reserved("10.9.7.7")), [""; 0]);
        assert!(told(&reserved("10.9.0.1"))[0].contains("is this server's own address"));
        assert!(told(&reserved("192.168.7.7"))[0].contains("lies in no subnet"));
        let subnet = |network: &str| format!("[[serve.subnet]]\nnetwork = '{network}'\n");
        assert_eq!(told(&(subnet("192.168.7.0/24") + &reserved("192.168.7.7"))).len(), 1);
        assert!(
            told(&subnet("192.168.50.0/24"))[0].starts_with("no [[serve.subnet]] is that of eth0")
        );
        assert_eq!(told(&subnet("10.9.0.0/16")), [""; 0]);
    }
}
