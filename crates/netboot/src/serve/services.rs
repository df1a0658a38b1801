//! The services of a server, which run at the same time.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;

use tokio::sync::{mpsc, watch as signal};

use super::history::HistoryFile;
use super::link::LinkWatch;
use super::logins::with_logins;
use super::lookout::Lookout;
use super::reload::Reload;
use super::{ServeError, Server, notify};
use crate::config::{Config, Mode, Serve};
use crate::dhcp::{
    Change, Driver, HolderQuery, Inbox, LeaseLog, QUERIES, Restored, Setup, Sockets, decide_role,
};
use crate::event::{Event, Sink};
use crate::files::{FileSource, Hashed, Swap};
use crate::http::{HttpServer, Tls};
use crate::ipv6::{Ipv6Socket, Responder};
use crate::logic::dhcp::Role;
use crate::meter::Meter;
use crate::net::{Interface, Service};
use crate::policy::{HOW_TO_GIVE, no_subnet_here, subnet_table};
use crate::tftp::TftpServer;
use crate::watch::{self, Watch};

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
    history: Option<HistoryFile>,
    ipv6: Option<Responder>,
    reload: Reload,
    link: LinkWatch,
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
    /// Receives the offers of other servers.
    question: Option<UdpSocket>,
    log: Option<(LeaseLog, Restored)>,
    changes: mpsc::Receiver<Change>,
    queries: mpsc::Receiver<HolderQuery>,
}

impl Services {
    pub(super) fn prepare(
        server: Server,
        log: Option<(LeaseLog, Restored)>,
        history: Option<HistoryFile>,
        watch: Arc<Watch>,
        events: Arc<dyn Sink>,
        stop: Stop,
    ) -> Result<Self, ServeError> {
        let Server { config, interface, mut ports, files, logins, .. } = server;
        let config = Arc::new(config);
        let ipv6_link = ports.ipv6.as_ref().map(Ipv6Socket::link);
        let (ipv6, events) = match ports.ipv6.take() {
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
        let (dhcp, changes) = mpsc::channel(1);
        let (moved, moves) = mpsc::channel(1);
        let bound = ports.bound().map_err(lost(Service::Dhcp))?;
        let link = LinkWatch::new(&config.serve, &interface, bound, ipv6_link, moved, &events);
        let reload = Reload {
            config: Arc::clone(&config),
            interface: interface.clone(),
            source: swap,
            logins,
            leases,
            hashed,
            dhcp,
            moves,
            events: Arc::clone(&events),
        };
        Ok(Self {
            dhcp: Dhcp { sockets: ports.dhcp, question: ports.question, log, changes, queries },
            tftp: (tftp, ports.tftp),
            http: (http, ports.http),
            https: ports.https,
            page: ports.watch.map(|listener| (listener, watch)),
            console: ports.syslog,
            history,
            ipv6,
            reload,
            link,
            common: Common { config, interface, events, stop },
        })
    }

    /// Runs all services until they are to stop.
    ///
    /// # Errors
    /// Of the first service that fails.
    pub(super) async fn run(self, configs: mpsc::Receiver<Config>) -> Result<(), ServeError> {
        let Self { common, dhcp, tftp, http, https, page, console, history, ipv6, reload, link } =
            self;
        let https = https.map(|port| (http.0.clone(), port));
        tokio::try_join!(
            common.dhcp(dhcp),
            common.tftp(tftp),
            common.http(http),
            common.https(https),
            common.page(page),
            common.console(console),
            common.history(history),
            common.ipv6(ipv6),
            common.signs_of_life(),
            common.reload(reload, configs),
            common.link(link),
        )
        .map(|_| ())
    }
}

impl Common {
    async fn dhcp(&self, dhcp: Dhcp) -> Result<(), ServeError> {
        let lookout =
            dhcp.question.map(|socket| Lookout::new(socket, &self.interface, &self.events));
        let mut lookout = lookout.transpose().map_err(lost(Service::Dhcp))?;
        let role = tokio::select! {
            role = self.find_role(lookout.as_mut()) => role?,
            () = self.stop.wait() => return Ok(()),
        };
        let setup = Setup {
            config: Arc::clone(&self.config),
            interface: self.interface.clone(),
            role,
            sockets: dhcp.sockets,
            log: dhcp.log.filter(|_| role == Role::Full),
            inbox: Inbox { changes: dhcp.changes, queries: dhcp.queries },
        };
        let driver = Driver::new(setup, &self.events).map_err(lost(Service::Dhcp))?;
        ready(role, &self.config, &self.interface, &self.events);
        let watched = async {
            match lookout {
                Some(lookout) => lookout.watch(role).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = driver.run(self.stop.wait()) => ended.map_err(lost(Service::Dhcp)),
            () = watched => Ok(()),
        }
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

    async fn history(&self, file: Option<HistoryFile>) -> Result<(), ServeError> {
        if let Some(file) = file {
            file.run(self.stop.wait()).await;
        }
        Ok(())
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

    async fn link(&self, watch: LinkWatch) -> Result<(), ServeError> {
        tokio::select! {
            ended = watch.run() => ended,
            () = self.stop.wait() => Ok(()),
        }
    }

    /// Asks for other DHCP servers, where this one is to give addresses.
    async fn find_role(&self, lookout: Option<&mut Lookout>) -> Result<Role, ServeError> {
        let Serve { mode, force, .. } = self.config.serve;
        let gives = self.config.serve.gives_addresses();
        let others = match lookout.filter(|_| gives) {
            None => Vec::new(),
            Some(lookout) => lookout.look().await.map_err(lost(Service::Dhcp))?,
        };
        if !gives {
            return Ok(Role::Proxy);
        }
        Ok(decide_role(mode, force, &others)?)
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
    let tftp = if config.serve.tftp_single_port { tftp.from_one_port() } else { tftp };
    let (source, sink, ours) = shared();
    let http = HttpServer::metered(source, limits.into(), sink, ours);
    watch.bound(limits, meter, vec![Arc::new(tftp.clone()), Arc::new(http.clone())]);
    (tftp, http)
}

/// Reports that all is served now. Files are served before it is known which server gives addresses.
fn ready(role: Role, config: &Config, interface: &Interface, events: &Arc<dyn Sink>) {
    let note = |text: String| events.event(Event::Note { text });
    let gives = config.serve.gives_addresses();
    let what = match role {
        Role::Full => "giving addresses and boot files",
        Role::Proxy if config.serve.mode == Mode::Auto && !gives => {
            "giving boot files and no addresses"
        }
        Role::Proxy => "giving boot files beside another DHCP server",
    };
    let Interface { name, address, network, .. } = interface;
    if role == Role::Full {
        let table = subnet_table(config, *network, *address);
        table.iter().for_each(|subnet| note(format!("subnet {subnet}")));
        let far = no_subnet_here(config, *network, *address);
        far.into_iter().for_each(|text| events.event(Event::Warning { text }));
    }
    note(format!("{what} on {name} ({address}, {network})"));
    if config.serve.mode == Mode::Auto && !gives {
        note(HOW_TO_GIVE.to_owned());
    }
    if let Err(error) = notify::send(&format!("READY=1\nSTATUS={what} on {name}")) {
        let text = format!("cannot notify the supervisor that the server is ready: {error}");
        events.event(Event::Warning { text });
    }
}
