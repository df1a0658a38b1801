//! The DHCP sockets: packets in, effects out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::commit::Commits;
use super::logins::{Holder, Question};
use super::probe::probe;
use super::socket::udp;
use super::{Interface, LeaseLog, Restored, ServeError, Service};
use crate::event::{Event, Sink};
use crate::logic::Time;
use crate::logic::dhcp::{Arrival, Effect, Link, Port, Role, Server};
use crate::policy::Config;
use crate::wire::dhcp::Hardware;

/// The longest message: what is behind it is no option that a client needs answered.
const LONGEST: usize = 4096;
/// Messages decided on before the first of them is answered.
const BATCH: usize = 64;
/// Between two counts of the leases.
const COUNT: Duration = Duration::from_secs(5);
/// Answers of probes that wait; there are no more probes than that at once.
const PROBES: usize = 256;

/// Ports 67 and 4011, before there is a runtime.
pub(super) struct Sockets {
    server: std::net::UdpSocket,
    boot: std::net::UdpSocket,
}

pub(super) struct Driver {
    server: Server,
    interface: Interface,
    sockets: Live,
    commits: Commits,
    others: Others,
    role: Role,
    events: Arc<dyn Sink>,
    clock: Clock,
    probes: mpsc::Sender<Probed>,
    probed: mpsc::Receiver<Probed>,
}

/// What other tasks of the server send to this one.
pub(super) struct Others {
    /// Configurations that come into force.
    pub(super) configs: mpsc::Receiver<Arc<Config>>,
    /// Who asks whose an address is.
    pub(super) questions: mpsc::Receiver<Question>,
}

struct Probed {
    address: Ipv4Addr,
    user: Option<Hardware>,
}

impl Sockets {
    pub(super) fn open(interface: &Interface) -> Result<Self, ServeError> {
        let open = |port| udp(interface, None, Service::Dhcp, port).map(std::net::UdpSocket::from);
        Ok(Self { server: open(67)?, boot: open(4011)? })
    }
}

/// The sockets, within a runtime.
struct Live {
    server: UdpSocket,
    boot: UdpSocket,
}

impl Live {
    fn new(sockets: Sockets) -> Result<Self, ServeError> {
        let live = |socket| UdpSocket::from_std(socket).map_err(lost);
        Ok(Self { server: live(sockets.server)?, boot: live(sockets.boot)? })
    }

    fn of(&self, port: Port) -> &UdpSocket {
        match port {
            Port::Server => &self.server,
            Port::Boot => &self.boot,
        }
    }
}

impl Driver {
    pub(super) fn new(
        config: Arc<Config>,
        interface: &Interface,
        role: Role,
        sockets: Sockets,
        log: Option<(LeaseLog, Restored)>,
        others: Others,
        events: &Arc<dyn Sink>,
    ) -> Result<Self, ServeError> {
        let link = Link { address: interface.address, network: interface.network };
        let mut server = Server::new(config, link, role);
        let log = log.map(|(log, restored)| {
            for text in restored.damage {
                events.event(Event::Warning { text });
            }
            restored.leases.into_iter().for_each(|lease| server.restore(lease, Time::from_secs(0)));
            log
        });
        let (probes, probed) = mpsc::channel(PROBES);
        Ok(Self {
            server,
            interface: interface.clone(),
            sockets: Live::new(sockets)?,
            commits: Commits::new(log),
            others,
            role,
            events: Arc::clone(events),
            clock: Clock::start(),
            probes,
            probed,
        })
    }

    /// Answers until `shutdown` is ready.
    pub(super) async fn run(
        mut self,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut buffer = vec![0; LONGEST];
        let mut counts = tokio::time::interval(COUNT);
        let mut bound = None;
        loop {
            let mut effects = Vec::new();
            let open = !self.commits.is_full();
            tokio::select! {
                () = &mut shutdown => return self.settle().await,
                // The driver holds a sender itself, so that there is always an answer to wait for.
                Some(probed) = self.probed.recv() => {
                    let decided = self.server.probed(probed.address, probed.user, self.clock.now());
                    effects = self.commits.pass(decided);
                }
                Some(question) = self.others.questions.recv() => self.answer(question),
                Some(config) = self.others.configs.recv() => {
                    self.server.reconfigure(config, self.clock.now());
                }
                _ = counts.tick() => {
                    let now = Some(self.server.bound(self.clock.now()));
                    if let Some(bound) = now.filter(|_| now != bound) {
                        self.events.event(Event::Leases { bound });
                    }
                    bound = now;
                }
                written = self.commits.written() => effects = written?,
                ready = self.sockets.server.readable(), if open => {
                    ready.map_err(lost)?;
                    self.receive(Port::Server, &mut buffer, &mut effects);
                }
                ready = self.sockets.boot.readable(), if open => {
                    ready.map_err(lost)?;
                    self.receive(Port::Boot, &mut buffer, &mut effects);
                }
            }
            self.commits.begin();
            self.act(effects).await;
        }
    }

    fn answer(&self, question: Question) {
        let holder = match self.role {
            Role::Proxy => Holder::Unknown,
            Role::Full => match self.server.holder(question.address, self.clock.now()) {
                Some(machine) => Holder::Machine(machine),
                None => Holder::None,
            },
        };
        // A client that has gone needs no answer.
        let _ = question.answer.send(holder);
    }

    /// Decides on what has arrived on a port, up to a batch.
    fn receive(&mut self, port: Port, buffer: &mut [u8], effects: &mut Vec<Effect>) {
        for _ in 0..BATCH {
            // Errors here are those of earlier packets that did not arrive, or that there is none.
            let Ok((length, SocketAddr::V4(from))) = self.sockets.of(port).try_recv_from(buffer)
            else {
                return;
            };
            let arrival = Arrival { from, port };
            let decided = self.server.receive(&buffer[..length], arrival, self.clock.now());
            effects.extend(self.commits.pass(decided));
        }
    }

    /// Tells those whose leases were promised the disk before the server ends.
    async fn settle(mut self) -> Result<(), ServeError> {
        self.commits.begin();
        while !self.commits.is_idle() {
            let effects = self.commits.written().await?;
            self.commits.begin();
            self.act(effects).await;
        }
        Ok(())
    }

    async fn act(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { from, to, bytes } => {
                    let sent = self.sockets.of(from).send_to(&bytes, SocketAddr::V4(to)).await;
                    if let Err(error) = sent {
                        let text = format!("cannot answer {to}: {error}");
                        self.events.event(Event::Warning { text });
                    }
                }
                Effect::Probe(address) => self.probe(address),
                Effect::Tell(event) => self.events.event(event),
                // What holds a lease has passed the log.
                Effect::Record(_) => {}
            }
        }
    }

    fn probe(&self, address: Ipv4Addr) {
        let (interface, events) = (self.interface.clone(), Arc::clone(&self.events));
        let probes = self.probes.clone();
        tokio::spawn(async move {
            let user = probe(&interface, address).await.unwrap_or_else(|error| {
                let text = format!("cannot find out whether {address} is in use: {error}");
                events.event(Event::Warning { text });
                None
            });
            // Nobody left to tell means that the server has ended.
            let _ = probes.send(Probed { address, user }).await;
        });
    }
}

/// Time that never goes back while the server runs, whatever is done to the machine's clock.
struct Clock {
    began: Time,
    since: Instant,
}

impl Clock {
    fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Time::default() + wall, since: Instant::now() }
    }

    fn now(&self) -> Time {
        self.began + self.since.elapsed()
    }
}

fn lost(source: std::io::Error) -> ServeError {
    ServeError::Lost { service: Service::Dhcp, source }
}
