//! The services of a server, which run at the same time.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch as signal};

use super::logins::with_logins;
use super::reload::Reload;
use super::{ServeError, Server, notify};
use crate::config::Config;
use crate::dhcp::{
    Driver, HolderQuery, Inbox, LeaseLog, QUERIES, Restored, Setup, Sockets, decide_role,
    find_servers,
};
use crate::event::{Event, Sink};
use crate::files::{FileSource, Hashed, Swap};
use crate::http::{HttpServer, Tls};
use crate::ipv6::Responder;
use crate::logic::dhcp::Role;
use crate::meter::Meter;
use crate::net::{Interface, Service};
use crate::tftp::TftpServer;
use crate::watch::{self, Watch};

/// How long other DHCP servers have for an answer. Some check for three seconds whether an address is in use
/// before they offer it.
const DETECTION: Duration = Duration::from_secs(4);

/// Ready when the server is to end.
#[derive(Clone)]
pub(super) struct Stop(signal::Receiver<()>);

impl Stop {
    pub(super) fn new(stopped: signal::Receiver<()>) -> Self {
        Self(stopped)
    }

    fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.0.clone();
        async move {
            // An error means that the sender is gone, which ends the wait as well.
            let _ = stopped.changed().await;
        }
    }
}

/// Every service with its port.
pub(super) struct Services {
    common: Common,
    dhcp: Dhcp,
    tftp: (TftpServer, UdpSocket),
    http: (HttpServer, TcpListener),
    https: Option<(TcpListener, Tls)>,
    page: Option<(TcpListener, Arc<Watch>)>,
    console: Option<UdpSocket>,
    ipv6: Option<Responder>,
    reload: Reload,
}

/// What services share.
struct Common {
    config: Arc<Config>,
    interface: Interface,
    events: Arc<dyn Sink>,
    stop: Stop,
}

/// What only the DHCP server needs.
struct Dhcp {
    sockets: Sockets,
    /// Receives the offers of other servers; none where the configuration does not ask for them.
    question: Option<UdpSocket>,
    log: Option<(LeaseLog, Restored)>,
    configs: mpsc::Receiver<Arc<Config>>,
    queries: mpsc::Receiver<HolderQuery>,
}

impl Services {
    pub(super) fn prepare(
        server: Server,
        log: Option<(LeaseLog, Restored)>,
        watch: Arc<Watch>,
        events: Arc<dyn Sink>,
        stop: Stop,
    ) -> Result<Self, ServeError> {
        let Server { config, interface, ports, files, logins, .. } = server;
        let config = Arc::new(config);
        let (ipv6, events) = match ports.ipv6 {
            Some(socket) => {
                let (responder, events) = Responder::new(socket, events);
                (Some(responder), events)
            }
            None => (None, events),
        };
        let (leases, queries) = mpsc::channel(QUERIES);
        let source = with_logins(files.source, logins.clone(), &interface, leases.clone());
        let swap = Arc::new(Swap::new(source));
        let hashed = Hashed::new(Arc::clone(&swap) as _, Arc::clone(&events));
        let hashed = Arc::new(hashed.map_err(ServeError::Thread)?);
        hashed.expect(files.served, interface.address.into());
        let source: Arc<dyn FileSource> = Arc::clone(&hashed) as _;
        let (tftp, http) = file_servers(&config, &source, &events, &watch);
        let (dhcp, configs) = mpsc::channel(1);
        let reload = Reload {
            config: Arc::clone(&config),
            interface: interface.clone(),
            source: swap,
            logins,
            leases,
            hashed,
            dhcp,
            events: Arc::clone(&events),
        };
        Ok(Self {
            dhcp: Dhcp { sockets: ports.dhcp, question: ports.question, log, configs, queries },
            tftp: (tftp, ports.tftp),
            http: (http, ports.http),
            https: ports.https,
            page: ports.watch.map(|listener| (listener, watch)),
            console: ports.syslog,
            ipv6,
            reload,
            common: Common { config, interface, events, stop },
        })
    }

    /// Runs all services until they are to stop.
    ///
    /// # Errors
    /// Of the first service that fails.
    pub(super) async fn run(self, configs: mpsc::Receiver<Config>) -> Result<(), ServeError> {
        let Self { common, dhcp, tftp, http, https, page, console, ipv6, reload } = self;
        let https = https.map(|port| (http.0.clone(), port));
        tokio::try_join!(
            common.dhcp(dhcp),
            common.tftp(tftp),
            common.http(http),
            common.https(https),
            common.page(page),
            common.console(console),
            common.ipv6(ipv6),
            common.signs_of_life(),
            common.reload(reload, configs),
        )
        .map(|_| ())
    }
}

impl Common {
    async fn dhcp(&self, dhcp: Dhcp) -> Result<(), ServeError> {
        let role = tokio::select! {
            role = self.find_role(dhcp.question) => role?,
            () = self.stop.wait() => return Ok(()),
        };
        let setup = Setup {
            config: Arc::clone(&self.config),
            interface: self.interface.clone(),
            role,
            sockets: dhcp.sockets,
            log: dhcp.log.filter(|_| role == Role::Full),
            inbox: Inbox { configs: dhcp.configs, queries: dhcp.queries },
        };
        let driver = Driver::new(setup, &self.events).map_err(lost(Service::Dhcp))?;
        if role == Role::Full {
            for text in find_misfits(&self.config, &self.interface) {
                self.events.event(Event::Warning { text });
            }
        }
        ready(role, &self.interface, &self.events);
        driver.run(self.stop.wait()).await.map_err(lost(Service::Dhcp))
    }

    async fn tftp(&self, (server, socket): (TftpServer, UdpSocket)) -> Result<(), ServeError> {
        server.serve(socket, self.stop.wait()).await.map_err(lost(Service::Tftp))
    }

    async fn http(&self, (server, listener): (HttpServer, TcpListener)) -> Result<(), ServeError> {
        let served = server.serve(listener, None, self.stop.wait());
        served.await.map_err(lost(Service::Http))
    }

    async fn https(
        &self,
        port: Option<(HttpServer, (TcpListener, Tls))>,
    ) -> Result<(), ServeError> {
        let Some((server, (listener, tls))) = port else { return Ok(()) };
        let served = server.serve(listener, Some(tls), self.stop.wait());
        served.await.map_err(lost(Service::Http))
    }

    async fn page(&self, port: Option<(TcpListener, Arc<Watch>)>) -> Result<(), ServeError> {
        let Some((listener, watch)) = port else { return Ok(()) };
        let names = self.config.watch.names.clone().into();
        let served = watch::serve(listener, watch, names, self.stop.wait());
        served.await.map_err(lost(Service::Watch))
    }

    async fn console(&self, socket: Option<UdpSocket>) -> Result<(), ServeError> {
        let Some(socket) = socket else { return Ok(()) };
        let received = watch::receive(socket, Arc::clone(&self.events), self.stop.wait());
        received.await.map_err(lost(Service::Syslog))
    }

    async fn ipv6(&self, responder: Option<Responder>) -> Result<(), ServeError> {
        let Some(responder) = responder else { return Ok(()) };
        responder.run(self.stop.wait()).await.map_err(lost(Service::Ipv6))
    }

    async fn signs_of_life(&self) -> Result<(), ServeError> {
        notify::live(self.stop.wait()).await;
        Ok(())
    }

    async fn reload(
        &self,
        reload: Reload,
        configs: mpsc::Receiver<Config>,
    ) -> Result<(), ServeError> {
        tokio::select! {
            () = reload.run(configs) => {}
            () = self.stop.wait() => {}
        }
        Ok(())
    }

    /// Asks for other DHCP servers, where the configuration does not decide alone.
    async fn find_role(&self, question: Option<UdpSocket>) -> Result<Role, ServeError> {
        let note = |text: String| self.events.event(Event::Note { text });
        let others = match question {
            None => Vec::new(),
            Some(socket) => {
                note(format!("looking for other DHCP servers on {}", self.interface.name));
                let found = find_servers(socket, &self.interface, DETECTION);
                found.await.map_err(lost(Service::Dhcp))?
            }
        };
        for other in &others {
            note(format!("another DHCP server answers: {other}"));
        }
        Ok(decide_role(self.config.serve.mode, self.config.serve.force, &others)?)
    }
}

fn lost(service: Service) -> impl Fn(io::Error) -> ServeError {
    move |source| ServeError::Lost { service, source }
}

/// The servers of files, with the limits of the configuration.
fn file_servers(
    config: &Config,
    files: &Arc<dyn FileSource>,
    events: &Arc<dyn Sink>,
    watch: &Watch,
) -> (TftpServer, HttpServer) {
    let limits = &config.serve.limits;
    let meter = Arc::new(Meter::new(Arc::clone(events)));
    let shared = || (Arc::clone(files), Arc::clone(events), Arc::clone(&meter));
    let (source, sink, ours) = shared();
    let tftp = TftpServer::metered(source, limits.into(), sink, ours);
    let (source, sink, ours) = shared();
    let http = HttpServer::metered(source, limits.into(), sink, ours);
    watch.bound(limits, meter, vec![Arc::new(tftp.clone()), Arc::new(http.clone())]);
    (tftp, http)
}

/// Reports that all is served now. Files are served before it is known which server gives addresses.
fn ready(role: Role, interface: &Interface, events: &Arc<dyn Sink>) {
    let what = match role {
        Role::Full => "giving addresses and boot files",
        Role::Proxy => "giving boot files beside another DHCP server",
    };
    let Interface { name, address, network, .. } = interface;
    events.event(Event::Note { text: format!("{what} on {name} ({address}, {network})") });
    if let Err(error) = notify::send(&format!("READY=1\nSTATUS={what} on {name}")) {
        let text = format!("cannot notify the supervisor that the server is ready: {error}");
        events.event(Event::Warning { text });
    }
}

/// Finds subnets and reservations that do not fit the link, so that some machine does not get what was meant.
fn find_misfits(config: &Config, interface: &Interface) -> Vec<String> {
    let Interface { name, address, network, .. } = interface;
    let subnets = &config.serve.subnets;
    let holds = |address| subnets.iter().any(|subnet| subnet.network.contains(&address));
    let mut found = Vec::new();
    if !subnets.is_empty() && !holds(*address) {
        found.push(format!(
            "no [[serve.subnet]] is that of {name} ({network}): machines there get no address, only those \
             behind relays"
        ));
    }
    for reservation in &config.serve.reservations {
        let (mac, reserved) = (reservation.mac, reservation.address);
        if reserved == *address {
            found.push(format!(
                "{reserved} is reserved for {mac}, but is this server's own address"
            ));
        } else if !holds(reserved) && !network.contains(&reserved) {
            found.push(format!("{reserved} is reserved for {mac}, but lies in no subnet"));
        }
    }
    found
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
        let found = |config: &str| find_misfits(&config.parse().unwrap(), &interface);
        assert_eq!(found(""), [""; 0]);
        let reserved = |address: &str| {
            format!("[[serve.reservation]]\nmac = '02:02:02:02:02:02'\naddress = '{address}'\n")
        };
        assert_eq!(found(&reserved("10.9.7.7")), [""; 0]);
        assert!(found(&reserved("10.9.0.1"))[0].contains("is this server's own address"));
        assert!(found(&reserved("192.168.7.7"))[0].contains("lies in no subnet"));
        let subnet = |network: &str| format!("[[serve.subnet]]\nnetwork = '{network}'\n");
        assert_eq!(found(&(subnet("192.168.7.0/24") + &reserved("192.168.7.7"))).len(), 1);
        assert!(
            found(&subnet("192.168.50.0/24"))[0].starts_with("no [[serve.subnet]] is that of eth0")
        );
        assert_eq!(found(&subnet("10.9.0.0/16")), [""; 0]);
    }
}
