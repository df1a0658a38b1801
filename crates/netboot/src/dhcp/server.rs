//! The DHCP sockets: packets in, effects out.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::arp::probe;
use super::clock::Clock;
use super::durable::{Commits, WriteResult};
use super::holder::{Holder, HolderQuery};
use super::lease_log::{LeaseLog, Restored};
use crate::config::Config;
use crate::event::{Event, Sink};
use crate::logic::dhcp::{Arrival, Decided, Effect, Lease, LeaseState, Link, Port, Role, Server};
use crate::net::{At, BoundSockets, Interface, PortError, Service, udp};
use crate::wire::dhcp::Hardware;

/// Longest message that is read; bytes after it hold no option that a client needs answered.
const MAX_MESSAGE: usize = 4096;
/// Messages decided on before the first of them is answered.
const BATCH: usize = 64;
/// Between two counts of the leases.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);
/// Answers of probes that wait; no more probes run at a time.
const MAX_PROBES: usize = 256;

/// What [`Event::Impaired`] calls the recording of leases.
const LEASES: &str = "leases";

/// Ports 67 and 4011, before there is a runtime.
pub(crate) struct Sockets {
    server: std::net::UdpSocket,
    boot: std::net::UdpSocket,
}

/// The task of the DHCP server.
pub(crate) struct Driver {
    server: Server,
    interface: Interface,
    sockets: Live,
    commits: Commits,
    inbox: Inbox,
    role: Role,
    events: Arc<dyn Sink>,
    clock: Clock,
    probes: mpsc::Sender<Probed>,
    probed: mpsc::Receiver<Probed>,
}

/// What other tasks of the server send to the DHCP task.
pub(crate) struct Inbox {
    /// Configurations that come into force, and interfaces that have changed.
    pub(crate) changes: mpsc::Receiver<Change>,
    /// Questions about the holders of addresses.
    pub(crate) queries: mpsc::Receiver<HolderQuery>,
}

/// What changes while a DHCP server runs.
pub(crate) enum Change {
    /// Another configuration.
    Config(Arc<Config>),
    /// Another address, or other ones beside it.
    Interface(Interface),
}

fn link(interface: &Interface) -> Link {
    let Interface { address, network, ref others, .. } = *interface;
    Link { address, network, others: others.clone() }
}

/// What a DHCP server starts with.
pub(crate) struct Setup {
    pub(crate) config: Arc<Config>,
    pub(crate) interface: Interface,
    pub(crate) role: Role,
    pub(crate) sockets: Sockets,
    /// None where no addresses are given.
    pub(crate) log: Option<(LeaseLog, Restored)>,
    pub(crate) inbox: Inbox,
}

struct Probed {
    address: Ipv4Addr,
    user: Option<Hardware>,
}

impl Sockets {
    pub(crate) fn open(interface: &Interface) -> Result<Self, PortError> {
        let open = |port| {
            udp(interface, At::Broadcasts, Service::Dhcp, port).map(std::net::UdpSocket::from)
        };
        Ok(Self { server: open(67)?, boot: open(4011)? })
    }

    /// Adds them to the sockets that can be bound again.
    pub(crate) fn add_to(&self, bound: &mut BoundSockets) -> io::Result<()> {
        bound.add(&self.server)?;
        bound.add(&self.boot)
    }
}

/// The sockets, within a runtime.
struct Live {
    server: UdpSocket,
    boot: UdpSocket,
}

impl Live {
    fn new(sockets: Sockets) -> io::Result<Self> {
        let (server, boot) = (sockets.server, sockets.boot);
        Ok(Self { server: UdpSocket::from_std(server)?, boot: UdpSocket::from_std(boot)? })
    }

    fn of(&self, port: Port) -> &UdpSocket {
        match port {
            Port::Server => &self.server,
            Port::Boot => &self.boot,
        }
    }
}

impl Driver {
    /// Restores the leases of the log.
    ///
    /// # Errors
    /// Where the runtime does not take the sockets.
    pub(crate) fn new(setup: Setup, events: &Arc<dyn Sink>) -> io::Result<Self> {
        let Setup { config, interface, role, sockets, log, inbox } = setup;
        let mut server = Server::new(config, link(&interface), role);
        let clock = Clock::start();
        let mut problem = None;
        let log = log.map(|(log, restored)| {
            for text in restored.damage {
                events.event(Event::Warning { text });
            }
            let now = clock.now();
            restored.leases.into_iter().for_each(|lease| server.restore(lease, now));
            problem = restored.problem;
            log
        });
        if let Some(reason) = &problem {
            let recorded: Vec<_> = server.leases().cloned().collect();
            server.stop_recording(recorded, clock.now());
            tell_refused(events.as_ref(), reason);
        }
        let (probes, probed) = mpsc::channel(MAX_PROBES);
        Ok(Self {
            server,
            interface,
            sockets: Live::new(sockets)?,
            commits: Commits::new(log, problem.is_some()),
            inbox,
            role,
            events: Arc::clone(events),
            clock,
            probes,
            probed,
        })
    }

    /// Answers until `shutdown` is ready.
    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut buffer = vec![0; MAX_MESSAGE];
        let mut counts = tokio::time::interval(COUNT_INTERVAL);
        let mut bound = None;
        for lease in self.server.leases() {
            let expires = self.clock.to_wall(lease.expires);
            self.events.event(lease_event(&Lease { expires, ..lease.clone() }));
        }
        loop {
            let mut effects = Vec::new();
            let open = !self.commits.is_full();
            tokio::select! {
                () = &mut shutdown => return self.settle().await,
                // The driver holds a sender itself, so this channel never closes.
                Some(probed) = self.probed.recv() => {
                    let decided = self.server.probed(probed.address, probed.user, self.clock.now());
                    effects = self.pass(decided);
                }
                Some(query) = self.inbox.queries.recv() => self.answer(query),
                Some(change) = self.inbox.changes.recv() => self.change(change),
                _ = counts.tick() => {
                    let now = Some(self.server.bound(self.clock.now()));
                    if let Some(bound) = now.filter(|_| now != bound) {
                        self.events.event(Event::Leases { bound });
                    }
                    bound = now;
                }
                outcome = self.commits.written() => effects = self.committed(outcome?),
                ready = self.sockets.server.readable(), if open => {
                    ready?;
                    self.receive(Port::Server, &mut buffer, &mut effects);
                }
                ready = self.sockets.boot.readable(), if open => {
                    ready?;
                    self.receive(Port::Boot, &mut buffer, &mut effects);
                }
            }
            self.commits.begin();
            self.act(effects).await;
        }
    }

    fn change(&mut self, change: Change) {
        let now = self.clock.now();
        match change {
            Change::Config(config) => self.server.reconfigure(config, now),
            Change::Interface(interface) => {
                self.server.move_to(link(&interface), now);
                self.interface = interface;
            }
        }
    }

    fn answer(&self, query: HolderQuery) {
        let holder = match self.role {
            Role::Proxy => Holder::Unknown,
            Role::Full => match self.server.holder(query.address, self.clock.now()) {
                Some(machine) => Holder::Machine(machine),
                None => Holder::None,
            },
        };
        // A client that has gone needs no answer.
        let _ = query.answer.send(holder);
    }

    /// Decides on what has arrived on a port, up to a batch.
    fn receive(&mut self, port: Port, buffer: &mut [u8], effects: &mut Vec<Effect>) {
        for _ in 0..BATCH {
            // Errors here mean that an earlier packet was not delivered, or that the queue is empty.
            let Ok((length, SocketAddr::V4(from))) = self.sockets.of(port).try_recv_from(buffer)
            else {
                return;
            };
            let arrival = Arrival { from, port };
            let decided = self.server.receive(&buffer[..length], arrival, self.clock.now());
            effects.extend(self.pass(decided));
        }
    }

    /// Passes leases on to be written, with times of the wall clock, which the next start uses.
    fn pass(&mut self, mut decided: Decided) -> Vec<Effect> {
        for lease in &mut decided.leases {
            lease.expires = self.clock.to_wall(lease.expires);
            self.events.event(lease_event(lease));
        }
        self.commits.pass(decided)
    }

    /// What may be done once the disk has taken leases, or refused them.
    fn committed(&mut self, outcome: WriteResult) -> Vec<Effect> {
        match outcome {
            WriteResult::Written(effects) => effects,
            WriteResult::Refused { reason, recorded } => {
                let recorded = recorded.into_iter().map(|mut lease| {
                    lease.expires = self.clock.of_wall(lease.expires);
                    lease
                });
                self.server.stop_recording(recorded, self.clock.now());
                tell_refused(self.events.as_ref(), &reason);
                Vec::new()
            }
            WriteResult::Recovered => {
                self.events.event(Event::Impaired { part: LEASES, reason: None });
                let text = "leases are recorded again".to_owned();
                self.events.event(Event::Note { text });
                let leases = self.server.resume_recording();
                self.pass(Decided { leases, effects: Vec::new() })
            }
        }
    }

    /// Answers those whose leases are being written, before the server ends.
    async fn settle(mut self) -> io::Result<()> {
        self.commits.begin();
        while !self.commits.is_idle() && !self.commits.is_refused() {
            let WriteResult::Written(effects) = self.commits.written().await? else { break };
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
                Effect::Report(event) => self.events.event(event),
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
            // An error means that the server has ended.
            let _ = probes.send(Probed { address, user }).await;
        });
    }
}

fn lease_event(lease: &Lease) -> Event {
    let Lease { address, identity, state, expires } = lease;
    let until = (*state == LeaseState::Bound).then(|| expires.as_millis());
    Event::Lease { address: *address, client: identity.to_string(), until }
}

/// Reports once that the disk refuses, and what that means.
fn tell_refused(events: &dyn Sink, reason: &str) {
    let reason = reason.to_owned();
    let text = format!(
        "leases cannot be recorded: {reason}; machines keep what is recorded, new ones get no address, \
         and files are served as before"
    );
    events.event(Event::Impaired { part: LEASES, reason: Some(reason) });
    events.event(Event::Warning { text });
}
